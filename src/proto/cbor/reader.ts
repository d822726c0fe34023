/** Reads CBOR where it lies. RFC 9171 §4.1. */

import { toUtf8Strict } from '../../base/bytes.ts'
import { Fault } from '../../base/fault.ts'
import type { CborFaultCode } from './fault.ts'
import { NESTING_MAX } from './limits.ts'

/** What `openArray` answers for an array that a break ends. */
const INDEFINITE = -1

const BREAK = 0xff
const TWO_TO_32 = 0x1_0000_0000

const MAJOR = {
  uint: 0,
  negative: 1,
  bytes: 2,
  text: 3,
  array: 4,
  map: 5,
  tag: 6,
  simple: 7,
} as const

/** Made once: most numbers in a bundle are small. */
const SMALL: readonly bigint[] = Array.from({ length: 256 }, (_, n) => BigInt(n))

/**
 * A cursor over borrowed bytes. Every method reads the next item and throws a Fault where it is not
 * what the caller asked for. Integers need not be as short as they could be and arrays may be
 * indefinite: RFC 9171 lets a receiver take both.
 */
export class CborReader {
  readonly bytes: Uint8Array
  readonly end: number
  #at: number
  #looseCount = 0

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.bytes = bytes
    this.end = end
    this.#at = start
  }

  /** Index of the next byte. */
  get at(): number {
    return this.#at
  }

  /**
   * How many of the items read were not in the one form that deterministic encoding has for them:
   * a head longer than need be, an array or a text that a break ends. RFC 8949 §4.2.1.
   */
  get looseCount(): number {
    return this.#looseCount
  }

  /** For a reader of more than CBOR: what it has just read has another form by its own rules. */
  noteLoose(): void {
    this.#looseCount++
  }

  get isAtEnd(): boolean {
    return this.#at === this.end
  }

  uint(): bigint {
    const info = this.#head(MAJOR.uint)
    if (info !== 27) {
      const value = this.#argument(info)
      return value < SMALL.length ? (SMALL[value] as bigint) : BigInt(value)
    }
    const high = this.#uint32()
    const low = this.#uint32()
    if (high === 0) this.#looseCount++
    return high < 0x20_0000 ? BigInt(high * TWO_TO_32 + low) : (BigInt(high) << 32n) | BigInt(low)
  }

  /** Refuses what a number cannot hold exactly. */
  safeUint(): number {
    return this.#argument(this.#head(MAJOR.uint))
  }

  /** A byte string of definite length: a view of the bytes read. */
  byteString(): Uint8Array {
    const length = this.#argument(this.#head(MAJOR.bytes))
    const start = this.#advance(length)
    return new Uint8Array(this.bytes.buffer, this.bytes.byteOffset + start, length)
  }

  /** The same, where it is enough to know how long it is. */
  skipByteString(): number {
    const length = this.#argument(this.#head(MAJOR.bytes))
    this.#advance(length)
    return length
  }

  /** Well-formed UTF-8 of at most `bytesMax`; chunked where the sender chose to. */
  textString(bytesMax: number): string {
    const info = this.#head(MAJOR.text)
    if (info !== 31) return this.#text(info, bytesMax)
    this.#looseCount++
    let text = ''
    let left = bytesMax
    while (!this.#takeBreak()) {
      const from = this.#at
      text += this.#text(this.#head(MAJOR.text), left)
      // An empty chunk counts too, so that their number is bounded.
      left -= this.#at - from
    }
    return text
  }

  isTextNext(): boolean {
    return this.#peek() >> 5 === MAJOR.text
  }

  boolean(): boolean {
    const byte = this.#peek()
    if (byte !== 0xf4 && byte !== 0xf5) throw fault('cbor/unexpected-item', 'not a Boolean')
    this.#at++
    return byte === 0xf5
  }

  /** Skips this tag where it comes next. */
  skipTag(tag: number): void {
    const from = this.#at
    if (this.#peek() >> 5 !== MAJOR.tag) return
    if (this.#argument(this.#head(MAJOR.tag)) !== tag) this.#at = from
  }

  /** The answer is for `isArrayAtEnd` and `closeArray`. */
  openArray(): number {
    const info = this.#head(MAJOR.array)
    if (info !== 31) return this.#argument(info)
    this.#looseCount++
    return INDEFINITE
  }

  /** Whether the array has no item after the `count` ones read. */
  isArrayAtEnd(length: number, count: number): boolean {
    return length === INDEFINITE ? this.#peek() === BREAK : length === count
  }

  /** Ends an array in which exactly `count` items have been read. */
  closeArray(length: number, count: number): void {
    if (length === INDEFINITE ? this.#takeBreak() : length === count) return
    throw fault('cbor/wrong-length', `array is not ${count} long`)
  }

  /** Skips one item of any kind. */
  skipItem(): void {
    this.#skip(0)
  }

  #skip(depth: number): void {
    if (depth > NESTING_MAX) throw fault('cbor/too-deep', 'items nested too deeply')
    const byte = this.#peek()
    const major = byte >> 5
    const info = this.#head(major)
    if (info === 31) {
      this.#skipIndefinite(major, depth)
      return
    }
    if (major === MAJOR.uint || major === MAJOR.negative || major === MAJOR.simple) {
      // Numbers beyond 2^53 are legal here, and so are floats.
      if (info >= 28) throw fault('cbor/malformed', 'reserved additional information')
      if (info >= 24) this.#advance(1 << (info - 24))
      return
    }
    const argument = this.#argument(info)
    if (major === MAJOR.bytes || major === MAJOR.text) {
      this.#advance(argument)
      return
    }
    const count = major === MAJOR.tag ? 1 : major === MAJOR.map ? 2 * argument : argument
    // Every item takes a byte, so a count beyond what is left ends in cbor/truncated soon enough.
    for (let i = 0; i < count; i++) this.#skip(depth + 1)
  }

  #skipIndefinite(major: number, depth: number): void {
    if (major < MAJOR.bytes || major > MAJOR.map) throw fault('cbor/malformed', 'misplaced break')
    let count = 0
    while (!this.#takeBreak()) {
      if (major === MAJOR.bytes || major === MAJOR.text) {
        this.#advance(this.#argument(this.#head(major)))
      } else {
        this.#skip(depth + 1)
        count++
      }
    }
    if (major === MAJOR.map && count % 2 !== 0) throw fault('cbor/malformed', 'key without value')
  }

  #text(info: number, bytesMax: number): string {
    const length = this.#argument(info)
    if (length > bytesMax) throw fault('cbor/too-large', 'text too long')
    const start = this.#advance(length)
    const text = toUtf8Strict(this.bytes.subarray(start, start + length))
    if (text === undefined) throw fault('cbor/malformed', 'text is not UTF-8')
    return text
  }

  /** Takes the initial byte; its additional information. */
  #head(major: number): number {
    const byte = this.#peek()
    if (byte >> 5 !== major) throw fault('cbor/unexpected-item', 'not the item expected here')
    this.#at++
    return byte & 31
  }

  #argument(info: number): number {
    if (info < 24) return info
    const bytes = this.bytes
    switch (info) {
      case 24:
        return this.#atLeast(24, bytes[this.#advance(1)] as number)
      case 25: {
        const at = this.#advance(2)
        return this.#atLeast(0x100, ((bytes[at] as number) << 8) | (bytes[at + 1] as number))
      }
      case 26:
        return this.#atLeast(0x1_0000, this.#uint32())
      case 27: {
        const high = this.#uint32()
        const low = this.#uint32()
        if (high >= 0x20_0000) throw fault('cbor/too-large', 'number beyond 2^53')
        return this.#atLeast(TWO_TO_32, high * TWO_TO_32 + low)
      }
      default:
        throw fault('cbor/malformed', 'no definite length or value')
    }
  }

  /** A smaller argument would have had a shorter head. */
  #atLeast(least: number, argument: number): number {
    if (argument < least) this.#looseCount++
    return argument
  }

  #uint32(): number {
    const at = this.#advance(4)
    const bytes = this.bytes
    return (
      (((bytes[at] as number) << 24) |
        ((bytes[at + 1] as number) << 16) |
        ((bytes[at + 2] as number) << 8) |
        (bytes[at + 3] as number)) >>>
      0
    )
  }

  #takeBreak(): boolean {
    if (this.#peek() !== BREAK) return false
    this.#at++
    return true
  }

  #peek(): number {
    if (this.#at >= this.end) throw fault('cbor/truncated', 'bytes end inside an item')
    return this.bytes[this.#at] as number
  }

  /** Steps over `count` bytes; the index of the first. */
  #advance(count: number): number {
    const start = this.#at
    if (count > this.end - start) throw fault('cbor/truncated', 'bytes end inside an item')
    this.#at = start + count
    return start
  }
}

function fault(code: CborFaultCode, message: string): Fault<CborFaultCode> {
  return new Fault(code, message, { temporary: false })
}
