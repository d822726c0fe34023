import { addMs, type MonoMs } from '../base/time.ts'
import { PACING_CREDIT_MS } from './limits.ts'

/** Spreads transmissions so that on the average no more than `rateBytesPerSec` leave. */
export class Pacer {
  readonly #rateBytesPerSec: number
  #freeAt: MonoMs | undefined

  constructor(rateBytesPerSec: number) {
    this.#rateBytesPerSec = rateBytesPerSec
  }

  /** When the next transmission may begin, perhaps in the past. */
  turnAt(now: MonoMs): MonoMs {
    const credited = addMs(now, -PACING_CREDIT_MS)
    return this.#freeAt === undefined || this.#freeAt < credited ? credited : this.#freeAt
  }

  /** Takes the next turn for `sizeBytes`: when its transmission may begin, perhaps in the past. */
  reserve(sizeBytes: number, now: MonoMs): MonoMs {
    const at = this.turnAt(now)
    this.#freeAt = addMs(at, (sizeBytes * 1000) / this.#rateBytesPerSec)
    return at
  }
}
