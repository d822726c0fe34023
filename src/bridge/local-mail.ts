/** The users of a host, the addresses that stand for them, and their mailboxes. */

import { asFault } from '../base/fault.ts'
import { type Account, Accounts } from '../mail/accounts.ts'
import { Aliases } from '../mail/aliases.ts'
import { LocalTarget } from '../mail/local-target.ts'
import { Mailboxes } from '../mail/mailbox/mailboxes.ts'
import { Maildir } from '../mail/maildir.ts'
import { maildirUsage } from '../mail/maildir-usage.ts'
import type { MailQueue } from '../mail/queue.ts'
import { NO_QUOTAS, Quotas, quotaOf } from '../mail/quotas.ts'
import type { Routes } from '../mail/route.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import type { MailHostOptions } from './mail-host-options.ts'
import type { MailHostPorts } from './mail-host-ports.ts'

export interface LocalMailPorts extends MailHostPorts {
  readonly routes: Routes
  /** Whether attachments that were held back are asked for at this address. */
  readonly isAskedAt: (recipient: Mailbox) => boolean
  /** Where the mail of a user goes on to others. */
  readonly redirect: MailQueue['redirect']
}

export class LocalMail {
  readonly accounts: Accounts
  readonly aliases: Aliases
  readonly target: LocalTarget
  readonly mailboxes: Mailboxes
  readonly #options: MailHostOptions
  readonly #ports: LocalMailPorts
  /** One for each name that ever had an account, for deliveries to it may be under way. */
  readonly #maildirs = new Map<string, Maildir>()

  constructor(options: MailHostOptions, ports: LocalMailPorts) {
    this.#options = options
    this.#ports = ports
    const { quotas = NO_QUOTAS } = options
    const accounts = new Accounts(ports.routes.localDomains, ports.passwords)
    this.accounts = accounts
    this.aliases = new Aliases(
      options.aliases,
      (one) => accounts.find(one) !== undefined || ports.isAskedAt(one),
    )
    this.mailboxes = new Mailboxes(
      {
        hostname: options.host,
        maildirOf: (name) => this.#path(name),
        quotaOf: (name) => quotaOf(quotas, name),
      },
      ports,
    )
    const usage = (name: string): ReturnType<typeof maildirUsage> =>
      maildirUsage(ports.disk, this.#path(name))
    this.target = new LocalTarget(
      accounts,
      {
        disk: ports.disk,
        maildirOf: ({ name }) => this.#maildirOf(name),
        subaddress: options.subaddress,
        quotas: new Quotas(quotas, usage, ports.clock),
        told: ({ name }) => this.#told(name),
        redirect: ports.redirect,
        ...(ports.filter && { filter: ports.filter }),
      },
      this.aliases,
    )
  }

  /** Those whom the options name. */
  async takeUsers(): Promise<void> {
    const { users } = this.#options
    if (users === undefined) return
    const accounts: Account[] = []
    for (const { name, password } of users) {
      accounts.push({ name, ...(await this.#ports.passwords.hash(password)), appPasswords: [] })
    }
    this.accounts.replace(accounts)
  }

  #maildirOf(name: string): Maildir {
    const known = this.#maildirs.get(name)
    if (known !== undefined) return known
    const maildir = new Maildir(this.#path(name), this.#options.host, this.#ports)
    this.#maildirs.set(name, maildir)
    return maildir
  }

  #path(name: string): string {
    return `${this.#ports.homes}/${name}/Maildir`
  }

  /** What was placed is told at once to those who have the mailbox open. */
  #told(account: string): void {
    // It is delivered, whatever becomes of this.
    this.mailboxes.delivered(account).catch((error) => {
      const reason = asFault(error).message
      this.#ports.events({ type: 'trouble', where: `mailbox of ${account}`, reason })
    })
  }
}
