/**
 * DEFLATE of the lab: all in blocks that are stored as they are, so that what crosses a link stays
 * readable. Any inflater reads it; this one reads nothing else. RFC 1951 §3.2.4.
 */

import { ByteQueue } from '../base/byte-queue.ts'
import { concat } from '../base/bytes.ts'
import type { Clock } from '../ports/clock.ts'
import type { CompressedChannel, Compression, CompressionHandlers } from '../ports/compression.ts'
import { Lender } from './packet.ts'
import { soon } from './world.ts'

/** BFINAL and BTYPE are zero, as are the bits up to the next octet; then LEN and its complement. */
const HEAD_BYTES = 5
const BLOCK_BYTES_MAX = 0xffff

export function labCompression(clock: Clock): Compression {
  return { open: (handlers) => new StoredChannel(handlers, clock) }
}

class StoredChannel implements CompressedChannel {
  readonly #lender = new Lender()
  readonly #handlers: CompressionHandlers
  readonly #clock: Clock
  #undeflated: Uint8Array[] = []
  readonly #received = new ByteQueue()
  /** Of the block that is being read. */
  #left = 0
  #isPaused = false
  #isDue = false
  #isEnded = false
  unsentBytes = 0

  constructor(handlers: CompressionHandlers, clock: Clock) {
    this.#handlers = handlers
    this.#clock = clock
  }

  deflate(bytes: Uint8Array): void {
    if (this.#isEnded || bytes.length === 0) return
    this.unsentBytes += bytes.length
    if (this.#undeflated.push(bytes) > 1) return
    soon(this.#clock, () => {
      this.#handOut()
      if (!this.#isEnded) this.#handlers.drained()
    })
  }

  inflate(bytes: Uint8Array): void {
    if (this.#isEnded) return
    this.#received.append(bytes)
    this.#work()
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#work()
  }

  end(done: () => void): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#received.clear()
    soon(this.#clock, () => {
      this.#handOut()
      done()
    })
  }

  #handOut(): void {
    const bytes = concat(...this.#undeflated)
    this.#undeflated = []
    this.unsentBytes = 0
    for (let from = 0; from < bytes.length; from += BLOCK_BYTES_MAX) {
      const block = bytes.subarray(from, from + BLOCK_BYTES_MAX)
      this.#handlers.deflated(concat(headOf(block.length), block))
    }
  }

  #work(): void {
    if (this.#isDue) return
    this.#isDue = true
    soon(this.#clock, () => {
      this.#isDue = false
      this.#read()
    })
  }

  #read(): void {
    while (!this.#isPaused && !this.#isEnded) {
      if (this.#left === 0) {
        if (this.#received.length < HEAD_BYTES) return
        const left = lengthIn(this.#received.take(HEAD_BYTES))
        if (left === undefined) {
          this.#isEnded = true
          this.#handlers.broken()
          return
        }
        this.#left = left
      }
      const bytes = this.#received.take(this.#left)
      if (bytes.length === 0) {
        if (this.#left > 0) return
        continue
      }
      this.#left -= bytes.length
      this.#lender.lend(bytes, this.#handlers.inflated)
    }
  }
}

function headOf(length: number): Uint8Array {
  return Uint8Array.of(0, length & 0xff, length >> 8, ~length & 0xff, (~length >> 8) & 0xff)
}

/** Undefined where it is no head of a stored block. */
function lengthIn([type, low = 0, high = 0, notLow = 0, notHigh = 0]: Uint8Array):
  | number
  | undefined {
  const length = low | (high << 8)
  const isStored = type === 0 && (length ^ (notLow | (notHigh << 8))) === 0xffff
  return isStored ? length : undefined
}
