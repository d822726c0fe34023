/**
 * Mails that are waiting, in the store. Nothing counts as accepted before its commit is durable: a
 * small mail is one commit; the chunks of a large one are durable before its envelope is, and chunks
 * without an envelope are the leftovers of a crash.
 */

import { ByteList } from '../base/byte-list.ts'
import { concat, fromLatin1, NO_BYTES, toLatin1 } from '../base/bytes.ts'
import { asFault, type Fault } from '../base/fault.ts'
import { type Store, type StoreChange, type StoreRange, withPrefix } from '../ports/store.ts'
import type { Placing } from './attempt.ts'
import { type MailFaultCode, mailFault } from './fault.ts'
import { CHUNK_BYTES_MAX, RECENT_MAX, REMOVALS_PER_COMMIT_MAX } from './limits.ts'
import {
  chunkChange,
  chunkKey,
  type Decision,
  decisionKey,
  decodeDecision,
  decodeEnvelope,
  decodeStatus,
  type Envelope,
  envelopeChange,
  envelopeKey,
  type KeyGroup,
  queueIdOf,
  type RecipientStatus,
  recipientOf,
  removalOf,
  SPOOL_TABLE,
  statusChange,
  statusKey,
} from './spool-record.ts'

export interface SpoolLimits {
  /** Messages and what is still being received, in bytes of body. */
  readonly bytesMax: number
  readonly messagesMax: number
}

export interface SpooledMail {
  readonly envelope: Envelope
  /** By index of recipient. */
  readonly statuses: ReadonlyMap<number, RecipientStatus>
  readonly decision: Decision | undefined
}

export class Spool {
  readonly #store: Store
  readonly #limits: SpoolLimits
  #bytes = 0
  #messages = 0
  /** Those accepted last, whose first attempts come now: they are not read again. */
  readonly #recent = new Map<string, Envelope>()
  /** Of those, the ones of which nothing has been recorded since, with what was recorded at once. */
  readonly #fresh = new Map<string, ReadonlyMap<number, RecipientStatus>>()

  constructor(store: Store, limits: SpoolLimits) {
    this.#store = store
    this.#limits = limits
  }

  get bytes(): number {
    return this.#bytes
  }

  get messages(): number {
    return this.#messages
  }

  /**
   * What is there after a restart, each mail read when it is asked for; clears away what belongs to
   * no mail. Reads no bodies.
   */
  async open(): Promise<Iterable<SpooledMail>> {
    const queueIds = new Set<string>()
    for (const { value } of this.#store.range(SPOOL_TABLE, group('e'))) {
      const { queueId, sizeBytes } = decodeEnvelope(value)
      queueIds.add(queueId)
      this.#bytes += sizeBytes
      this.#messages++
    }
    const leftovers: string[] = []
    for (const name of ['b', 'h', 'r'] as const) {
      for (const key of this.#store.keys(SPOOL_TABLE, group(name))) {
        if (!queueIds.has(queueIdOf(key))) leftovers.push(key)
      }
    }
    for (let at = 0; at < leftovers.length; at += REMOVALS_PER_COMMIT_MAX) {
      const keys = leftovers.slice(at, at + REMOVALS_PER_COMMIT_MAX)
      await this.#store.commit(keys.map(removalOf))
    }
    return this.#mails(queueIds)
  }

  *#mails(queueIds: Iterable<string>): Iterable<SpooledMail> {
    for (const queueId of queueIds) {
      const mail = this.mail(queueId)
      if (mail !== undefined) yield mail
    }
  }

  /** Throws `mail/spool-full` where one more message, of `bytes`, would be too much. */
  requireRoom(bytes: number): void {
    if (this.#messages >= this.#limits.messagesMax) throw this.#full()
    this.#requireBytes(bytes)
  }

  /**
   * A mail being received. A report of a failure is taken beyond the bound too: it follows mail
   * that was accepted, and without it that mail could not leave.
   */
  draft(queueId: string, kind: 'mail' | 'report' = 'mail'): SpoolDraft {
    if (kind === 'mail') this.requireRoom(0)
    this.#messages++
    return new SpoolDraft(this.#store, queueId, {
      grow: (bytes) => {
        if (kind === 'mail') this.#requireBytes(bytes)
        this.#bytes += bytes
      },
      leave: (bytes) => {
        this.#bytes -= bytes
        this.#messages--
      },
      keep: (envelope) => this.#keep(envelope, new Map()),
      touch: (changes) => this.#touch(changes),
    })
  }

  /**
   * Accepts a mail that is written for all its recipients and has only to appear: nothing of the message
   * is kept here. `alongside` becomes durable in the same step. Rejects with a Fault.
   */
  async acceptWritten(
    envelope: Envelope,
    placing: ReadonlyMap<number, Placing>,
    alongside: readonly StoreChange[],
  ): Promise<void> {
    const { queueId, sizeBytes } = envelope
    this.requireRoom(sizeBytes)
    this.#messages++
    this.#bytes += sizeBytes
    const statuses = new Map<number, RecipientStatus>()
    for (const [index, one] of placing) statuses.set(index, { type: 'placing', ...one })
    const changes = [...statuses].map(([index, status]) => statusChange(queueId, index, status))
    try {
      this.#touch(alongside)
      await this.#store.commit([envelopeChange(envelope), ...changes, ...alongside])
    } catch (error) {
      this.#messages--
      this.#bytes -= sizeBytes
      throw error
    }
    this.#keep(envelope, statuses)
  }

  envelope(queueId: string): Envelope | undefined {
    const recent = this.#recent.get(queueId)
    if (recent !== undefined) return recent
    const value = this.#store.get(SPOOL_TABLE, envelopeKey(queueId))
    return value === undefined ? undefined : decodeEnvelope(value)
  }

  status(queueId: string, recipient: number): RecipientStatus | undefined {
    const fresh = this.#fresh.get(queueId)
    if (fresh !== undefined) return fresh.get(recipient)
    const value = this.#store.get(SPOOL_TABLE, statusKey(queueId, recipient))
    return value === undefined ? undefined : decodeStatus(value)
  }

  decision(queueId: string): Decision | undefined {
    if (this.#fresh.has(queueId)) return undefined
    const value = this.#store.get(SPOOL_TABLE, decisionKey(queueId))
    return value === undefined ? undefined : decodeDecision(value)
  }

  /** In their order, after one of them; iterate without awaiting in between. */
  *queueIds(after: string): Iterable<string> {
    const range = { ...group('e'), ...(after !== '' && { from: `${envelopeKey(after)}\x00` }) }
    for (const key of this.#store.keys(SPOOL_TABLE, range)) yield queueIdOf(key)
  }

  /** All that is known of a mail; undefined where it is not, or no longer, there. */
  mail(queueId: string): SpooledMail | undefined {
    const envelope = this.envelope(queueId)
    if (envelope === undefined) return undefined
    const fresh = this.#fresh.get(queueId)
    if (fresh !== undefined) return { envelope, statuses: fresh, decision: undefined }
    const entries = [...this.#store.range(SPOOL_TABLE, withPrefix(`r/${queueId}/`))]
    const statuses = new Map(
      entries.map(({ key, value }) => [recipientOf(key), decodeStatus(value)]),
    )
    return { envelope, statuses, decision: this.decision(queueId) }
  }

  /** The message; each chunk is read when it is asked for. Throws `mail/spool-damaged`. */
  *chunks(envelope: Envelope, first = 0): Iterable<Uint8Array> {
    if (envelope.head !== undefined && first === 0) yield fromLatin1(envelope.head)
    for (let index = first; index < envelope.chunkCount; index++) {
      const chunk = this.#store.get(SPOOL_TABLE, chunkKey(envelope.queueId, index))
      if (chunk === undefined) {
        const text = `chunk ${index} of ${envelope.queueId} is missing`
        throw mailFault('mail/spool-damaged', text, { temporary: true })
      }
      yield chunk
    }
  }

  /** The first chunk of the message and what stands above it, as far as it is there. */
  beginning(envelope: Envelope): Uint8Array {
    const first = this.#store.get(SPOOL_TABLE, chunkKey(envelope.queueId, 0)) ?? NO_BYTES
    return envelope.head === undefined ? first : concat(fromLatin1(envelope.head), first)
  }

  /** Resolves once they are durable. */
  commit(changes: readonly StoreChange[]): Promise<void> {
    this.#touch(changes)
    return this.#store.commit(changes)
  }

  /** All that takes a mail out of the spool; then `removed`. */
  removal(envelope: Envelope): readonly StoreChange[] {
    const { queueId, chunkCount } = envelope
    const fresh = this.#fresh.get(queueId)
    const statuses =
      fresh === undefined
        ? this.#store.keys(SPOOL_TABLE, withPrefix(`r/${queueId}/`))
        : [...fresh.keys()].map((index) => statusKey(queueId, index))
    const chunks = Array.from({ length: chunkCount }, (_, index) => chunkKey(queueId, index))
    const decision = this.decision(queueId) === undefined ? [] : [decisionKey(queueId)]
    return [envelopeKey(queueId), ...decision, ...statuses, ...chunks].map(removalOf)
  }

  removed(envelope: Envelope): void {
    this.#forget(envelope.queueId)
    this.#bytes -= envelope.sizeBytes
    this.#messages--
  }

  #keep(envelope: Envelope, statuses: ReadonlyMap<number, RecipientStatus>): void {
    this.#recent.set(envelope.queueId, envelope)
    this.#fresh.set(envelope.queueId, statuses)
    const [oldest] = this.#recent.keys()
    if (oldest !== undefined && this.#recent.size > RECENT_MAX) this.#forget(oldest)
  }

  #forget(queueId: string): void {
    this.#recent.delete(queueId)
    this.#fresh.delete(queueId)
  }

  /** What is recorded of a mail has to be read from now on. */
  #touch(changes: readonly StoreChange[]): void {
    if (this.#fresh.size === 0) return
    for (const { table, key } of changes)
      if (table === SPOOL_TABLE) this.#fresh.delete(queueIdOf(key))
  }

  #requireBytes(bytes: number): void {
    if (this.#bytes + bytes > this.#limits.bytesMax) throw this.#full()
  }

  #full(): Fault<MailFaultCode> {
    return mailFault('mail/spool-full', 'the spool is full', {
      temporary: true,
      detail: { bytes: this.#bytes, messages: this.#messages },
    })
  }
}

/** One mail being received. Nothing of it counts until `commit` has resolved. */
export class SpoolDraft {
  readonly #store: Store
  readonly #queueId: string
  readonly #room: Room
  readonly #unwritten = new ByteList()
  #sizeBytes = 0
  #chunkCount = 0
  #head: Uint8Array = NO_BYTES
  #isOver = false

  constructor(store: Store, queueId: string, room: Room) {
    this.#store = store
    this.#queueId = queueId
    this.#room = room
  }

  /** Takes the bytes over. Rejects with a Fault where there is no room; then only `abort` is left. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#room.grow(bytes.length)
    this.#sizeBytes += bytes.length
    this.#unwritten.append(bytes)
    while (this.#unwritten.length > CHUNK_BYTES_MAX) {
      await this.#store.commit([this.#nextChunk()])
    }
  }

  /**
   * Puts header fields above all that has been and will be written, once: what is known of a message
   * only when all of it has been seen. Copies the bytes. Throws a Fault where there is no room.
   */
  prepend(bytes: Uint8Array): void {
    this.#room.grow(bytes.length)
    this.#sizeBytes += bytes.length
    this.#head = bytes.slice()
  }

  /** `alongside` becomes durable in the same step. Rejects with a Fault; then only `abort` is left. */
  async commit(
    head: Pick<Envelope, 'from' | 'acceptedAt' | 'recipients'>,
    alongside: readonly StoreChange[],
  ): Promise<Envelope> {
    const last = this.#unwritten.length === 0 ? [] : [this.#nextChunk()]
    const envelope: Envelope = {
      queueId: this.#queueId,
      from: head.from,
      acceptedAt: head.acceptedAt,
      sizeBytes: this.#sizeBytes,
      chunkCount: this.#chunkCount,
      ...(this.#head.length > 0 && { head: toLatin1(this.#head) }),
      recipients: head.recipients,
    }
    this.#room.touch(alongside)
    await this.#store.commit([...last, envelopeChange(envelope), ...alongside])
    this.#isOver = true
    this.#room.keep(envelope)
    return envelope
  }

  /**
   * Leaves nothing behind but what cannot be removed now and the next `open` clears away. Without
   * effect once the draft is committed or aborted.
   */
  async abort(): Promise<void> {
    if (this.#isOver) return
    this.#isOver = true
    this.#room.leave(this.#sizeBytes)
    this.#unwritten.clear()
    const keys = Array.from({ length: this.#chunkCount }, (_, i) => chunkKey(this.#queueId, i))
    if (keys.length > 0) await this.#store.commit(keys.map(removalOf)).catch(asFault)
  }

  #nextChunk(): StoreChange {
    return chunkChange(this.#queueId, this.#chunkCount++, this.#unwritten.take(CHUNK_BYTES_MAX))
  }
}

/** The part of the spool's bound that one draft takes up. */
interface Room {
  grow(bytes: number): void
  leave(bytes: number): void
  /** It is accepted. */
  keep(envelope: Envelope): void
  /** These become durable with it. */
  touch(changes: readonly StoreChange[]): void
}

function group(name: KeyGroup): StoreRange {
  return withPrefix(`${name}/`)
}
