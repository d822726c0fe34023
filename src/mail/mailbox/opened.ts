/** A mailbox as one session has it open. */

import { asFault } from '../../base/fault.ts'
import { wallMs } from '../../base/time.ts'
import type { Digest } from '../../ports/disk.ts'
import { ContentsAhead, forEachTogether } from './ahead.ts'
import { copyInto, rowsOf } from './copy.ts'
import type { ReadMessage } from './descriptions.ts'
import { messageHead, wholeMessage } from './digests.ts'
import { Draft } from './draft.ts'
import { DELETED, parseFileName } from './file-name.ts'
import type { Folder } from './folder.ts'
import type { KeptOrders } from './kept-orders.ts'
import { DIGESTS_TOGETHER, KEYWORDS_MAX, SUMMARY_BYTES, TOGETHER_BYTES_EACH_MAX } from './limits.ts'
import type {
  AppendDraft,
  AppendOptions,
  CopiedUids,
  Flag,
  FlagChange,
  MailboxChange,
  MailboxStatus,
  MessageContent,
  MessageContents,
  MessageDescription,
  MessageMetadata,
  MessageState,
  ModSeq,
  OpenMailbox,
  Uid,
} from './mailbox.ts'
import { type MessageText, readText } from './message-text.ts'
import { emailIdFor, type RowData } from './row-pages.ts'
import type { Rows } from './rows.ts'
import type { SearchKey, SortKey, ThreadAlgorithm, ThreadNode } from './search.ts'
import { type Known, matches, type Needs, needsOf } from './search-run.ts'
import { type Sortable, sortMessages, threadByReferences, threadBySubject } from './sort.ts'
import type { Summary } from './summary.ts'
import { gone } from './whereabouts.ts'

/** What a mailbox needs of the account that it belongs to. */
export interface Surroundings {
  readonly hostname: string
  /** In use until `released`. Rejects with `mailbox/not-found`. */
  folder(name: string): Promise<Folder>
  released(folder: Folder): void
  /** Rejects with `mailbox/over-quota`. */
  requireRoom(bytes: number, messages: number): Promise<void>
}

export class OpenedMailbox implements OpenMailbox {
  readonly name: string
  readonly #folder: Folder
  readonly #account: Surroundings
  readonly #subscriptions: Set<() => void> = new Set()
  #isClosed = false

  constructor(name: string, folder: Folder, account: Surroundings) {
    this.name = name
    this.#folder = folder
    this.#account = account
  }

  get mailboxId(): string {
    return this.#folder.id
  }

  get uidValidity(): number {
    return this.#folder.published.head.uidValidity
  }

  get uidNext(): Uid {
    return this.#folder.published.head.uidNext
  }

  get highestModSeq(): ModSeq {
    return this.#folder.published.head.highestModSeq
  }

  get uids(): Uint32Array {
    return this.#rows.uids
  }

  get firstUnseen(): Uid | undefined {
    return this.#rows.firstUnseen
  }

  get keywords(): readonly Flag[] {
    return this.#folder.published.head.keywords
  }

  get takesKeywords(): boolean {
    return this.keywords.length < KEYWORDS_MAX
  }

  status(): MailboxStatus {
    return this.#folder.status()
  }

  claimRecent(): Uid {
    return this.#folder.claimRecent()
  }

  subscribe(listener: (change: MailboxChange) => void): () => void {
    const end = this.#folder.subscribe(listener)
    this.#subscriptions.add(end)
    return () => {
      end()
      this.#subscriptions.delete(end)
    }
  }

  refresh(): Promise<void> {
    return this.#folder.refresh()
  }

  state(uid: Uid): MessageState | undefined {
    const row = this.#folder.find(uid)
    return row && { uid, flags: this.#folder.flagsOf(row.flags), modSeq: row.modSeq }
  }

  metadata(uid: Uid): MessageMetadata | undefined {
    const row = this.#folder.find(uid)
    if (row === undefined || row.base === '') return undefined
    const { flags, modSeq, dateMs, sizeBytes, base, emailId } = row
    const internalDate = wallMs(dateMs)
    return {
      uid,
      flags: this.#folder.flagsOf(flags),
      modSeq,
      internalDate,
      sizeBytes,
      // Hardly anybody asks for it.
      get emailId() {
        return emailIdFor({ base, emailId })
      },
    }
  }

  uniqueName(uid: Uid): string | undefined {
    const row = this.#folder.find(uid)
    return row === undefined || row.base === '' ? undefined : parseFileName(row.base).unique
  }

  changedSince(modSeq: ModSeq): readonly Uid[] {
    return this.#rows.changedSince(modSeq)
  }

  vanishedSince(modSeq: ModSeq): readonly (readonly [Uid, Uid])[] {
    return this.#folder.vanishedSince(modSeq)
  }

  summary(uid: Uid): Summary | undefined {
    return this.#folder.descriptions.summary(this.#folder.id, uid)
  }

  async summarize(uids: readonly Uid[]): Promise<void> {
    const { descriptions, id } = this.#folder
    const unknown = uids.filter((uid) => this.summary(uid) === undefined)
    const long: Uid[] = []
    await this.#digest(
      unknown,
      () => SUMMARY_BYTES,
      messageHead,
      (uid, digest) => {
        if (descriptions.takeHead(id, uid, digest) === undefined) long.push(uid)
      },
    )
    for (const uid of long) await this.#read(uid).catch(asFault)
  }

  /** All that is kept of texts is found out of those messages that are not too large for it. */
  async #understand(uids: readonly Uid[]): Promise<void> {
    const { descriptions, id } = this.#folder
    const sizeOf = (uid: Uid): number => this.#folder.find(uid)?.sizeBytes ?? 0
    const unknown = uids.filter(
      (uid) =>
        descriptions.fingerprint(id, uid) === undefined && sizeOf(uid) <= TOGETHER_BYTES_EACH_MAX,
    )
    await this.#digest(
      unknown,
      ({ sizeBytes }) => sizeBytes,
      wholeMessage,
      (uid, digest) => descriptions.takeWhole(id, uid, digest),
    )
  }

  /** Those are not taken that are gone, or cannot be read: who needs one of them hears why when it is read. */
  #digest(
    uids: readonly Uid[],
    lengthOf: (row: RowData) => number,
    digest: Digest,
    take: (uid: Uid, digest: Uint8Array) => void,
  ): Promise<void> {
    return forEachTogether(
      uids,
      DIGESTS_TOGETHER,
      (some) => this.#folder.digests(some, lengthOf, digest),
      (uid, result) => {
        if (result.ok && this.#isThere(uid)) take(uid, result.value)
      },
    )
  }

  async describe(uid: Uid): Promise<MessageDescription> {
    const { descriptions, id } = this.#folder
    if (this.#folder.find(uid) === undefined) throw gone(uid)
    const summary = this.summary(uid)
    const part = summary && descriptions.part(id, uid)
    const known = part === undefined ? await this.#read(uid) : { summary, part }
    const { envelope, envelopeOctets, references } = known.summary as Summary
    return { envelope, envelopeOctets, references, part: known.part }
  }

  content(uid: Uid): Promise<MessageContent> {
    return this.#folder.content(uid)
  }

  contents(uids: readonly Uid[]): MessageContents {
    return new ContentsAhead(this.#folder, uids)
  }

  async append(options: AppendOptions): Promise<AppendDraft> {
    return new Draft(this.#folder, this.#account.hostname, options)
  }

  async commit(drafts: readonly AppendDraft[]): Promise<readonly Uid[]> {
    const own = drafts as readonly Draft[]
    try {
      const bytes = own.reduce((sum, one) => sum + one.sizeBytes, 0)
      await this.#account.requireRoom(bytes, own.length)
      return await this.#folder.place(await Promise.all(own.map((one) => one.finish())))
    } catch (error) {
      for (const one of own) await one.abort()
      throw error
    }
  }

  async store(uids: readonly Uid[], change: FlagChange): Promise<readonly Uid[]> {
    const { mode, flags, unchangedSince } = change
    const kept: Uid[] = []
    await this.#folder.changeFlags(uids, mode === 'remove' ? [] : flags, (row, wanted) => {
      if (unchangedSince !== undefined && row.modSeq > unchangedSince) {
        kept.push(row.uid)
        return undefined
      }
      if (mode === 'add') return row.flags | wanted
      if (mode === 'replace') return wanted
      return flags.reduce((left, flag) => left & ~this.#folder.flagBit(flag), row.flags)
    })
    return kept.sort((a, b) => a - b)
  }

  expunge(uids?: readonly Uid[]): Promise<readonly Uid[]> {
    const asked = uids === undefined ? 'all' : [...new Set(uids)].sort((a, b) => a - b)
    return this.#folder.remove(asked, (row) => (row.flags & DELETED) !== 0)
  }

  remove(uids: readonly Uid[]): Promise<readonly Uid[]> {
    const asked = [...new Set(uids)].sort((a, b) => a - b)
    return this.#folder.remove(asked, () => true)
  }

  async copy(uids: readonly Uid[], target: string): Promise<CopiedUids> {
    const folder = await this.#account.folder(target)
    try {
      const rows = rowsOf(this.#folder, uids)
      const bytes = rows.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
      await this.#account.requireRoom(bytes, rows.length)
      return await copyInto(this.#folder, folder, uids, this.#account.hostname)
    } finally {
      this.#account.released(folder)
    }
  }

  /**
   * First there, then no longer here: a crash may leave both, never neither. No quota keeps anybody
   * from it: into the trash goes what is to make room.
   */
  async move(uids: readonly Uid[], target: string): Promise<CopiedUids> {
    const folder = await this.#account.folder(target)
    try {
      const copied = await copyInto(this.#folder, folder, uids, this.#account.hostname)
      await this.#folder.remove(copied.sources, () => true)
      return copied
    } finally {
      this.#account.released(folder)
    }
  }

  async search(key: SearchKey): Promise<readonly Uid[]> {
    const needs = needsOf(key)
    const flagBit = (flag: Flag) => this.#folder.flagBit(flag)
    const found: Uid[] = []
    // Those of which the row does not tell.
    const open: Uid[] = []
    const matching = new Set<Uid>()
    for (const row of this.#rows) {
      const isMatch = matches(key, { row, flagBit })
      if (isMatch === undefined) open.push(row.uid)
      else if (isMatch) found.push(row.uid)
    }
    if (open.length === 0) return found
    for (let at = 0; at < open.length; at += SEARCHED_TOGETHER) {
      const some = open.slice(at, at + SEARCHED_TOGETHER)
      if (needs.text) await this.#understand(some)
      if (needs.summary) await this.summarize(some)
      await this.#searchTexts(key, needs, some, (uid) => matching.add(uid))
    }
    for (const uid of matching) found.push(uid)
    return found.sort((a, b) => a - b)
  }

  /** By what is known of their texts, and for those where that is not enough by the texts. */
  async #searchTexts(
    key: SearchKey,
    needs: Needs,
    uids: readonly Uid[],
    take: (uid: Uid) => void,
  ): Promise<void> {
    const flagBit = (flag: Flag) => this.#folder.flagBit(flag)
    const { descriptions, id } = this.#folder
    const knownOf = (uid: Uid, text?: MessageText): Known | undefined => {
      const row = this.#folder.find(uid)
      if (row === undefined) return undefined
      const summary = needs.summary ? this.summary(uid) : undefined
      const fingerprint =
        needs.text && text === undefined ? descriptions.fingerprint(id, uid) : undefined
      return {
        row,
        flagBit,
        ...(summary && { summary }),
        ...(fingerprint && { fingerprint }),
        ...(text && { text }),
      }
    }
    const unsure: Uid[] = []
    for (const uid of uids) {
      const known = knownOf(uid)
      const isMatch = known === undefined ? false : matches(key, known)
      if (isMatch === undefined) unsure.push(uid)
      else if (isMatch) take(uid)
    }
    const contents = this.contents(unsure)
    try {
      for (const uid of unsure) {
        const text = await ifThere(this.#text(uid, contents))
        const known = text && knownOf(uid, text)
        if (known !== undefined && matches(key, known)) take(uid)
      }
    } finally {
      await contents.close()
    }
  }

  sort(uids: readonly Uid[], order: readonly SortKey[]): Promise<readonly Uid[]> {
    const how = order.map(({ by, isReverse }) => (isReverse ? `-${by}` : by)).join(' ')
    return this.#arranged(this.#folder.descriptions.kept.orders, how, uids, (messages) =>
      sortMessages(messages, order),
    )
  }

  thread(uids: readonly Uid[], algorithm: ThreadAlgorithm): Promise<readonly ThreadNode[]> {
    const arrange = algorithm === 'references' ? threadByReferences : threadBySubject
    return this.#arranged(this.#folder.descriptions.kept.threads, algorithm, uids, arrange)
  }

  async #arranged<T>(
    kept: KeptOrders<T>,
    how: string,
    uids: readonly Uid[],
    arrange: (messages: readonly Sortable[]) => T,
  ): Promise<T> {
    const { descriptions, id } = this.#folder
    const key = `${descriptions.keyOf(id)} ${how}`
    const known = kept.get(key, uids)
    if (known !== undefined) return known
    const messages = await this.#sortable(uids)
    const result = arrange(messages)
    // One that could not be read now may be there the next time.
    if (messages.length === uids.length) kept.keep(key, uids, result)
    return result
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const end of this.#subscriptions) end()
    this.#folder.descriptions.flush().catch(asFault)
    // Only when nothing is being done with it any more may it be put out of memory.
    this.#folder
      .rest()
      .catch(asFault)
      .finally(() => this.#account.released(this.#folder))
  }

  get #rows(): Rows {
    return this.#folder.published.rows
  }

  readonly #isThere = (uid: Uid): boolean => this.#folder.find(uid) !== undefined

  async #read(uid: Uid): Promise<ReadMessage> {
    const content = await this.content(uid)
    try {
      return await this.#folder.descriptions.read(this.#folder.id, uid, content, this.#isThere)
    } finally {
      await content.close()
    }
  }

  async #text(uid: Uid, contents: MessageContents): Promise<MessageText> {
    const { descriptions, id } = this.#folder
    const content = await contents.next(uid)
    try {
      const part = descriptions.part(id, uid)
      const isPrinted = descriptions.fingerprint(id, uid) !== undefined
      if (part !== undefined && isPrinted) return await readText(content, part)
      return (await descriptions.read(id, uid, content, this.#isThere)).text
    } finally {
      await content.close()
    }
  }

  /** Messages that are gone meanwhile are not among them. */
  async #sortable(uids: readonly Uid[]): Promise<readonly Sortable[]> {
    await this.summarize(uids)
    const messages: Sortable[] = []
    for (const uid of uids) {
      const summary = this.summary(uid) ?? (await ifThere(this.#read(uid)))?.summary
      const row = this.#folder.find(uid)
      if (row !== undefined && summary !== undefined) messages.push({ row, summary })
    }
    return messages
  }
}

/** Messages of which all is found out before the next are looked at. */
const SEARCHED_TOGETHER = 1000

/** Undefined where it is gone meanwhile. */
async function ifThere<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading
  } catch (error) {
    if (asFault(error).code === 'mailbox/gone') return undefined
    throw error
  }
}
