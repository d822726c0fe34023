/** The mailboxes of every account of a host. */

import type { Store } from '../../ports/store.ts'
import { type AccountPorts, MaildirAccount, type Quota } from './account.ts'
import type { Kept } from './descriptions.ts'
import type { Folder } from './folder.ts'
import { KeptOrders } from './kept-orders.ts'
import { KeptSummaries } from './kept-summaries.ts'
import { FOLDERS_KEPT_MAX, ROWS_KEPT_MAX } from './limits.ts'
import type { MailboxAccount } from './mailbox.ts'

export interface MailboxesOptions {
  readonly hostname: string
  /** An account's Maildir, absolute. */
  readonly maildirOf: (account: string) => string
  /** Default: as much as one likes. */
  readonly quotaOf?: (account: string) => Quota
}

export interface MailboxesPorts extends Omit<AccountPorts, 'openIndex'> {
  /**
   * The store of an account's index, which is closed when it has not been used for longest: what is in
   * it can be made again from the files, and it may be deleted while it is closed.
   */
  readonly openIndex: (account: string) => Promise<Store>
}

interface InUse {
  uses: number
  readonly forget: () => void
}

export class Mailboxes {
  readonly #options: MailboxesOptions
  readonly #ports: MailboxesPorts
  readonly #inMemory: Kept = {
    summaries: new KeptSummaries(),
    orders: new KeptOrders(),
    threads: new KeptOrders(),
  }
  readonly #accounts: Map<string, MaildirAccount> = new Map()
  /** Those not in use for longest come first. */
  readonly #kept: Map<Folder, InUse> = new Map()

  constructor(options: MailboxesOptions, ports: MailboxesPorts) {
    this.#options = options
    this.#ports = ports
  }

  /** The same object for the same name. */
  of(account: string): MailboxAccount {
    return this.#account(account)
  }

  /** A message has just been placed in one of this account's mailboxes. */
  delivered(account: string): Promise<void> {
    return this.#accounts.get(account)?.delivered() ?? Promise.resolve()
  }

  /** Writes what was read and not yet written, and closes the indexes. */
  async close(): Promise<void> {
    await Promise.all([...this.#accounts.values()].map((account) => account.close()))
  }

  #account(account: string): MaildirAccount {
    const known = this.#accounts.get(account)
    if (known !== undefined) return known
    const { hostname, maildirOf, quotaOf = () => ({}) } = this.#options
    const options = { path: maildirOf(account), hostname, quota: quotaOf(account) }
    const ports = { ...this.#ports, openIndex: () => this.#ports.openIndex(account) }
    const made = new MaildirAccount(options, ports, this.#inMemory, {
      used: (folder, forget) => this.#use(folder, forget),
      released: (folder) => this.#release(folder),
    })
    this.#accounts.set(account, made)
    return made
  }

  #use(folder: Folder, forget: () => void): void {
    const uses = (this.#kept.get(folder)?.uses ?? 0) + 1
    this.#kept.delete(folder)
    this.#kept.set(folder, { uses, forget })
  }

  #release(folder: Folder): void {
    const kept = this.#kept.get(folder)
    if (kept === undefined) return
    kept.uses--
    let rows = 0
    for (const one of this.#kept.keys()) rows += one.rowCount
    for (const [one, { uses, forget }] of this.#kept) {
      if (this.#kept.size <= FOLDERS_KEPT_MAX && rows <= ROWS_KEPT_MAX) return
      if (uses > 0) continue
      this.#kept.delete(one)
      rows -= one.rowCount
      forget()
    }
  }
}
