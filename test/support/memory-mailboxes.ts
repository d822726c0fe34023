/** Mailboxes of one account in memory: as the ports of mail have them, without a disk. */

import { concat, fromUtf8, toHex, toLatin1, toUtf8 } from '../../src/base/bytes.ts'
import { Fault } from '../../src/base/fault.ts'
import { sha256 } from '../../src/base/sha256.ts'
import type { WallMs } from '../../src/base/time.ts'
import type {
  AppendDraft,
  AppendOptions,
  CopiedUids,
  FlagChange,
  MailboxAccount,
  MailboxChange,
  MailboxFaultCode,
  MailboxListing,
  MailboxStatus,
  MessageContent,
  MessageDescription,
  MessageMetadata,
  OpenMailbox,
  QuotaStatus,
  SpecialUse,
} from '../../src/mail/mailbox/mailbox.ts'
import type { SearchKey, SortKey, ThreadNode } from '../../src/mail/mailbox/search.ts'
import { decodeWords } from '../../src/proto/message/encoded-word.ts'
import { parseMailDate } from '../../src/proto/message/mail-date.ts'
import { parseMessageIds } from '../../src/proto/message/message-id.ts'
import { envelopeOf } from '../../src/proto/message/part-fields.ts'
import { StructureReader } from '../../src/proto/message/structure.ts'
import { baseSubject } from '../../src/proto/message/subject.ts'

interface Stored {
  readonly uid: number
  flags: readonly string[]
  modSeq: number
  readonly internalDate: WallMs
  readonly octets: Uint8Array
  readonly emailId: string
}

function failed(code: MailboxFaultCode): Fault {
  return new Fault(code, code, { temporary: false })
}

export class MemoryAccount implements MailboxAccount {
  readonly #boxes = new Map<string, MemoryMailbox>()
  readonly #subscribed = new Set<string>()
  readonly #now: () => WallMs
  #ids = 0
  bytesMax: number | undefined

  constructor(now: () => WallMs) {
    this.#now = now
    this.#add('INBOX', [])
  }

  async list(): Promise<readonly MailboxListing[]> {
    const names = new Set([...this.#boxes.keys(), ...this.#subscribed])
    for (const name of this.#boxes.keys()) {
      for (let at = name.indexOf('/'); at >= 0; at = name.indexOf('/', at + 1)) {
        names.add(name.slice(0, at))
      }
    }
    const sorted = [...names].sort((a, b) =>
      a === 'INBOX' ? -1 : b === 'INBOX' ? 1 : a < b ? -1 : 1,
    )
    return sorted.map((name) => ({
      name,
      exists: this.#boxes.has(name),
      isSubscribed: this.#subscribed.has(name),
      hasChildren: [...this.#boxes.keys()].some((other) => other.startsWith(`${name}/`)),
      specialUse: this.#boxes.get(name)?.uses ?? [],
    }))
  }

  async create(name: string, specialUse: readonly SpecialUse[] = []): Promise<string> {
    if (this.#boxes.has(name)) throw failed('mailbox/exists')
    const above = name.slice(0, name.lastIndexOf('/'))
    if (name.includes('/') && !this.#boxes.has(above)) await this.create(above)
    return this.#add(name, specialUse).mailboxId
  }

  async delete(name: string): Promise<void> {
    if (name === 'INBOX') throw failed('mailbox/not-permitted')
    this.#found(name).invalidate()
    this.#boxes.delete(name)
  }

  async rename(from: string, to: string): Promise<void> {
    const box = this.#found(from)
    if (this.#boxes.has(to)) throw failed('mailbox/exists')
    if (from === 'INBOX') {
      this.#add(to, [])
      await box.move([...box.uids], to)
      return
    }
    for (const [name, one] of [...this.#boxes]) {
      if (name !== from && !name.startsWith(`${from}/`)) continue
      this.#boxes.delete(name)
      one.invalidate()
      one.name = to + name.slice(from.length)
      this.#boxes.set(one.name, one)
    }
  }

  async subscribe(name: string, isSubscribed: boolean): Promise<void> {
    if (isSubscribed) this.#subscribed.add(name)
    else this.#subscribed.delete(name)
  }

  async status(name: string): Promise<MailboxStatus> {
    return this.#found(name).status()
  }

  async open(name: string): Promise<OpenMailbox> {
    return this.#found(name)
  }

  async quota(): Promise<QuotaStatus> {
    const all = [...this.#boxes.values()].map((box) => box.status())
    return {
      usedBytes: all.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      usedMessages: all.reduce((sum, { messages }) => sum + messages, 0),
      bytesMax: this.bytesMax,
      messagesMax: undefined,
    }
  }

  /** As a delivery does. */
  deliver(name: string, text: string, options: AppendOptions = { flags: [] }): number {
    return this.#found(name).add(fromUtf8(text), options)
  }

  #add(name: string, uses: readonly SpecialUse[]): MemoryMailbox {
    const box = new MemoryMailbox(name, ++this.#ids, uses, this.#now, (other) => this.#found(other))
    this.#boxes.set(name, box)
    return box
  }

  #found(name: string): MemoryMailbox {
    const box = this.#boxes.get(name)
    if (box === undefined) throw failed('mailbox/not-found')
    return box
  }
}

class MemoryMailbox implements OpenMailbox {
  name: string
  readonly mailboxId: string
  readonly uidValidity: number
  readonly uses: readonly SpecialUse[]
  readonly takesKeywords = true
  uidNext = 1
  highestModSeq = 1
  readonly #now: () => WallMs
  readonly #other: (name: string) => MemoryMailbox
  readonly #messages = new Map<number, Stored>()
  readonly #listeners = new Set<(change: MailboxChange) => void>()
  readonly #gone: { readonly uid: number; readonly modSeq: number }[] = []
  readonly #descriptions = new Map<number, MessageDescription>()
  readonly #keywords = new Map<string, string>()
  #recentFrom = 1

  constructor(
    name: string,
    id: number,
    uses: readonly SpecialUse[],
    now: () => WallMs,
    other: (name: string) => MemoryMailbox,
  ) {
    this.name = name
    this.mailboxId = `F${id}`
    this.uidValidity = 1000 + id
    this.uses = uses
    this.#now = now
    this.#other = other
  }

  get uids(): Uint32Array {
    return Uint32Array.from(this.#messages.keys())
  }

  get keywords(): readonly string[] {
    return [...this.#keywords.values()]
  }

  status(): MailboxStatus {
    const all = [...this.#messages.values()]
    return {
      mailboxId: this.mailboxId,
      uidValidity: this.uidValidity,
      uidNext: this.uidNext,
      highestModSeq: this.highestModSeq,
      messages: all.length,
      recent: all.filter(({ uid }) => uid >= this.#recentFrom).length,
      unseen: all.filter(({ flags }) => !flags.includes('\\Seen')).length,
      deleted: all.filter(({ flags }) => flags.includes('\\Deleted')).length,
      sizeBytes: all.reduce((sum, { octets }) => sum + octets.length, 0),
    }
  }

  claimRecent(): number {
    const from = this.#recentFrom
    this.#recentFrom = this.uidNext
    return from
  }

  subscribe(listener: (change: MailboxChange) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async refresh(): Promise<void> {}

  state(uid: number): MessageMetadata | undefined {
    return this.metadata(uid)
  }

  metadata(uid: number): MessageMetadata | undefined {
    const stored = this.#messages.get(uid)
    return stored && { ...stored, sizeBytes: stored.octets.length }
  }

  changedSince(modSeq: number): readonly number[] {
    return [...this.#messages.values()].filter((one) => one.modSeq > modSeq).map(({ uid }) => uid)
  }

  vanishedSince(modSeq: number): readonly (readonly [number, number])[] {
    const uids = this.#gone.filter((one) => one.modSeq > modSeq).map(({ uid }) => uid)
    return uids.sort((a, b) => a - b).map((uid) => [uid, uid] as const)
  }

  known(uid: number): MessageDescription | undefined {
    return this.#descriptions.get(uid)
  }

  async describe(uid: number): Promise<MessageDescription> {
    const stored = this.#messages.get(uid)
    if (stored === undefined) throw failed('mailbox/gone')
    const reader = new StructureReader()
    reader.push(stored.octets)
    const { part, fields } = reader.end()
    const references = parseMessageIds(fields['references'] ?? '')
    const description = { envelope: envelopeOf(fields), part, references }
    this.#descriptions.set(uid, description)
    return description
  }

  async content(uid: number): Promise<MessageContent> {
    const stored = this.#messages.get(uid)
    if (stored === undefined) throw failed('mailbox/gone')
    return {
      sizeBytes: stored.octets.length,
      read: async (offset, length) => stored.octets.slice(offset, offset + length),
      close: async () => {},
    }
  }

  async append(options: AppendOptions): Promise<AppendDraft> {
    return new MemoryDraft(options)
  }

  async commit(drafts: readonly AppendDraft[]): Promise<readonly number[]> {
    return drafts.map((draft) => {
      const { parts, options } = draft as MemoryDraft
      return this.add(concat(...parts), options)
    })
  }

  add(octets: Uint8Array, { flags, internalDate = this.#now() }: AppendOptions): number {
    const uid = this.uidNext++
    const modSeq = ++this.highestModSeq
    const emailId = `M${toHex(sha256(octets)).slice(0, 20)}`
    const spelled = this.#spelled(flags)
    this.#messages.set(uid, { uid, flags: spelled, modSeq, internalDate, octets, emailId })
    this.#tell({ type: 'added', uids: [uid], modSeq })
    return uid
  }

  async store(uids: readonly number[], change: FlagChange): Promise<readonly number[]> {
    const kept: number[] = []
    const changed: number[] = []
    const given = this.#spelled(change.flags)
    for (const uid of uids) {
      const stored = this.#messages.get(uid)
      if (stored === undefined) continue
      if (change.unchangedSince !== undefined && stored.modSeq > change.unchangedSince) {
        kept.push(uid)
        continue
      }
      const flags =
        change.mode === 'replace'
          ? given
          : change.mode === 'add'
            ? [...new Set([...stored.flags, ...given])]
            : stored.flags.filter((flag) => !given.includes(flag))
      if (
        flags.length === stored.flags.length &&
        flags.every((one) => stored.flags.includes(one))
      ) {
        continue
      }
      stored.flags = flags
      changed.push(uid)
    }
    if (changed.length > 0) {
      const modSeq = ++this.highestModSeq
      for (const uid of changed) (this.#messages.get(uid) as Stored).modSeq = modSeq
      this.#tell({ type: 'flags', uids: changed, modSeq })
    }
    return kept
  }

  async expunge(uids: readonly number[] = [...this.#messages.keys()]): Promise<readonly number[]> {
    return this.#remove(uids.filter((uid) => this.#messages.get(uid)?.flags.includes('\\Deleted')))
  }

  async copy(uids: readonly number[], target: string): Promise<CopiedUids> {
    const to = this.#other(target)
    const sources = uids.filter((uid) => this.#messages.has(uid))
    const targets = sources.map((uid) => {
      const { octets, flags, internalDate } = this.#messages.get(uid) as Stored
      return to.add(octets, { flags, internalDate })
    })
    return { uidValidity: to.uidValidity, sources, targets }
  }

  async move(uids: readonly number[], target: string): Promise<CopiedUids> {
    const copied = await this.copy(uids, target)
    this.#remove(copied.sources)
    return copied
  }

  async search(key: SearchKey): Promise<readonly number[]> {
    return [...this.#messages.values()].filter((one) => matches(one, key)).map(({ uid }) => uid)
  }

  async sort(uids: readonly number[], order: readonly SortKey[]): Promise<readonly number[]> {
    const sortedBy = (uid: number, by: SortKey['by']): number | string => {
      const { octets, internalDate } = this.#messages.get(uid) as Stored
      if (by === 'size') return octets.length
      if (by === 'arrival') return internalDate
      const value = fieldOf(octets, by) ?? ''
      if (by === 'date') return parseMailDate(value)?.at ?? internalDate
      return by === 'subject' ? baseSubject(value).text.toUpperCase() : value.toUpperCase()
    }
    return [...uids].sort((a, b) => {
      for (const { by, isReverse } of order) {
        const [left, right] = [sortedBy(a, by), sortedBy(b, by)]
        if (left !== right) return left < right === isReverse ? 1 : -1
      }
      return a - b
    })
  }

  async thread(uids: readonly number[]): Promise<readonly ThreadNode[]> {
    return uids.map((uid) => ({ uid, children: [] }))
  }

  close(): void {}

  invalidate(): void {
    this.#tell({ type: 'invalid' })
  }

  #remove(uids: readonly number[]): readonly number[] {
    if (uids.length === 0) return []
    const modSeq = ++this.highestModSeq
    for (const uid of uids) {
      this.#messages.delete(uid)
      this.#gone.push({ uid, modSeq })
    }
    this.#tell({ type: 'expunged', uids, modSeq })
    return uids
  }

  #spelled(flags: readonly string[]): readonly string[] {
    return flags.map((flag) => {
      if (flag.startsWith('\\')) return flag
      const known = this.#keywords.get(flag.toLowerCase()) ?? flag
      this.#keywords.set(flag.toLowerCase(), known)
      return known
    })
  }

  #tell(change: MailboxChange): void {
    for (const listener of [...this.#listeners]) listener(change)
  }
}

class MemoryDraft implements AppendDraft {
  readonly options: AppendOptions
  readonly parts: Uint8Array[] = []

  constructor(options: AppendOptions) {
    this.options = options
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.parts.push(bytes)
  }

  async abort(): Promise<void> {}
}

function fieldOf(octets: Uint8Array, name: string): string | undefined {
  const header = toUtf8(octets).split('\r\n\r\n')[0] ?? ''
  const value = new RegExp(`^${name}:[ \t]*(.*)$`, 'im').exec(header)?.[1]?.trim()
  return value && decodeWords(toLatin1(fromUtf8(value)))
}

function matches(one: Stored, key: SearchKey): boolean {
  const has = (text: string, part: string): boolean =>
    text.toLowerCase().includes(part.toLowerCase())
  switch (key.type) {
    case 'all':
      return true
    case 'and':
      return key.keys.every((part) => matches(one, part))
    case 'or':
      return key.keys.some((part) => matches(one, part))
    case 'not':
      return !matches(one, key.key)
    case 'uids':
      return key.ranges.some(([from, to]) => one.uid >= from && one.uid <= to)
    case 'flag':
      return one.flags.includes(key.flag)
    case 'header': {
      const value = fieldOf(one.octets, key.field)
      return value !== undefined && has(value, key.text)
    }
    case 'text':
      return has(toUtf8(one.octets), key.text)
    case 'body':
      return has(toUtf8(one.octets).split('\r\n\r\n').slice(1).join(''), key.text)
    case 'larger':
      return one.octets.length > key.sizeBytes
    case 'smaller':
      return one.octets.length < key.sizeBytes
    case 'before':
      return one.internalDate < key.day
    case 'since':
      return one.internalDate >= key.day
    case 'on':
      return one.internalDate >= key.day && one.internalDate < key.day + 86_400_000
    case 'older':
      return one.internalDate <= key.than
    case 'younger':
      return one.internalDate >= key.than
    case 'modseq':
      return one.modSeq >= key.modSeq
    case 'email-id':
      return one.emailId === key.emailId
  }
}
