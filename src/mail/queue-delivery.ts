import { fromUtf8 } from '../base/bytes.ts'
import { formatDeliveredTo } from '../proto/message/trace.ts'
import type { Mailbox, RecipientParameters } from '../proto/smtp/envelope.ts'
import { formatMailbox } from '../proto/smtp/path.ts'
import type { Aliases } from './aliases.ts'
import type { Delivery, Outcome } from './delivery.ts'
import { RecipientList } from './recipient-list.ts'
import type { SpoolDraft } from './spool.ts'
import type { EnvelopeRecipient } from './spool-record.ts'

export interface QueueEntrance {
  readonly aliases: Aliases
  /** Throws a Fault where no mail is taken for this recipient. */
  readonly requireRoute: (recipient: Mailbox) => void
  /** Accepts it, or says for all of them why not, and leaves nothing of it. */
  readonly accept: (recipients: readonly EnvelopeRecipient[]) => Promise<readonly Outcome[]>
}

/** A mail on its way into the queue. */
export class QueuedDelivery implements Delivery {
  readonly #draft: SpoolDraft
  readonly #entrance: QueueEntrance
  readonly #recipients: RecipientList
  /** As they were asked for, before aliases. */
  readonly #asked: Mailbox[] = []
  #isBegun = false

  constructor(draft: SpoolDraft, entrance: QueueEntrance) {
    this.#draft = draft
    this.#entrance = entrance
    this.#recipients = new RecipientList(entrance.aliases)
  }

  async addRecipient(recipient: Mailbox, parameters: RecipientParameters = {}): Promise<void> {
    this.#entrance.requireRoute(recipient)
    this.#recipients.add(recipient, parameters)
    this.#asked.push(recipient)
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (!this.#isBegun) await this.#begin()
    await this.#draft.write(bytes)
  }

  /** Puts `bytes` above the whole message, once, before `commit`. Throws a Fault without room. */
  prepend(bytes: Uint8Array): void {
    this.#draft.prepend(bytes)
  }

  commit(): Promise<readonly Outcome[]> {
    return this.#entrance.accept(this.#recipients.all)
  }

  abort(): Promise<void> {
    return this.#draft.abort()
  }

  /** The mark of an alias, only where it tells nobody of a recipient that they need not know of. */
  async #begin(): Promise<void> {
    this.#isBegun = true
    const [only, ...others] = this.#asked
    if (only === undefined || others.length > 0 || !this.#entrance.aliases.has(only)) return
    await this.#draft.write(fromUtf8(formatDeliveredTo(formatMailbox(only))))
  }
}
