/** Files in the notation of Postfix's tables: the transport map, and virtual aliases. */

import type { z } from 'zod'
import { Fault, type Result } from '../base/fault.ts'
import type { IpnRecord } from '../bridge/ipn-records.ts'
import type { TransportRule } from '../bridge/mail-host-options.ts'
import type { Alias } from '../mail/aliases.ts'
import type { ConfigFaultCode } from './fault.ts'
import {
  aliasAddress,
  member,
  pattern,
  type RoutingHost,
  relayRecipient,
  route,
  ruleProblem,
  strangerProblem,
} from './mail-routing.ts'
import { domain, word } from './schema.ts'

/** Largest number of entries: far more than a host needs that keeps them all in memory. */
const ENTRIES_MAX = 100_000

/** `mail-2.a.com  bp:ipn:3.129` on a line, as transport(5) has them. */
export function parseTransportMap(
  text: string,
  fileName: string,
  host: RoutingHost,
): Result<readonly TransportRule[], ConfigFaultCode> {
  return parseMap(text, fileName, (key, [first = key, ...others]) => {
    const value = { ...first, text: [first, ...others].map(({ text }) => text).join(' ') }
    const domain = read(pattern, key)
    const next = read(route, value)
    const problem = ruleProblem(domain, next, host)
    if (problem !== undefined) throw new Misread(value, problem)
    return { domain, route: next }
  })
}

/** `info@a.com  user@a.com, ann@b.com` on a line, as virtual(5) has them. */
export function parseAliasMap(
  text: string,
  fileName: string,
): Result<readonly Alias[], ConfigFaultCode> {
  return parseMap(text, fileName, (key, value) => {
    const names = value.flatMap((word) => wordsOf(word.text, /[^,]+/g, word.line, word.column))
    return { address: read(aliasAddress, key), members: names.map((name) => read(member, name)) }
  })
}

/** `ann@b.com OK` on a line, as Postfix's relay_recipient_maps have them; what stands behind does not matter. */
export function parseRelayRecipients(
  text: string,
  fileName: string,
  domains: readonly string[],
): Result<readonly string[], ConfigFaultCode> {
  return parseMap(text, fileName, (key) => {
    const address = read(relayRecipient, key)
    const problem = strangerProblem(address, domains)
    if (problem !== undefined) throw new Misread(key, problem)
    return address
  })
}

/** `a.com 2 3` on a line: the numbers of its nodes, as records of type 264 have them. */
export function parseIpnRecords(
  text: string,
  fileName: string,
): Result<readonly IpnRecord[], ConfigFaultCode> {
  return parseMap(text, fileName, (key, nodes) => [
    read(domain, key),
    nodes.map((node) => read(nodeNumber, node)),
  ])
}

const nodeNumber = word('the number of a node such as 2', (text) =>
  /^[1-9]\d{0,18}$/.test(text) ? BigInt(text) : undefined,
)

interface Word {
  readonly text: string
  readonly line: number
  readonly column: number
}

interface Entry {
  readonly key: Word
  readonly value: Word[]
}

class Misread extends Error {
  readonly at: Word

  constructor(at: Word, message: string) {
    super(message)
    this.at = at
  }
}

function read<T>(schema: z.ZodType<T, unknown>, word: Word): T {
  const parsed = schema.safeParse(word.text)
  if (parsed.success) return parsed.data
  const expected = parsed.error.issues[0]?.message ?? 'something else'
  const shown = JSON.stringify(word.text.slice(0, SHOWN_LENGTH_MAX))
  throw new Misread(word, `${shown}: ${expected} would be right`)
}

const SHOWN_LENGTH_MAX = 60

/** On failure the fault's message has a line `file:line:column: …` for each mistake. */
function parseMap<Item>(
  text: string,
  fileName: string,
  itemOf: (key: Word, value: readonly Word[]) => Item,
): Result<readonly Item[], ConfigFaultCode> {
  const items: Item[] = []
  const problems: string[] = []
  const lines = new Map<string, number>()
  for (const { key, value } of logicalLines(text)) {
    try {
      if (lines.size >= ENTRIES_MAX) {
        throw new Misread(key, `more than ${ENTRIES_MAX} entries: fewer would be right`)
      }
      const name = key.text.toLowerCase()
      const before = lines.get(name)
      if (before !== undefined) {
        throw new Misread(key, `${key.text} is in line ${before} already: once would be right`)
      }
      lines.set(name, key.line)
      if (value.length === 0) {
        const message = `nothing behind ${key.text}: what it stands for would be right`
        throw new Misread({ ...key, column: key.column + key.text.length }, message)
      }
      items.push(itemOf(key, value))
    } catch (error) {
      if (!(error instanceof Misread)) throw error
      problems.push(`${fileName}:${error.at.line}:${error.at.column}: ${error.message}`)
      if (lines.size >= ENTRIES_MAX) break
    }
  }
  if (problems.length === 0) return { ok: true, value: items }
  const fault = new Fault('config/bad-value' as const, problems.join('\n'), { temporary: false })
  return { ok: false, fault }
}

/** A line that begins with a blank goes on with the one before it, also behind a comment. */
function logicalLines(text: string): readonly Entry[] {
  const entries: Entry[] = []
  for (const [index, line] of text.split('\n').entries()) {
    if (/^\s*(?:#|$)/.test(line)) continue
    const words = wordsOf(line, /\S+/g, index + 1, 1)
    const last = entries.at(-1)
    const [key, ...value] = words
    if (/^\s/.test(line) && last !== undefined) last.value.push(...words)
    else if (key !== undefined) entries.push({ key, value })
  }
  return entries
}

function wordsOf(text: string, word: RegExp, line: number, column: number): readonly Word[] {
  return [...text.matchAll(word)].map(({ 0: text, index }) => ({
    text,
    line,
    column: column + index,
  }))
}
