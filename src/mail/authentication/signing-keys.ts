/** The keys that a host signs mail with, each in its time. */

import type { WallMs } from '../../base/time.ts'
import type { DatedSigningKey, SigningKey } from '../../ports/mail-authentication.ts'

export class SigningKeys {
  #keys: readonly DatedSigningKey[] = []

  /** These from now on, in place of all others. */
  replace(keys: readonly DatedSigningKey[]): void {
    this.#keys = keys
  }

  get isEmpty(): boolean {
    return this.#keys.length === 0
  }

  /**
   * Of `domain`, or of the nearest above it that has any (which DMARC counts as the same): the newest
   * of each algorithm.
   */
  of(domain: string, now: WallMs): readonly SigningKey[] {
    const labels = domain.toLowerCase().split('.')
    for (let first = 0; first < labels.length; first++) {
      const name = labels.slice(first).join('.')
      const active = this.#keys.filter((key) => key.domain === name && isActive(key, now))
      if (active.length > 0) return newestOfEach(active)
    }
    return []
  }
}

function isActive({ from, until }: DatedSigningKey, now: WallMs): boolean {
  return from <= now && (until === undefined || now < until)
}

function newestOfEach(keys: readonly DatedSigningKey[]): readonly SigningKey[] {
  const newest = new Map<SigningKey['algorithm'], DatedSigningKey>()
  for (const key of [...keys].sort((a, b) => a.from - b.from)) newest.set(key.algorithm, key)
  return [...newest.values()]
}
