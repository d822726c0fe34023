/** Writes the deterministic subset of CBOR that bundles use. RFC 9171 §4.1. */

import { assert } from '../../base/assert.ts'
import { fromUtf8 } from '../../base/bytes.ts'

const UINT = 0x00
const BYTES = 0x40
const TEXT = 0x60
const ARRAY = 0x80
const TWO_TO_32 = 0x1_0000_0000
const UINT64_MAX = 0xffff_ffff_ffff_ffffn

/** Appends items to one buffer; every head is as short as it can be. */
export class CborWriter {
  #bytes: Uint8Array
  #length = 0

  /** `room` is written to while it lasts; too little of it costs only time. */
  constructor(room: Uint8Array | number = 64) {
    this.#bytes = typeof room === 'number' ? new Uint8Array(room) : room
  }

  /** What was written, and room behind it: until the next write. */
  get bytes(): Uint8Array {
    return this.#bytes
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length
  }

  /** What was written: a view, valid until the next write. */
  written(): Uint8Array {
    return this.#length === this.#bytes.length ? this.#bytes : this.#bytes.subarray(0, this.#length)
  }

  /** What was written, and at least `count` bytes behind it: a view, valid until the next write. */
  writtenWithRoom(count: number): Uint8Array {
    this.#room(count)
    return this.#bytes
  }

  /** 0 ≤ `value` < 2^64; a number must be a safe integer. */
  uint(value: number | bigint): void {
    this.#head(UINT, value)
  }

  byteString(bytes: Uint8Array): void {
    this.#head(BYTES, bytes.length)
    this.raw(bytes)
  }

  textString(text: string): void {
    const bytes = fromUtf8(text)
    this.#head(TEXT, bytes.length)
    this.raw(bytes)
  }

  boolean(value: boolean): void {
    this.#room(1)
    this.#bytes[this.#length++] = value ? 0xf5 : 0xf4
  }

  /** The head of an array whose `count` items follow. */
  array(count: number): void {
    this.#head(ARRAY, count)
  }

  /** The head of an array that `break` ends. */
  indefiniteArray(): void {
    this.#room(1)
    this.#bytes[this.#length++] = 0x9f
  }

  break(): void {
    this.#room(1)
    this.#bytes[this.#length++] = 0xff
  }

  /** Items that are encoded already. */
  raw(bytes: Uint8Array): void {
    this.span(bytes, 0, bytes.length)
  }

  /** The items that `bytes` are from `start` to `end`. */
  span(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start
    this.#room(length)
    // Of a few bytes a view costs more than they do.
    if (length > 64) {
      const isWhole = length === bytes.length
      this.#bytes.set(isWhole ? bytes : bytes.subarray(start, end), this.#length)
    } else
      for (let i = 0; i < length; i++) this.#bytes[this.#length + i] = bytes[start + i] as number
    this.#length += length
  }

  #head(major: number, value: number | bigint): void {
    this.#room(9)
    const bytes = this.#bytes
    const n = Number(value)
    const isExact = n <= Number.MAX_SAFE_INTEGER
    assert(n >= 0 && (isExact || BigInt(value) <= UINT64_MAX), 'not an unsigned 64-bit integer')
    if (n < 24) {
      bytes[this.#length++] = major | n
    } else if (n < 0x100) {
      bytes[this.#length++] = major | 24
      bytes[this.#length++] = n
    } else if (n < 0x1_0000) {
      bytes[this.#length++] = major | 25
      bytes[this.#length++] = n >>> 8
      bytes[this.#length++] = n
    } else if (n < TWO_TO_32) {
      bytes[this.#length++] = major | 26
      this.#uint32(n)
    } else {
      bytes[this.#length++] = major | 27
      this.#uint32(isExact ? Math.floor(n / TWO_TO_32) : Number(BigInt(value) >> 32n))
      this.#uint32(isExact ? n : Number(BigInt(value) & 0xffff_ffffn))
    }
  }

  #uint32(n: number): void {
    const bytes = this.#bytes
    bytes[this.#length++] = n >>> 24
    bytes[this.#length++] = n >>> 16
    bytes[this.#length++] = n >>> 8
    bytes[this.#length++] = n
  }

  #room(count: number): void {
    const needed = this.#length + count
    if (needed <= this.#bytes.length) return
    const roomier = new Uint8Array(Math.max(needed, 2 * this.#bytes.length))
    roomier.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = roomier
  }
}
