/**
 * What this gateway has taken from others, for at least as long as anybody may send it again: the
 * memory that makes "nothing twice" true across lost acknowledgements and restarts.
 */

import { fromUtf8, NO_BYTES, toUtf8 } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import { addMs, type WallMs, wallMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import type { Store, StoreChange } from '../ports/store.ts'
import type { Refusal } from './adu.ts'
import type { BridgeFaultCode } from './fault.ts'
import { FORGET_BATCH, LIFETIME_MAX_MS, REMEMBER_MARGIN_MS, TAKEN_MAX } from './limits.ts'

const TAKEN = 'bridge-taken'
const EXPIRY = 'bridge-taken-expiry'

export interface TakenLimits {
  /** Transactions remembered. */
  readonly takenMax: number
}

export class Taken {
  readonly #store: Store
  readonly #clock: Clock
  readonly #limits: TakenLimits
  #count: number
  /** Keys whose removal is in a commit that has not ended: no other commit may count them too. */
  readonly #beingForgotten = new Set<string>()
  /** No record expires before, but for those that are being forgotten. */
  #nextExpiry: WallMs = wallMs(0)

  constructor(store: Store, clock: Clock, limits: TakenLimits = { takenMax: TAKEN_MAX }) {
    this.#store = store
    this.#clock = clock
    this.#limits = limits
    this.#count = [...store.keys(TAKEN, {})].length
  }

  /** What was refused of it then; undefined where it has not been taken yet. */
  find(source: string, transaction: string): readonly Refusal[] | undefined {
    const value = this.#store.get(TAKEN, keyOf(source, transaction))
    return value === undefined ? undefined : (JSON.parse(toUtf8(value)) as readonly Refusal[])
  }

  /**
   * The changes that remember it, for the commit that also accepts its mail; then `ended`. Throws a
   * temporary Fault where no more can be remembered.
   */
  remember(
    source: string,
    transaction: string,
    refusals: readonly Refusal[],
    expiresAt: WallMs,
  ): readonly StoreChange[] {
    const forgotten = this.#expired()
    if (this.#count - this.#beingForgotten.size - forgotten.length >= this.#limits.takenMax) {
      throw new Fault<BridgeFaultCode>('bridge/too-many-open', 'too many mails taken to remember', {
        temporary: true,
        detail: { limit: this.#limits.takenMax },
      })
    }
    for (const key of forgotten) this.#beingForgotten.add(key)
    this.#count++
    const key = keyOf(source, transaction)
    const longest = addMs(this.#clock.wall(), LIFETIME_MAX_MS)
    const until = addMs(expiresAt < longest ? expiresAt : longest, REMEMBER_MARGIN_MS)
    return [
      ...forgotten.flatMap((expiry) => [
        { table: EXPIRY, key: expiry, value: undefined },
        { table: TAKEN, key: takenKeyOf(expiry), value: undefined },
      ]),
      { table: TAKEN, key, value: fromUtf8(JSON.stringify(refusals)) },
      { table: EXPIRY, key: `${instantKey(until)} ${key}`, value: NO_BYTES },
    ]
  }

  /** Hears what became of the commit with the changes of `remember`. */
  ended(changes: readonly StoreChange[], outcome: 'committed' | 'failed'): void {
    if (outcome === 'failed') {
      this.#count--
      this.#nextExpiry = wallMs(0)
    }
    for (const { table, key, value } of changes) {
      if (table !== EXPIRY) continue
      if (value !== undefined) {
        // Not before: whoever looks meanwhile does not see it yet.
        this.#nextExpiry = wallMs(Math.min(this.#nextExpiry, instantOf(key)))
        continue
      }
      this.#beingForgotten.delete(key)
      if (outcome === 'committed') this.#count--
    }
  }

  #expired(): string[] {
    const expired: string[] = []
    const now = this.#clock.wall()
    // To look is more work than all else that is done to remember one.
    if (now < this.#nextExpiry) return expired
    let next = Number.POSITIVE_INFINITY
    for (const key of this.#store.keys(EXPIRY, {})) {
      next = instantOf(key)
      if (next >= now || expired.length >= FORGET_BATCH) break
      if (!this.#beingForgotten.has(key)) expired.push(key)
      next = Number.POSITIVE_INFINITY
    }
    this.#nextExpiry = wallMs(next)
    return expired
  }
}

function takenKeyOf(expiry: string): string {
  return expiry.slice(expiry.indexOf(' ') + 1)
}

function keyOf(source: string, transaction: string): string {
  return `${source}/${transaction}`
}

function instantOf(expiry: string): number {
  return Number(expiry.slice(0, INSTANT_LENGTH))
}

/** Sorts as the instant does. */
function instantKey(wall: WallMs): string {
  return String(Math.round(wall)).padStart(INSTANT_LENGTH, '0')
}

const INSTANT_LENGTH = 16
