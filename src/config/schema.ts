/**
 * The building blocks of the schemas. Every error says what would be right; what was read and where
 * is added by whoever knows the text (problems.ts).
 */

import { z } from 'zod'
import { parseIpAddress, parseSocketAddress } from '../base/ip-address.ts'
import { parseDuration, parseShare, parseSize } from '../base/quantity.ts'

/** A word that `parse` understands; it answers undefined for any other. */
export function word<T>(
  expected: string,
  parse: (text: string) => T | undefined,
): z.ZodType<T, unknown> {
  return z.string({ error: expected }).transform((text, context): T => {
    const value = parse(text)
    if (value !== undefined) return value
    context.addIssue({ code: 'custom', message: expected })
    return z.NEVER
  })
}

export function oneOf<const Word extends string>(words: readonly Word[]): z.ZodType<Word, unknown> {
  return word(words.join(' or '), (text) => words.find((known) => known === text))
}

/** One schema per key; where a key may be absent, its schema takes undefined. */
export type Shape<T> = {
  readonly [K in keyof T]-?: z.ZodType<
    Record<never, never> extends Pick<T, K> ? T[K] | undefined : T[K],
    unknown
  >
}

/** A mapping with these keys and no others. */
export function mapping<T extends object>(shape: Shape<T>): z.ZodType<T, unknown> {
  const keys = Object.keys(shape).join(', ')
  const error = (issue: { readonly code: string }): string =>
    issue.code === 'unrecognized_keys' ? `one of ${keys}` : `a mapping with the keys ${keys}`
  return z
    .strictObject(shape, { error })
    .transform((fields) => withoutUndefined(fields) as unknown as T)
}

function withoutUndefined(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

export function listOf<T>(item: z.ZodType<T, unknown>, expected: string): z.ZodType<T[], unknown> {
  return z.array(item, { error: expected })
}

/** Keys of the writer's choice, as pairs. */
export function pairsOf<V>(
  key: z.ZodType<string, string>,
  value: z.ZodType<V, unknown>,
  expected: string,
): z.ZodType<[string, V][], unknown> {
  return z.record(key, value, { error: expected }).transform((record) => Object.entries(record))
}

export const yesOrNo: z.ZodType<boolean, unknown> = oneOf(['yes', 'no']).transform(
  (text) => text === 'yes',
)

/** What `schema` takes, or the name of a file that has it: a word, which `schema` must not take. */
export function orFile<T>(
  schema: z.ZodType<T, unknown>,
  expected: string,
): z.ZodType<T | string, unknown> {
  const file = word(expected, (text) => text || undefined)
  return z.unknown().transform((value, context): T | string => {
    const parsed = (typeof value === 'string' ? file : schema).safeParse(value)
    if (parsed.success) return parsed.data
    // Only those that say what would be right are ever made here.
    for (const issue of parsed.error.issues) context.issues.push(issue as z.core.$ZodRawIssue)
    return z.NEVER
  })
}

/** `off`, or no word at all, where it is not wanted. */
export function orOff<T>(schema: z.ZodType<T, unknown>): z.ZodType<T | undefined, unknown> {
  return z
    .preprocess((value) => (value === 'off' ? undefined : value), schema.optional())
    .optional()
}

/** Far beyond any orbit's delay and any patience, and far within what a clock can hold. */
const DURATION_MAX_MS = 3650 * 86_400_000

export const duration: z.ZodType<number, unknown> = word(
  'a duration such as 500ms, 20min, 5d or 0, up to 3650d',
  (text) => upTo(DURATION_MAX_MS, parseDuration(text)),
)

/** One that something can take. */
export const patience: z.ZodType<number, unknown> = word(
  'a duration such as 30s or 10min, up to 3650d, or off',
  (text) => upTo(DURATION_MAX_MS, parseDuration(text)) || undefined,
)

/** A store maps twice its size into its process, which has 128 TiB of addresses on most machines. */
const SIZE_MAX_BYTES = 1024 * 1_073_741_824

export const size: z.ZodType<number, unknown> = word(
  'a size such as 64KiB or 50MiB, up to 1024GiB',
  (text) => upTo(SIZE_MAX_BYTES, parseSize(text)) || undefined,
)

function upTo(max: number, value: number | undefined): number | undefined {
  return value === undefined || value > max ? undefined : value
}

/** Bytes per second. */
export const rate: z.ZodType<number, unknown> = word(
  'a rate such as 125kB/s, or off for none',
  (text) => (text.endsWith('/s') ? parseSize(text.slice(0, -2)) || undefined : undefined),
)

export const share: z.ZodType<number, unknown> = word('a share such as 0% or 2.5%', parseShare)

const DOMAIN =
  /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/

/** In lower case. RFC 5321 §2.3.5. */
export const domain: z.ZodType<string, string> = z
  .string({ error: 'a domain such as mail-1.a.com' })
  .toLowerCase()
  .regex(DOMAIN, { error: 'a domain such as mail-1.a.com' })

/** Whose mail somebody may send, in lower case. */
export const senderDomain: z.ZodType<string, unknown> = word(
  'a domain such as a.com, .a.com for every name below it, or *',
  (text) => {
    const lower = text.toLowerCase()
    if (lower === '*') return lower
    return domain.safeParse(lower.replace(/^\./, '')).success ? lower : undefined
  },
)

export const ipAddress: z.ZodType<string, unknown> = word(
  'an IP address such as 172.21.0.3',
  (text) => (parseIpAddress(text) === undefined ? undefined : text),
)

/** Structurally the SocketAddress of the ports. */
export const socketAddress: z.ZodType<{ host: string; port: number }, unknown> = word(
  'an IP address and a port such as 127.0.0.1:2525 or [::1]:2525',
  parseSocketAddress,
)

const NODE_MAX = 2n ** 32n - 1n

/** The node number of `ipn:2`. */
export const ipnNode: z.ZodType<bigint, unknown> = word('a node such as ipn:2', (text) => {
  const digits = /^ipn:(\d{1,10})$/.exec(text)?.[1]
  const node = BigInt(digits ?? 0)
  return node > 0n && node <= NODE_MAX ? node : undefined
})

export function countFromOne(max: number): z.ZodType<number, unknown> {
  return word(`a whole number from 1 to ${max}`, (text) =>
    /^[1-9]\d{0,14}$/.test(text) && Number(text) <= max ? Number(text) : undefined,
  )
}

export function count(max: number): z.ZodType<number, unknown> {
  return word(`a whole number from 0 to ${max}`, (text) =>
    /^\d{1,15}$/.test(text) && Number(text) <= max ? Number(text) : undefined,
  )
}
