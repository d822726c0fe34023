/** The content transfer encodings, written as the octets pass by. RFC 2045 §6.7, §6.8. */

import { concat, fromLatin1, NO_BYTES, toBase64 } from '../../base/bytes.ts'

export interface TransferEncoder {
  /** The next octets, borrowed; what they are as text, as far as that is known by now. */
  push(bytes: Uint8Array): Uint8Array
  /** What was held back. */
  end(): Uint8Array
}

const CR = 0x0d
const LF = 0x0a
const SPACE = 0x20
const TAB = 0x09
const EQUALS = 0x3d
const DASH = 0x2d

/** Of a line, without the `=` of a soft line break. RFC 2045 §6.7 (5). */
const QUOTED_LINE_MAX = 75

/** Of octets that stand on one line of base64. RFC 2045 §6.8. */
const BASE64_LINE_BYTES = 57

/** Line ends stay line ends, so that text can still be read. */
export class QuotedPrintableEncoder implements TransferEncoder {
  #text: Uint8Array = NO_BYTES
  #length = 0
  #column = 0
  /** Space or tab, which may stand anywhere but at the end of a line. RFC 2045 §6.7 (3). */
  #blank: number | undefined
  #isCrHeld = false

  push(bytes: Uint8Array): Uint8Array {
    this.#begin(bytes.length)
    for (let i = 0; i < bytes.length; i++) this.#octet(bytes[i] as number)
    return this.#text.subarray(0, this.#length)
  }

  end(): Uint8Array {
    this.#begin(0)
    this.#release(true)
    return this.#text.subarray(0, this.#length)
  }

  /** Room for as many octets, and what is held, with a soft line break in every line. */
  #begin(octets: number): void {
    this.#text = new Uint8Array(Math.ceil((octets + 2) * 3.2) + 3)
    this.#length = 0
  }

  #octet(byte: number): void {
    if (byte === LF && this.#isCrHeld) {
      this.#isCrHeld = false
      this.#release(true)
      this.#lineEnd()
      return
    }
    if (this.#isCrHeld || this.#blank !== undefined) {
      if (byte === CR && !this.#isCrHeld) {
        this.#isCrHeld = true
        return
      }
      this.#release(false)
    }
    if (byte === CR) this.#isCrHeld = true
    else if (byte === SPACE || byte === TAB) this.#blank = byte
    else if (byte > SPACE && byte < 0x7f && byte !== EQUALS) this.#plain(byte)
    else this.#quoted(byte)
  }

  /** What was held back, and whether it turned out to stand at the end of a line. */
  #release(isLineEnd: boolean): void {
    if (this.#blank !== undefined) {
      if (isLineEnd && !this.#isCrHeld) this.#quoted(this.#blank)
      else this.#plain(this.#blank)
      this.#blank = undefined
    }
    if (this.#isCrHeld) this.#quoted(CR)
    this.#isCrHeld = false
  }

  /** RFC 2045 §6.7 (2). */
  #plain(byte: number): void {
    // Behind a line break that was not there before, two of them may be taken for a boundary.
    if (byte === DASH && this.#column === QUOTED_LINE_MAX) {
      this.#quoted(byte)
      return
    }
    this.#makeRoom(1)
    this.#text[this.#length++] = byte
  }

  /** RFC 2045 §6.7 (1). */
  #quoted(byte: number): void {
    this.#makeRoom(3)
    this.#text[this.#length++] = EQUALS
    this.#text[this.#length++] = DIGITS.charCodeAt(byte >> 4)
    this.#text[this.#length++] = DIGITS.charCodeAt(byte & 15)
  }

  /** RFC 2045 §6.7 (5). */
  #makeRoom(width: number): void {
    if (this.#column + width > QUOTED_LINE_MAX) {
      this.#text[this.#length++] = EQUALS
      this.#lineEnd()
    }
    this.#column += width
  }

  #lineEnd(): void {
    this.#text[this.#length++] = CR
    this.#text[this.#length++] = LF
    this.#column = 0
  }
}

const DIGITS = '0123456789ABCDEF'

/** In lines, of which the last has no end. */
export class Base64Encoder implements TransferEncoder {
  #held: Uint8Array = NO_BYTES
  #hasBegun = false

  push(bytes: Uint8Array): Uint8Array {
    const all = concat(this.#held, bytes)
    const lines: string[] = []
    let at = 0
    for (; all.length - at >= BASE64_LINE_BYTES; at += BASE64_LINE_BYTES) {
      lines.push(this.#line(all.subarray(at, at + BASE64_LINE_BYTES)))
    }
    this.#held = all.slice(at)
    return fromLatin1(lines.join(''))
  }

  end(): Uint8Array {
    const last = this.#held.length === 0 ? '' : this.#line(this.#held)
    this.#held = NO_BYTES
    return fromLatin1(last)
  }

  #line(bytes: Uint8Array): string {
    const line = `${this.#hasBegun ? '\r\n' : ''}${toBase64(bytes)}`
    this.#hasBegun = true
    return line
  }
}
