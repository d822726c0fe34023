/**
 * The mailboxes of one account, as IMAP sees them. Files on the disk are the truth and may change
 * at any moment; an index remembers UIDs, modification sequences and what was once read.
 *
 * Everything rejects with a Fault of `MailboxFaultCode`, of the disk or of the store.
 */

import type { WallMs } from '../../base/time.ts'
import type { Envelope, MessagePart } from '../../proto/message/envelope.ts'
import type { SearchKey, SortKey, ThreadAlgorithm, ThreadNode } from './search.ts'

export type MailboxFaultCode =
  /** No such mailbox: the client may CREATE it (`TRYCREATE`). */
  | 'mailbox/not-found'
  | 'mailbox/exists'
  /** The name is no name here; the message says why. */
  | 'mailbox/bad-name'
  /** Not with INBOX, or not with one that others are below. */
  | 'mailbox/not-permitted'
  /** The account may hold no more (`OVERQUOTA`). */
  | 'mailbox/over-quota'
  /** The message has been expunged meanwhile. */
  | 'mailbox/gone'
  /** More keywords, mailboxes or messages than there is room for (`LIMIT`). */
  | 'mailbox/too-many'

/** 1 to 4,294,967,295. */
export type Uid = number

/** 1 to 2^53 - 1; one for each change of a mailbox. RFC 7162 §3.1. */
export type ModSeq = number

export const SYSTEM_FLAGS = ['\\Answered', '\\Flagged', '\\Deleted', '\\Seen', '\\Draft'] as const
export type SystemFlag = (typeof SYSTEM_FLAGS)[number]

/** A system flag spelled as above, or a keyword as it was first spelled; keywords are compared without regard to case. */
export type Flag = string

/** RFC 6154 §2. */
export type SpecialUse =
  | '\\All'
  | '\\Archive'
  | '\\Drafts'
  | '\\Flagged'
  | '\\Junk'
  | '\\Sent'
  | '\\Trash'

/** Between the levels of a name. Names are Unicode text; INBOX is always `INBOX`. */
export const HIERARCHY_DELIMITER = '/'

export interface MailboxListing {
  readonly name: string
  /** False where only others below it exist, or where it is a subscription to nothing. */
  readonly exists: boolean
  readonly isSubscribed: boolean
  readonly hasChildren: boolean
  readonly specialUse: readonly SpecialUse[]
}

export interface MailboxStatus {
  /** OBJECTID; stays when the mailbox is renamed. RFC 8474 §4. */
  readonly mailboxId: string
  readonly uidValidity: number
  readonly uidNext: Uid
  readonly highestModSeq: ModSeq
  readonly messages: number
  /** Those that no session has been told of as the first. */
  readonly recent: number
  readonly unseen: number
  readonly deleted: number
  /** Octets of all messages. RFC 8438 §2. */
  readonly sizeBytes: number
}

export interface QuotaStatus {
  readonly usedBytes: number
  readonly usedMessages: number
  /** Undefined: as much as one likes. */
  readonly bytesMax: number | undefined
  readonly messagesMax: number | undefined
}

/** All that one account has. Shared by its sessions. */
export interface MailboxAccount {
  /** INBOX first, then by name. With what is subscribed and does not exist. */
  list(): Promise<readonly MailboxListing[]>
  /** Parents that are missing come with it. Resolves with its MAILBOXID. */
  create(name: string, specialUse?: readonly SpecialUse[]): Promise<string>
  /** Only this one: those below stay. INBOX cannot be deleted. */
  delete(name: string): Promise<void>
  /** With those below. Of INBOX it moves the messages and leaves INBOX, empty. RFC 9051 §6.3.6. */
  rename(from: string, to: string): Promise<void>
  /** The mailbox need not exist. RFC 9051 §6.3.7. */
  subscribe(name: string, isSubscribed: boolean): Promise<void>
  status(name: string): Promise<MailboxStatus>
  /**
   * Looks at the files first. What it holds in memory is shared by all that have it open; `close` what
   * was opened.
   */
  open(name: string): Promise<OpenMailbox>
  quota(): Promise<QuotaStatus>
}

/** What a mailbox tells those that have it open, in the order of the changes; each of its own modSeq. */
export type MailboxChange =
  /** `uids` ascending and greater than all before. */
  | { readonly type: 'added'; readonly uids: readonly Uid[]; readonly modSeq: ModSeq }
  /** Flags or modSeq of these are others now; also those that one has changed oneself. */
  | { readonly type: 'flags'; readonly uids: readonly Uid[]; readonly modSeq: ModSeq }
  /** `uids` ascending. */
  | { readonly type: 'expunged'; readonly uids: readonly Uid[]; readonly modSeq: ModSeq }
  /** Its index was lost, or it was deleted or renamed: nothing but `close` is right any more. */
  | { readonly type: 'invalid' }

export interface MessageState {
  readonly uid: Uid
  readonly flags: readonly Flag[]
  readonly modSeq: ModSeq
}

export interface MessageMetadata extends MessageState {
  /** When it came. RFC 9051 §2.3.3. */
  readonly internalDate: WallMs
  /** With CRLF at every line's end: what BODY[] gives. */
  readonly sizeBytes: number
  /** The same for copies. RFC 8474 §5.1. */
  readonly emailId: string
}

/**
 * What a message's header says. The same object as long as it is in memory, so that what is made of
 * it may be kept in a WeakMap.
 */
export interface MessageSummary {
  readonly envelope: Envelope
  /** The same as IMAP writes it. RFC 9051 §7.5.2. */
  readonly envelopeOctets: Uint8Array
  /** Message identifiers of the field References, without angle brackets. */
  readonly references: readonly string[]
}

/** What was read from a whole message once and is remembered. */
export interface MessageDescription extends MessageSummary {
  readonly part: MessagePart
}

/** A message's octets as they are sent. `close` it. */
export interface MessageContent {
  readonly sizeBytes: number
  /** Fewer octets only at the end. Ascending offsets are fastest where line ends are put in. */
  read(offset: number, length: number): Promise<Uint8Array>
  close(): Promise<void>
}

/** Messages that are read one after the other. `close` it. */
export interface MessageContents {
  /** As `OpenMailbox.content`. */
  next(uid: Uid): Promise<MessageContent>
  close(): Promise<void>
}

export interface AppendOptions {
  readonly flags: readonly Flag[]
  /** Default: now. */
  readonly internalDate?: WallMs
}

export interface FlagChange {
  readonly mode: 'add' | 'remove' | 'replace'
  readonly flags: readonly Flag[]
  /** Messages whose modSeq is greater are left alone. RFC 7162 §3.1.3. */
  readonly unchangedSince?: ModSeq
}

/** For COPYUID: the n-th of `sources` has become the n-th of `targets`. RFC 4315 §3. */
export interface CopiedUids {
  readonly uidValidity: number
  readonly sources: readonly Uid[]
  readonly targets: readonly Uid[]
}

/** One mailbox that is open. What returns no promise is answered from memory or from the index. */
export interface OpenMailbox {
  readonly name: string
  readonly mailboxId: string
  readonly uidValidity: number
  readonly uidNext: Uid
  readonly highestModSeq: ModSeq
  /** All messages as of now, ascending; a copy of one's own, to be kept as the session's sequence numbers. */
  readonly uids: Uint32Array
  readonly firstUnseen: Uid | undefined
  /** The keywords in use, for FLAGS. */
  readonly keywords: readonly Flag[]
  /** Whether a keyword that is not in use yet may be set: `\*` of PERMANENTFLAGS. */
  readonly takesKeywords: boolean
  status(): MailboxStatus
  /**
   * Messages with this UID or a greater one are \Recent for the caller, and for nobody after it.
   * EXAMINE does not call it. RFC 3501 §2.3.2.
   */
  claimRecent(): Uid

  /** `listener` hears of every change from now on, within the turn in which it is durable. The result ends it. */
  subscribe(listener: (change: MailboxChange) => void): () => void
  /** Looks whether others have changed files; changes are told to listeners before it resolves. Cheap where nothing has. */
  refresh(): Promise<void>

  /** Undefined where it is gone. */
  state(uid: Uid): MessageState | undefined
  metadata(uid: Uid): MessageMetadata | undefined
  /** What no program changes of its file's name, and no other message here has; undefined where it is gone. */
  uniqueName(uid: Uid): string | undefined
  /** Those of which `modSeq` is greater: CHANGEDSINCE. Ascending. */
  changedSince(modSeq: ModSeq): readonly Uid[]
  /**
   * Those that were expunged behind `modSeq`, ascending ranges of both ends; perhaps more than
   * those, never fewer. RFC 7162 §3.2.10.
   */
  vanishedSince(modSeq: ModSeq): readonly (readonly [Uid, Uid])[]

  /** What is known already, else undefined: then `summarize`. */
  summary(uid: Uid): MessageSummary | undefined
  /** Reads the headers of those that have no summary yet; of messages that are gone, or cannot be read, there is none. */
  summarize(uids: readonly Uid[]): Promise<void>
  /** Reads the message where it must. Rejects with `mailbox/gone`. */
  describe(uid: Uid): Promise<MessageDescription>
  /** Rejects with `mailbox/gone`. */
  content(uid: Uid): Promise<MessageContent>
  /** Says which will be asked for next, in this order: those are read ahead, within bounds. */
  contents(uids: readonly Uid[]): MessageContents

  /** The next message for `commit`; write it, then commit it, with others if there are some, or abort it. */
  append(options: AppendOptions): Promise<AppendDraft>
  /** All of them or none, durable; resolves with their UIDs in order. RFC 3502 §6.3.11. */
  commit(drafts: readonly AppendDraft[]): Promise<readonly Uid[]>

  /** Resolves with those that `unchangedSince` kept from it. What is gone is passed over. */
  store(uids: readonly Uid[], change: FlagChange): Promise<readonly Uid[]>
  /** Removes those that are \Deleted, of `uids` only where given. Resolves with those removed, ascending. */
  expunge(uids?: readonly Uid[]): Promise<readonly Uid[]>
  /** Removes these, \Deleted or not. Resolves with those removed, ascending; what is gone is passed over. */
  remove(uids: readonly Uid[]): Promise<readonly Uid[]>
  /** All or none. Hard links where the disk has them. */
  copy(uids: readonly Uid[], target: string): Promise<CopiedUids>
  /** As `copy`, and they are gone here. RFC 6851 §3.3. */
  move(uids: readonly Uid[], target: string): Promise<CopiedUids>

  /** Of all messages; ascending. Reads only messages that the index cannot rule out. */
  search(key: SearchKey): Promise<readonly Uid[]>
  /** RFC 5256 §3. */
  sort(uids: readonly Uid[], order: readonly SortKey[]): Promise<readonly Uid[]>
  /** RFC 5256 §4. */
  thread(uids: readonly Uid[], algorithm: ThreadAlgorithm): Promise<readonly ThreadNode[]>
  /** Without effect on the other sessions that have it open. */
  close(): void
}

export interface AppendDraft {
  /** The next octets, taken over. */
  write(bytes: Uint8Array): Promise<void>
  /** Leaves nothing behind; without effect once committed. */
  abort(): Promise<void>
}
