/** One line of one program, by its table. */

import type { IonFaultCode } from './fault.ts'
import { isOptional, type Param, type Program, paramsOf, type Rule, splitName } from './grammar.ts'
import { LINE_BYTES_MAX } from './limits.ts'
import { type IonCommand, PROGRAMS, type ProgramName } from './programs.ts'
import { lineBytes, type Token, tokenize } from './text.ts'

export interface LineProblem {
  readonly code: IonFaultCode
  /** From 1. */
  readonly column: number
  /** What was read and what would be right. */
  readonly message: string
  /** What ION's own program prints. */
  readonly reply: string
}

export interface LineNote {
  readonly column: number
  readonly message: string
}

export type ParsedLine =
  | { readonly kind: 'blank' }
  | { readonly kind: 'comment' }
  | {
      readonly kind: 'command'
      readonly read: IonCommand
      readonly rule: Rule
      readonly column: number
      /** Where each argument stands. */
      readonly columns: Readonly<Record<string, number>>
      readonly notes: readonly LineNote[]
    }
  | { readonly kind: 'refused'; readonly problems: readonly LineProblem[] }

/** Throws nothing, whatever the text. */
export function parseLine(name: ProgramName, text: string): ParsedLine {
  const program = PROGRAMS[name]
  const tokens = tokenize(text)
  const first = tokens[0]
  if (first === undefined) return { kind: 'blank' }
  if (first.text.startsWith('#')) return { kind: 'comment' }
  const unfit = unfitLine(program, text, tokens)
  if (unfit !== undefined) return { kind: 'refused', problems: [unfit] }
  const found = findRule(program, tokens)
  if ('code' in found) return { kind: 'refused', problems: [found] }
  const { rule, ruleName } = found
  const { words, notes } = withoutComment(tokens.slice(found.taken), ruleName)
  const counted = countedWords(found, first, words)
  if ('code' in counted) return { kind: 'refused', problems: [counted] }
  const { values, columns, problems } = readWords(rule, counted.words)
  if (problems.length > 0) return { kind: 'refused', problems }
  return {
    kind: 'command',
    // The table ties the arguments of each rule to the fields of its command.
    read: { program: name, command: { command: ruleName, ...values } } as unknown as IonCommand,
    rule,
    column: first.column,
    columns,
    notes: [...notes, ...counted.notes],
  }
}

/** `a plan <endpoint name> [<transmission rate>]`. */
export function syntaxOf(name: string, rule: Rule): string {
  return [name, ...paramsOf(rule).map(([, { placeholder }]) => placeholder)].join(' ')
}

function unfitLine(
  program: Program,
  text: string,
  tokens: readonly Token[],
): LineProblem | undefined {
  const sizeBytes = lineBytes(text)
  if (sizeBytes > LINE_BYTES_MAX) {
    const message = `a line of ${sizeBytes} bytes: at most ${LINE_BYTES_MAX} would be right, the rest is read as another line`
    return { code: 'ion/bad-line', column: 1, message, reply: SYNTAX_REPLY }
  }
  if (text.startsWith('\ufeff')) {
    const message = 'a byte order mark: a text without one would be right'
    return { code: 'ion/bad-line', column: 1, message, reply: UNKNOWN_REPLY }
  }
  const open = tokens.find(({ isClosed }) => !isClosed)
  if (open !== undefined) {
    const message = `a quote without an end: ' after ${show(open.text)} would be right`
    return { code: 'ion/bad-line', column: open.column, message, reply: SYNTAX_REPLY }
  }
  const extra = tokens[program.tokensMax]
  if (extra === undefined || tokens.some((token) => isComment(token))) return undefined
  const message = `${tokens.length} words: at most ${program.tokensMax} would be right`
  return { code: 'ion/bad-line', column: extra.column, message, reply: 'Too many tokens.' }
}

const SYNTAX_REPLY = 'Syntax error'
const UNKNOWN_REPLY = "Invalid command.  Enter '?' for help."

interface FoundRule {
  readonly ruleName: string
  readonly rule: Rule
  /** How many tokens its name takes. */
  readonly taken: number
}

function findRule(program: Program, tokens: readonly Token[]): FoundRule | LineProblem {
  const { rules } = program
  const [first, second] = tokens
  const [text = '', column = 1] = [first?.text, first?.column]
  const verb = program.dispatch === 'keyword' ? text : text.charAt(0)
  const noun = second?.text ?? ''
  const full = Object.keys(rules).find((name) => isNamed(name, verb, noun, rules[name]))
  const ruleName = full ?? verb
  const rule = Object.hasOwn(rules, ruleName) ? rules[ruleName] : undefined
  const nouns = Object.keys(rules)
    .map(splitName)
    .filter((name) => name.verb === verb && name.noun !== '')
    .map((name) => name.noun)
  const takesArguments = full !== undefined || nouns.length === 0 || hasParams(rule)
  if (rule !== undefined && (takesArguments || second === undefined || isComment(second))) {
    return { ruleName, rule, taken: full === undefined ? 1 : 2 }
  }
  if (nouns.length === 0) {
    const known = [...new Set(Object.keys(rules).map((name) => splitName(name).verb))].join(' ')
    const message = `unknown command ${show(text)} of ${program.name}: one of ${known} would be right`
    return { code: 'ion/unknown-command', column, message, reply: UNKNOWN_REPLY }
  }
  const right = nouns.map((name) => `${verb} ${name}`).join(', ')
  if (second === undefined) {
    const message = `${show(text)} alone: one of ${right} would be right`
    const reply = `${askedBy(program, verb)} what?`
    return { code: 'ion/argument-count', column, message, reply }
  }
  const message = `unknown command ${show(`${text} ${noun}`)} of ${program.name}: one of ${right} would be right`
  return { code: 'ion/unknown-command', column: second.column, message, reply: SYNTAX_REPLY }
}

const EMPTY_REPLIES: Readonly<Record<string, string>> = { r: 'Run what?', e: 'Echo on or off?' }

function hasParams(rule: Rule | undefined): boolean {
  return rule !== undefined && paramsOf(rule).length > 0
}

/** `Add`, of the group that its help puts the verb in. */
function askedBy({ groups }: Program, verb: string): string {
  const group = groups.find(({ letters }) => letters.includes(verb))
  const title = group?.titles[group.letters.indexOf(verb)] ?? ''
  return title === 'Info' ? 'Information on' : (title.split(' ')[0] ?? '')
}

function isNamed(name: string, verb: string, noun: string, rule: Rule | undefined): boolean {
  const own = splitName(name)
  if (own.verb !== verb || own.noun === '') return false
  return own.noun === noun || (rule?.aliases?.includes(noun) ?? false)
}

function isComment(token: Token): boolean {
  return !token.isQuoted && token.text.startsWith('#')
}

/** ION has no comments after commands, but people write them. */
function withoutComment(
  words: readonly Token[],
  ruleName: string,
): { readonly words: readonly Token[]; readonly notes: readonly LineNote[] } {
  const at = ruleName === 'w' ? -1 : words.findIndex(isComment)
  const comment = words[at]
  if (comment === undefined) return { words, notes: [] }
  const message =
    'a comment after a command: on a line of its own would be right, ION reads it as arguments'
  return { words: words.slice(0, at), notes: [{ column: comment.column, message }] }
}

function countedWords(
  { ruleName, rule }: FoundRule,
  first: Token,
  words: readonly Token[],
): { readonly words: readonly Token[]; readonly notes: readonly LineNote[] } | LineProblem {
  const params = paramsOf(rule)
  const least = params.filter(([, param]) => !isOptional(param)).length
  if (words.length >= least && words.length <= params.length) return { words, notes: [] }
  const kept = rule.oldForm?.(words.length)
  if (kept !== undefined) {
    const dropped = words.find((_, index) => !kept.includes(index))
    const note = { column: dropped?.column ?? 1, message: rule.oldFormNote ?? '' }
    return { words: kept.flatMap((index) => words[index] ?? []), notes: [note] }
  }
  const count = words.length === 1 ? '1 argument' : `${words.length || 'no'} arguments`
  const message = `${ruleName} with ${count}: ${syntaxOf(ruleName, rule)} would be right`
  const at = words[params.length] ?? first
  const reply = EMPTY_REPLIES[ruleName] ?? SYNTAX_REPLY
  return { code: 'ion/argument-count', column: at?.column ?? 1, message, reply }
}

function readWords(
  rule: Rule,
  words: readonly Token[],
): {
  readonly values: Readonly<Record<string, unknown>>
  readonly columns: Readonly<Record<string, number>>
  readonly problems: readonly LineProblem[]
} {
  const values: Record<string, unknown> = {}
  const columns: Record<string, number> = {}
  const problems: LineProblem[] = []
  for (const [index, [name, param]] of paramsOf(rule).entries()) {
    const token = words[index]
    if (token === undefined) break
    columns[name] = token.column
    const value = param.read(token.text)
    if (value === undefined) problems.push(unfitWord(param, token))
    else values[name] = value
  }
  return { values, columns, problems }
}

function unfitWord(param: Param<unknown>, { text, column }: Token): LineProblem {
  const name = param.placeholder.replace(/^[[<'{ ]+|[\]>'} ]+$/g, '')
  const message = `${name} is ${show(text)}: ${param.expected} would be right`
  return { code: 'ion/bad-value', column, message, reply: SYNTAX_REPLY }
}

const SHOWN_LENGTH_MAX = 60

/** Quoted and in one line, whatever it contains. */
export function show(text: string): string {
  return JSON.stringify(
    text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}…` : text,
  )
}
