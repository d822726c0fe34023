/**
 * Delivery into the mailboxes of this host. RFC 5321 §4.4: final delivery.
 *
 * Straight from a session it is one step: `commit`. From the queue it is two, because a crash may
 * come between the mailbox and the queue's own record: `prepare` writes the message where no reader
 * sees it, the queue records the placement, and `place` lets it appear, as often as it is called
 * exactly once.
 */

import { fromUtf8 } from '../base/bytes.ts'
import { asFault, type Fault, type Result } from '../base/fault.ts'
import { formatDeliveredTo, formatReturnPath } from '../proto/message/trace.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import { formatMailbox } from '../proto/smtp/path.ts'
import type { Account, Accounts } from './accounts.ts'
import { Aliases } from './aliases.ts'
import type { Delivery, DeliveryTarget, MailStart, Outcome } from './delivery.ts'
import { type MailFaultCode, mailFault } from './fault.ts'
import type { Maildir } from './maildir.ts'
import type { MaildirDraft, Placement } from './maildir-draft.ts'

/** What delivery needs of a mailbox. */
export type Maildrop = Pick<Maildir, 'create' | 'place' | 'clearAbandoned'>

/** A message that was written for a mailbox and has not appeared there yet. */
export interface Awaited {
  readonly recipient: Mailbox
  readonly placement: Placement
}

export class LocalTarget implements DeliveryTarget {
  readonly #accounts: Accounts
  readonly #aliases: Aliases
  readonly #maildirOf: (account: Account) => Maildrop

  constructor(
    accounts: Accounts,
    maildirOf: (account: Account) => Maildrop,
    aliases: Aliases = new Aliases([], () => true),
  ) {
    this.#accounts = accounts
    this.#aliases = aliases
    this.#maildirOf = maildirOf
  }

  async start(mail: MailStart): Promise<LocalDelivery> {
    return new LocalDelivery(mail, (recipient) => this.#maildir(recipient))
  }

  /** Also those that stand for others: the queue knows whom. */
  knows(recipient: Mailbox): boolean {
    return this.#accounts.find(recipient) !== undefined || this.#aliases.has(recipient)
  }

  /** Whom it stands for; itself where it is no alias. Throws `mail/alias-loop`. */
  expand(recipient: Mailbox): readonly Mailbox[] {
    return this.#aliases.expand(recipient)
  }

  isAlias(recipient: Mailbox): boolean {
    return this.#aliases.has(recipient)
  }

  /**
   * Lets a prepared message appear; does nothing more where it has appeared already. Resolves with
   * its path, durable.
   */
  async place(recipient: Mailbox, placement: Placement): Promise<string> {
    return this.#maildir(recipient).place(placement)
  }

  /** Removes what old runs wrote and nobody awaits. Resolves with what went wrong. */
  async clearAbandoned(awaited: readonly Awaited[]): Promise<readonly Fault[]> {
    const faults: Fault[] = []
    for (const account of this.#accounts.all) {
      const own = awaited.filter(({ recipient }) => this.#accounts.find(recipient) === account)
      try {
        await this.#maildirOf(account).clearAbandoned(own.map(({ placement }) => placement))
      } catch (error) {
        faults.push(asFault(error))
      }
    }
    return faults
  }

  #maildir(recipient: Mailbox): Maildrop {
    const account = this.#accounts.find(recipient)
    if (account === undefined) throw unknownUser(recipient)
    return this.#maildirOf(account)
  }
}

export function unknownUser(recipient: Mailbox): Fault<MailFaultCode> {
  return mailFault('mail/unknown-user', `no user ${formatMailbox(recipient)} here`, {
    temporary: false,
  })
}

interface Copy {
  readonly draft: MaildirDraft
  /** Why this copy will not be delivered. */
  fault: Fault | undefined
}

export class LocalDelivery implements Delivery {
  readonly #mail: MailStart
  readonly #maildirOf: (recipient: Mailbox) => Maildrop
  readonly #copies: Copy[] = []

  constructor(mail: MailStart, maildirOf: (recipient: Mailbox) => Maildrop) {
    this.#mail = mail
    this.#maildirOf = maildirOf
  }

  async addRecipient(recipient: Mailbox): Promise<void> {
    const draft = await this.#maildirOf(recipient).create()
    const copy: Copy = { draft, fault: undefined }
    this.#copies.push(copy)
    const { reversePath } = this.#mail.from
    const returnPath = reversePath === undefined ? '' : formatMailbox(reversePath)
    const trace = formatReturnPath(returnPath) + formatDeliveredTo(formatMailbox(recipient))
    await writeTo(copy, fromUtf8(trace))
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (const copy of this.#copies) await writeTo(copy, bytes)
  }

  /** Makes every copy durable where no reader sees it; one result each, as `commit`. */
  async prepare(): Promise<readonly Result<Placement>[]> {
    return Promise.all(this.#copies.map(prepareCopy))
  }

  commit(): Promise<readonly Outcome[]> {
    return Promise.all(this.#copies.map(deliverCopy))
  }

  async abort(): Promise<void> {
    for (const { draft } of this.#copies) await discard(draft)
  }
}

/** A copy that cannot be written is left behind; the others go on. */
async function writeTo(copy: Copy, bytes: Uint8Array): Promise<void> {
  if (copy.fault !== undefined) return
  try {
    await copy.draft.write(bytes)
  } catch (error) {
    copy.fault = asFault(error)
    await discard(copy.draft)
  }
}

/** What cannot be removed now, the mailbox clears away when it has grown old. */
async function discard(draft: MaildirDraft): Promise<void> {
  await draft.abort().catch(asFault)
}

async function prepareCopy(copy: Copy): Promise<Result<Placement>> {
  if (copy.fault !== undefined) return { ok: false, fault: copy.fault }
  try {
    return { ok: true, value: await copy.draft.prepare() }
  } catch (error) {
    await discard(copy.draft)
    return { ok: false, fault: asFault(error) }
  }
}

async function deliverCopy({ draft, fault }: Copy): Promise<Outcome> {
  if (fault !== undefined) return { type: 'refused', fault }
  try {
    return { type: 'delivered', detail: await draft.deliver() }
  } catch (error) {
    await discard(draft)
    return { type: 'refused', fault: asFault(error) }
  }
}
