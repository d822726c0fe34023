/** A question and what is answered to it: RFC 1035 §4.1. */

import { concat } from '../../base/bytes.ts'
import { type DnsData, encodeData, RECORD_TYPES, readData } from './data.ts'
import { RECORDS_MAX } from './limits.ts'
import { encodeName, readName } from './name.ts'

export interface DnsMessage {
  /** 16 bits. */
  readonly id: number
  readonly isResponse: boolean
  /** There is more than fits: to be asked again over TCP. */
  readonly isTruncated: boolean
  readonly code: number
  /** The number of the type: others may be asked for than are known here. */
  readonly question: { readonly name: string; readonly type: number }
  /** Of these types and of class IN; others are left out when a message is read. */
  readonly answers: readonly DnsRecord[]
  /** What the sender takes over UDP, where it says. RFC 6891 §6.2.3. */
  readonly udpBytesMax: number | undefined
}

export interface DnsRecord {
  readonly name: string
  readonly ttlSec: number
  readonly data: DnsData
}

/** RFC 1035 §4.1.1. */
export const RESPONSE_CODES = { ok: 0, formatError: 1, serverFailure: 2, nameError: 3 } as const

const HEAD_BYTES = 12
const CLASS_IN = 1
const FLAGS = { response: 0x8000, truncated: 0x0200, recursionDesired: 0x0100, recursive: 0x0080 }
const CODE_MASK = 0x0f
/** To the name of the question, right behind the head. */
const TO_QUESTION: Uint8Array = Uint8Array.of(0xc0, HEAD_BYTES)

/** Undefined where a name or an address in it is none. */
export function encodeDnsMessage(message: DnsMessage): Uint8Array | undefined {
  const { id, isResponse, isTruncated, code, question, answers, udpBytesMax } = message
  const name = encodeName(question.name)
  if (name === undefined) return undefined
  const records: Uint8Array[] = []
  for (const answer of answers) {
    const owner = answer.name === question.name ? TO_QUESTION : encodeName(answer.name)
    const data = encodeData(answer.data)
    if (owner === undefined || data === undefined) return undefined
    const ttl = u16(answer.ttlSec >>> 16, answer.ttlSec & 0xffff)
    const head = u16(RECORD_TYPES[answer.data.type], CLASS_IN)
    records.push(owner, head, ttl, u16(data.length), data)
  }
  const flags =
    FLAGS.recursionDesired |
    (isResponse ? FLAGS.response | FLAGS.recursive : 0) |
    (isTruncated ? FLAGS.truncated : 0) |
    code
  const options =
    udpBytesMax === undefined
      ? []
      : [Uint8Array.of(0), u16(RECORD_TYPES.OPT, udpBytesMax), new Uint8Array(6)]
  return concat(
    u16(id, flags, 1, answers.length, 0, options.length === 0 ? 0 : 1),
    name,
    u16(question.type, CLASS_IN),
    ...records,
    ...options,
  )
}

/** Undefined where the bytes are no message of one question. */
export function decodeDnsMessage(bytes: Uint8Array): DnsMessage | undefined {
  if (bytes.length < HEAD_BYTES) return undefined
  const flags = word(bytes, 2)
  const asked = word(bytes, 4) === 1 ? readName(bytes, HEAD_BYTES) : undefined
  if (asked === undefined || asked.end + 4 > bytes.length) return undefined
  const counts = [word(bytes, 6), word(bytes, 8), word(bytes, 10)]
  const count = counts.reduce((sum, each) => sum + each, 0)
  if (count > RECORDS_MAX) return undefined
  const answers: DnsRecord[] = []
  let udpBytesMax: number | undefined
  let at = asked.end + 4
  for (let index = 0; index < count; index++) {
    const record = readRecord(bytes, at)
    if (record === undefined) return undefined
    const { type, name, ttlSec, data } = record
    if (type === RECORD_TYPES.OPT) udpBytesMax = record.class
    else if (data !== undefined && index < (counts[0] ?? 0)) answers.push({ name, ttlSec, data })
    at = record.end
  }
  return {
    id: word(bytes, 0),
    isResponse: (flags & FLAGS.response) !== 0,
    isTruncated: (flags & FLAGS.truncated) !== 0,
    code: flags & CODE_MASK,
    question: { name: asked.name, type: word(bytes, asked.end) },
    answers,
    udpBytesMax,
  }
}

interface ReadRecord {
  readonly name: string
  readonly type: number
  readonly class: number
  readonly ttlSec: number
  /** Undefined where it is of another type or class, or not what its type says. */
  readonly data: DnsData | undefined
  readonly end: number
}

function readRecord(bytes: Uint8Array, from: number): ReadRecord | undefined {
  const owner = readName(bytes, from)
  if (owner === undefined) return undefined
  const at = owner.end
  const [type, ofClass, length] = [word(bytes, at), word(bytes, at + 2), word(bytes, at + 8)]
  const end = at + 10 + length
  if (end > bytes.length) return undefined
  return {
    name: owner.name,
    type,
    class: ofClass,
    ttlSec: word(bytes, at + 4) * 0x10000 + word(bytes, at + 6),
    data: ofClass === CLASS_IN ? readData(bytes, at + 10, length, type) : undefined,
    end,
  }
}

function u16(...numbers: readonly number[]): Uint8Array {
  return Uint8Array.from(numbers.flatMap((number) => [number >> 8, number & 0xff]))
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
}
