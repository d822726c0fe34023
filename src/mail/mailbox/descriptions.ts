/**
 * What was once read from messages: in memory for those last asked for, in the index for all. It may
 * be lost at any time and is read again then, so nobody waits for its being written.
 */

import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import { asFault } from '../../base/fault.ts'
import type { Store, StoreChange } from '../../ports/store.ts'
import type { MessagePart } from '../../proto/message/envelope.ts'
import { StructureReader } from '../../proto/message/structure.ts'
import { inMemory } from './content.ts'
import { parseWholeDigest } from './digests.ts'
import { descriptionKey, fingerprintKey, summaryKey, TABLE } from './index-rows.ts'
import type { KeptOrders } from './kept-orders.ts'
import type { KeptSummaries } from './kept-summaries.ts'
import { CACHE_CHANGES_MAX, READ_BYTES } from './limits.ts'
import type { MessageContent, Uid } from './mailbox.ts'
import { fingerprint, type MessageText, readText } from './message-text.ts'
import type { ThreadNode } from './search.ts'
import { formatSummary, Summary } from './summary.ts'
import { gone } from './whereabouts.ts'

/** All that reading a whole message tells. */
export interface ReadMessage {
  readonly summary: Summary
  readonly part: MessagePart
  readonly text: MessageText
}

/** Of all accounts together. */
export interface Kept {
  readonly summaries: KeptSummaries
  readonly orders: KeptOrders<readonly Uid[]>
  readonly threads: KeptOrders<readonly ThreadNode[]>
}

export class Descriptions {
  readonly #store: Store
  readonly kept: Kept
  /** By their ids alone two could be mistaken that are copies of one directory. */
  readonly #account: string
  #last = { id: '', key: '' }
  /** Undefined: to be removed. */
  readonly #waiting: Map<string, Uint8Array | undefined> = new Map()
  #writing: Promise<void> | undefined

  /** `account` is another for each, as its path is. */
  constructor(store: Store, kept: Kept, account: string) {
    this.#store = store
    this.kept = kept
    this.#account = account
  }

  summary(id: string, uid: Uid): Summary | undefined {
    const kept = this.kept.summaries.get(this.keyOf(id), uid)
    if (kept !== undefined) return kept
    const octets = this.#value(summaryKey(id, uid))
    const summary = octets && Summary.read(octets)
    return summary && this.#keep(id, uid, summary)
  }

  part(id: string, uid: Uid): MessagePart | undefined {
    const part = this.#value(descriptionKey(id, uid))
    return part && (JSON.parse(toUtf8(part)) as MessagePart)
  }

  /** Of its text; undefined where it has not been read. */
  fingerprint(id: string, uid: Uid): Uint8Array | undefined {
    return this.#value(fingerprintKey(id, uid))
  }

  /** Takes a digest `messageHead`; undefined where it is none, as its header is too long. */
  takeHead(id: string, uid: Uid, digest: Uint8Array): Summary | undefined {
    return digest.length === 0 ? undefined : this.#remember(id, uid, digest)
  }

  /** Takes a digest `wholeMessage`. */
  takeWhole(id: string, uid: Uid, digest: Uint8Array): void {
    const { summary, part, fingerprint } = parseWholeDigest(digest)
    this.#put(descriptionKey(id, uid), part)
    this.#put(fingerprintKey(id, uid), fingerprint)
    if (this.summary(id, uid) === undefined) this.#remember(id, uid, summary)
  }

  /** Reads the whole message once. Rejects with `mailbox/gone` where it is not there any more when it has been read. */
  async read(
    id: string,
    uid: Uid,
    content: MessageContent,
    isThere: (uid: Uid) => boolean,
  ): Promise<ReadMessage> {
    const reader = new StructureReader()
    const whole =
      content.sizeBytes <= READ_BYTES ? await content.read(0, content.sizeBytes) : undefined
    if (whole !== undefined) reader.push(whole)
    else {
      for (let at = 0; at < content.sizeBytes; ) {
        const bytes = await content.read(at, READ_BYTES)
        if (bytes.length === 0) break
        reader.push(bytes)
        at += bytes.length
      }
    }
    const { fields, part } = reader.end()
    const source = whole === undefined ? content : inMemory(whole)
    const text = await readText(source, part)
    if (!isThere(uid)) throw gone(uid)
    this.#put(descriptionKey(id, uid), fromUtf8(JSON.stringify(part)))
    this.#put(fingerprintKey(id, uid), fingerprint(text))
    const summary = this.summary(id, uid) ?? this.#remember(id, uid, formatSummary(fields))
    return { summary, part, text }
  }

  /** Writes what waits; never rejects with a Fault. */
  flush(): Promise<void> {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined
    })
    return this.#writing
  }

  /** Some at a time, until none is left: a commit of very many would hold all else up. */
  async #write(): Promise<void> {
    while (this.#waiting.size > 0) {
      const changes: StoreChange[] = []
      for (const [key, value] of this.#waiting) {
        changes.push({ table: TABLE, key, value })
        if (changes.length === CACHE_CHANGES_MAX) break
      }
      try {
        await this.#store.commit(changes)
      } catch (error) {
        asFault(error)
      }
      // Not before: the store need not show what is on its way.
      for (const { key, value } of changes) {
        if (this.#waiting.get(key) === value) this.#waiting.delete(key)
      }
    }
  }

  /**
   * They have been expunged. Nobody waits for it, and what a crash leaves in the index is of UIDs that
   * never come again.
   */
  forget(id: string, uids: readonly Uid[]): void {
    this.kept.summaries.forget(this.keyOf(id), uids)
    for (const uid of uids) {
      for (const key of [summaryKey, descriptionKey, fingerprintKey]) {
        this.#waiting.set(key(id, uid), undefined)
      }
    }
    if (this.#waiting.size >= CACHE_CHANGES_MAX) this.flush().catch(asFault)
  }

  /** Of a mailbox whose UIDs are no longer what they were; nothing of it is written from then on. */
  async forgetAll(id: string): Promise<void> {
    const key = this.keyOf(id)
    this.kept.summaries.forgetAll(key)
    for (const kept of [this.kept.orders, this.kept.threads]) kept.forget(`${key} `)
    for (const key of this.#waiting.keys()) if (key.startsWith(`${id}/`)) this.#waiting.delete(key)
    await this.#writing
  }

  /** Of a mailbox, in what is kept of all. */
  keyOf(id: string): string {
    // The same string each time, so that its hash is worked out once.
    if (this.#last.id !== id) this.#last = { id, key: `${this.#account}/${id}` }
    return this.#last.key
  }

  #value(key: string): Uint8Array | undefined {
    return this.#waiting.has(key) ? this.#waiting.get(key) : this.#store.get(TABLE, key)
  }

  #remember(id: string, uid: Uid, octets: Uint8Array): Summary {
    this.#put(summaryKey(id, uid), octets)
    return this.#keep(id, uid, new Summary(octets))
  }

  #put(key: string, value: Uint8Array): void {
    this.#waiting.set(key, value)
    if (this.#waiting.size === CACHE_CHANGES_MAX) this.flush().catch(asFault)
  }

  #keep(id: string, uid: Uid, summary: Summary): Summary {
    this.kept.summaries.keep(this.keyOf(id), uid, summary)
    return summary
  }
}
