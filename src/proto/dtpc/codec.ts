/**
 * The octets of a DTPC PDU, as ION 4.1.3 has them: a type, profile and sequence number, and for data
 * until the end of the payload, each topic with its records. All numbers are SDNVs.
 */

import { concat } from '../../base/bytes.ts'
import { attempt, Fault, type Result } from '../../base/fault.ts'
import { decodeSdnv, encodeSdnv } from '../sdnv/sdnv.ts'
import type { DtpcFaultCode } from './fault.ts'
import { RECORDS_PER_ADU_MAX } from './limits.ts'
import type { DtpcPdu, DtpcTopic } from './pdu.ts'

/** The two high bits of it are the version, 0. */
const TYPES = { data: 0x00, acknowledgement: 0x01 } as const

export function encodeDtpc(pdu: DtpcPdu): Uint8Array {
  const parts = [Uint8Array.of(TYPES[pdu.type]), sdnv(pdu.profile), sdnv(pdu.sequence)]
  if (pdu.type === 'data') {
    for (const { topic, records } of pdu.topics) {
      parts.push(sdnv(topic), sdnv(records.length))
      for (const record of records) parts.push(sdnv(record.length), record)
    }
  }
  return concat(...parts)
}

/** The records refer to `bytes`. */
export function decodeDtpc(bytes: Uint8Array): Result<DtpcPdu> {
  return attempt(() => pduOf(bytes))
}

function pduOf(bytes: Uint8Array): DtpcPdu {
  const reader = new Reader(bytes)
  const type = reader.octet()
  const profile = reader.number('profile')
  const sequence = reader.number('sequence number')
  switch (type) {
    case TYPES.data:
      return { type: 'data', profile, sequence, topics: topicsOf(reader) }
    case TYPES.acknowledgement:
      // Octets behind it are of a later version, or of nobody: an acknowledgement it is.
      return { type: 'acknowledgement', profile, sequence }
    default:
      throw bad(`type ${type} where 0 or 1 would be right`)
  }
}

function topicsOf(reader: Reader): readonly DtpcTopic[] {
  const topics: DtpcTopic[] = []
  let count = 0
  while (!reader.isAtEnd) {
    const topic = reader.number('topic')
    const promised = reader.number('number of records')
    // Each record has a length of an octet at least, so a lie is found out before it costs anything.
    if (promised > reader.left) throw bad(`${promised} records in ${reader.left} octets`)
    count += promised + 1
    if (count > RECORDS_PER_ADU_MAX) throw bad(`more than ${RECORDS_PER_ADU_MAX} records`)
    const records: Uint8Array[] = []
    for (let i = 0; i < promised; i++) records.push(reader.bytes(reader.number('length')))
    topics.push({ topic, records })
  }
  return topics
}

class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  get isAtEnd(): boolean {
    return this.left === 0
  }

  octet(): number {
    const octet = this.#bytes[this.#at++]
    if (octet === undefined) throw bad('no octet at all')
    return octet
  }

  number(what: string): number {
    const decoded = decodeSdnv(this.#bytes, this.#at)
    if (decoded === undefined) throw bad(`it ends in the ${what} at octet ${this.#at}`)
    if (decoded.value > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw bad(`a ${what} of ${decoded.value} at octet ${this.#at}`)
    }
    this.#at = decoded.end
    return Number(decoded.value)
  }

  bytes(length: number): Uint8Array {
    if (length > this.left)
      throw bad(`a record of ${length} octets of which ${this.left} are there`)
    const bytes = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    return bytes
  }
}

function sdnv(value: number): Uint8Array {
  return encodeSdnv(BigInt(value))
}

function bad(what: string): Fault<DtpcFaultCode> {
  return new Fault('dtpc/bad-pdu', `a DTPC PDU with ${what}`, { temporary: false })
}
