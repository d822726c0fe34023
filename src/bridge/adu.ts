/**
 * What two gateways put into bundles for each other: objects with mails, acknowledgements, and
 * questions for those that did not come. The first octet of an ADU names its kind; the values lie below any that can begin text, so that a bare
 * batch-SMTP object (RFC 2442) from a gateway of another make is never mistaken for one of them.
 */

import { concat, fromUtf8, toUtf8 } from '../base/bytes.ts'
import { attempt, type Result } from '../base/fault.ts'
import { CborReader } from '../proto/cbor/reader.ts'
import { CborWriter } from '../proto/cbor/writer.ts'
import { badAdu } from './fault.ts'
import { BATCH_RECIPIENTS_MAX, OBJECT_MAILS_READ_MAX } from './limits.ts'
import { readNames, writeNames } from './transaction-name.ts'

export const ADU_KINDS = {
  /** CBOR `[packing, names, sizes]`, then a batch-SMTP object, packed. */
  mails: 0x03,
  /**
   * CBOR `[packings, names, refusals, objectBytesMax]`, where `packings` has a bit for each that the far
   * side reads and a refusal is `[mail, recipient, code, text]`, or `[mail, code, text]` for all
   * recipients. The last may be missing.
   */
  acknowledgement: 0x04,
  /** CBOR names. */
  question: 0x05,
} as const

export type Adu = MailsAdu | AcknowledgementAdu | QuestionAdu

export interface MailsAdu {
  readonly type: 'mails'
  /** One of PACKINGS; those of the future too. */
  readonly packing: number
  /** The transactions of its mails, in their order: one at least. */
  readonly names: readonly string[]
  /** Octets of each mail in the object, but for the last one, which has the rest. */
  readonly sizes: readonly number[]
  /** The object; decoded it is a view. */
  readonly packed: Uint8Array
}

export interface AcknowledgementAdu {
  readonly type: 'acknowledgement'
  /** What its sender reads: of PACKINGS, and perhaps more. */
  readonly packings: readonly number[]
  /** Octets of mails that it takes in one object; undefined where it does not say. */
  readonly objectBytesMax?: number
  readonly answers: readonly Acknowledgement[]
}

/** Asks to acknowledge what was taken of these once more; of the others nothing is said. */
export interface QuestionAdu {
  readonly type: 'question'
  readonly names: readonly string[]
}

/** The far gateway has taken a mail for every recipient but those refused. */
export interface Acknowledgement {
  readonly transaction: string
  readonly refusals: readonly Refusal[]
}

export interface Refusal {
  /** Place among the mail's recipients, from 0; undefined for all of them. */
  readonly recipient: number | undefined
  /** SMTP reply code, 4xx or 5xx. */
  readonly code: number
  /** Enhanced status code and words, as in the reply. */
  readonly text: string
}

/** Longest text of a refusal that is read; a longer one is cut off when it is written. RFC 5321 §4.5.3.1.5. */
const REFUSAL_TEXT_BYTES_MAX = 512

/** In one acknowledgement: those of a mail all fit. */
const REFUSALS_MAX: number = BATCH_RECIPIENTS_MAX + OBJECT_MAILS_READ_MAX

/** Packings are bits of a number that is read exactly. */
const PACKINGS_MAX = 32

/** The transactions that it is about. */
export function namesIn(adu: Adu): readonly string[] {
  return adu.type === 'acknowledgement'
    ? adu.answers.map(({ transaction }) => transaction)
    : adu.names
}

export function encodeMails({ packing, names, sizes, packed }: Omit<MailsAdu, 'type'>): Uint8Array {
  const writer = new CborWriter()
  writer.array(3)
  writer.uint(packing)
  writeNames(writer, names)
  writer.array(sizes.length)
  for (const size of sizes) writer.uint(size)
  return concat(Uint8Array.of(ADU_KINDS.mails), writer.written(), packed)
}

/** Several, where one would have more refusals than are read. */
export function encodeAcknowledgements({
  answers,
  ...reads
}: Omit<AcknowledgementAdu, 'type'>): readonly Uint8Array[] {
  const groups: Acknowledgement[][] = [[]]
  let count = 0
  for (const answer of answers) {
    count += answer.refusals.length
    if (count > REFUSALS_MAX) {
      groups.push([])
      count = answer.refusals.length
    }
    groups.at(-1)?.push(answer)
  }
  return groups.map((group) => encodeAcknowledgement({ ...reads, answers: group }))
}

export function encodeAcknowledgement({
  packings,
  objectBytesMax,
  answers,
}: Omit<AcknowledgementAdu, 'type'>): Uint8Array {
  const writer = new CborWriter()
  writer.array(objectBytesMax === undefined ? 3 : 4)
  writer.uint(packings.reduce((bits, packing) => bits + 2 ** packing, 0))
  writeNames(
    writer,
    answers.map(({ transaction }) => transaction),
  )
  writer.array(answers.reduce((sum, { refusals }) => sum + refusals.length, 0))
  for (const [mail, { refusals }] of answers.entries()) {
    for (const refusal of refusals) writeRefusal(writer, mail, refusal)
  }
  if (objectBytesMax !== undefined) writer.uint(objectBytesMax)
  return concat(Uint8Array.of(ADU_KINDS.acknowledgement), writer.written())
}

export function encodeQuestion(names: readonly string[]): Uint8Array {
  const writer = new CborWriter()
  writeNames(writer, names)
  return concat(Uint8Array.of(ADU_KINDS.question), writer.written())
}

function writeRefusal(writer: CborWriter, mail: number, { recipient, code, text }: Refusal): void {
  writer.array(recipient === undefined ? 3 : 4)
  writer.uint(mail)
  if (recipient !== undefined) writer.uint(recipient)
  writer.uint(code)
  writer.textString(cutOff(text))
}

/** Of a reply of many lines: nobody would read any answer that has it whole. */
function cutOff(text: string): string {
  const bytes = fromUtf8(text)
  if (bytes.length <= REFUSAL_TEXT_BYTES_MAX) return text
  let end = REFUSAL_TEXT_BYTES_MAX
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return toUtf8(bytes.subarray(0, end))
}

export function decodeAdu(bytes: Uint8Array): Result<Adu> {
  return attempt(() => {
    const reader = new CborReader(bytes, 1)
    switch (bytes[0]) {
      case ADU_KINDS.mails:
        return readMails(bytes, reader)
      case ADU_KINDS.acknowledgement: {
        const acknowledgement = readAcknowledgement(reader)
        if (!reader.isAtEnd) throw badAdu('bytes behind the refusals')
        return acknowledgement
      }
      case ADU_KINDS.question:
        return readQuestion(reader)
      default:
        throw badAdu(`unknown kind ${bytes[0]}`)
    }
  })
}

/** Those of one answer, one behind the other: one at least, and all about the mails of one object. */
export function decodeAcknowledgements(bytes: Uint8Array): Result<readonly AcknowledgementAdu[]> {
  return attempt(() => {
    const all: AcknowledgementAdu[] = []
    let at = 0
    let mails = 0
    do {
      if (bytes[at] !== ADU_KINDS.acknowledgement) throw badAdu('no acknowledgement')
      const reader = new CborReader(bytes, at + 1)
      const acknowledgement = readAcknowledgement(reader)
      // A few octets name thousands.
      mails += Math.max(1, acknowledgement.answers.length)
      if (mails > OBJECT_MAILS_READ_MAX) throw badAdu('answers for more mails than any object has')
      all.push(acknowledgement)
      at = reader.at
    } while (at < bytes.length)
    return all
  })
}

function readMails(bytes: Uint8Array, reader: CborReader): MailsAdu {
  const length = reader.openArray()
  const packing = reader.safeUint()
  const names = readNames(reader)
  if (names.length === 0) throw badAdu('an object without mails')
  const sizes = readList(reader, names.length - 1, () => reader.safeUint())
  if (sizes.length !== names.length - 1) throw badAdu('other sizes than mails')
  reader.closeArray(length, 3)
  return { type: 'mails', packing, names, sizes, packed: bytes.subarray(reader.at) }
}

function readAcknowledgement(reader: CborReader): AcknowledgementAdu {
  const length = reader.openArray()
  const bits = reader.safeUint()
  const names = readNames(reader)
  const answers = names.map((transaction) => ({ transaction, refusals: [] as Refusal[] }))
  readList(reader, REFUSALS_MAX, () => {
    const { mail, refusal } = readRefusal(reader)
    const answer = answers[mail]
    if (answer === undefined) throw badAdu('a refusal of a mail that is not there')
    answer.refusals.push(refusal)
  })
  const objectBytesMax = reader.isArrayAtEnd(length, 3) ? undefined : reader.safeUint()
  reader.closeArray(length, objectBytesMax === undefined ? 3 : 4)
  const packings = Array.from({ length: PACKINGS_MAX }, (_, i) => i).filter(
    (packing) => Math.floor(bits / 2 ** packing) % 2 === 1,
  )
  return {
    ...{ type: 'acknowledgement', packings, answers },
    ...(objectBytesMax !== undefined && { objectBytesMax }),
  }
}

function readQuestion(reader: CborReader): QuestionAdu {
  const names = readNames(reader)
  if (!reader.isAtEnd) throw badAdu('bytes behind the names')
  return { type: 'question', names }
}

function readRefusal(reader: CborReader): { readonly mail: number; readonly refusal: Refusal } {
  const length = reader.openArray()
  const mail = reader.safeUint()
  const first = reader.safeUint()
  const forAll = reader.isTextNext()
  const code = forAll ? first : reader.safeUint()
  const text = reader.textString(REFUSAL_TEXT_BYTES_MAX)
  reader.closeArray(length, forAll ? 3 : 4)
  if (code < 400 || code > 599) throw badAdu(`reply code ${code}`)
  return { mail, refusal: { recipient: forAll ? undefined : first, code, text } }
}

function readList<Item>(reader: CborReader, itemsMax: number, readItem: () => Item): Item[] {
  const items: Item[] = []
  const length = reader.openArray()
  while (!reader.isArrayAtEnd(length, items.length)) {
    if (items.length >= itemsMax) throw badAdu(`a list of more than ${itemsMax}`)
    items.push(readItem())
  }
  reader.closeArray(length, items.length)
  return items
}
