/** The mailboxes of every account of a host. */

import { MaildirAccount, type Quota } from './account.ts'
import { Descriptions } from './descriptions.ts'
import type { Folder, FolderPorts } from './folder.ts'
import { FOLDERS_KEPT_MAX, ROWS_KEPT_MAX } from './limits.ts'
import type { MailboxAccount } from './mailbox.ts'

export interface MailboxesOptions {
  readonly hostname: string
  /** An account's Maildir, absolute. */
  readonly maildirOf: (account: string) => string
  /** Default: as much as one likes. */
  readonly quotaOf?: (account: string) => Quota
}

interface Kept {
  uses: number
  readonly forget: () => void
}

export class Mailboxes {
  readonly #options: MailboxesOptions
  readonly #ports: FolderPorts
  readonly #descriptions: Descriptions
  readonly #accounts: Map<string, MaildirAccount> = new Map()
  /** Those not in use for longest come first. */
  readonly #kept: Map<Folder, Kept> = new Map()

  /** `ports.store` may be a store of its own: what is in it can be made again from the files. */
  constructor(options: MailboxesOptions, ports: FolderPorts) {
    this.#options = options
    this.#ports = ports
    this.#descriptions = new Descriptions(ports.store)
  }

  /** The same object for the same name. */
  of(account: string): MailboxAccount {
    return this.#account(account)
  }

  /** A message has just been placed in one of this account's mailboxes. */
  delivered(account: string): Promise<void> {
    return this.#accounts.get(account)?.delivered() ?? Promise.resolve()
  }

  /** Writes what was read and not yet written. */
  flush(): Promise<void> {
    return this.#descriptions.flush()
  }

  #account(account: string): MaildirAccount {
    const known = this.#accounts.get(account)
    if (known !== undefined) return known
    const { hostname, maildirOf, quotaOf = () => ({}) } = this.#options
    const options = { path: maildirOf(account), hostname, quota: quotaOf(account) }
    const made = new MaildirAccount(options, this.#ports, this.#descriptions, {
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
