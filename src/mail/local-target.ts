/** Delivery into the mailboxes of this host. RFC 5321 §4.4: final delivery. */

import { asFault, type Fault } from '../base/fault.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import { formatMailbox } from '../proto/smtp/path.ts'
import type { Account, Accounts } from './accounts.ts'
import { Aliases, detailOf } from './aliases.ts'
import type { DeliveryTarget, MailStart } from './delivery.ts'
import { type MailFaultCode, mailFault } from './fault.ts'
import { type Destination, LocalDelivery, type LocalSurroundings } from './local-delivery.ts'
import type { Maildir } from './maildir.ts'
import type { Placement } from './maildir-draft.ts'

export interface LocalOptions extends LocalSurroundings {
  readonly maildirOf: (account: Account) => Maildir
  /** Whether mail for `user+Lists` goes into the user's mailbox `Lists`, where there is one. */
  readonly subaddress: 'inbox' | 'folder'
}

/** A message that was written for a user and has not appeared in all its places yet. */
export interface Awaited {
  readonly recipient: Mailbox
  readonly placements: readonly Placement[]
}

export class LocalTarget implements DeliveryTarget {
  readonly #accounts: Accounts
  readonly #aliases: Aliases
  readonly #options: LocalOptions

  constructor(
    accounts: Accounts,
    options: LocalOptions,
    aliases: Aliases = new Aliases([], () => true),
  ) {
    this.#accounts = accounts
    this.#aliases = aliases
    this.#options = options
  }

  async start(mail: MailStart): Promise<LocalDelivery> {
    return new LocalDelivery(mail, (recipient) => this.#destination(recipient), this.#options)
  }

  /** Also those that stand for others: the queue knows whom. */
  knows(recipient: Mailbox): boolean {
    return this.#accounts.find(recipient) !== undefined || this.#aliases.has(recipient)
  }

  /** Whom it stands for; itself where it is no alias. Throws `mail/alias-loop`. */
  expand(recipient: Mailbox): readonly Mailbox[] {
    return this.#aliases.expand(recipient)
  }

  /** Rejects with `mail/over-quota` where a message of `bytes`, or of any size, would be too much. */
  async requireRoom(recipient: Mailbox, bytes: number | undefined): Promise<void> {
    const account = this.#accounts.find(recipient)
    if (account === undefined || this.isAlias(recipient)) return
    const more = { usedBytes: bytes ?? 1, usedMessages: 1 }
    await this.#options.quotas?.requireRoom(account.name, more)
  }

  isAlias(recipient: Mailbox): boolean {
    return this.#aliases.has(recipient)
  }

  /**
   * Lets a prepared message appear wherever it is to be; does nothing more where it has appeared already.
   * Resolves with its paths, durable.
   */
  async place(recipient: Mailbox, placements: readonly Placement[]): Promise<readonly string[]> {
    const account = this.#account(recipient)
    const maildir = this.#options.maildirOf(account)
    const paths: string[] = []
    for (const placement of placements) paths.push(await maildir.place(placement))
    if (paths.length > 0) this.#options.told(account)
    return paths
  }

  /** A piece of the message where one of them still has it; undefined where none has. */
  async waiting(
    awaited: readonly Awaited[],
    from: number,
    bytes: number,
  ): Promise<Uint8Array | undefined> {
    for (const { recipient, placements } of awaited) {
      const account = this.#accounts.find(recipient)
      if (account === undefined) continue
      for (const placement of placements) {
        const path = this.#options.maildirOf(account).waitingPath(placement)
        try {
          const file = await this.#options.disk.open(path)
          return await file.read(from, bytes).finally(() => file.close())
        } catch (error) {
          asFault(error)
        }
      }
    }
    return undefined
  }

  /** Nobody waits for it any more; what cannot be removed now goes when it has grown old. */
  async discard(awaited: readonly Awaited[]): Promise<void> {
    for (const { recipient, placements } of awaited) {
      const account = this.#accounts.find(recipient)
      if (account === undefined) continue
      const maildir = this.#options.maildirOf(account)
      for (const placement of placements) await maildir.discard(placement)
    }
  }

  /** Removes what old runs wrote and nobody awaits. Resolves with what went wrong. */
  async clearAbandoned(awaited: readonly Awaited[]): Promise<readonly Fault[]> {
    const faults: Fault[] = []
    for (const account of this.#accounts.all) {
      const own = awaited.filter(({ recipient }) => this.#accounts.find(recipient) === account)
      try {
        const placements = own.flatMap((one) => one.placements)
        await this.#options.maildirOf(account).clearAbandoned(placements)
      } catch (error) {
        faults.push(asFault(error))
      }
    }
    return faults
  }

  async #destination(recipient: Mailbox): Promise<Destination> {
    const account = this.#account(recipient)
    const maildir = this.#options.maildirOf(account)
    const mailbox = await mailboxFor(recipient, account.name, maildir, this.#options.subaddress)
    return { account, maildir, mailbox }
  }

  #account(recipient: Mailbox): Account {
    const account = this.#accounts.find(recipient)
    if (account === undefined) throw unknownUser(recipient)
    return account
  }
}

/** Which of a user's mailboxes mail for `recipient` goes into, where no filter says. */
export async function mailboxFor(
  recipient: Mailbox,
  user: string,
  maildir: Pick<Maildir, 'has'>,
  subaddress: LocalOptions['subaddress'],
): Promise<string> {
  const detail = subaddress === 'folder' ? detailOf(recipient, user) : ''
  return detail !== '' && (await maildir.has(detail)) ? detail : 'INBOX'
}

export function unknownUser(recipient: Mailbox): Fault<MailFaultCode> {
  return mailFault('mail/unknown-user', `no user ${formatMailbox(recipient)} here`, {
    temporary: false,
  })
}
