import { describe, expect, it } from 'vitest'
import { expectWellFormed } from '../../../test/support/svg.ts'
import { monoMs } from '../../base/time.ts'
import { mermaidSequence } from './mermaid.ts'
import type { Sequence, SequenceItem } from './sequence.ts'
import { svgSequence } from './sequence-svg.ts'
import { textSequence } from './sequence-text.ts'

function message(text: string, from = 'mail-1', to = 'mail-2', lost = false): SequenceItem {
  return { type: 'message', at: monoMs(1500), from, to, text, lost }
}

function sequence(items: readonly SequenceItem[], participants: readonly string[] = []): Sequence {
  return { title: 'A title', participants, items }
}

const HOSTILE = '</text><script>alert(1)</script>&amp;"\'\u0000\u001b[2J\u202e\ud800\ufffe'

describe('a sequence as Mermaid', () => {
  it('names hosts with ids that Mermaid takes, and tells what got lost and when', () => {
    const steps = [message('EHLO mail-1.a.com'), message('250 ok', 'mail-2', 'mail-1', true)]
    expect(mermaidSequence(sequence(steps, ['user', 'mail-1']))).toBe(
      [
        'sequenceDiagram',
        '  participant h_user as user',
        '  participant mail_1 as mail-1',
        '  participant mail_2 as mail-2',
        '  mail_1->>mail_2: EHLO mail-1.a.com (t=1.5s)',
        '  mail_2-xmail_1: 250 ok (t=1.5s)',
        '',
      ].join('\n'),
    )
  })

  it('puts notes over those whom they are about, beside one, and says what is left out', () => {
    const text = mermaidSequence({
      ...sequence([
        { type: 'note', over: ['a-1', 'b-1'], text: 'Phase 1' },
        { type: 'note', over: ['a-1'], text: 'done' },
      ]),
      remark: 'cut',
    })
    expect(text.split('\n').slice(3)).toEqual([
      '  note over a_1,b_1: Phase 1',
      '  note right of a_1: done',
      '  %% cut',
      '',
    ])
  })

  it('keeps apart names that differ only in what an id cannot have, and no name is a word of Mermaid', () => {
    const text = mermaidSequence(sequence([message('x', 'a-1', 'a.1'), message('y', 'end', '1')]))
    const ids = [...text.matchAll(/participant (\S+) as/g)].map(([, id]) => id)
    expect(ids).toEqual(['a_1', 'a_1_2', 'h_end', 'h_1'])
  })

  it('escapes what Mermaid would read as its own', () => {
    const text = mermaidSequence(sequence([message('MAIL FROM:<a@b>; #1\r\nnext\u0007')]))
    expect(text).toContain(': MAIL FROM:#60;a@b#62;#59; #35;1<br/>next\ufffd (t=1.5s)\n')
    expect(text.split('\n')).toHaveLength(5)
  })
})

describe('a sequence for a terminal', () => {
  it('has a column for each, arrows between them, and several lines above their arrow', () => {
    const text = textSequence(
      sequence([
        { type: 'note', over: ['a', 'b'], text: 'Phase 1' },
        message('EHLO a', 'a', 'b'),
        message('250-b\n250 DSN', 'b', 'a'),
        { type: 'note', over: ['a'], text: 'done' },
        message('QUIT', 'a', 'b', true),
      ]),
    )
    expect(text.split('\n').map((line) => line.trimEnd())).toEqual([
      'A title',
      '',
      '               a                b',
      '               |                |',
      '               |                |',
      '               |  [ Phase 1 ]   |',
      '   1.500 s     |--- EHLO a ---->|',
      '   1.500 s     |  250-b         |',
      '               |  250 DSN       |',
      '               |<---------------|',
      '               |                |',
      '               | ( done )       |',
      '   1.500 s     |--- QUIT ------X|',
      '               |                |',
      '',
    ])
  })

  it('shows nothing that would move a cursor, and cuts long words', () => {
    const text = textSequence(sequence([message(`${HOSTILE}${'x'.repeat(200)}`)]))
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\u202e]/)
    for (const line of text.split('\n')) expect(line.length).toBeLessThan(110)
  })

  it('keeps columns straight beside wide letters', () => {
    const lines = textSequence(sequence([message('\u90ae\u4ef6', 'a', 'b')])).split('\n')
    const arrow = lines.find((line) => line.includes('\u90ae')) ?? ''
    const names = lines[2] ?? ''
    // Each of the two letters takes the place of two.
    expect(arrow.indexOf('>') + 2).toBe(names.indexOf('b') - 1)
  })
})

describe('a sequence as SVG', () => {
  it('is well-formed whatever hosts and peers call themselves', () => {
    const svg = svgSequence(
      sequence([
        message(HOSTILE, HOSTILE, 'b'),
        message(HOSTILE, 'b', 'b'),
        { type: 'note', over: [HOSTILE], text: HOSTILE },
      ]),
    )
    expectWellFormed(svg)
    expect(svg).not.toContain('<script')
  })

  it('has a cross for what got lost, and an arrow for what did not', () => {
    const arrows = (lost: boolean): number =>
      svgSequence(sequence([message('x', 'a', 'b', lost)])).split('<polygon').length - 1
    expect(arrows(false)).toBe(1)
    expect(arrows(true)).toBe(0)
  })
})
