/** How much the users of a host may keep, and whether there is room for one more message. */

import { addMs, type MonoMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import { mailFault } from './fault.ts'
import { QUOTA_COUNTED_MS, QUOTA_RECOUNT_MS } from './limits.ts'
import type { Quota } from './mailbox/account.ts'
import type { MaildirUsage } from './maildir-usage.ts'

export interface QuotaOptions {
  /** Of each user who is not named in `users`. */
  readonly each: Quota
  /** By name in lower case: in place of `each`. */
  readonly users: ReadonlyMap<string, Quota>
  /** `refuse`: mail that does not fit is returned. `defer`: it is tried again, as other mail that cannot go. */
  readonly whenFull: 'refuse' | 'defer'
}

export const NO_QUOTAS: QuotaOptions = { each: {}, users: new Map(), whenFull: 'refuse' }

export function quotaOf({ each, users }: QuotaOptions, user: string): Quota {
  return users.get(user.toLowerCase()) ?? each
}

interface Count extends MaildirUsage {
  /** Until then it is believed that there is room. */
  readonly believedUntil: MonoMs
  /** Until then that there is none: what takes its time to count must not be counted for every mail. */
  readonly finalUntil: MonoMs
}

/**
 * Counts a user's files now and then, and in between what was delivered. What others put in or take out
 * in that time is not seen, but nobody is refused by an old count.
 */
export class Quotas {
  readonly #options: QuotaOptions
  readonly #count: (user: string) => Promise<MaildirUsage>
  readonly #clock: Clock
  readonly #counts: Map<string, Count> = new Map()

  constructor(options: QuotaOptions, count: (user: string) => Promise<MaildirUsage>, clock: Clock) {
    this.#options = options
    this.#count = count
    this.#clock = clock
  }

  /** Rejects with `mail/over-quota` where as much more would be too much. */
  async requireRoom(user: string, more: MaildirUsage): Promise<void> {
    const quota = quotaOf(this.#options, user)
    if (quota.bytesMax === undefined && quota.messagesMax === undefined) return
    const known = this.#counts.get(user)
    const now = this.#clock.now()
    if (known !== undefined && now < known.believedUntil && fits(quota, known, more)) return
    const count = known !== undefined && now < known.finalUntil ? known : await this.#recount(user)
    if (fits(quota, count, more)) return
    const isTemporary = this.#options.whenFull === 'defer'
    throw mailFault('mail/over-quota', `Quota exceeded (mailbox for ${user} is full)`, {
      temporary: isTemporary,
      detail: { status: isTemporary ? '4.2.2' : '5.2.2' },
    })
  }

  /** As `requireRoom`, and it counts as used from now on. */
  async take(user: string, more: MaildirUsage): Promise<void> {
    await this.requireRoom(user, more)
    const count = this.#counts.get(user)
    if (count === undefined) return
    const usedBytes = count.usedBytes + more.usedBytes
    const usedMessages = count.usedMessages + more.usedMessages
    this.#counts.set(user, { ...count, usedBytes, usedMessages })
  }

  /** What was taken is not kept after all. */
  giveBack(user: string, less: MaildirUsage): void {
    const count = this.#counts.get(user)
    if (count === undefined) return
    const usedBytes = Math.max(0, count.usedBytes - less.usedBytes)
    const usedMessages = Math.max(0, count.usedMessages - less.usedMessages)
    this.#counts.set(user, { ...count, usedBytes, usedMessages })
  }

  async #recount(user: string): Promise<Count> {
    const at = this.#clock.now()
    const usage = await this.#count(user)
    const now = this.#clock.now()
    const tookMs = now - at
    const believedUntil = addMs(now, Math.max(QUOTA_COUNTED_MS, 100 * tookMs))
    const finalUntil = addMs(now, Math.max(QUOTA_RECOUNT_MS, 10 * tookMs))
    const count = { ...usage, believedUntil, finalUntil }
    this.#counts.set(user, count)
    return count
  }
}

function fits({ bytesMax, messagesMax }: Quota, used: MaildirUsage, more: MaildirUsage): boolean {
  return (
    used.usedBytes + more.usedBytes <= (bytesMax ?? Number.POSITIVE_INFINITY) &&
    used.usedMessages + more.usedMessages <= (messagesMax ?? Number.POSITIVE_INFINITY)
  )
}
