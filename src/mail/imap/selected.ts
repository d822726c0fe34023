/** The mailbox that a session has selected, and what its client knows of it. */

import type { Modes } from '../../proto/imap/capability.ts'
import { octetsOf } from '../../proto/imap/response.ts'
import {
  formatRanges,
  hasNumber,
  type NumberRange,
  rangesOf,
  type SavedSet,
  type SequenceSet,
} from '../../proto/imap/sequence-set.ts'
import { MailboxView } from '../../proto/imap/view.ts'
import {
  type FlagChange,
  type MailboxChange,
  type MessageState,
  type OpenMailbox,
  SYSTEM_FLAGS,
} from '../mailbox/mailbox.ts'

/** Whether messages may lose their numbers now: not while a command that uses numbers is answered. RFC 9051 §7.5.1. */
export type Telling = 'all' | 'no-expunge'

export class Selected {
  readonly mailbox: OpenMailbox
  readonly isReadOnly: boolean
  readonly view: MailboxView
  /** What `$` stands for: UIDs. RFC 5182 §2.1. */
  saved: readonly NumberRange[] = []
  /** The mailbox is no longer what the client has selected. */
  isInvalid = false
  /** Whoever waits for something to tell. */
  onChange: () => void = () => {}
  /** Not yet told. */
  #fresh: number[] = []
  readonly #flagged = new Set<number>()
  readonly #vanished = new Set<number>()
  /** By UID, what the client knows of a message's flags by now. */
  readonly #known = new Map<number, Known>()
  readonly #recent: [from: number, to: number][] = []
  readonly #unsubscribe: () => void
  #keywords: number
  #isModseqTold = false

  constructor(mailbox: OpenMailbox, isReadOnly: boolean) {
    this.mailbox = mailbox
    this.isReadOnly = isReadOnly
    this.view = new MailboxView(mailbox.uids)
    this.#keywords = mailbox.keywords.length
    this.#unsubscribe = mailbox.subscribe((change) => this.#onMailbox(change))
    if (isReadOnly) this.#lookAtRecent()
    else this.#claimRecent()
  }

  close(): void {
    this.#unsubscribe()
    this.mailbox.close()
  }

  /** Messages that no session but this one has been told of. RFC 3501 §2.3.2. */
  get recentCount(): number {
    let count = 0
    for (const [from, to] of this.view.ofUids(this.#recent)) count += to - from + 1
    return count
  }

  /** UIDs. */
  get recent(): readonly NumberRange[] {
    return this.#recent
  }

  /** The client is told of these flags otherwise. */
  isTold({ uid, modSeq }: MessageState): void {
    this.#known.set(uid, { modSeq })
  }

  /**
   * What the client will take the flags of a message for once it has changed them; undefined where
   * it does not know them now. To be asked in the turn in which the change is made.
   */
  expects(uid: number, { mode, flags }: FlagChange): readonly string[] | undefined {
    const state = this.#flagged.has(uid) ? undefined : this.mailbox.state(uid)
    if (state === undefined || mode === 'replace') return state && flags
    const rest = state.flags.filter((flag) => !flags.some((other) => isSameFlag(flag, other)))
    return mode === 'add' ? [...rest, ...flags] : rest
  }

  /** It has changed them and wants to hear of them only if they are others than it expects. */
  isExpected({ uid, modSeq }: MessageState, flags: readonly string[]): void {
    this.#known.set(uid, { modSeq, flags })
  }

  modseqTold(): void {
    this.#isModseqTold = true
  }

  /** The numbers of a set; undefined where it names one that there is not. */
  numbers(set: SequenceSet | SavedSet, uid: boolean): readonly NumberRange[] | undefined {
    if (set.type === 'saved') return this.view.ofUids(this.saved)
    return this.view.numbers(set, uid)
  }

  /** With `\Recent` for those who know it. RFC 9051 appendix E. */
  formatFlags({ uid, flags }: MessageState, modes: Modes): string {
    const isRecent = !modes.rev2 && hasNumber(this.#recent, uid)
    return formatFlags(isRecent ? [...flags, '\\Recent'] : flags)
  }

  /** An answer that nobody asked for tells the UID too. RFC 9051 §7.5.2. */
  formatChange(number: number, state: MessageState, modes: Modes): string {
    const modseq = modes.condstore ? ` MODSEQ (${state.modSeq})` : ''
    return `* ${number} FETCH (UID ${state.uid} FLAGS (${this.formatFlags(state, modes)})${modseq})\r\n`
  }

  formatFlagsResponse(): string {
    const { keywords, takesKeywords } = this.mailbox
    const flags = formatFlags([...SYSTEM_FLAGS, ...keywords])
    const permanent = this.isReadOnly ? '' : takesKeywords ? `${flags} \\*` : flags
    const which = this.isReadOnly ? 'none' : 'these'
    return `* FLAGS (${flags})\r\n* OK [PERMANENTFLAGS (${permanent})] ${which} can be kept\r\n`
  }

  /** What has changed since the client was told last, as responses. */
  news(modes: Modes, telling: Telling): string {
    const lines: string[] = []
    const { mailbox, view } = this
    if (modes.condstore && !this.#isModseqTold) {
      // RFC 7162 §3.1.2.
      this.#isModseqTold = true
      lines.push(`* OK [HIGHESTMODSEQ ${mailbox.highestModSeq}] mod-sequences are kept\r\n`)
    }
    if (telling === 'all' && this.#vanished.size > 0) lines.push(this.#tellVanished(modes))
    const before = view.lastUid
    const fresh = this.#fresh
    this.#fresh = []
    if (view.add(fresh.filter((uid) => mailbox.state(uid) !== undefined)) > 0) {
      if (this.isReadOnly) this.#lookAtRecent()
      else this.#claimRecent()
      lines.push(`* ${view.count} EXISTS\r\n`)
      if (!modes.rev2) lines.push(`* ${this.recentCount} RECENT\r\n`)
    }
    if (mailbox.keywords.length !== this.#keywords) {
      this.#keywords = mailbox.keywords.length
      lines.push(this.formatFlagsResponse())
    }
    for (const uid of this.#flagged) {
      const number = uid > before ? undefined : view.numberOf(uid)
      const state = number === undefined ? undefined : mailbox.state(uid)
      if (state === undefined || isKnown(state, this.#known.get(uid))) continue
      lines.push(this.formatChange(number as number, state, modes))
    }
    this.#flagged.clear()
    this.#known.clear()
    return lines.join('')
  }

  #tellVanished(modes: Modes): string {
    const uids = [...this.#vanished].sort((a, b) => a - b)
    this.#vanished.clear()
    const known = uids.filter((uid) => this.view.numberOf(uid) !== undefined)
    const numbers = this.view.remove(known)
    if (known.length === 0) return ''
    if (modes.qresync) return `* VANISHED ${formatRanges(rangesOf(known))}\r\n`
    return numbers.map((number) => `* ${number} EXPUNGE\r\n`).join('')
  }

  #onMailbox(change: MailboxChange): void {
    switch (change.type) {
      case 'added':
        for (const uid of change.uids) this.#fresh.push(uid)
        break
      case 'flags':
        for (const uid of change.uids) this.#flagged.add(uid)
        break
      case 'expunged':
        for (const uid of change.uids) this.#vanished.add(uid)
        break
      case 'invalid':
        this.isInvalid = true
    }
    this.onChange()
  }

  #claimRecent(): void {
    const from = this.mailbox.claimRecent()
    const to = this.view.lastUid
    if (from <= to) this.#recent.push([from, to])
  }

  #lookAtRecent(): void {
    const { recent } = this.mailbox.status()
    const from = this.view.uidAt(this.view.count - recent + 1)
    this.#recent.length = 0
    if (recent > 0 && from > 0) this.#recent.push([from, this.view.lastUid])
  }
}

interface Known {
  readonly modSeq: number
  /** Undefined: whatever they were then. */
  readonly flags?: readonly string[]
}

function isKnown(state: MessageState, known: Known | undefined): boolean {
  if (known?.modSeq !== state.modSeq) return false
  const { flags = state.flags } = known
  const isOneOf = (some: readonly string[]) => (flag: string) =>
    some.some((other) => isSameFlag(flag, other))
  return flags.every(isOneOf(state.flags)) && state.flags.every(isOneOf(flags))
}

function isSameFlag(a: string, b: string): boolean {
  return a === b || a.toLowerCase() === b.toLowerCase()
}

export function formatFlags(flags: readonly string[]): string {
  return octetsOf(flags.join(' '))
}
