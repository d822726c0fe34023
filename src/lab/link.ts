import { assert } from '../base/assert.ts'
import type { Random } from '../base/random.ts'
import { addMs, type MonoMs, type WallMs, wallMs } from '../base/time.ts'
import type { JitterDistribution, LinkCorrelations, LinkQuality } from '../config/link-quality.ts'
import { delayMsAt, type LinkWindow, windowAt } from '../config/link-schedule.ts'
import { LINK_QUEUE_BYTES_MAX } from './limits.ts'
import { normalQuantile } from './normal.ts'

export interface LinkOptions {
  /** Decides what gets lost, late, twice or wrong. */
  readonly random: Random
  /** When the clock of the lab began: where delays follow from the date. */
  readonly startsAt?: WallMs
}

/** What becomes of one packet. */
export interface Transit {
  /** None: it is lost. Two: it arrives twice. */
  readonly arrivals: readonly Arrival[]
  /** Of a packet of which nothing arrives. */
  readonly lostTo?: LossCause
  /** When its last byte has left; undefined where it never does. */
  readonly leavesAt?: MonoMs
}

export interface Arrival {
  readonly at: MonoMs
  /** Where one bit of it is wrong: its place among all, from 0 to less than 1. */
  readonly wrongBitAt?: number
}

/** `contact`: there was none, or it ended before the packet had left. */
export type LossCause = 'down' | 'contact' | 'queue' | 'loss'

/**
 * One direction of a link. A packet waits until those before it have left, leaves at the link's
 * rate, and arrives one delay after its last byte has left. A packet that gets lost takes its time
 * on the link all the same.
 */
export class Link {
  readonly #random: Random
  readonly #startsAt: WallMs
  #quality: LinkQuality
  /** When the last packet taken will have left. */
  #freeAt: MonoMs | undefined
  /** The state of its bursts of loss. */
  #isBad = false
  /** What was drawn last, where the next is to be like it. */
  readonly #drawn = new Map<keyof LinkCorrelations, number>()

  constructor(quality: LinkQuality, { random, startsAt = wallMs(0) }: LinkOptions) {
    this.#random = random
    this.#startsAt = startsAt
    this.#quality = checked(quality)
  }

  get quality(): LinkQuality {
    return this.#quality
  }

  /**
   * For packets sent from now on; those under way, and those that wait, keep their times. A delay that is set
   * takes the place of one that follows from the time.
   */
  change(change: Partial<LinkQuality>): void {
    const isFixed = change.oneWayDelayMs !== undefined
    const fixed = isFixed ? { delays: undefined, lightTime: undefined } : {}
    this.#quality = checked({ ...this.#quality, ...fixed, ...change })
  }

  /** A packet is sent now. */
  transmit(wireBytes: number, now: MonoMs): Transit {
    const { contacts, isDown, lossShare } = this.#quality
    if (isDown === true) return lost('down')
    const window = contacts && windowAt(contacts, now)
    if (contacts !== undefined && window === undefined) return lost('contact')
    const leftAt = this.#leave(wireBytes, now, window)
    if (typeof leftAt === 'string') return lost(leftAt)
    const isBurstLoss = this.#isLostInBurst()
    if (this.#happens(lossShare, 'loss') || isBurstLoss)
      return { ...lost('loss'), leavesAt: leftAt }
    const { duplicateShare = 0 } = this.#quality
    const first = this.#arrival(leftAt)
    const arrivals = this.#happens(duplicateShare, 'duplicate')
      ? [first, this.#arrival(leftAt)]
      : [first]
    return { arrivals, leavesAt: leftAt }
  }

  #leave(wireBytes: number, now: MonoMs, window: LinkWindow | undefined): MonoMs | LossCause {
    const { queueBytesMax = LINK_QUEUE_BYTES_MAX } = this.#quality
    const rateBytesPerSec = window?.contact.rateBytesPerSec ?? this.#quality.rateBytesPerSec
    if (rateBytesPerSec === undefined) return now
    const startsAt = this.#freeAt !== undefined && this.#freeAt > now ? this.#freeAt : now
    const waitingBytes = ((startsAt - now) * rateBytesPerSec) / 1000
    if (waitingBytes > 0 && waitingBytes + wireBytes > queueBytesMax) return 'queue'
    const leftAt = addMs(startsAt, (wireBytes * 1000) / rateBytesPerSec)
    if (window !== undefined && leftAt > window.untilMs) return 'contact'
    this.#freeAt = leftAt
    return leftAt
  }

  #arrival(leftAt: MonoMs): Arrival {
    const { reorderShare = 0, corruptShare = 0 } = this.#quality
    const delayMs = this.#happens(reorderShare, 'reorder') ? 0 : this.#delayMs(leftAt)
    const at = addMs(leftAt, delayMs)
    return this.#happens(corruptShare, 'corrupt') ? { at, wrongBitAt: this.#random.next() } : { at }
  }

  #delayMs(leftAt: MonoMs): number {
    const { jitterMs = 0, jitterDistribution = 'uniform' } = this.#quality
    const delayMs = delayMsAt(this.#quality, leftAt, this.#startsAt)
    if (jitterMs === 0) return delayMs
    return Math.max(0, delayMs + jitterMs * DEVIATIONS[jitterDistribution](this.#draw('jitter')))
  }

  /** The state changes first, and the packet meets the one that was before: as in netem. */
  #isLostInBurst(): boolean {
    const { gilbertElliott } = this.#quality
    if (gilbertElliott === undefined) return false
    const { toBad, toGood, badLoss, goodLoss } = gilbertElliott
    const wasBad = this.#isBad
    if (this.#happens(wasBad ? toGood : toBad)) this.#isBad = !wasBad
    return this.#happens(wasBad ? badLoss : goodLoss)
  }

  /** Draws nothing for what never happens: a link without it stays as it was. */
  #happens(share: number, what?: keyof LinkCorrelations): boolean {
    return share > 0 && this.#draw(what) < share
  }

  /** From 0 to less than 1, of which a share may be the number before: as netem's `get_crandom`. */
  #draw(what?: keyof LinkCorrelations): number {
    const { correlations } = this.#quality
    const share = (what && correlations?.[what]) ?? 0
    const fresh = this.#random.next()
    if (what === undefined || share === 0) return fresh
    const drawn = fresh * (1 - share) + (this.#drawn.get(what) ?? this.#random.next()) * share
    this.#drawn.set(what, drawn)
    return drawn
  }
}

/** Netem's tables of 16 bits end here, in standard deviations. */
const DEVIATION_MAX = 4

/** How far off, in jitters, at a share of all from the least to the greatest: what netem's tables hold. */
const DEVIATIONS: Readonly<Record<JitterDistribution, (share: number) => number>> = {
  uniform: (share) => 2 * share - 1,
  normal: (share) => bounded(normalQuantile(share)),
  pareto: paretoQuantile,
  paretonormal: (share) => bounded((normalQuantile(share) + 3 * paretoQuantile(share)) / 4),
}

/** Netem's pareto.dist: shape 3, less the mean of 3/2, divided by the variance of 3/4. */
function paretoQuantile(share: number): number {
  return Math.min(DEVIATION_MAX, (((1 - share) ** (-1 / 3) - 1.5) * 4) / 3)
}

function bounded(deviation: number): number {
  return Math.max(-DEVIATION_MAX, Math.min(DEVIATION_MAX, deviation))
}

function lost(lostTo: LossCause): Transit {
  return { arrivals: [], lostTo }
}

function checked(quality: LinkQuality): LinkQuality {
  const { duplicateShare = 0, reorderShare = 0, corruptShare = 0, jitterMs = 0 } = quality
  const { toBad = 0, toGood = 0, badLoss = 0, goodLoss = 0 } = quality.gilbertElliott ?? {}
  assert(quality.oneWayDelayMs >= 0 && jitterMs >= 0, 'a delay is not negative')
  const shares = [quality.lossShare, duplicateShare, reorderShare, corruptShare]
  for (const share of [
    ...shares,
    ...Object.values(quality.correlations ?? {}),
    toBad,
    toGood,
    badLoss,
    goodLoss,
  ]) {
    assert(share >= 0 && share <= 1, 'a share is between 0 and 1')
  }
  assert(quality.rateBytesPerSec === undefined || quality.rateBytesPerSec > 0, 'a rate is positive')
  return quality
}
