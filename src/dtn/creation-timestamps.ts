/** Creation timestamps that are never used twice. RFC 9171 §4.2.7. */

import { fromUtf8, NO_BYTES, toUtf8 } from '../base/bytes.ts'
import { dtnMs, dtnToWall, type WallMs, wallToDtn } from '../base/time.ts'
import type { CreationTimestamp } from '../proto/bpv7/bundle.ts'

/**
 * The first bundle of a millisecond that is later than all before has sequence number 0. Any other,
 * whether it shares its millisecond or the clock was set back, takes a number from a counter that
 * never starts anew. A clock that stands before the DTN epoch has never been set: the time is 0 then,
 * for unknown, with a number from the same counter. `saved` goes into the store together with each bundle, which therefore cannot
 * leave this node before its timestamp is remembered.
 */
export class CreationTimestamps {
  #latest: number
  #counter: number

  /** `saved` is what an earlier one returned; undefined for a new node. Throws nothing. */
  constructor(saved: Uint8Array | undefined) {
    const [, latest = '0', counter = '0'] = /^(\d+) (\d+)$/.exec(toUtf8(saved ?? NO_BYTES)) ?? []
    this.#latest = Number(latest)
    this.#counter = Number(counter)
  }

  next(wall: WallMs): CreationTimestamp {
    const time = wall < dtnToWall(dtnMs(0)) ? 0 : Math.floor(wallToDtn(wall))
    if (time > this.#latest) {
      this.#latest = time
      return { time: BigInt(time), sequence: 0n }
    }
    this.#counter++
    return { time: BigInt(time), sequence: BigInt(this.#counter) }
  }

  save(): Uint8Array {
    return fromUtf8(`${this.#latest} ${this.#counter}`)
  }
}
