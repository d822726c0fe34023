/**
 * What two gateways put into bundles for each other. The first octet of the ADU names the format;
 * the values lie below any that can begin text, so that a bare batch-SMTP object (RFC 2442) from a
 * gateway of another make is never mistaken for one of them.
 */

import { assert } from '../base/assert.ts'
import { concat, fromHex, toHex } from '../base/bytes.ts'
import { attempt, Fault, type Result } from '../base/fault.ts'
import { CborReader } from '../proto/cbor/reader.ts'
import { CborWriter } from '../proto/cbor/writer.ts'
import type { BridgeFaultCode } from './fault.ts'
import { BATCH_RECIPIENTS_MAX } from './limits.ts'

export const ADU_FORMATS = {
  /** transaction (8 octets), batch-SMTP object. */
  mail: 0x01,
  /**
   * transaction (8 octets), then a CBOR array of refusals: `[recipient, code, text]`, or
   * `[code, text]` for all recipients.
   */
  acknowledgement: 0x02,
} as const

export const TRANSACTION_BYTES = 8

export type Adu =
  | { readonly type: 'mail'; readonly transaction: string; readonly batch: Uint8Array }
  | ({ readonly type: 'acknowledgement' } & Acknowledgement)

/** The far gateway has taken the mail for every recipient but those refused. */
export interface Acknowledgement {
  /** Hexadecimal. */
  readonly transaction: string
  readonly refusals: readonly Refusal[]
}

export interface Refusal {
  /** Place among the batch's recipients, from 0; undefined for all of them. */
  readonly recipient: number | undefined
  /** SMTP reply code, 4xx or 5xx. */
  readonly code: number
  /** Enhanced status code and words, as in the reply. */
  readonly text: string
}

/** Longest text of a refusal that is read. RFC 5321 §4.5.3.1.5. */
const REFUSAL_TEXT_BYTES_MAX = 512

export function encodeMailAdu(transaction: string, batch: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(ADU_FORMATS.mail), transactionBytes(transaction), batch)
}

export function encodeAcknowledgement(acknowledgement: Acknowledgement): Uint8Array {
  const writer = new CborWriter()
  writer.array(acknowledgement.refusals.length)
  for (const { recipient, code, text } of acknowledgement.refusals) {
    writer.array(recipient === undefined ? 2 : 3)
    if (recipient !== undefined) writer.uint(recipient)
    writer.uint(code)
    writer.textString(text)
  }
  return concat(
    Uint8Array.of(ADU_FORMATS.acknowledgement),
    transactionBytes(acknowledgement.transaction),
    writer.written(),
  )
}

/** The batch is a view of `bytes`. */
export function decodeAdu(bytes: Uint8Array): Result<Adu> {
  return attempt(() => {
    const bodyAt = 1 + TRANSACTION_BYTES
    if (bytes.length < bodyAt) throw bad('shorter than its header')
    const transaction = toHex(bytes.subarray(1, bodyAt))
    switch (bytes[0]) {
      case ADU_FORMATS.mail:
        return { type: 'mail', transaction, batch: bytes.subarray(bodyAt) }
      case ADU_FORMATS.acknowledgement: {
        const refusals = readRefusals(new CborReader(bytes, bodyAt))
        return { type: 'acknowledgement', transaction, refusals }
      }
      default:
        throw bad(`unknown format ${bytes[0]}`)
    }
  })
}

function readRefusals(reader: CborReader): Refusal[] {
  const refusals: Refusal[] = []
  const length = reader.openArray()
  while (!reader.isArrayAtEnd(length, refusals.length)) {
    if (refusals.length >= BATCH_RECIPIENTS_MAX) throw bad('more refusals than recipients')
    refusals.push(readRefusal(reader))
  }
  reader.closeArray(length, refusals.length)
  if (!reader.isAtEnd) throw bad('bytes behind the refusals')
  return refusals
}

function readRefusal(reader: CborReader): Refusal {
  const length = reader.openArray()
  const first = reader.safeUint()
  const forAll = reader.isTextNext()
  const code = forAll ? first : reader.safeUint()
  const text = reader.textString(REFUSAL_TEXT_BYTES_MAX)
  reader.closeArray(length, forAll ? 2 : 3)
  if (code < 400 || code > 599) throw bad(`reply code ${code}`)
  return { recipient: forAll ? undefined : first, code, text }
}

function transactionBytes(transaction: string): Uint8Array {
  const bytes = fromHex(transaction)
  assert(bytes?.length === TRANSACTION_BYTES, `transaction ${transaction}`)
  return bytes
}

function bad(what: string): Fault<BridgeFaultCode> {
  return new Fault('bridge/bad-adu', `not an ADU of the mail service: ${what}`, {
    temporary: false,
  })
}
