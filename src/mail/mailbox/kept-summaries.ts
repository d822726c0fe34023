/** Summaries that are in memory, of all accounts together. */

import { SUMMARIES_KEPT_MAX } from './limits.ts'
import type { Uid } from './mailbox.ts'
import type { Summary } from './summary.ts'

export class KeptSummaries {
  /** Of each mailbox, by UID; what was put in first comes first. */
  readonly #mailboxes: Map<string, Map<Uid, Summary>> = new Map()
  #count = 0

  get(id: string, uid: Uid): Summary | undefined {
    return this.#mailboxes.get(id)?.get(uid)
  }

  keep(id: string, uid: Uid, summary: Summary): void {
    const own = this.#mailboxes.get(id) ?? new Map<Uid, Summary>()
    if (own.size === 0) this.#mailboxes.set(id, own)
    if (!own.has(uid)) this.#count++
    own.set(uid, summary)
    if (this.#count > SUMMARIES_KEPT_MAX) this.#dropOne()
  }

  forget(id: string, uids: readonly Uid[]): void {
    const own = this.#mailboxes.get(id)
    for (const uid of uids) if (own?.delete(uid)) this.#count--
    if (own?.size === 0) this.#mailboxes.delete(id)
  }

  forgetAll(id: string): void {
    this.#count -= this.#mailboxes.get(id)?.size ?? 0
    this.#mailboxes.delete(id)
  }

  /** The first of the mailbox that came first. */
  #dropOne(): void {
    for (const [id, summaries] of this.#mailboxes) {
      for (const uid of summaries.keys()) {
        this.forget(id, [uid])
        return
      }
    }
  }
}
