import type { Mailbox, RecipientParameters } from '../proto/smtp/envelope.ts'
import type { Delivery, MailStart } from './delivery.ts'
import type { LocalTarget } from './local-target.ts'
import type { MailQueue, QueuedDelivery } from './queue.ts'
import type { Routes } from './route.ts'

export interface Addressee {
  readonly recipient: Mailbox
  readonly parameters: RecipientParameters
}

/** `direct`: its outcomes are final. `queued`: they say that the queue has the mail. */
export type SessionDelivery =
  | { readonly kind: 'direct'; readonly delivery: Delivery }
  | { readonly kind: 'queued'; readonly delivery: QueuedDelivery }

/** Delivered at once, there is nobody to report it or to wait for its time. */
function needsQueue({ from }: MailStart, { parameters }: Addressee): boolean {
  return parameters.notify?.includes('success') === true || from.parameters.hold !== undefined
}

/**
 * Where the message of a session is written, once: into the mailbox of an only recipient here, so
 * that one durable write is enough; else into the queue. Of two mailboxes one might be refused when
 * the other has its copy already, and one reply cannot say both. RFC 5321 §6.1.
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
  async start(mail: MailStart, recipients: readonly Addressee[]): Promise<SessionDelivery> {
    const [only, ...others] = recipients
    const direct =
      only !== undefined &&
      others.length === 0 &&
      !needsQueue(mail, only) &&
      !this.#local.isAlias(only.recipient) &&
      this.#routes.of(only.recipient)?.transport === 'local'
    if (!direct) return this.startQueued(mail, recipients)
    const delivery = await this.#local.start(mail)
    await addAll(delivery, recipients)
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
