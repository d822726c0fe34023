/** Answers of resolvers for as long as they hold, of what is not there as well. */

import { Fault } from '../base/fault.ts'
import { addMs, type MonoMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import type { DnsAnswer } from '../ports/dns.ts'

/** Some hundred bytes each; what is larger comes of a name whose owner means no good, and is not kept. */
const ANSWERS_KEPT_MAX = 10_000
const KEPT_BYTES_MAX = 4096

/** No answer holds longer. */
export const TTL_MAX_SEC = 86_400

/** What is not there may soon be, and a server that fails should not be asked for each mail. */
const NOT_FOUND_KEPT_SEC = 60
const FAILURE_KEPT_SEC = 5

interface Kept {
  readonly until: MonoMs
  readonly answer: Promise<DnsAnswer<unknown>>
}

export class DnsCache {
  readonly #clock: Clock
  readonly #answersMax: number
  /** In the order of their making, so that the oldest goes first. */
  readonly #kept = new Map<string, Kept>()

  constructor(clock: Clock, answersMax: number = ANSWERS_KEPT_MAX) {
    this.#clock = clock
    this.#answersMax = answersMax
  }

  /** What is known for `key`, else what `query` answers: whoever asks meanwhile waits for the same. */
  ask<Record>(key: string, query: () => Promise<DnsAnswer<Record>>): Promise<DnsAnswer<Record>> {
    const known = this.#kept.get(key)
    if (known !== undefined && known.until > this.#clock.now()) {
      return known.answer as Promise<DnsAnswer<Record>>
    }
    const answer = query()
    this.#keep(key, answer, TTL_MAX_SEC)
    answer.then(
      ({ records, ttlSec }) =>
        this.#keep(key, answer, sizeOf(records) > KEPT_BYTES_MAX ? 0 : ttlSec),
      (fault: unknown) => {
        const isFailure = fault instanceof Fault && fault.temporary
        this.#keep(key, answer, isFailure ? FAILURE_KEPT_SEC : NOT_FOUND_KEPT_SEC)
      },
    )
    return answer
  }

  #keep(key: string, answer: Promise<DnsAnswer<unknown>>, seconds: number): void {
    this.#kept.delete(key)
    if (seconds <= 0) return
    this.#kept.set(key, { until: addMs(this.#clock.now(), seconds * 1000), answer })
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= this.#answersMax) break
      this.#kept.delete(oldest)
    }
  }
}

function sizeOf(records: readonly unknown[]): number {
  return JSON.stringify(records, (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  ).length
}
