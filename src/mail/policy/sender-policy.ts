/** Users send as themselves: Postfix's `reject_sender_login_mismatch`, for those who have logged in. */

import { asFault } from '../../base/fault.ts'
import type { Mailbox } from '../../proto/smtp/envelope.ts'
import { formatMailbox } from '../../proto/smtp/path.ts'
import type { Reply } from '../../proto/smtp/reply.ts'
import type { Accounts } from '../accounts.ts'
import type { Aliases } from '../aliases.ts'
import type { Asked, Policy, PolicyMail, PolicySession } from './policy.ts'

export interface SenderOptions {
  /** Whether users who log in may send as themselves only. */
  readonly check: boolean
  /** The same of users of this machine, where that is known. */
  readonly localCheck: boolean
  /** By user in lower case, the addresses beside his own: `info@a.com`, `*@a.com`, or `*` for any. */
  readonly allowed: ReadonlyMap<string, readonly string[]>
}

export interface SenderOwnersPorts {
  readonly accounts: Accounts
  readonly aliases: Aliases
  readonly localDomains: readonly string[]
  /** Users of this machine who can do all that this host can. */
  readonly superusers: readonly string[]
}

/** Whose an address is. */
export class SenderOwners {
  readonly #allowed: SenderOptions['allowed']
  readonly #ports: SenderOwnersPorts

  constructor(allowed: SenderOptions['allowed'], ports: SenderOwnersPorts) {
    this.#allowed = allowed
    this.#ports = ports
  }

  /** Whether the user of a session may send as `mailbox`: nobody may whom we do not know. */
  owns({ user, service }: PolicySession, mailbox: Mailbox): boolean {
    if (user === undefined) return false
    const name = user.toLowerCase()
    return (
      (service === 'pickup' && this.#ownsAsLocal(user, mailbox)) ||
      this.#isOf(name, mailbox) ||
      this.#isAllowed(name, mailbox) ||
      this.#leadsTo(name, mailbox)
    )
  }

  /** Who has no mailbox here has an address all the same: `root@mail-1.a.com`. */
  #ownsAsLocal(user: string, { localPart, domain }: Mailbox): boolean {
    const { superusers, localDomains } = this.#ports
    return (
      superusers.includes(user) ||
      (localPart === user && localDomains.includes(domain.toLowerCase()))
    )
  }

  #isOf(name: string, mailbox: Mailbox): boolean {
    return this.#ports.accounts.find(mailbox)?.name.toLowerCase() === name
  }

  #isAllowed(name: string, mailbox: Mailbox): boolean {
    const addresses = [formatMailbox(mailbox), `*@${mailbox.domain}`, '*']
    const allowed = this.#allowed.get(name) ?? []
    return addresses.some((address) => allowed.includes(address.toLowerCase()))
  }

  #leadsTo(name: string, mailbox: Mailbox): boolean {
    const { aliases } = this.#ports
    if (!aliases.has(mailbox)) return false
    try {
      return aliases.expand(mailbox).some((member) => this.#isOf(name, member))
    } catch (error) {
      // Going round in circles it leads to nobody.
      asFault(error)
      return false
    }
  }
}

export class SenderPolicy implements Policy {
  readonly name: string = 'senders'
  readonly #options: Pick<SenderOptions, 'check' | 'localCheck'>
  readonly #owners: SenderOwners

  constructor(options: Pick<SenderOptions, 'check' | 'localCheck'>, owners: SenderOwners) {
    this.#options = options
    this.#owners = owners
  }

  mail(session: PolicySession, { from: { reversePath } }: PolicyMail): Asked {
    const { check, localCheck } = this.#options
    const isChecked =
      session.service === 'pickup' ? localCheck : check && session.user !== undefined
    // A report to the sender of another mail is from nobody.
    if (!isChecked || reversePath === undefined) return undefined
    if (this.#owners.owns(session, reversePath)) return undefined
    return Promise.resolve({ type: 'reject', reply: notOwned(reversePath, session.user) })
  }
}

/** In Postfix's words. */
function notOwned(sender: Mailbox, user: string | undefined): Reply {
  const why = user === undefined ? 'not logged in' : `not owned by user ${user}`
  const text = `<${formatMailbox(sender)}>: Sender address rejected: ${why}`
  return { code: 553, enhanced: '5.7.1', lines: [text] }
}
