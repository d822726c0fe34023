import type { Delivery, MailStart } from './delivery.ts'
import type { LocalTarget } from './local-target.ts'
import type { MailQueue } from './queue.ts'
import type { QueuedDelivery } from './queue-delivery.ts'
import type { Routes } from './route.ts'
import { type Addressee, isHere } from './written-mail.ts'

/** `direct`: its outcomes are final. `queued`: they say that the queue has the mail. */
export type SessionDelivery =
  | { readonly kind: 'direct'; readonly delivery: Delivery }
  | { readonly kind: 'queued'; readonly delivery: QueuedDelivery }

/**
 * Where the message of a session is written, once: into the mailboxes of recipients here, so that one
 * durable write is enough; else into the queue. Of two mailboxes one might be refused when the other
 * has its copy already: only LMTP has a reply for each. RFC 5321 §6.1, RFC 2033 §4.2.
 */
export class SessionTarget {
  readonly #queue: MailQueue
  readonly #local: LocalTarget
  readonly #routes: Routes
  readonly #replies: 'one' | 'each'

  /** `replies`: for the whole message, or for each recipient. */
  constructor(queue: MailQueue, local: LocalTarget, routes: Routes, replies: 'one' | 'each') {
    this.#queue = queue
    this.#local = local
    this.#routes = routes
    this.#replies = replies
  }

  /** Rejects with a Fault where the mail cannot be taken now. */
  async start(mail: MailStart, recipients: readonly Addressee[]): Promise<SessionDelivery> {
    const isOne = recipients.length === 1
    const isDirect =
      (isOne || this.#replies === 'each') &&
      recipients.every((one) => isHere(mail, one, { local: this.#local, routes: this.#routes }))
    if (!isDirect) return this.startQueued(mail, recipients)
    const delivery = await this.#local.start(mail)
    try {
      await addAll(delivery, recipients)
    } catch (error) {
      if (isOne) throw error
      // A mailbox that cannot be used now must not keep the others waiting.
      return this.startQueued(mail, recipients)
    }
    return { kind: 'direct', delivery }
  }

  /** Into the queue, whoever it is for. */
  async startQueued(mail: MailStart, recipients: readonly Addressee[]): Promise<SessionDelivery> {
    const delivery = await this.#queue.start(mail)
    await addAll(delivery, recipients)
    return { kind: 'queued', delivery }
  }
}

async function addAll(delivery: Delivery, recipients: readonly Addressee[]): Promise<void> {
  try {
    for (const { recipient, parameters } of recipients) {
      await delivery.addRecipient(recipient, parameters)
    }
  } catch (error) {
    await delivery.abort()
    throw error
  }
}
