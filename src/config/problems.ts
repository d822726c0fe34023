/** From text through a schema to a value, or to the list of everything that is wrong with it. */

import type { z } from 'zod'
import { Fault, type Result } from '../base/fault.ts'
import { visible } from '../base/visible.ts'
import type { ConfigFaultCode } from './fault.ts'
import { nearest } from './suggestion.ts'
import {
  formatPosition,
  keyOffsetAt,
  nodeAt,
  offsetAt,
  type Path,
  type PlainValue,
  type Problem,
  plainValue,
  readYaml,
  type YamlNode,
} from './yaml.ts'

/** Two values that cannot both be meant; told at the place of one of them. */
export interface Contradiction {
  readonly path: Path
  /** What was read and what would be right. */
  readonly message: string
}

/** Each value that was there before, in a list at `at`. */
export function repeated(
  values: readonly string[],
  at: Path,
  what: string,
): readonly Contradiction[] {
  return values.flatMap((value, index) =>
    values.indexOf(value) === index
      ? []
      : [{ path: [...at, index], message: `${what} ${value} appears again: once would be right` }],
  )
}

/**
 * The fault's message has one line `file:line:column: what was read: what would be right` for each
 * problem, in the order of the text; its code is that of the first. Contradictions are looked for
 * once every single value can be read.
 */
export function parseWith<T>(
  text: string,
  fileName: string,
  schema: z.ZodType<T, unknown>,
  contradictions: (value: T) => readonly Contradiction[],
): Result<T, ConfigFaultCode> {
  if (text.length > TEXT_LENGTH_MAX) {
    const message = `${text.length} characters: a configuration of at most ${TEXT_LENGTH_MAX} would be right`
    return refusal('', fileName, [{ code: 'config/not-yaml', offset: 0, message }])
  }
  const { root, problems: textProblems } = readYaml(text)
  if (textProblems.some(({ code }) => code === 'config/not-yaml')) {
    return refusal(text, fileName, textProblems)
  }
  const value = plainValue(root)
  const parsed = schema.safeParse(value)
  const issues = parsed.error?.issues ?? []
  // A key too many hides no contradiction between the others.
  const known = parsed.success ? parsed : schema.safeParse(withoutUnknownKeys(value, issues))
  const problems = [
    ...textProblems,
    ...issues.flatMap((issue) => describe(issue, root)),
    ...(known.success ? contradictions(known.data) : []).map(
      ({ path, message }): Problem => ({
        code: 'config/contradiction',
        offset: offsetAt(root, path),
        message,
      }),
    ),
  ]
  return problems.length === 0 && known.success
    ? { ok: true, value: known.data }
    : refusal(text, fileName, problems)
}

function refusal(
  text: string,
  fileName: string,
  problems: readonly Problem[],
): { ok: false; fault: Fault<ConfigFaultCode> } {
  const inOrder = [...problems].sort((a, b) => a.offset - b.offset)
  const lines = inOrder.map(
    ({ offset, message }) => `${fileName}:${formatPosition(text, offset)}: ${message}`,
  )
  if (lines.length > TOLD_MAX) {
    lines.splice(TOLD_MAX, lines.length, `${fileName}: ${lines.length - TOLD_MAX} more`)
  }
  const code = inOrder[0]?.code ?? 'config/bad-value'
  return { ok: false, fault: new Fault(code, lines.join('\n'), { temporary: false }) }
}

/** Far more than anybody writes; what is larger was meant for something else. */
const TEXT_LENGTH_MAX = 1_048_576

/** Of a file that was meant for something else there may be very many. */
const TOLD_MAX = 50

function describe(issue: z.core.$ZodIssue, root: YamlNode): readonly Problem[] {
  const { path, message } = issue
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      code: 'config/unknown-key',
      offset: keyOffsetAt(root, [...path, key]),
      message: `unknown key ${show(key)}${meant(key, message)}: ${message} would be right`,
    }))
  }
  if (issue.code === 'invalid_key') {
    const expected = issue.issues[0]?.message ?? message
    const read = `key ${show(String(path[path.length - 1]))}`
    const offset = keyOffsetAt(root, path)
    return [{ code: 'config/bad-value', offset, message: `${read}: ${expected} would be right` }]
  }
  const node = nodeAt(root, path)
  const name = nameOf(path)
  if (node === undefined) {
    const offset = offsetAt(root, path)
    return [
      {
        code: 'config/missing-key',
        offset,
        message: `${name} is missing: ${message} would be right`,
      },
    ]
  }
  const read = `${name} is ${path[path.length - 1] === 'password' ? 'unfit' : showNode(node)}`
  const offset = node.offset
  return [{ code: 'config/bad-value', offset, message: `${read}: ${message} would be right` }]
}

/** `hosts[0].smtp.listen`. */
export function nameOf(path: Path): string {
  const name = path.map((step) =>
    typeof step === 'number' ? `[${step}]` : `.${visible(String(step))}`,
  )
  return name.join('').replace(/^\./, '') || 'the file'
}

function showNode(node: YamlNode): string {
  if (node.kind === 'scalar') return node.text === '' ? 'empty' : show(node.text)
  return node.kind === 'list' ? 'a list' : 'a mapping'
}

/** One of the words of `expected` that differs little from what was written. */
function meant(written: string, expected: string): string {
  const near = nearest(written, expected.match(/\w+/g) ?? [])
  return near === undefined ? '' : ` (did you mean ${near}?)`
}

const SHOWN_LENGTH_MAX = 60

/** Quoted and in one line, whatever it contains: nothing that a terminal obeys. */
function show(text: string): string {
  const shown = text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}…` : text
  return visible(JSON.stringify(shown))
}

function withoutUnknownKeys(value: PlainValue, issues: readonly z.core.$ZodIssue[]): PlainValue {
  const unknown = issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' ? issue.keys.map((key) => nameOf([...issue.path, key])) : [],
  )
  const prune = (inner: PlainValue, path: Path): PlainValue => {
    if (typeof inner === 'string') return inner
    if (isList(inner)) return inner.map((item, index) => prune(item, [...path, index]))
    const kept = Object.entries(inner).filter(([key]) => !unknown.includes(nameOf([...path, key])))
    return Object.fromEntries(kept.map(([key, item]) => [key, prune(item, [...path, key])]))
  }
  return prune(value, [])
}

function isList(value: PlainValue): value is readonly PlainValue[] {
  return Array.isArray(value)
}
