/**
 * mbox, the file in which messages stand one behind the other, in its reversible kind mboxrd: a line
 * `From sender date` begins each message, an empty line ends it, and a line of a message that begins
 * with `From `, or with that behind some `>`, is given one more `>`. RFC 4155.
 *
 * In the file lines end with LF; messages have CRLF on this side.
 */

import { concat, fromLatin1, toLatin1 } from '../../base/bytes.ts'
import { formatMailDate, fromCivil, toCivil } from '../../base/calendar.ts'
import { Fault, type Result } from '../../base/fault.ts'
import { type WallMs, wallMs } from '../../base/time.ts'
import { MBOX_SEPARATOR_BYTES_MAX } from './limits.ts'

export type MboxFaultCode =
  /** A line begins with `From ` where no message can begin, or is not of that form. */
  'mbox/bad-separator'

/** What a separator says. */
export interface MboxSeparator {
  /** As written: an address, `MAILER-DAEMON`, `-`. */
  readonly sender: string
  readonly at: WallMs
}

export type MboxPart =
  /** `line` counts from 1. */
  | { readonly type: 'begin'; readonly separator: MboxSeparator; readonly line: number }
  | { readonly type: 'content'; readonly bytes: Uint8Array }
  | { readonly type: 'end' }

const LF = 0x0a
const CR = 0x0d
const QUOTE = 0x3e
const FROM = fromLatin1('From ')
const QUOTE_BYTES = Uint8Array.of(QUOTE)
const CR_BYTES = Uint8Array.of(CR)
const LF_BYTES = Uint8Array.of(LF)
const CRLF_BYTES = Uint8Array.of(CR, LF)

const SEPARATOR =
  /^From (.+?) +(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) +(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +(\d{1,2}) +(\d{1,2}):(\d\d)(?::(\d\d))?(?: +(?:[A-Z]{1,5}|([+-]\d{4})))? +(\d{4})(?: +([+-]\d{4}))? *$/
const MONTHS = 'JanFebMarAprMayJunJulAugSepOctNovDec'

/** Undefined where `line`, without its end, is none. A time without a zone is UTC. */
export function parseSeparator(line: string): MboxSeparator | undefined {
  const match = SEPARATOR.exec(line)
  if (match === null) return undefined
  const [, sender = '', month = '', day, hour, minute, second = '0', before, year, behind] = match
  const zone = before ?? behind ?? '+0000'
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3))
  const civil = {
    year: Number(year),
    month: MONTHS.indexOf(month) / 3 + 1,
    day: Number(day),
    hour: Number(hour),
    minute: Number(minute),
    second: Number(second),
  }
  if (civil.day < 1 || civil.day > 31 || civil.hour > 23 || civil.minute > 59) return undefined
  return { sender, at: wallMs(fromCivil(civil) - (zone[0] === '-' ? -1 : 1) * minutes * 60_000) }
}

/** With its LF; `sender` empty for the null path. */
export function formatSeparator({ sender, at }: MboxSeparator): string {
  const name = sender.replace(/[^!-~]/g, '?') || 'MAILER-DAEMON'
  const [weekday = '', rest = ''] = formatMailDate(at).split(', ')
  const [, month = '', , time = ''] = rest.split(' ')
  const { year, day } = toCivil(at)
  return `From ${name} ${weekday} ${month} ${String(day).padStart(2)} ${time} ${String(year).padStart(4, '0')}\n`
}

/** Writes messages: for each `begin`, `push` of its pieces, `end`; results are the next octets of the file. */
export class MboxWriter {
  readonly #lines = new LineScanner()
  #isAtLineStart = true

  begin(separator: MboxSeparator): Uint8Array {
    return fromLatin1(formatSeparator(separator))
  }

  push(bytes: Uint8Array): Uint8Array {
    return this.#written(this.#lines.push(bytes))
  }

  /** A line that is not ended is ended. */
  end(): Uint8Array {
    const rest = this.#written(this.#lines.end())
    const end = this.#isAtLineStart ? LF_BYTES : Uint8Array.of(LF, LF)
    this.#isAtLineStart = true
    return concat(rest, end)
  }

  #written(pieces: readonly Piece[]): Uint8Array {
    const parts: Uint8Array[] = []
    for (const { bytes, isFrom } of pieces) {
      // Its quotes have passed already; one more of them is as good in front as behind.
      if (isFrom) parts.push(QUOTE_BYTES)
      parts.push(bytes)
      this.#isAtLineStart = bytes.at(-1) === LF
    }
    return joined(parts)
  }
}

/** Reads a file as its octets come. After a fault it is of no use any more. */
export class MboxReader {
  readonly #lines = new LineScanner()
  #parts: MboxPart[] = []
  #content: Uint8Array[] = []
  #isInMessage = false
  /** An empty line that belongs to the message if more of it follows. */
  #hasEmptyLine = false
  /** A `>` that is there for good if the line does not go on with `From `. */
  #hasQuote = false
  #isAtLineStart = true
  #separator: Uint8Array[] | undefined
  #line = 1

  /** `bytes` is borrowed. */
  push(bytes: Uint8Array): Result<readonly MboxPart[], MboxFaultCode> {
    return this.#taken(this.#lines.push(bytes))
  }

  /** The file ends here. */
  end(): Result<readonly MboxPart[], MboxFaultCode> {
    const result = this.#taken([
      ...this.#lines.end(),
      { bytes: LF_BYTES, isFrom: false, isEnd: true },
    ])
    if (!result.ok || !this.#isInMessage) return result
    this.#isInMessage = false
    return { ok: true, value: [...result.value, { type: 'end' }] }
  }

  #taken(
    pieces: readonly (Piece & { readonly isEnd?: true })[],
  ): Result<readonly MboxPart[], MboxFaultCode> {
    for (const piece of pieces) {
      // The last line may lack its end, and its end may be all that there is.
      const isBetween = this.#isAtLineStart && !this.#hasQuote && this.#separator === undefined
      if (piece.isEnd && isBetween) break
      const fault = this.#piece(piece)
      if (fault !== undefined) return { ok: false, fault }
    }
    this.#flushContent()
    const parts = this.#parts
    this.#parts = []
    return { ok: true, value: parts }
  }

  #piece({ bytes, isFrom }: Piece): Fault<MboxFaultCode> | undefined {
    const endsLine = bytes.at(-1) === LF
    let fault: Fault<MboxFaultCode> | undefined
    if (this.#separator !== undefined) fault = this.#separatorPiece(bytes, endsLine)
    else if (this.#isAtLineStart && isFrom && !this.#hasQuote) fault = this.#beginSeparator(bytes)
    else if (!this.#isInMessage)
      fault = this.#bad('the file does not begin with "From ", so it is no mbox')
    else if (this.#isAtLineStart && bytes.length === 1 && endsLine && !this.#hasQuote) {
      this.#flushEmptyLine()
      this.#hasEmptyLine = true
    } else this.#contentPiece(bytes, isFrom)
    if (endsLine) {
      this.#line++
      this.#flushQuote()
    }
    this.#isAtLineStart = endsLine || this.#hasQuote
    return fault
  }

  #contentPiece(bytes: Uint8Array, isFrom: boolean): void {
    this.#flushEmptyLine()
    if (this.#isAtLineStart && bytes.length === 1 && bytes[0] === QUOTE) {
      this.#flushQuote()
      this.#hasQuote = true
      return
    }
    if (isFrom) this.#hasQuote = false
    this.#flushQuote()
    if (bytes.at(-1) !== LF) this.#content.push(bytes)
    else this.#content.push(bytes.subarray(0, -1), CRLF_BYTES)
  }

  #beginSeparator(bytes: Uint8Array): Fault<MboxFaultCode> | undefined {
    if (this.#isInMessage && !this.#hasEmptyLine) {
      return this.#bad(
        'begins with "From " and no empty line is before it: ">From " is right within a message',
      )
    }
    this.#separator = []
    return this.#separatorPiece(bytes, bytes.at(-1) === LF)
  }

  #separatorPiece(bytes: Uint8Array, endsLine: boolean): Fault<MboxFaultCode> | undefined {
    const pieces = this.#separator ?? []
    pieces.push(bytes.slice())
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
    if (length > MBOX_SEPARATOR_BYTES_MAX)
      return this.#bad('is too long for a separator of messages')
    if (!endsLine) return undefined
    const separator = parseSeparator(toLatin1(joined(pieces)).slice(0, -1))
    if (separator === undefined) {
      return this.#bad(
        'begins with "From " and is no separator: "From SENDER Mon Nov 23 08:00:00 2026" is one, ">From " is right within a message',
      )
    }
    this.#flushContent()
    if (this.#isInMessage) this.#parts.push({ type: 'end' })
    this.#parts.push({ type: 'begin', separator, line: this.#line })
    this.#isInMessage = true
    this.#hasEmptyLine = false
    this.#separator = undefined
    return undefined
  }

  #flushEmptyLine(): void {
    if (this.#hasEmptyLine) this.#content.push(CRLF_BYTES)
    this.#hasEmptyLine = false
  }

  #flushQuote(): void {
    if (this.#hasQuote) this.#content.push(QUOTE_BYTES)
    this.#hasQuote = false
  }

  #flushContent(): void {
    if (this.#content.length === 0) return
    this.#parts.push({ type: 'content', bytes: joined(this.#content) })
    this.#content = []
  }

  #bad(what: string): Fault<MboxFaultCode> {
    return new Fault('mbox/bad-separator', `line ${this.#line}: ${what}`, { temporary: false })
  }
}

/** A copy. There may be more of them than a function has arguments. */
function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/**
 * A part of one line, with its LF where that is in it. `isFrom`: it begins with `From ` and nothing
 * but quotes is before it in its line; each of those is a piece of its own.
 */
interface Piece {
  readonly bytes: Uint8Array
  readonly isFrom: boolean
}

/** Cuts octets at the beginnings and ends of lines; the CR before an LF falls away. */
class LineScanner {
  /** Undefined: within a line. Else so much of `From ` has been seen, with nothing but quotes before it. */
  #matched: number | undefined = 0
  #hasCr = false
  #pieces: Piece[] = []

  push(bytes: Uint8Array): readonly Piece[] {
    let at = 0
    while (at < bytes.length) {
      if (this.#hasCr) {
        this.#hasCr = false
        if (bytes[at] !== LF) this.#scan(CR_BYTES)
      }
      const cr = bytes.indexOf(CR, at)
      const end = cr < 0 ? bytes.length : cr
      if (end > at) this.#scan(bytes.subarray(at, end))
      if (cr >= 0) this.#hasCr = true
      at = cr < 0 ? end : end + 1
    }
    return this.#take()
  }

  end(): readonly Piece[] {
    if (this.#hasCr) this.#scan(CR_BYTES)
    this.#hasCr = false
    this.#miss()
    this.#matched = 0
    return this.#take()
  }

  #take(): readonly Piece[] {
    const pieces = this.#pieces
    this.#pieces = []
    return pieces
  }

  #scan(bytes: Uint8Array): void {
    let at = 0
    while (at < bytes.length) {
      if (this.#matched === undefined) {
        const lf = bytes.indexOf(LF, at)
        const end = lf < 0 ? bytes.length : lf + 1
        this.#emit(bytes.subarray(at, end))
        if (lf >= 0) this.#matched = 0
        at = end
      } else if (this.#matched === 0 && bytes[at] === QUOTE) {
        this.#emit(QUOTE_BYTES)
        at++
      } else if (bytes[at] === FROM[this.#matched]) {
        this.#matched++
        at++
        if (this.#matched < FROM.length) continue
        this.#emit(FROM, true)
        this.#matched = undefined
      } else this.#miss()
    }
  }

  /** It is a line as any other. */
  #miss(): void {
    if (this.#matched !== undefined && this.#matched > 0)
      this.#emit(FROM.subarray(0, this.#matched))
    this.#matched = undefined
  }

  #emit(bytes: Uint8Array, isFrom = false): void {
    this.#pieces.push({ bytes, isFrom })
  }
}
