/**
 * What this gateway has taken from others, for at least as long as anybody may send it again: the
 * memory that makes "nothing twice" true across lost acknowledgements and restarts.
 */

import { fromUtf8, toUtf8 } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import { addMs, type WallMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import type { Store, StoreChange } from '../ports/store.ts'
import type { Refusal } from './adu.ts'
import type { BridgeFaultCode } from './fault.ts'
import { FORGET_BATCH, REMEMBER_MARGIN_MS, TAKEN_MAX } from './limits.ts'

const TAKEN = 'bridge-taken'
const EXPIRY = 'bridge-taken-expiry'

export class Taken {
  readonly #store: Store
  readonly #clock: Clock
  #count: number

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
    this.#count = [...store.keys(TAKEN, {})].length
  }

  /** What was refused of it then; undefined where it has not been taken yet. */
  find(source: string, transaction: string): readonly Refusal[] | undefined {
    const value = this.#store.get(TAKEN, keyOf(source, transaction))
    return value === undefined ? undefined : (JSON.parse(toUtf8(value)) as readonly Refusal[])
  }

  /**
   * The changes that remember it, for the commit that also accepts its mail; then `committed`.
   * Throws a temporary Fault where no more can be remembered.
   */
  remember(
    source: string,
    transaction: string,
    refusals: readonly Refusal[],
    expiresAt: WallMs,
  ): readonly StoreChange[] {
    const forget = this.#expired()
    if (this.#count - forget.length / 2 >= TAKEN_MAX) {
      throw new Fault<BridgeFaultCode>('bridge/too-many-open', 'too many mails taken to remember', {
        temporary: true,
        detail: { limit: TAKEN_MAX },
      })
    }
    const key = keyOf(source, transaction)
    const until = addMs(expiresAt, REMEMBER_MARGIN_MS)
    return [
      ...forget,
      { table: TAKEN, key, value: fromUtf8(JSON.stringify(refusals)) },
      { table: EXPIRY, key: `${instantKey(until)} ${key}`, value: fromUtf8('') },
    ]
  }

  /** Hears of the changes of `remember` once they are in the store. */
  committed(changes: readonly StoreChange[]): void {
    for (const { table, value } of changes) {
      if (table === TAKEN) this.#count += value === undefined ? -1 : 1
    }
  }

  #expired(): StoreChange[] {
    const changes: StoreChange[] = []
    const range = { to: instantKey(this.#clock.wall()) }
    for (const key of this.#store.keys(EXPIRY, range)) {
      changes.push({ table: EXPIRY, key, value: undefined })
      changes.push({ table: TAKEN, key: key.slice(key.indexOf(' ') + 1), value: undefined })
      if (changes.length >= 2 * FORGET_BATCH) break
    }
    return changes
  }
}

function keyOf(source: string, transaction: string): string {
  return `${source}/${transaction}`
}

/** Sorts as the instant does. */
function instantKey(wall: WallMs): string {
  return String(Math.round(wall)).padStart(16, '0')
}
