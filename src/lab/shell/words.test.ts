import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseCommands, type Word } from './words.ts'

function read(text: string): unknown {
  const parsed = parseCommands(text)
  if (parsed.type !== 'complete') return parsed.type === 'wrong' ? parsed.message : parsed.type
  return parsed.list.pipelines.map(({ pipeline }) => pipeline.map(({ words }) => words.map(textOf)))
}

function textOf(word: Word): string {
  return word.map(({ text }) => text).join('')
}

const NO_LOOPS = 'loops, conditions, groups and functions are not in this shell'

describe('a command line', () => {
  test('is words, of which quotes and backslashes keep together what they hold', () => {
    expect(read(`mail -s "Test Email" 'a "b"' c\\ d "e\\"f"x ''\n`)).toEqual([
      [['mail', '-s', 'Test Email', 'a "b"', 'c d', 'e"fx', '']],
    ])
  })

  test('is pipelines, one behind the other or by how the one before has ended', () => {
    expect(read('echo x | mail -s t a@b; ls # that was all\npwd\n')).toEqual([
      [
        ['echo', 'x'],
        ['mail', '-s', 't', 'a@b'],
      ],
      [['ls']],
      [['pwd']],
    ])
    const parsed = parseCommands('a && b || c\n')
    expect(parsed.type === 'complete' && parsed.list.pipelines.map(({ when }) => when)).toEqual([
      'always',
      'after-success',
      'after-failure',
    ])
  })

  test('has redirections, and here-documents that follow it', () => {
    const parsed = parseCommands(
      'bpsource ipn:3.2 <<EOF >>log 2>&1\nHello "Bob",\n!\nEOF\npwd <a\n',
    )
    if (parsed.type !== 'complete') throw new Error(parsed.type)
    const [first, second] = parsed.list.pipelines
    expect(first?.pipeline[0]?.redirections).toEqual([
      { type: 'document', document: { end: 'EOF', text: 'Hello "Bob",\n!\n' } },
      { type: 'append', file: [{ text: 'log', isQuoted: false }] },
      { type: 'errors-to-output' },
    ])
    expect(second?.pipeline[0]?.redirections).toMatchObject([{ type: 'input' }])
  })

  test.each(['echo "a\n', "echo 'a\n", 'a |\n', 'a &&\n', 'cat <<EOF\nx\n', 'a \\\n'])(
    'that goes on in the next line is incomplete: %j',
    (text) => {
      expect(read(text)).toBe('incomplete')
    },
  )

  test.each([
    ['| a\n', "syntax error near unexpected token `|'"],
    ['a >\n', "syntax error near unexpected token `newline'"],
    ['a ; ; b\n', "syntax error near unexpected token `;'"],
    ['sleep 1 &\n', '&: commands in the background are not in this shell'],
    ['echo $HOME\n', '$: variables and substitutions are not in this shell'],
    ['echo "`date`"\n', '`: substitutions are not in this shell'],
    ['(a)\n', '(: subshells are not in this shell'],
    ['for x in a; do b; done\n', `for: ${NO_LOOPS}`],
    ['true && for\n', `for: ${NO_LOOPS}`],
  ])('says what is wrong in it, and what this shell has not: %j', (text, message) => {
    expect(read(text)).toBe(message)
  })

  test('takes words of control structures elsewhere, or in quotes, for what they are', () => {
    expect(read("echo for\n'if' x\n")).toEqual([[['echo', 'for']], [['if', 'x']]])
  })

  test('of any text is understood, or refused, and nothing is thrown', () => {
    const character = fc.constantFrom(...'ab \\"\'|&;<>\n2#$`()!*~EOF')
    fc.assert(
      fc.property(fc.array(character, { maxLength: 40 }), (characters) => {
        expect(['complete', 'incomplete', 'wrong']).toContain(
          parseCommands(characters.join('')).type,
        )
      }),
    )
  })

  test('of quoted words gives back those words', () => {
    const word = fc.string({ unit: fc.constantFrom(...'ab "|&;<>\n$\\!*~'), maxLength: 8 })
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), (words) => {
        expect(read(`${words.map((text) => `'${text}'`).join(' ')}\n`)).toEqual([[words]])
      }),
    )
  })
})
