/**
 * Message data as it comes in by DATA: transparency dots and the end. RFC 5321 §4.5.2.
 *
 * Only CRLF ends a line and only CRLF.CRLF ends the data. A CR or LF alone makes the message
 * unacceptable: what two servers read differently can carry a second mail inside the first.
 */

/**
 * `repair` makes a line end of a CR or LF alone, for clients that know no better: never one that a
 * dot could follow, so that what ends the data is the same for everybody.
 */
export type BareLineEnds = 'refuse' | 'repair'

export type DataProblem = 'bare-cr' | 'bare-lf' | 'too-big'

export interface DataRead {
  /** The next bytes of the message, the caller's own. */
  readonly body: Uint8Array
  /** How many bytes of the chunk were used: all, unless the data ended within it. */
  readonly consumed: number
  readonly ended: boolean
}

const CR = 0x0d
const LF = 0x0a
const DOT = 0x2e
const MISSING_CR = Uint8Array.of(CR)
const MISSING_LF = Uint8Array.of(LF)
const MISSING_BOTH = Uint8Array.of(CR, LF)

/** Where the next byte stands. */
type Place = 'line-start' | 'text' | 'after-cr' | 'after-dot' | 'after-dot-cr'

/** Takes the dots away and finds the end, in one pass over each chunk. */
export class DataReader {
  readonly #sizeBytesMax: number
  readonly #repairs: boolean
  #place: Place = 'line-start'
  #sizeBytes = 0
  #problem: DataProblem | undefined

  constructor(sizeBytesMax: number, bareLineEnds: BareLineEnds = 'refuse') {
    this.#sizeBytesMax = sizeBytesMax
    this.#repairs = bareLineEnds === 'repair'
  }

  /** Of the body so far. RFC 1870 §5. */
  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** For how fast it comes: the little that was taken away does not count. */
  get readBytes(): number {
    return this.#sizeBytes
  }

  /** The first thing that makes the message unacceptable; the body stops there, the data goes on. */
  get problem(): DataProblem | undefined {
    return this.#problem
  }

  /** `chunk` is borrowed. Not to be called again once the data has ended. */
  read(chunk: Uint8Array): DataRead {
    // A repair adds a byte for each that is wrong, and one for a dot that the last chunk ended in.
    const room = this.#repairs ? 2 * chunk.length + 1 : chunk.length
    const body = new Uint8Array(this.#problem === undefined ? room : 0)
    let kept = 0
    let from = 0
    const keep = (end: number): void => {
      if (this.#problem !== undefined || end <= from) return
      body.set(from === 0 && end === chunk.length ? chunk : chunk.subarray(from, end), kept)
      kept += end - from
    }
    const offend = (at: number, problem: DataProblem, missing: Uint8Array): void => {
      keep(at)
      if (this.#repairs && this.#problem === undefined) {
        from = at
        body.set(missing, kept)
        kept += missing.length
        return
      }
      this.#problem ??= problem
    }
    let at = 0
    let ended = false
    while (at < chunk.length && !ended) {
      switch (this.#place) {
        case 'text':
          at = skipText(chunk, at)
          if (at === chunk.length) break
          if (chunk[at] === LF) offend(at, 'bare-lf', MISSING_CR)
          else this.#place = 'after-cr'
          at++
          break
        case 'line-start':
          this.#place = 'text'
          if (chunk[at] !== DOT) break
          keep(at)
          from = ++at
          this.#place = 'after-dot'
          break
        case 'after-cr':
          if (chunk[at] === LF) {
            at++
            this.#place = 'line-start'
          } else {
            offend(at, 'bare-cr', MISSING_LF)
            this.#place = 'text'
          }
          break
        case 'after-dot':
          this.#place = 'text'
          if (chunk[at] !== CR) break
          from = ++at
          this.#place = 'after-dot-cr'
          break
        case 'after-dot-cr':
          if (chunk[at] === LF) {
            from = ++at
            ended = true
          } else {
            offend(at, 'bare-cr', MISSING_BOTH)
            this.#place = 'text'
          }
      }
    }
    keep(at)
    return { body: body.subarray(0, this.#count(kept)), consumed: at, ended }
  }

  /** How many of the bytes `kept` are still within the limit. */
  #count(kept: number): number {
    const room = this.#sizeBytesMax - this.#sizeBytes
    // The size was exceeded before whatever else was found behind those bytes.
    if (kept > room) this.#problem = 'too-big'
    const counted = Math.min(kept, room)
    this.#sizeBytes += counted
    return counted
  }
}

/**
 * Where text from `start` on stops being ordinary: at a CR or LF other than a line end before a
 * line without dot, or at the end. The hot loop of every mail.
 */
function skipText(chunk: Uint8Array, start: number): number {
  let at = skipLine(chunk, start)
  while (
    at + 2 < chunk.length &&
    chunk[at] === CR &&
    chunk[at + 1] === LF &&
    chunk[at + 2] !== DOT
  ) {
    at = skipLine(chunk, at + 2)
  }
  return at
}

/** The first CR or LF from `start` on, or the end; four bytes at a time. */
function skipLine(chunk: Uint8Array, start: number): number {
  const { length } = chunk
  let at = start
  while (at + 3 < length) {
    if (
      (chunk[at] as number) <= CR ||
      (chunk[at + 1] as number) <= CR ||
      (chunk[at + 2] as number) <= CR ||
      (chunk[at + 3] as number) <= CR
    ) {
      for (const end = at + 4; at < end; at++) if (chunk[at] === CR || chunk[at] === LF) return at
    } else at += 4
  }
  while (at < length && chunk[at] !== CR && chunk[at] !== LF) at++
  return at
}
