/** The mailboxes of one account: a Maildir and its folders, as Maildir++ lays them out. */

import { fromUtf8 } from '../../base/bytes.ts'
import { asFault } from '../../base/fault.ts'
import type { Disk } from '../../ports/disk.ts'
import { ignoreNotFound, isNotFound } from '../../ports/disk.ts'
import type { Store } from '../../ports/store.ts'
import { Descriptions, type Kept } from './descriptions.ts'
import { mailboxFault } from './fault.ts'
import { directoryOf, mailboxOf } from './file-name.ts'
import { readSmall, replaceFile } from './files.ts'
import { Folder, type FolderPorts } from './folder.ts'
import { headOf, removals } from './index-rows.ts'
import { MAILBOXES_MAX } from './limits.ts'
import {
  HIERARCHY_DELIMITER,
  type MailboxAccount,
  type MailboxListing,
  type MailboxStatus,
  type OpenMailbox,
  type QuotaStatus,
  type SpecialUse,
} from './mailbox.ts'
import { ownMarker, readMarker, writeMarker } from './marker.ts'
import { OpenedMailbox } from './opened.ts'

export interface Quota {
  readonly bytesMax?: number
  readonly messagesMax?: number
}

export interface MaildirAccountOptions {
  readonly path: string
  readonly hostname: string
  readonly quota: Quota
}

/** With the account's index, which is opened when it is first needed. */
export interface AccountPorts extends Omit<FolderPorts, 'store'> {
  readonly openIndex: () => Promise<Store>
}

interface Index {
  readonly ports: FolderPorts
  readonly descriptions: Descriptions
}

/** Told of mailboxes that are in memory, so that of all accounts no more are than there is room for. */
export interface FolderKeeper {
  used(folder: Folder, forget: () => void): void
  released(folder: Folder): void
}

const SUBSCRIPTIONS = 'subscriptions'
const DELETED_PREFIX = 'lightlag-deleted-'

/** What a mailbox is for that says nothing else, if no other does: as clients name them. */
const COMMON_NAMES: Readonly<Record<string, SpecialUse>> = {
  archive: '\\Archive',
  drafts: '\\Drafts',
  junk: '\\Junk',
  sent: '\\Sent',
  trash: '\\Trash',
}

export class MaildirAccount implements MailboxAccount {
  readonly #options: MaildirAccountOptions
  readonly #ports: AccountPorts
  readonly #kept: Kept
  readonly #keeper: FolderKeeper
  readonly #folders: Map<string, Folder> = new Map()
  #turn: Promise<unknown> = Promise.resolve()
  #index: Promise<Index> | undefined
  #closing: Promise<void> = Promise.resolve()
  /** What uses the index: mailboxes that somebody has open, and what is being done. */
  #users = 0

  constructor(
    options: MaildirAccountOptions,
    ports: AccountPorts,
    kept: Kept,
    keeper: FolderKeeper,
  ) {
    this.#options = options
    this.#ports = ports
    this.#kept = kept
    this.#keeper = keeper
  }

  async list(): Promise<readonly MailboxListing[]> {
    const names = await this.#names()
    const subscribed = new Set(await this.#subscriptions())
    const all = new Set(['INBOX', ...names, ...subscribed])
    for (const name of names) for (const parent of parentsOf(name)) all.add(parent)
    const existing = new Set(['INBOX', ...names])
    const uses = await this.#specialUses(names)
    const parents = new Set([...existing].flatMap(parentsOf))
    return [...all].sort(byLevels).map((name) => ({
      name,
      exists: existing.has(name),
      isSubscribed: subscribed.has(name),
      hasChildren: parents.has(name),
      specialUse: uses.get(name) ?? [],
    }))
  }

  create(name: string, specialUse: readonly SpecialUse[] = []): Promise<string> {
    return this.#inTurn(async () => {
      const mailbox = canonical(name)
      directoryOf(mailbox)
      const names = new Set(await this.#names())
      if (mailbox === 'INBOX' || names.has(mailbox)) throw exists(mailbox)
      if (names.size >= MAILBOXES_MAX) throw mailboxFault('mailbox/too-many', 'too many mailboxes')
      for (const parent of parentsOf(mailbox)) {
        if (parent !== 'INBOX' && !names.has(parent)) await this.#make(parent, [])
      }
      return this.#make(mailbox, specialUse)
    })
  }

  delete(name: string): Promise<void> {
    return this.#inTurn(async () => {
      const mailbox = canonical(name)
      if (mailbox === 'INBOX') throw mailboxFault('mailbox/not-permitted', 'INBOX stays')
      const path = await this.#existing(mailbox)
      const { disk } = this.#ports
      const account = this.#options.path
      // Its own: with it goes what the index holds.
      const { id } = await this.#withIndex(({ ports }) =>
        ownMarker(ports, account, path.slice(account.length)),
      )
      await disk.rename(path, `${account}/${DELETED_PREFIX}${id}`)
      await disk.syncDirectory(account)
      this.#drop(mailbox)
      await this.#clearDeleted()
    })
  }

  async rename(from: string, to: string): Promise<void> {
    const [source, target] = [canonical(from), canonical(to)]
    if (source === 'INBOX') {
      await this.create(target)
      const inbox = await this.open('INBOX')
      try {
        await inbox.move([...inbox.uids], target)
      } finally {
        inbox.close()
      }
      return
    }
    await this.#inTurn(() => this.#rename(source, target))
  }

  subscribe(name: string, isSubscribed: boolean): Promise<void> {
    return this.#inTurn(async () => {
      const mailbox = canonical(name)
      const others = (await this.#subscriptions()).filter((one) => one !== mailbox)
      const all = isSubscribed ? [...others, mailbox] : others
      // As Dovecot writes them: levels parted by tabs, and by modified UTF-7.
      const lines = all.map((one) => formatSubscription(one))
      await this.#ports.disk.makeDirectory(this.#options.path)
      await replaceFile(
        this.#ports.disk,
        `${this.#options.path}/${SUBSCRIPTIONS}`,
        `V\t2\n\n${lines.map((line) => `${line}\n`).join('')}`,
      )
    })
  }

  async status(name: string): Promise<MailboxStatus> {
    const folder = await this.folder(name)
    try {
      return folder.status()
    } finally {
      this.#release(folder)
    }
  }

  async open(name: string): Promise<OpenMailbox> {
    const folder = await this.folder(name)
    return new OpenedMailbox(canonical(name), folder, {
      hostname: this.#options.hostname,
      folder: (target) => this.folder(target),
      requireRoom: (bytes, messages) => this.#requireRoom(bytes, messages),
      released: (used) => this.#release(used),
    })
  }

  quota(): Promise<QuotaStatus> {
    return this.#withIndex(({ ports }) => this.#quota(ports))
  }

  /** What was read and not yet written is written, and the index closed. */
  async close(): Promise<void> {
    for (const folder of this.#folders.values()) await folder.rest().catch(asFault)
    this.#closeIndex()
    await this.#closing
  }

  async #quota({ disk, entropy, store }: FolderPorts): Promise<QuotaStatus> {
    const { bytesMax, messagesMax } = this.#options.quota
    let usedBytes = 0
    let usedMessages = 0
    for (const name of ['INBOX', ...(await this.#names())]) {
      const path = this.#pathOf(name)
      // Into INBOX mail is delivered that nobody has looked at.
      const isMarked = name !== 'INBOX' && (await disk.stat(path)) !== undefined
      const head = isMarked ? headOf(store, (await readMarker(disk, path, entropy)).id) : undefined
      const { messages, sizeBytes } =
        head === undefined
          ? await this.status(name)
          : { messages: head.messages, sizeBytes: head.messageBytes }
      usedBytes += sizeBytes
      usedMessages += messages
    }
    return { usedBytes, usedMessages, bytesMax, messagesMax }
  }

  /** For a delivery from this process: whoever has a mailbox open hears of it now. */
  async delivered(): Promise<void> {
    for (const folder of this.#folders.values()) if (folder.hasListeners) await folder.refresh()
  }

  /** In use until it is released. Its files have been looked at. */
  folder(name: string): Promise<Folder> {
    return this.#withIndex((index) => this.#folder(name, index))
  }

  async #folder(name: string, { ports, descriptions }: Index): Promise<Folder> {
    const mailbox = canonical(name)
    if (mailbox !== 'INBOX') await this.#existing(mailbox)
    const directory = mailbox === 'INBOX' ? '' : `/${directoryOf(mailbox)}`
    const known = this.#folders.get(mailbox)
    const isUsable = known !== undefined && !known.isInvalid
    // Never two of one mailbox: both would give the same UIDs.
    const folder = isUsable ? known : new Folder(this.#options.path, directory, ports, descriptions)
    this.#folders.set(mailbox, folder)
    this.#users++
    this.#keeper.used(folder, () => {
      if (this.#folders.get(mailbox) === folder) this.#folders.delete(mailbox)
      this.#closeUnused()
    })
    try {
      await folder.refresh()
      return folder
    } catch (error) {
      this.#release(folder)
      throw error
    }
  }

  #release(folder: Folder): void {
    this.#users--
    this.#keeper.released(folder)
    this.#closeUnused()
  }

  async #withIndex<T>(action: (index: Index) => Promise<T>): Promise<T> {
    this.#users++
    try {
      this.#index ??= this.#openIndex()
      return await action(await this.#index)
    } finally {
      this.#users--
      this.#closeUnused()
    }
  }

  async #openIndex(): Promise<Index> {
    try {
      await this.#closing
      const store = await this.#ports.openIndex()
      const ports = { ...this.#ports, store }
      return { ports, descriptions: new Descriptions(store, this.#kept, this.#options.path) }
    } catch (error) {
      this.#index = undefined
      throw error
    }
  }

  #closeUnused(): void {
    if (this.#folders.size === 0 && this.#users === 0) this.#closeIndex()
  }

  #closeIndex(): void {
    const opened = this.#index
    this.#index = undefined
    this.#folders.clear()
    if (opened === undefined) return
    this.#closing = opened
      .then(async ({ ports, descriptions }) => {
        await descriptions.flush()
        await ports.store.close()
      })
      .catch((error: unknown) => void asFault(error))
  }

  async #requireRoom(bytes: number, messages: number): Promise<void> {
    const { bytesMax, messagesMax } = this.#options.quota
    if (bytesMax === undefined && messagesMax === undefined) return
    const { usedBytes, usedMessages } = await this.quota()
    const isOver =
      usedBytes + bytes > (bytesMax ?? Number.POSITIVE_INFINITY) ||
      usedMessages + messages > (messagesMax ?? Number.POSITIVE_INFINITY)
    if (isOver) throw mailboxFault('mailbox/over-quota', 'the account has no room for it')
  }

  async #rename(source: string, target: string): Promise<void> {
    await this.#existing(source)
    const names = await this.#names()
    const below = `${source}${HIERARCHY_DELIMITER}`
    const moved = names.filter((name) => name === source || name.startsWith(below))
    const renamed = moved.map((name) => [name, `${target}${name.slice(source.length)}`] as const)
    for (const [, name] of renamed) {
      directoryOf(name)
      if (name === 'INBOX' || names.includes(name)) throw exists(name)
    }
    for (const parent of parentsOf(target)) {
      if (parent !== 'INBOX' && !names.includes(parent)) await this.#make(parent, [])
    }
    for (const [before, after] of renamed) {
      const move = async (): Promise<void> => {
        await this.#ports.disk.rename(this.#pathOf(before), this.#pathOf(after))
        this.#drop(before)
      }
      // What is being changed there must not meet who opens it by its new name.
      await (this.#folders.get(before)?.atRest(move) ?? move())
    }
    await this.#ports.disk.syncDirectory(this.#options.path)
  }

  async #make(mailbox: string, specialUse: readonly SpecialUse[]): Promise<string> {
    const { disk, entropy } = this.#ports
    const path = this.#pathOf(mailbox)
    for (const place of ['tmp', 'new', 'cur']) await disk.makeDirectory(`${path}/${place}`)
    await disk.writeNew(`${path}/maildirfolder`, fromUtf8('')).catch((error: unknown) => {
      if ((error as { code?: string }).code !== 'disk/exists') throw error
    })
    const marker = await readMarker(disk, path, entropy)
    await writeMarker(disk, path, { ...marker, specialUse })
    return marker.id
  }

  /** Those of which the directory is there, INBOX excepted. */
  async #names(): Promise<readonly string[]> {
    const { disk } = this.#ports
    const { path } = this.#options
    const names: string[] = []
    const entries = await disk.list(path).catch((error: unknown) => {
      if (isNotFound(error)) return []
      throw error
    })
    for (const entry of entries) {
      const name = mailboxOf(entry)
      if (name === undefined || directoryOf(name) !== entry) continue
      if ((await disk.stat(`${path}/${entry}/cur`))?.kind === 'directory') names.push(name)
    }
    return names
  }

  async #existing(mailbox: string): Promise<string> {
    const path = this.#pathOf(mailbox)
    if ((await this.#ports.disk.stat(`${path}/cur`))?.kind !== 'directory') {
      throw mailboxFault('mailbox/not-found', `there is no mailbox ${mailbox}`)
    }
    return path
  }

  #pathOf(mailbox: string): string {
    const { path } = this.#options
    return mailbox === 'INBOX' ? path : `${path}/${directoryOf(mailbox)}`
  }

  #drop(mailbox: string): void {
    const folder = this.#folders.get(mailbox)
    this.#folders.delete(mailbox)
    folder?.invalidate()
  }

  /** Also what a crash has left of one. */
  #clearDeleted(): Promise<void> {
    return this.#withIndex(({ ports }) => this.#clear(ports))
  }

  async #clear({ disk, store }: FolderPorts): Promise<void> {
    for (const entry of await disk.list(this.#options.path)) {
      if (!entry.startsWith(DELETED_PREFIX)) continue
      await removeTree(disk, `${this.#options.path}/${entry}`)
      const id = entry.slice(DELETED_PREFIX.length)
      if (/^[0-9a-f]{16}$/.test(id)) await store.commit(removals(store, `${id}/`))
    }
  }

  async #subscriptions(): Promise<readonly string[]> {
    const text = await readSmall(this.#ports.disk, `${this.#options.path}/${SUBSCRIPTIONS}`)
    const isSecond = text?.startsWith('V\t2\n') ?? false
    const lines = (text ?? '').split('\n').slice(isSecond ? 2 : 0)
    return lines.filter((line) => line !== '').map((line) => parseSubscription(line, isSecond))
  }

  async #specialUses(names: readonly string[]): Promise<Map<string, readonly SpecialUse[]>> {
    const uses = new Map<string, readonly SpecialUse[]>()
    const taken = new Set<SpecialUse>()
    for (const name of names) {
      const { specialUse } = await readMarker(
        this.#ports.disk,
        this.#pathOf(name),
        this.#ports.entropy,
      )
      if (specialUse.length > 0) uses.set(name, specialUse)
      for (const use of specialUse) taken.add(use)
    }
    for (const name of names) {
      const use = COMMON_NAMES[name.toLowerCase()]
      if (use === undefined || uses.has(name) || taken.has(use)) continue
      uses.set(name, [use])
      taken.add(use)
    }
    return uses
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(action)
    this.#turn = result.catch(() => {})
    return result
  }
}

async function removeTree(disk: Disk, path: string): Promise<void> {
  for (const name of await disk.list(path)) {
    const entry = `${path}/${name}`
    if ((await disk.stat(entry))?.kind === 'directory') await removeTree(disk, entry)
    else await disk.remove(entry).catch(ignoreNotFound)
  }
  await disk.removeDirectory(path)
}

function canonical(name: string): string {
  return /^inbox$/i.test(name) ? 'INBOX' : name
}

function parentsOf(name: string): readonly string[] {
  const levels = name.split(HIERARCHY_DELIMITER)
  return levels.slice(0, -1).map((_, i) => levels.slice(0, i + 1).join(HIERARCHY_DELIMITER))
}

/** INBOX first; a mailbox before those below it. */
function byLevels(a: string, b: string): number {
  if (a === 'INBOX' || b === 'INBOX') return a === b ? 0 : a === 'INBOX' ? -1 : 1
  const [x, y] = [a.replaceAll(HIERARCHY_DELIMITER, '\0'), b.replaceAll(HIERARCHY_DELIMITER, '\0')]
  return x < y ? -1 : 1
}

function formatSubscription(name: string): string {
  if (name === 'INBOX') return name
  try {
    return directoryOf(name).slice(1).replaceAll('.', '\t')
  } catch {
    // Even what is no name here may be subscribed to, but not with what parts the lines.
    return name.replace(/[\n\t]/g, ' ')
  }
}

function parseSubscription(line: string, isSecond: boolean): string {
  return mailboxOf(`.${isSecond ? line.replaceAll('\t', '.') : line}`) ?? line
}

function exists(name: string): Error {
  return mailboxFault('mailbox/exists', `there is a mailbox ${name} already`)
}
