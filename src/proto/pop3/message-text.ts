/** A stored message on its way into the answer to RETR or TOP, piece by piece. RFC 1939 §5, §7. */

import { concat, NO_BYTES } from '../../base/bytes.ts'
import { DotStuffer } from '../message/dot-stuffing.ts'
import { bareLfToCrlf } from '../message/line-endings.ts'

export class MessageText {
  readonly #stuffer = new DotStuffer()
  readonly #top: Top | undefined
  #before: number | undefined

  /** `bodyLinesMax` undefined: the whole message. */
  constructor(bodyLinesMax: number | undefined) {
    this.#top = bodyLinesMax === undefined ? undefined : new Top(bodyLinesMax)
  }

  /** What to send for the next piece, and whether that was all, with the end of the answer. */
  push(
    piece: Uint8Array,
    isLast: boolean,
  ): { readonly bytes: Uint8Array; readonly ended: boolean } {
    const lines = bareLfToCrlf(piece, this.#before)
    this.#before = piece.at(-1) ?? this.#before
    const wanted = this.#top?.measure(lines)
    const text = this.#stuffer.push(wanted === undefined ? lines : lines.subarray(0, wanted))
    const ended = isLast || wanted !== undefined
    return { bytes: concat(text, ended ? this.#stuffer.end() : NO_BYTES), ended }
  }
}

/** Finds where the header, the blank line and so many lines of the body end. RFC 1939 §7. */
class Top {
  #linesLeft: number
  #inHeader = true
  #lineLength = 0

  constructor(bodyLinesMax: number) {
    this.#linesLeft = bodyLinesMax
  }

  /** How many of these bytes are still wanted; undefined for all of them and more. */
  measure(bytes: Uint8Array): number | undefined {
    let from = 0
    for (let lf = bytes.indexOf(0x0a); lf >= 0; lf = bytes.indexOf(0x0a, from)) {
      const isBlank = this.#lineLength + lf - from === 1
      this.#lineLength = 0
      from = lf + 1
      if (!this.#inHeader) this.#linesLeft--
      else if (isBlank) this.#inHeader = false
      else continue
      if (this.#linesLeft === 0) return from
    }
    this.#lineLength += bytes.length - from
    return undefined
  }
}
