/** FETCH. RFC 9051 §6.4.5, RFC 7162 §3.1.4, RFC 3516 §4.2, RFC 8474 §5. */

import { assert } from '../../base/assert.ts'
import { asFault, type Fault } from '../../base/fault.ts'
import type { MailboxCommand } from '../../proto/imap/command.ts'
import { formatDateTime } from '../../proto/imap/date.ts'
import { formatStructure } from '../../proto/imap/describe.ts'
import type { FetchAttribute, FetchItem } from '../../proto/imap/fetch.ts'
import { PIECE_BYTES } from '../../proto/imap/limits.ts'
import { type Completion, ok, Pieces } from '../../proto/imap/response.ts'
import { type NumberRange, toRanges } from '../../proto/imap/sequence-set.ts'
import { decodeTransfer } from '../../proto/message/transfer-encoding.ts'
import type {
  MessageContent,
  MessageContents,
  MessageDescription,
  MessageMetadata,
  MessageSummary,
  Uid,
} from '../mailbox/mailbox.ts'
import { type Place, type Run, serviceFault } from './run.ts'
import { chooseFields, type Extent, extentOf, findPart } from './section.ts'
import type { Selected } from './selected.ts'
import { intersect, vanishedSince } from './vanished.ts'

type FetchCommand = Extract<MailboxCommand, { readonly verb: 'FETCH' }>
type BodyItem = Extract<FetchItem, { readonly type: 'body' | 'binary' }>

/** Messages that are marked as seen by one change; reading ahead begins anew behind them. */
const CHUNK = 256

export async function* fetch(command: FetchCommand, selected: Selected, place: Place): Run {
  const { view, mailbox } = selected
  const all = selected.numbers(command.set, command.uid)
  if (all === undefined) throw serviceFault('imap/no-such-message', 'FETCH')
  const { changedSince } = command
  const pieces = new Pieces()
  if (command.vanished && changedSince !== undefined) {
    const asked = command.set.type === 'saved' ? selected.saved : uidRanges(command, selected)
    pieces.text(vanishedSince(selected, changedSince, asked))
  }
  const numbers =
    changedSince === undefined
      ? all
      : intersect(all, view.ofUids(mailbox.changedSince(changedSince).map((uid) => [uid, uid])))
  const fetching = new Fetching(command, selected, place, pieces)
  const chunks = [...chunksOf(numbers)]
  for (const [i, chunk] of chunks.entries()) {
    await fetching.begin(chunk, chunks[i + 1])
    try {
      for (let number = chunk[0]; number <= chunk[1]; number++) {
        if (!fetching.isShort || !fetching.short(number)) yield* fetching.message(number)
        if (pieces.length >= PIECE_BYTES) yield pieces.take()
      }
    } finally {
      await fetching.end()
    }
  }
  if (pieces.length > 0) yield pieces.take()
  if (fetching.trouble !== undefined) throw fetching.trouble
  return { completion: fetching.completion }
}

function uidRanges({ set }: FetchCommand, { mailbox, view }: Selected): readonly NumberRange[] {
  assert(set.type === 'set', 'a saved set is at hand')
  const greatest = Math.max(view.lastUid, mailbox.uidNext - 1)
  return toRanges(set, greatest)
}

function* chunksOf(numbers: readonly NumberRange[]): Generator<NumberRange> {
  for (const [from, to] of numbers) {
    for (let at = from; at <= to; at += CHUNK) yield [at, Math.min(to, at + CHUNK - 1)]
  }
}

/** One FETCH under way. */
class Fetching {
  readonly #items: readonly FetchItem[]
  readonly #selected: Selected
  readonly #place: Place
  readonly #pieces: Pieces
  readonly #uid: boolean
  readonly #marks: boolean
  /** Nothing is asked for but what is in the index, once the summaries are. */
  readonly isShort: boolean
  readonly #needsSummary: boolean
  readonly #needsDescription: boolean
  readonly #needsContent: boolean
  #contents: MessageContents | undefined
  #ahead: Promise<void> | undefined
  #gone = 0
  /** Why the first of those that cannot be read is not there: it must not keep the others from being listed. */
  trouble: Fault | undefined
  #hasUnknownEncoding = false

  constructor(command: FetchCommand, selected: Selected, place: Place, pieces: Pieces) {
    this.#marks = !selected.isReadOnly && command.items.some(isRead)
    this.#items = itemsOf(command, place, this.#marks)
    this.#selected = selected
    this.#place = place
    this.#pieces = pieces
    this.#uid = command.uid
    const bodies = this.#items.filter((item) => item.type !== 'attribute')
    this.#needsContent = bodies.length > 0
    this.#needsSummary = this.#items.some(
      (item) => item.type === 'attribute' && item.name === 'ENVELOPE',
    )
    this.#needsDescription = this.#items.some(
      (item) => (item.type === 'attribute' && DESCRIBED.includes(item.name)) || !isWholeOrNot(item),
    )
    this.isShort = !this.#needsContent && !this.#needsDescription
  }

  get completion(): Completion {
    if (this.#hasUnknownEncoding) {
      return { status: 'NO', code: 'UNKNOWN-CTE', text: 'the encoding of a part is not known' }
    }
    return this.#gone > 0 && !this.#uid
      ? ok('some of them are gone', 'EXPUNGEISSUED')
      : ok('FETCH done')
  }

  /** `next` are those that come behind: what is to be known of them is found out meanwhile. */
  async begin(chunk: NumberRange, next: NumberRange | undefined): Promise<void> {
    await this.#markSeen(chunk)
    const { mailbox } = this.#selected
    if (this.#needsSummary) {
      await (this.#ahead ?? mailbox.summarize(this.#uidsIn(chunk)))
      this.#ahead = next && mailbox.summarize(this.#uidsIn(next))
      // Whoever waits for it hears what is wrong.
      this.#ahead?.catch(asFault)
    }
    if (this.#needsContent) this.#contents = mailbox.contents(this.#uidsIn(chunk))
  }

  #uidsIn(chunk: NumberRange): readonly Uid[] {
    return [...this.#selected.view.uidsIn([chunk])]
  }

  /** Of those that were begun. */
  async end(): Promise<void> {
    await this.#contents?.close()
    this.#contents = undefined
  }

  /** Before they are sent, so that the flags sent with them are right. */
  async #markSeen([from, to]: NumberRange): Promise<void> {
    if (!this.#marks) return
    const { mailbox, view } = this.#selected
    const unseen: number[] = []
    for (let number = from; number <= to; number++) {
      const state = mailbox.state(view.uidAt(number))
      if (state !== undefined && !state.flags.includes('\\Seen')) unseen.push(state.uid)
    }
    if (unseen.length > 0) await mailbox.store(unseen, { mode: 'add', flags: ['\\Seen'] })
  }

  /** False where its summary is not known. */
  short(number: number): boolean {
    const { mailbox, view } = this.#selected
    const uid = view.uidAt(number)
    const metadata = mailbox.metadata(uid)
    if (metadata === undefined) {
      this.#gone++
      return true
    }
    const summary = this.#needsSummary ? mailbox.summary(uid) : undefined
    if (this.#needsSummary && summary === undefined) return false
    const pieces = this.#pieces
    pieces.text(`* ${number} FETCH (`)
    for (const [i, item] of this.#items.entries()) {
      if (item.type !== 'attribute') continue
      if (i > 0) pieces.text(' ')
      this.#attribute(item.name, metadata, summary, undefined)
    }
    pieces.text(')\r\n')
    return true
  }

  async *message(number: number): AsyncGenerator<Uint8Array, void> {
    const { mailbox, view } = this.#selected
    const metadata = mailbox.metadata(view.uidAt(number))
    if (metadata === undefined) {
      this.#gone++
      return
    }
    const { uid } = metadata
    let content: MessageContent | undefined
    let description: MessageDescription | undefined
    const summary = this.#needsSummary ? mailbox.summary(uid) : undefined
    try {
      if (this.#needsDescription || (this.#needsSummary && summary === undefined)) {
        description = await mailbox.describe(uid)
      }
      content = await this.#contents?.next(uid)
    } catch (error) {
      const fault = asFault(error)
      if (fault.code === 'mailbox/gone') this.#gone++
      else this.trouble ??= fault
      return
    }
    try {
      this.#pieces.text(`* ${number} FETCH (`)
      let isFirst = true
      for (const item of this.#items) {
        if (!isFirst) this.#pieces.text(' ')
        isFirst = false
        if (item.type === 'attribute') {
          this.#attribute(item.name, metadata, summary ?? description, description)
        } else if (content !== undefined) yield* this.#body(item, content, description)
      }
      this.#pieces.text(')\r\n')
    } finally {
      await content?.close()
    }
  }

  #attribute(
    name: FetchAttribute,
    metadata: MessageMetadata,
    summary: MessageSummary | undefined,
    description: MessageDescription | undefined,
  ): void {
    if (name !== 'ENVELOPE') this.#pieces.text(this.#formatted(name, metadata, description))
    else {
      assert(summary !== undefined, 'it is fetched where it is needed')
      this.#pieces.text('ENVELOPE ')
      this.#pieces.bytes(summary.envelopeOctets)
    }
  }

  #formatted(
    name: Exclude<FetchAttribute, 'ENVELOPE'>,
    metadata: MessageMetadata,
    description: MessageDescription | undefined,
  ): string {
    const { modes } = this.#place
    switch (name) {
      case 'FLAGS':
        this.#selected.isTold(metadata)
        return `FLAGS (${this.#selected.formatFlags(metadata, modes)})`
      case 'UID':
        return `UID ${metadata.uid}`
      case 'INTERNALDATE':
        return `INTERNALDATE ${formatDateTime(metadata.internalDate)}`
      case 'RFC822.SIZE':
        return `RFC822.SIZE ${metadata.sizeBytes}`
      case 'MODSEQ':
        return `MODSEQ (${metadata.modSeq})`
      case 'EMAILID':
        return `EMAILID (${metadata.emailId})`
      case 'THREADID':
        return 'THREADID NIL'
    }
    assert(description !== undefined, 'it is fetched where it is needed')
    switch (name) {
      case 'BODY':
        return `BODY ${formatStructure(description.part, false)}`
      case 'BODYSTRUCTURE':
        return `BODYSTRUCTURE ${formatStructure(description.part, true)}`
    }
  }

  async *#body(
    item: Exclude<FetchItem, { readonly type: 'attribute' }>,
    content: MessageContent,
    description: MessageDescription | undefined,
  ): AsyncGenerator<Uint8Array, void> {
    if (item.type === 'binary-size') {
      const decoded = await this.#decoded(item.part, content, description)
      this.#pieces.text(`BINARY.SIZE[${item.part.join('.')}] ${decoded?.length ?? 0}`)
      return
    }
    if (item.type === 'binary') {
      const decoded = await this.#decoded(item.part, content, description)
      this.#octets(item, decoded, decoded?.includes(0) ? '~' : '')
      return
    }
    const { section } = item
    const extent = isWholeOrNot(item)
      ? { start: 0, end: content.sizeBytes }
      : description && extentOf(description.part, section)
    if (extent === undefined) this.#octets(item, undefined, '')
    else if (section.text.type === 'fields') {
      const { names, not } = section.text
      this.#octets(item, chooseFields(await readAll(content, extent), names, not), '')
    } else yield* this.#stream(item, content, extent)
  }

  /** Undefined where there is no such part, or none that can be decoded. */
  async #decoded(
    path: readonly number[],
    content: MessageContent,
    description: MessageDescription | undefined,
  ): Promise<Uint8Array | undefined> {
    const part = description && findPart(description.part, path)
    if (part === undefined) return undefined
    if (path.length === 0) return readAll(content, { start: 0, end: content.sizeBytes })
    const bytes = await readAll(content, { start: part.bodyStart, end: part.end })
    const encoding = part.encoding ?? '7bit'
    if (!ENCODINGS.includes(encoding)) {
      this.#hasUnknownEncoding = true
      return undefined
    }
    return part.parts === undefined ? decodeTransfer(bytes, encoding) : bytes
  }

  /** What is at hand as a whole. */
  #octets({ label, partial }: BodyItem, whole: Uint8Array | undefined, mark: '~' | ''): void {
    const origin = partial === undefined ? '' : `<${partial.offset}>`
    if (whole === undefined) {
      this.#pieces.text(`${label}${origin} NIL`)
      return
    }
    const octets = partial ? whole.subarray(partial.offset, partial.offset + partial.length) : whole
    this.#pieces.text(`${label}${origin} ${mark}{${octets.length}}\r\n`)
    this.#pieces.bytes(octets)
  }

  /** What goes through by pieces. */
  async *#stream(
    { label, partial }: BodyItem,
    content: MessageContent,
    extent: Extent,
  ): AsyncGenerator<Uint8Array, void> {
    const pieces = this.#pieces
    const start = Math.min(extent.end, extent.start + (partial?.offset ?? 0))
    const end = Math.min(extent.end, partial === undefined ? extent.end : start + partial.length)
    const origin = partial === undefined ? '' : `<${partial.offset}>`
    pieces.text(`${label}${origin} {${end - start}}\r\n`)
    for (let at = start; at < end; ) {
      const bytes = await content.read(at, Math.min(PIECE_BYTES, end - at))
      // Its length has been told: nothing else can stand for what is missing.
      if (bytes.length === 0)
        throw serviceFault('imap/broken-answer', 'a message has become shorter')
      pieces.bytes(bytes)
      at += bytes.length
      if (pieces.length >= PIECE_BYTES) yield pieces.take()
    }
  }
}

const DESCRIBED: readonly FetchAttribute[] = ['BODY', 'BODYSTRUCTURE']
const ENCODINGS: readonly string[] = ['7bit', '8bit', 'binary', 'base64', 'quoted-printable']

/** A section that needs no look at the parts: the whole message. */
function isWholeOrNot(item: FetchItem): boolean {
  if (item.type === 'attribute') return true
  if (item.type !== 'body') return false
  return item.section.part.length === 0 && item.section.text.type === 'whole'
}

/** A body that is read is seen from then on. RFC 9051 §6.4.5. */
function isRead(item: FetchItem): boolean {
  return (item.type === 'body' || item.type === 'binary') && !item.peek
}

/** With what comes unasked; `marks`: their flags change by it. */
function itemsOf(
  { items, uid, changedSince }: FetchCommand,
  { modes }: Place,
  marks: boolean,
): FetchItem[] {
  const names = new Set<FetchAttribute>()
  const add = (name: FetchAttribute): void => {
    names.add(name)
  }
  if (uid) add('UID')
  for (const item of items) if (item.type === 'attribute') add(item.name)
  if (changedSince !== undefined) add('MODSEQ')
  const bodies = items.filter((item) => item.type !== 'attribute')
  if (marks) add('FLAGS')
  // Who hears of flags hears of their mod-sequence. RFC 7162 §3.1.4.2.
  if (modes.condstore && names.has('FLAGS')) add('MODSEQ')
  return [...[...names].map((name) => ({ type: 'attribute' as const, name })), ...bodies]
}

async function readAll(content: MessageContent, { start, end }: Extent): Promise<Uint8Array> {
  const whole = new Uint8Array(Math.max(0, end - start))
  for (let at = 0; at < whole.length; ) {
    const bytes = await content.read(start + at, whole.length - at)
    if (bytes.length === 0) throw serviceFault('imap/broken-answer', 'a message has become shorter')
    whole.set(bytes, at)
    at += bytes.length
  }
  return whole
}
