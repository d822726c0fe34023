/** Bundles on their way to the peer, in the order in which they were given. RFC 9174 §5.2. */

import { Queue } from '../../base/queue.ts'
import { partOf, type Scattered, sizeOf } from '../../base/scattered.ts'
import { Window } from '../../base/window.ts'
import { SEGMENT_FLAGS } from './message.ts'

export interface OutgoingSegment {
  readonly flags: number
  readonly transferId: bigint
  readonly data: readonly Uint8Array[]
  readonly dataLength: number
  /** Of the whole bundle; undefined but for the first of several segments. */
  readonly totalLength: bigint | undefined
}

interface Queued {
  readonly transmission: number
  readonly bundle: Scattered
  readonly sizeBytes: number
}

interface Transfer extends Queued {
  readonly id: number
  sentBytes: number
  acknowledgedBytes: number
}

export class OutgoingTransfers {
  readonly #queued: Queue<Queued> = new Queue()
  /** By Transfer ID, in the order in which they began; those that are sent wait for the final acknowledgement. */
  readonly #begun: Window<Transfer> = new Window()
  /** The one of which segments are still to be sent. */
  #current: number | undefined
  #nextId = 0

  /** Nothing is between its first segment and its last acknowledgement. */
  get isIdle(): boolean {
    return this.#begun.size === 0
  }

  add(transmission: number, bundle: Scattered): void {
    this.#queued.push({ transmission, bundle, sizeBytes: sizeOf(bundle) })
  }

  /** The next segment to send; only with `mayBegin` the first of another bundle. */
  next(segmentBytesMax: number, mayBegin: boolean): OutgoingSegment | undefined {
    if (this.#current === undefined) {
      const queued = mayBegin ? this.#queued.shift() : undefined
      if (queued === undefined) return undefined
      this.#current = this.#nextId++
      const { transmission, bundle, sizeBytes } = queued
      const id = this.#current
      this.#begun.set(id, {
        id,
        transmission,
        bundle,
        sizeBytes,
        sentBytes: 0,
        acknowledgedBytes: 0,
      })
    }
    const transferId = this.#current
    const transfer = this.#begun.get(transferId) as Transfer
    const { bundle, sizeBytes, sentBytes } = transfer
    const end = Math.min(sizeBytes, sentBytes + segmentBytesMax)
    transfer.sentBytes = end
    const isStart = sentBytes === 0
    const isEnd = end === sizeBytes
    if (isEnd) this.#current = undefined
    return {
      flags: (isStart ? SEGMENT_FLAGS.start : 0) | (isEnd ? SEGMENT_FLAGS.end : 0),
      transferId: BigInt(transferId),
      data: partOf(bundle, sentBytes, end),
      dataLength: end - sentBytes,
      totalLength: isStart && !isEnd ? BigInt(sizeBytes) : undefined,
    }
  }

  /**
   * The peer has so much of a transfer, or of the oldest where it does not say which. The
   * transmission that is complete with it, nothing where more is to come, or that it makes no sense.
   */
  acknowledge(transferId: bigint | undefined, length: bigint): number | undefined | 'unexpected' {
    const id = this.#idOf(transferId)
    const transfer = this.#begun.get(id)
    if (transfer === undefined) return 'unexpected'
    const bytes = Number(length)
    if (bytes < transfer.acknowledgedBytes || bytes > transfer.sentBytes) return 'unexpected'
    transfer.acknowledgedBytes = bytes
    if (bytes < transfer.sizeBytes) return undefined
    this.#begun.delete(id)
    return transfer.transmission
  }

  /** No more of it is sent. Undefined where it is over already: several refusals may be under way. */
  refuse(transferId: bigint | undefined): number | undefined {
    const id = this.#idOf(transferId)
    const transfer = this.#begun.get(id)
    if (transfer === undefined) return undefined
    this.#begun.delete(id)
    if (this.#current === id) this.#current = undefined
    return transfer.transmission
  }

  /** Whether a refusal of it makes sense, even a late one. */
  hasBegun(transferId: bigint): boolean {
    return transferId < this.#nextId
  }

  /** Everything of which all segments are sent, where nobody will acknowledge it. */
  takeSent(): readonly number[] {
    const sent = [...this.#begun.values()].filter(({ id }) => id !== this.#current)
    for (const { id } of sent) this.#begun.delete(id)
    return sent.map(({ transmission }) => transmission)
  }

  /** What has not begun and is larger than this. */
  takeLarger(bytesMax: number): readonly Queued[] {
    const all = [...this.#queued]
    this.#queued.clear()
    for (const queued of all) if (queued.sizeBytes <= bytesMax) this.#queued.push(queued)
    return all.filter(({ sizeBytes }) => sizeBytes > bytesMax)
  }

  /** What has not begun. */
  takeQueued(): readonly number[] {
    const queued = [...this.#queued].map(({ transmission }) => transmission)
    this.#queued.clear()
    return queued
  }

  takeAll(): readonly number[] {
    const begun = [...this.#begun.values()].map(({ transmission }) => transmission)
    this.#begun.clear()
    this.#current = undefined
    return [...begun, ...this.takeQueued()]
  }

  /** Without a Transfer ID it is the oldest; -1 where there is none. Ours are small numbers. */
  #idOf(transferId: bigint | undefined): number {
    if (transferId !== undefined) return Number(transferId)
    for (const { id } of this.#begun.values()) return id
    return -1
  }
}
