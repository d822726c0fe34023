import type { Mailbox } from '../proto/smtp/envelope.ts'
import type { Delivery, MailStart } from './delivery.ts'
import { DIRECT_RECIPIENTS_MAX } from './limits.ts'
import type { LocalTarget } from './local-target.ts'
import type { MailQueue } from './queue.ts'
import type { Routes } from './route.ts'

export interface SessionDelivery {
  /** `direct`: its outcomes are final. `queued`: they say that the queue has the mail. */
  readonly kind: 'direct' | 'queued'
  readonly delivery: Delivery
}

/**
 * Where the message of a session is written, once: into the mailboxes when all of them are here, so
 * that one durable write is enough; else into the queue.
 */
export class SessionTarget {
  readonly #queue: MailQueue
  readonly #local: LocalTarget
  readonly #routes: Routes

  constructor(queue: MailQueue, local: LocalTarget, routes: Routes) {
    this.#queue = queue
    this.#local = local
    this.#routes = routes
  }

  /** Rejects with a Fault where the mail cannot be taken now. */
  async start(mail: MailStart, recipients: readonly Mailbox[]): Promise<SessionDelivery> {
    const direct =
      recipients.length <= DIRECT_RECIPIENTS_MAX &&
      recipients.every((recipient) => this.#routes.of(recipient)?.transport === 'local')
    const delivery = await (direct ? this.#local.start(mail) : this.#queue.start(mail))
    try {
      for (const recipient of recipients) await delivery.addRecipient(recipient)
    } catch (error) {
      await delivery.abort()
      throw error
    }
    return { kind: direct ? 'direct' : 'queued', delivery }
  }
}
