/**
 * What was once read from messages: in memory for those last asked for, in the index for all. It may
 * be lost at any time and is read again then, so nobody waits for its being written.
 */

import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import { asFault } from '../../base/fault.ts'
import type { Store, StoreChange } from '../../ports/store.ts'
import type { MessagePart } from '../../proto/message/envelope.ts'
import { parseMessageIds } from '../../proto/message/message-id.ts'
import { envelopeOf, type PartFields } from '../../proto/message/part-fields.ts'
import { StructureReader } from '../../proto/message/structure.ts'
import { descriptionKey, fingerprintKey, TABLE } from './index-rows.ts'
import { CACHE_CHANGES_MAX, DESCRIPTIONS_KEPT_MAX, READ_BYTES } from './limits.ts'
import type { MessageContent, MessageDescription, Uid } from './mailbox.ts'
import { fingerprint, readText } from './message-text.ts'

export class Descriptions {
  readonly #store: Store
  /** The last used are last. */
  readonly #kept: Map<string, MessageDescription> = new Map()
  #waiting: Map<string, Uint8Array> = new Map()
  #writing: Promise<void> | undefined

  constructor(store: Store) {
    this.#store = store
  }

  known(id: string, uid: Uid): MessageDescription | undefined {
    const key = descriptionKey(id, uid)
    const kept = this.#kept.get(key)
    if (kept !== undefined) return kept
    const value = this.#waiting.get(key) ?? this.#store.get(TABLE, key)
    if (value === undefined) return undefined
    const { fields, part } = JSON.parse(toUtf8(value)) as { fields: PartFields; part: MessagePart }
    return this.#keep(key, describe(fields, part))
  }

  /** Of its text; undefined where it has not been read. */
  fingerprint(id: string, uid: Uid): Uint8Array | undefined {
    const key = fingerprintKey(id, uid)
    return this.#waiting.get(key) ?? this.#store.get(TABLE, key)
  }

  /** Reads the whole message once. */
  async read(id: string, uid: Uid, content: MessageContent): Promise<MessageDescription> {
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
    const key = descriptionKey(id, uid)
    this.#waiting.set(key, fromUtf8(JSON.stringify({ fields, part })))
    this.#waiting.set(fingerprintKey(id, uid), fingerprint(await readText(source, part)))
    if (this.#waiting.size >= CACHE_CHANGES_MAX) this.flush().catch(asFault)
    return this.#keep(key, describe(fields, part))
  }

  /** Writes what waits; never rejects with a Fault. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing
    if (this.#waiting.size === 0) return
    const written = this.#waiting
    const changes: StoreChange[] = [...written].map(([key, value]) => ({
      table: TABLE,
      key,
      value,
    }))
    this.#writing = this.#store
      .commit(changes)
      .catch((error: unknown) => void asFault(error))
      .finally(() => {
        this.#writing = undefined
      })
    this.#waiting = new Map()
    await this.#writing
  }

  forget(id: string, uids: readonly Uid[]): void {
    for (const uid of uids) {
      this.#kept.delete(descriptionKey(id, uid))
      this.#waiting.delete(descriptionKey(id, uid))
      this.#waiting.delete(fingerprintKey(id, uid))
    }
  }

  #keep(key: string, description: MessageDescription): MessageDescription {
    this.#kept.set(key, description)
    if (this.#kept.size > DESCRIPTIONS_KEPT_MAX) {
      const [oldest] = this.#kept.keys()
      this.#kept.delete(oldest as string)
    }
    return description
  }
}

function describe(fields: PartFields, part: MessagePart): MessageDescription {
  return {
    envelope: envelopeOf(fields),
    part,
    references: parseMessageIds(fields['references'] ?? ''),
  }
}

function inMemory(bytes: Uint8Array): MessageContent {
  return {
    sizeBytes: bytes.length,
    read: async (offset, length) => bytes.subarray(offset, offset + length),
    close: async () => {},
  }
}
