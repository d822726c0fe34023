/**
 * YAML read as text with positions: every scalar stays the string that was written, so that `no`,
 * `0123` and `1e3` mean what they say and each schema decides what it takes.
 */

import { isAlias, isMap, isScalar, isSeq, type Node, type Pair, parseDocument } from 'yaml'
import { visible } from '../base/visible.ts'
import type { ConfigFaultCode } from './fault.ts'

export type PlainValue = string | readonly PlainValue[] | { readonly [key: string]: PlainValue }

export type Path = readonly PropertyKey[]

/** One thing wrong, at one place. */
export interface Problem {
  readonly code: ConfigFaultCode
  /** Where in the text, from 0. */
  readonly offset: number
  /** What was read and what would be right, in one line. */
  readonly message: string
}

/** A value and where it was written. */
export type YamlNode =
  | { readonly kind: 'scalar'; readonly offset: number; readonly text: string }
  | { readonly kind: 'list'; readonly offset: number; readonly items: readonly YamlNode[] }
  | { readonly kind: 'mapping'; readonly offset: number; readonly entries: readonly YamlEntry[] }

export interface YamlEntry {
  readonly key: string
  readonly keyOffset: number
  readonly value: YamlNode
}

/** The tree as far as it can be read, and everything that is wrong with the text as such. */
export function readYaml(text: string): { root: YamlNode; problems: readonly Problem[] } {
  const document = parseDocument(text, {
    schema: 'failsafe',
    prettyErrors: false,
    uniqueKeys: false,
  })
  const problems = [...document.errors, ...document.warnings].map(
    (error): Problem => ({
      code: 'config/not-yaml',
      offset: error.pos[0],
      message: `not YAML as it is read here: ${plain(error.message)}`,
    }),
  )
  return { root: toYamlNode(document.contents, 0, problems), problems }
}

export function plainValue(node: YamlNode): PlainValue {
  if (node.kind === 'scalar') return node.text
  if (node.kind === 'list') return node.items.map(plainValue)
  return Object.fromEntries(node.entries.map(({ key, value }) => [key, plainValue(value)]))
}

/** The node at `path`; undefined where there is none. */
export function nodeAt(root: YamlNode, path: Path): YamlNode | undefined {
  let node: YamlNode | undefined = root
  for (const step of path) {
    if (node?.kind === 'list') node = node.items[Number(step)]
    else if (node?.kind === 'mapping') node = entryOf(node, step)?.value
    else return undefined
  }
  return node
}

/** Where the value at `path` begins, or the nearest thing around it that exists. */
export function offsetAt(root: YamlNode, path: Path): number {
  for (let length = path.length; length > 0; length--) {
    const node = nodeAt(root, path.slice(0, length))
    if (node !== undefined) return node.offset
  }
  return root.offset
}

/** Where the key at the end of `path` is written, or the nearest thing around it that exists. */
export function keyOffsetAt(root: YamlNode, path: Path): number {
  const parent = nodeAt(root, path.slice(0, -1))
  const key = path[path.length - 1]
  const entry = parent?.kind === 'mapping' && key !== undefined ? entryOf(parent, key) : undefined
  return entry?.keyOffset ?? offsetAt(root, path)
}

/** `line:column`, both from 1. */
export function formatPosition(text: string, offset: number): string {
  const before = text.slice(0, offset)
  const line = before.split('\n').length
  return `${line}:${offset - before.lastIndexOf('\n')}`
}

function entryOf(node: YamlNode & { kind: 'mapping' }, key: PropertyKey): YamlEntry | undefined {
  return node.entries.find((entry) => entry.key === key)
}

function toYamlNode(node: Node | null, offset: number, problems: Problem[]): YamlNode {
  const at = node?.range?.[0] ?? offset
  if (isMap<Node, Node | null>(node)) return mappingOf(node.items, at, problems)
  if (isSeq<Node | null>(node)) {
    const items = node.items.map((item) => toYamlNode(item, at, problems))
    return { kind: 'list', offset: at, items }
  }
  if (isAlias(node)) {
    const message = `alias "*${node.source}": the value written out would be right`
    problems.push({ code: 'config/not-yaml', offset: at, message })
  }
  return { kind: 'scalar', offset: at, text: isScalar(node) ? String(node.value ?? '') : '' }
}

function mappingOf(
  pairs: readonly Pair<Node, Node | null>[],
  offset: number,
  problems: Problem[],
): YamlNode {
  const entries: YamlEntry[] = []
  for (const { key: keyNode, value: valueNode } of pairs) {
    const keyOffset = keyNode.range?.[0] ?? offset
    const value = toYamlNode(valueNode, keyOffset, problems)
    if (!isScalar(keyNode)) {
      const message = 'a key that is a list or a mapping: a word would be right'
      problems.push({ code: 'config/not-yaml', offset: keyOffset, message })
      continue
    }
    const key = String(keyNode.value)
    if (entries.some((entry) => entry.key === key)) {
      const message = `key "${visible(oneLine(key))}" appears again: each key once would be right`
      problems.push({ code: 'config/duplicate-key', offset: keyOffset, message })
      continue
    }
    // The one name that a record of JavaScript would swallow in silence.
    if (key === '__proto__') {
      const message = 'unknown key "__proto__": no such key would be right'
      problems.push({ code: 'config/unknown-key', offset: keyOffset, message })
      continue
    }
    entries.push({ key, keyOffset, value })
  }
  return { kind: 'mapping', offset, entries }
}

const SHOWN_LENGTH_MAX = 200

/** The reader quotes what it has read, whatever that was. */
function plain(text: string): string {
  return oneLine(text)
    .replace(/[^ -~]/g, '?')
    .slice(0, SHOWN_LENGTH_MAX)
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim()
}
