import { assert } from '../base/assert.ts'
import type { Random } from '../base/random.ts'
import { addMs, type MonoMs } from '../base/time.ts'
import type { LinkQuality } from '../config/link-quality.ts'
import { LINK_QUEUE_BYTES_MAX } from './limits.ts'

/**
 * One direction of a link. A packet waits until those before it have left, leaves at the link's
 * rate, and arrives one delay after its last byte has left. A packet that gets lost takes its time
 * on the link all the same.
 */
export class Link {
  readonly #random: Random
  #quality: LinkQuality
  /** When the last packet taken will have left. */
  #freeAt: MonoMs | undefined

  constructor(quality: LinkQuality, random: Random) {
    this.#random = random
    this.#quality = checked(quality)
  }

  get quality(): LinkQuality {
    return this.#quality
  }

  /** For packets sent from now on; those under way, and those that wait, keep their times. */
  change(change: Partial<LinkQuality>): void {
    this.#quality = checked({ ...this.#quality, ...change })
  }

  /** When a packet that is sent now arrives; undefined where it is lost or finds the queue full. */
  transmit(wireBytes: number, now: MonoMs): MonoMs | undefined {
    const { oneWayDelayMs, lossShare } = this.#quality
    const leftAt = this.#leave(wireBytes, now)
    if (leftAt === undefined) return undefined
    if (lossShare > 0 && this.#random.next() < lossShare) return undefined
    return addMs(leftAt, oneWayDelayMs)
  }

  #leave(wireBytes: number, now: MonoMs): MonoMs | undefined {
    const { rateBytesPerSec, queueBytesMax = LINK_QUEUE_BYTES_MAX } = this.#quality
    if (rateBytesPerSec === undefined) return now
    const startsAt = this.#freeAt !== undefined && this.#freeAt > now ? this.#freeAt : now
    const waitingBytes = ((startsAt - now) * rateBytesPerSec) / 1000
    if (waitingBytes > 0 && waitingBytes + wireBytes > queueBytesMax) return undefined
    this.#freeAt = addMs(startsAt, (wireBytes * 1000) / rateBytesPerSec)
    return this.#freeAt
  }
}

function checked(quality: LinkQuality): LinkQuality {
  assert(quality.oneWayDelayMs >= 0, 'a delay is not negative')
  assert(quality.lossShare >= 0 && quality.lossShare <= 1, 'a share is between 0 and 1')
  assert(quality.rateBytesPerSec === undefined || quality.rateBytesPerSec > 0, 'a rate is positive')
  return quality
}
