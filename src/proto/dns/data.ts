/** What records hold, by their type. */

import { concat, fromUtf8, toUtf8Strict } from '../../base/bytes.ts'
import { parseIpAddress } from '../../base/ip-address.ts'
import { encodeName, readName } from './name.ts'

/** Numbers of types. RFC 1035 §3.2.2, RFC 2782, RFC 3596 §2.1, RFC 6891 §6.1.1, draft-johnson-dns-ipn-cla. */
export const RECORD_TYPES = {
  A: 1,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  IPN: 264,
} as const

export type DnsData =
  /** In text form. */
  | { readonly type: 'A' | 'AAAA'; readonly address: string }
  | { readonly type: 'MX'; readonly preference: number; readonly exchange: string }
  | { readonly type: 'PTR'; readonly target: string }
  | {
      readonly type: 'SRV'
      readonly priority: number
      readonly weight: number
      readonly port: number
      readonly target: string
    }
  /** Its strings joined. */
  | { readonly type: 'TXT'; readonly text: string }
  | { readonly type: 'IPN'; readonly node: bigint }

const STRING_BYTES_MAX = 255

/** Undefined where it holds a name or an address that is none. */
export function encodeData(data: DnsData): Uint8Array | undefined {
  switch (data.type) {
    case 'A':
    case 'AAAA':
      return encodeAddress(data.type, data.address)
    case 'MX':
      return withName(u16(data.preference), data.exchange)
    case 'PTR':
      return encodeName(data.target)
    case 'SRV':
      return withName(u16(data.priority, data.weight, data.port), data.target)
    case 'TXT':
      return encodeText(fromUtf8(data.text))
    case 'IPN':
      return octetsOf(data.node, 8)
  }
}

/** Of the octets from `at` on; undefined where they are not that, or of another type. */
export function readData(
  message: Uint8Array,
  at: number,
  length: number,
  type: number,
): DnsData | undefined {
  const data = message.subarray(at, at + length)
  const name = (skip: number): string | undefined => {
    const read = readName(message, at + skip)
    return read?.end === at + length ? read.name : undefined
  }
  switch (type) {
    case RECORD_TYPES.A:
      return length === 4 ? { type: 'A', address: data.join('.') } : undefined
    case RECORD_TYPES.AAAA:
      return length === 16 ? { type: 'AAAA', address: formatIpv6(data) } : undefined
    case RECORD_TYPES.MX: {
      const exchange = name(2)
      return exchange === undefined
        ? undefined
        : { type: 'MX', preference: word(data, 0), exchange }
    }
    case RECORD_TYPES.PTR: {
      const target = name(0)
      return target === undefined ? undefined : { type: 'PTR', target }
    }
    case RECORD_TYPES.SRV: {
      const target = name(6)
      const [priority, weight, port] = [word(data, 0), word(data, 2), word(data, 4)]
      return target === undefined ? undefined : { type: 'SRV', priority, weight, port, target }
    }
    case RECORD_TYPES.TXT:
      return readText(data)
    case RECORD_TYPES.IPN:
      return length === 8 ? { type: 'IPN', node: numberOf(data) } : undefined
    default:
      return undefined
  }
}

function encodeAddress(type: 'A' | 'AAAA', text: string): Uint8Array | undefined {
  const address = parseIpAddress(text)
  const bits = type === 'A' ? 32 : 128
  return address?.bits === bits ? octetsOf(address.value, bits / 8) : undefined
}

function withName(head: Uint8Array, name: string): Uint8Array | undefined {
  const encoded = encodeName(name)
  return encoded && concat(head, encoded)
}

function encodeText(text: Uint8Array): Uint8Array {
  const strings: Uint8Array[] = []
  for (let at = 0; at === 0 || at < text.length; at += STRING_BYTES_MAX) {
    const piece = text.subarray(at, at + STRING_BYTES_MAX)
    strings.push(Uint8Array.of(piece.length), piece)
  }
  return concat(...strings)
}

function readText(data: Uint8Array): DnsData | undefined {
  const pieces: Uint8Array[] = []
  let at = 0
  while (at < data.length) {
    const length = data[at] ?? 0
    pieces.push(data.subarray(at + 1, at + 1 + length))
    at += 1 + length
  }
  const text = at === data.length && at > 0 ? toUtf8Strict(concat(...pieces)) : undefined
  return text === undefined ? undefined : { type: 'TXT', text }
}

/** RFC 5952 §4: the longest run of zeros, of two words at least, is `::`. */
function formatIpv6(octets: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, i) => word(octets, 2 * i).toString(16))
  const runs = [...words.join(' ').matchAll(/\b0(?: 0)+\b/g)].map(([run]) => run)
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), '')
  if (longest === '') return words.join(':')
  const [before = '', after = ''] = splitOnce(` ${words.join(' ')} `, ` ${longest} `)
  return `${before.trim().replaceAll(' ', ':')}::${after.trim().replaceAll(' ', ':')}`
}

function splitOnce(text: string, at: string): readonly [string, string] {
  const from = text.indexOf(at)
  return [text.slice(0, from), text.slice(from + at.length)]
}

function u16(...numbers: readonly number[]): Uint8Array {
  return Uint8Array.from(numbers.flatMap((number) => [number >> 8, number & 0xff]))
}

function word(data: Uint8Array, at: number): number {
  return ((data[at] ?? 0) << 8) | (data[at + 1] ?? 0)
}

function octetsOf(value: bigint, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) =>
    Number((value >> BigInt(8 * (count - 1 - i))) & 0xffn),
  )
}

function numberOf(data: Uint8Array): bigint {
  return data.reduce((sum, octet) => (sum << 8n) | BigInt(octet), 0n)
}
