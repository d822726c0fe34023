/** A command line, taken apart as a shell does: lists of pipelines, quotes, redirections, here-documents. */

export interface CommandList {
  readonly pipelines: readonly {
    readonly pipeline: Pipeline
    /** When it runs: always, or as the one before has ended. */
    readonly when: 'always' | 'after-success' | 'after-failure'
  }[]
}

export type Pipeline = readonly SimpleCommand[]

export interface SimpleCommand {
  readonly words: readonly Word[]
  readonly redirections: readonly Redirection[]
}

export type Redirection =
  | {
      readonly type: 'input' | 'output' | 'append' | 'errors' | 'append-errors'
      readonly file: Word
    }
  | { readonly type: 'document'; readonly document: HereDocument }
  | { readonly type: 'errors-to-output' }

export interface HereDocument {
  readonly text: string
}

/** In pieces, for what is quoted means nothing but itself. */
export type Word = readonly { readonly text: string; readonly isQuoted: boolean }[]

export type ParsedCommands =
  | { readonly type: 'complete'; readonly list: CommandList }
  /** A quote is open, a here-document or the other side of an operator is to come. */
  | { readonly type: 'incomplete' }
  | { readonly type: 'wrong'; readonly message: string }

type Token =
  | { readonly type: 'word'; readonly word: Word }
  | { readonly type: 'operator'; readonly text: string }

/** Longest first. */
const OPERATORS = [
  '2>&1',
  '2>>',
  '2>',
  '&&',
  '||',
  '<<',
  '>>',
  ';',
  '|',
  '&',
  '<',
  '>',
  '\n',
  '(',
  ')',
]

/** What a real shell would do with it, so that nobody takes its absence for a mistake of theirs. */
const ABSENT: Readonly<Record<string, string>> = {
  '&': 'commands in the background are',
  '(': 'subshells are',
  ')': 'subshells are',
  $: 'variables and substitutions are',
  '`': 'substitutions are',
}

/** Words that begin or end what is no simple command. */
const KEYWORDS: readonly string[] = [
  ...['for', 'while', 'until', 'select', 'do', 'done'],
  ...['if', 'then', 'elif', 'else', 'fi', 'case', 'esac', 'function', '{', '}', '[['],
]

class Wrong extends Error {}
class Incomplete extends Error {}

/** `text` is one or more lines, each with its end. */
export function parseCommands(text: string): ParsedCommands {
  try {
    return new Parser(text).parse()
  } catch (error) {
    if (error instanceof Wrong) return { type: 'wrong', message: error.message }
    if (error instanceof Incomplete) return { type: 'incomplete' }
    throw error
  }
}

class Parser {
  readonly #text: string
  #at = 0
  #token: Token | undefined
  /** Here-documents of this line, whose text follows it. */
  readonly #documents: { readonly end: string; text: string }[] = []

  constructor(text: string) {
    this.#text = text
  }

  parse(): ParsedCommands {
    const pipelines: CommandList['pipelines'][number][] = []
    let when: CommandList['pipelines'][number]['when'] = 'always'
    this.#next()
    for (;;) {
      while (this.#isOperator('\n')) this.#next()
      if (this.#token === undefined) break
      pipelines.push({ pipeline: this.#pipeline(), when })
      if (this.#isOperator('&&') || this.#isOperator('||')) {
        when = this.#isOperator('&&') ? 'after-success' : 'after-failure'
        this.#next()
        this.#skipLineEnds()
        continue
      }
      when = 'always'
      if (this.#isOperator(';') || this.#isOperator('\n')) this.#next()
      else if (this.#token !== undefined) throw this.#unexpected()
    }
    return { type: 'complete', list: { pipelines } }
  }

  #pipeline(): Pipeline {
    const commands = [this.#command()]
    while (this.#isOperator('|')) {
      this.#next()
      this.#skipLineEnds()
      commands.push(this.#command())
    }
    return commands
  }

  #command(): SimpleCommand {
    const words: Word[] = []
    const redirections: Redirection[] = []
    for (;;) {
      const token = this.#token
      if (token?.type === 'word') {
        if (words.length === 0) refuseKeyword(token.word)
        words.push(token.word)
        this.#next()
        continue
      }
      const redirection = token === undefined ? undefined : this.#redirection(token.text)
      if (redirection === undefined) break
      redirections.push(redirection)
    }
    if (words.length === 0 && redirections.length === 0) {
      throw this.#unexpected()
    }
    return { words, redirections }
  }

  #redirection(operator: string): Redirection | undefined {
    if (operator === '2>&1') {
      this.#next()
      return { type: 'errors-to-output' }
    }
    const type = REDIRECTIONS[operator]
    if (type === undefined) return undefined
    this.#next()
    if (this.#token?.type !== 'word') throw this.#unexpected()
    const { word } = this.#token
    if (type !== 'document') {
      this.#next()
      return { type, file: word }
    }
    const document = { end: word.map(({ text }) => text).join(''), text: '' }
    this.#documents.push(document)
    this.#next()
    return { type, document }
  }

  /** Behind an operator that something has to follow. */
  #skipLineEnds(): void {
    while (this.#isOperator('\n')) this.#next()
    if (this.#token === undefined) throw new Incomplete()
  }

  #isOperator(text: string): boolean {
    return this.#token?.type === 'operator' && this.#token.text === text
  }

  #unexpected(): Wrong {
    const token = this.#token
    const text = token?.type === 'operator' ? token.text.replace('\n', 'newline') : 'newline'
    return new Wrong(`syntax error near unexpected token \`${text}'`)
  }

  #next(): void {
    while (/[ \t]/.test(this.#text[this.#at] ?? '')) this.#at++
    if (this.#text.startsWith('\\\n', this.#at)) {
      this.#skipContinuation()
      this.#next()
      return
    }
    if (this.#text[this.#at] === '#') {
      while (this.#at < this.#text.length && this.#text[this.#at] !== '\n') this.#at++
    }
    if (this.#at >= this.#text.length) {
      this.#token = undefined
      return
    }
    const operator = OPERATORS.find((text) => this.#text.startsWith(text, this.#at))
    if (operator === undefined) {
      this.#token = this.#word()
      return
    }
    const absent = ABSENT[operator]
    if (absent !== undefined) throw new Wrong(notThere(operator, absent))
    this.#at += operator.length
    if (operator === '\n') this.#readDocuments()
    this.#token = { type: 'operator', text: operator }
  }

  #readDocuments(): void {
    for (const document of this.#documents.splice(0)) {
      for (;;) {
        const end = this.#text.indexOf('\n', this.#at)
        if (end < 0) throw new Incomplete()
        const line = this.#text.slice(this.#at, end)
        this.#at = end + 1
        if (line === document.end) break
        document.text += `${line}\n`
      }
    }
  }

  #word(): Token {
    const parts: { text: string; isQuoted: boolean }[] = []
    const add = (text: string, isQuoted: boolean): void => {
      const last = parts.at(-1)
      if (last?.isQuoted === isQuoted) last.text += text
      else parts.push({ text, isQuoted })
    }
    for (;;) {
      const character = this.#text[this.#at]
      if (character === undefined || /[ \t\n;|&<>()]/.test(character)) break
      if (character === "'" || character === '"') {
        add(this.#quoted(character), true)
      } else if (character === '\\') {
        const next = this.#text[this.#at + 1] ?? ''
        if (next === '\n') this.#skipContinuation()
        else {
          add(next, true)
          this.#at += 2
        }
      } else {
        const absent = ABSENT[character]
        if (absent !== undefined) throw new Wrong(notThere(character, absent))
        add(character, false)
        this.#at++
      }
    }
    return { type: 'word', word: parts }
  }

  /** A backslash at the end of a line. */
  #skipContinuation(): void {
    this.#at += 2
    if (this.#at >= this.#text.length) throw new Incomplete()
  }

  #quoted(quote: string): string {
    let text = ''
    for (this.#at++; ; this.#at++) {
      const character = this.#text[this.#at]
      if (character === undefined) throw new Incomplete()
      if (character === quote) break
      const next = this.#text[this.#at + 1] ?? ''
      if (quote === '"' && character === '\\' && '"\\$`\n'.includes(next)) {
        this.#at++
        if (next !== '\n') text += next
        continue
      }
      const absent = ABSENT[character]
      if (quote === '"' && (character === '$' || character === '`') && absent !== undefined) {
        throw new Wrong(notThere(character, absent))
      }
      text += character
    }
    this.#at++
    return text
  }
}

const REDIRECTIONS: Readonly<
  Record<string, Exclude<Redirection['type'], 'errors-to-output'> | undefined>
> = {
  '<': 'input',
  '<<': 'document',
  '>': 'output',
  '>>': 'append',
  '2>': 'errors',
  '2>>': 'append-errors',
}

function refuseKeyword(word: Word): void {
  const [only, ...others] = word
  if (only === undefined || others.length > 0 || only.isQuoted) return
  if (KEYWORDS.includes(only.text)) {
    throw new Wrong(notThere(only.text, 'loops, conditions, groups and functions are'))
  }
}

function notThere(text: string, what: string): string {
  return `${text}: ${what} not in this shell`
}
