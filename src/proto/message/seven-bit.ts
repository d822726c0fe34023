/**
 * A message with octets beyond ASCII, for a server that takes none: the bodies that have them are
 * encoded, and nothing is lost. RFC 6152 leaves how to the client, and demands as much.
 *
 * What was signed to be read by its recipient stays as it is, for RFC 1847 forbids every change to a
 * multipart/signed on its way; such a message cannot be converted. A DKIM signature breaks, as by
 * any conversion: without it a message is worth as much as one without a signature, which is more than
 * one that comes back.
 */

import { assert } from '../../base/assert.ts'
import { concat, fromLatin1, NO_BYTES, toLatin1 } from '../../base/bytes.ts'
import type { MessagePart } from './envelope.ts'
import { StructureReader } from './structure.ts'
import { Base64Encoder, QuotedPrintableEncoder, type TransferEncoder } from './transfer-encoder.ts'

type Encoding = 'quoted-printable' | 'base64'

/** What becomes of the octets from `start` to `end`; what lies between two changes stays. */
export type Change =
  | {
      readonly type: 'header'
      readonly start: number
      readonly end: number
      /** Of the body behind it; undefined: it is ASCII as it is, and was said to be more. */
      readonly encoding: Encoding | undefined
      /** A message says that it follows MIME, a part within need not. */
      readonly isMessage: boolean
    }
  | {
      readonly type: 'body'
      readonly start: number
      readonly end: number
      readonly encoding: Encoding
    }

export type SevenBit =
  /** It is ASCII. */
  | { readonly type: 'as-it-is' }
  /** In the order of the message, and how long it is with them. */
  | { readonly type: 'converted'; readonly changes: readonly Change[]; readonly sizeBytes: number }
  | { readonly type: 'impossible'; readonly why: string }

/**
 * Looks through a message; `read` gives it from its beginning each time. Lines end in CRLF. Steps of one
 * piece each, for a large message takes so long that others want their turns in between.
 */
export function* sevenBit(read: () => Iterable<Uint8Array>): Generator<undefined, SevenBit> {
  if (!(yield* hasEightBit(read()))) return { type: 'as-it-is' }
  const reader = new StructureReader()
  for (const bytes of read()) {
    reader.push(bytes)
    yield
  }
  const { part } = reader.end()
  const eightBit = yield* eightBitOf(leavesOf(part), read())
  if (eightBit === undefined) {
    return impossible('there are octets beyond ASCII in its header, or between its parts')
  }
  const changes: Change[] = []
  const why = plan({ part, isMessage: true, isSigned: false }, eightBit, changes)
  if (why !== undefined) return impossible(why)
  const converter = new SevenBitConverter(changes)
  let sizeBytes = 0
  for (const bytes of read()) {
    sizeBytes += converter.push(bytes).length
    yield
  }
  return { type: 'converted', changes, sizeBytes: sizeBytes + converter.end().length }
}

function impossible(why: string): SevenBit {
  return { type: 'impossible', why }
}

function* hasEightBit(chunks: Iterable<Uint8Array>): Generator<undefined, boolean> {
  for (const bytes of chunks) {
    if (beyondAscii(bytes, 0, bytes.length)) return true
    yield
  }
  return false
}

function beyondAscii(bytes: Uint8Array, from: number, end: number): boolean {
  for (let i = from; i < end; i++) if ((bytes[i] as number) > 0x7f) return true
  return false
}

/** Those that have no parts, in the order of the message. */
function leavesOf(part: MessagePart): readonly MessagePart[] {
  if (part.message !== undefined) return leavesOf(part.message.part)
  return part.parts === undefined ? [part] : part.parts.flatMap(leavesOf)
}

/** The leaves with such octets in their bodies; undefined where there are some anywhere else. */
function* eightBitOf(
  leaves: readonly MessagePart[],
  chunks: Iterable<Uint8Array>,
): Generator<undefined, ReadonlySet<MessagePart> | undefined> {
  const found = new Set<MessagePart>()
  let next = 0
  let at = 0
  for (const bytes of chunks) {
    for (let from = 0; from < bytes.length; ) {
      const leaf = leaves[next]
      const place = at + from
      const isInside = leaf !== undefined && place >= leaf.bodyStart
      if (leaf !== undefined && isInside && place >= leaf.end) {
        next++
        continue
      }
      const border = (isInside ? leaf?.end : leaf?.bodyStart) ?? Number.POSITIVE_INFINITY
      const end = Math.min(bytes.length, border - at)
      if (beyondAscii(bytes, from, end)) {
        if (leaf === undefined || !isInside) return undefined
        found.add(leaf)
      }
      from = end
    }
    at += bytes.length
    yield
  }
  return found
}

interface Place {
  readonly part: MessagePart
  readonly isMessage: boolean
  /** In a part that nobody may change. */
  readonly isSigned: boolean
}

/** Notes what has to be changed; the result is why it cannot be. */
function plan(
  { part, isMessage, isSigned }: Place,
  eightBit: ReadonlySet<MessagePart>,
  changes: Change[],
): string | undefined {
  const { headerStart, bodyStart, end, encoding = '7bit' } = part
  const isLeaf = part.parts === undefined && part.message === undefined
  const isEncodedAnew = isLeaf && eightBit.has(part)
  if (isEncodedAnew && isSigned) return 'a signature is over octets beyond ASCII'
  if (isEncodedAnew && !/^(?:7bit|8bit|binary)$/.test(encoding)) {
    return `there are octets beyond ASCII in a part that is said to be ${encoding}`
  }
  const header = { type: 'header', start: headerStart, end: bodyStart, isMessage } as const
  if (isEncodedAnew) {
    const encoding = part.type === 'text' ? 'quoted-printable' : 'base64'
    changes.push({ ...header, encoding })
    changes.push({ type: 'body', start: bodyStart, end, encoding })
  } else if (!isSigned && /^(?:8bit|binary)$/.test(encoding)) {
    changes.push({ ...header, encoding: undefined })
  }
  if (part.message !== undefined) {
    return plan({ part: part.message.part, isMessage: true, isSigned }, eightBit, changes)
  }
  const isOpaque = isSigned || part.subtype === 'signed' || part.subtype === 'encrypted'
  for (const inner of part.parts ?? []) {
    const why = plan({ part: inner, isMessage: false, isSigned: isOpaque }, eightBit, changes)
    if (why !== undefined) return why
  }
  return undefined
}

/** Changes a message as it passes by. */
export class SevenBitConverter {
  readonly #changes: readonly Change[]
  #next = 0
  #at = 0
  #work: TransferEncoder | undefined

  constructor(changes: readonly Change[]) {
    this.#changes = changes
  }

  /** The next octets, which may be given on; may be a view of them. */
  push(bytes: Uint8Array): Uint8Array {
    const pieces: Uint8Array[] = []
    for (let from = 0; from < bytes.length; ) {
      const change = this.#changes[this.#next]
      const place = this.#at + from
      if (change !== undefined && place >= change.start) {
        this.#work ??= workOf(change)
        const end = Math.min(bytes.length, change.end - this.#at)
        pieces.push(this.#work.push(bytes.subarray(from, end)))
        from = end
        if (this.#at + from >= change.end) pieces.push(this.#finish())
      } else {
        const end = Math.min(bytes.length, (change?.start ?? Number.POSITIVE_INFINITY) - this.#at)
        pieces.push(bytes.subarray(from, end))
        from = end
      }
    }
    this.#at += bytes.length
    const [only, ...others] = pieces
    return only !== undefined && others.length === 0 ? only : concat(...pieces)
  }

  /** The message ends here. */
  end(): Uint8Array {
    return this.#work === undefined ? NO_BYTES : this.#finish()
  }

  #finish(): Uint8Array {
    const rest = this.#work?.end() ?? NO_BYTES
    this.#work = undefined
    this.#next++
    return rest
  }
}

function workOf(change: Change): TransferEncoder {
  assert(change.end > change.start, 'a change is of something')
  if (change.type === 'header') return new HeaderChanger(change)
  return change.encoding === 'base64' ? new Base64Encoder() : new QuotedPrintableEncoder()
}

/** As much of a line as tells its name, and no more is held. */
const NAME_BYTES_MAX = 64
const LF = 0x0a

/** Takes out how a body is encoded, and says it anew above the empty line. */
class HeaderChanger implements TransferEncoder {
  readonly #change: Extract<Change, { readonly type: 'header' }>
  readonly #present = new Set<string>()
  /** The beginning of a line that is not known yet. */
  #held: Uint8Array = NO_BYTES
  /** What becomes of the line that has been begun; undefined: not known yet. */
  #fate: 'kept' | 'dropped' | undefined
  /** Of the field before, whose further lines begin with a blank. */
  #fieldFate: 'kept' | 'dropped' = 'kept'

  constructor(change: Extract<Change, { readonly type: 'header' }>) {
    this.#change = change
  }

  push(bytes: Uint8Array): Uint8Array {
    const pieces: Uint8Array[] = []
    for (let from = 0; from < bytes.length; ) {
      const lf = bytes.indexOf(LF, from)
      const end = lf < 0 ? bytes.length : lf + 1
      pieces.push(this.#piece(bytes.subarray(from, end), lf >= 0))
      from = end
    }
    return concat(...pieces)
  }

  end(): Uint8Array {
    return this.#held.length === 0 ? NO_BYTES : this.#piece(NO_BYTES, true)
  }

  #piece(bytes: Uint8Array, isWhole: boolean): Uint8Array {
    let line = bytes
    if (this.#fate === undefined) {
      line = concat(this.#held, bytes)
      this.#held = NO_BYTES
      if (!isWhole && line.length < NAME_BYTES_MAX) {
        this.#held = line
        return NO_BYTES
      }
      if (isWhole && isEmpty(line)) return concat(this.#added(), line)
      this.#fate = this.#fateOf(line)
    }
    const kept = this.#fate === 'kept' ? line : NO_BYTES
    if (isWhole) this.#fate = undefined
    return kept
  }

  #fateOf(line: Uint8Array): 'kept' | 'dropped' {
    if (line[0] === 0x20 || line[0] === 0x09) return this.#fieldFate
    const [, name = ''] =
      /^([!-9;-~]+)[ \t]*:/.exec(toLatin1(line.subarray(0, NAME_BYTES_MAX))) ?? []
    this.#present.add(name.toLowerCase())
    this.#fieldFate = name.toLowerCase() === 'content-transfer-encoding' ? 'dropped' : 'kept'
    return this.#fieldFate
  }

  #added(): Uint8Array {
    const { encoding, isMessage } = this.#change
    if (encoding === undefined) return NO_BYTES
    const lines = [`Content-Transfer-Encoding: ${encoding}\r\n`]
    // The name that RFC 1428 gave to what nobody has named.
    if (!this.#present.has('content-type')) {
      lines.unshift('Content-Type: text/plain; charset=unknown-8bit\r\n')
    }
    if (isMessage && !this.#present.has('mime-version')) lines.unshift('MIME-Version: 1.0\r\n')
    return fromLatin1(lines.join(''))
  }
}

function isEmpty(line: Uint8Array): boolean {
  return line.length <= 2 && (line[0] === LF || (line[0] === 0x0d && line[1] === LF))
}
