/** Who has a mailbox here, and how they prove it. */

import { fromUtf8 } from '../base/bytes.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import { formatMailbox } from '../proto/smtp/path.ts'

export interface Account {
  readonly name: string
  readonly password: string
}

export class Accounts {
  readonly #byName = new Map<string, Account>()
  readonly #domains: ReadonlySet<string>
  readonly #postmaster: Account | undefined

  /** The first account is the postmaster's, unless one bears that name. */
  constructor(accounts: readonly Account[], localDomains: readonly string[]) {
    for (const account of accounts) this.#byName.set(account.name.toLowerCase(), account)
    this.#domains = new Set(localDomains.map((domain) => domain.toLowerCase()))
    this.#postmaster = this.#byName.get('postmaster') ?? accounts[0]
  }

  /** `user` or `user@domain`; undefined where the two do not belong together. */
  async verify(user: string, password: string): Promise<Account | undefined> {
    const at = user.lastIndexOf('@')
    const account =
      at < 0
        ? this.#byName.get(user.toLowerCase())
        : this.find({ localPart: user.slice(0, at), domain: user.slice(at + 1) })
    // Compares for an unknown user too: the time taken must not tell who exists.
    const right = equalInConstantTime(password, account?.password ?? '')
    return right ? account : undefined
  }

  get all(): Iterable<Account> {
    return this.#byName.values()
  }

  /** Whose mailbox this is. Every domain has a postmaster. RFC 5321 §4.5.1. */
  find(mailbox: Mailbox): Account | undefined {
    if (!this.#domains.has(mailbox.domain.toLowerCase())) return undefined
    const name = mailbox.localPart.toLowerCase()
    return name === 'postmaster' ? this.#postmaster : this.#byName.get(name)
  }
}

/**
 * For a `filter`: keeps the first of all mailboxes that are one, so that nobody is given two copies.
 * Those of an account here are one by any name; of others only their host knows. RFC 5321 §2.4.
 */
export function onlyFirst(accounts: Accounts): (mailbox: Mailbox) => boolean {
  const seen = new Set<Account | string>()
  return (mailbox) => {
    const whose = accounts.find(mailbox) ?? formatMailbox(mailbox)
    const isFirst = !seen.has(whose)
    seen.add(whose)
    return isFirst
  }
}

/** Takes as long for a wrong text as for a right one of the same length. */
function equalInConstantTime(given: string, secret: string): boolean {
  const a = fromUtf8(given)
  const b = fromUtf8(secret)
  let difference = a.length ^ b.length
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i % b.length] ?? 0)
  return difference === 0
}
