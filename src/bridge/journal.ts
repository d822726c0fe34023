/**
 * The story of each mail on this host, for `lightlag trace`: made of the events that the log is made
 * of, on the disk a moment later, and bounded: the oldest stories go first.
 */

import { fromUtf8, NO_BYTES, toUtf8 } from '../base/bytes.ts'
import { asFault } from '../base/fault.ts'
import { addMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import type { EventSink, HostEvent } from '../ports/events.ts'
import { type Store, type StoreChange, withPrefix } from '../ports/store.ts'
import { JOURNAL_BUNDLES_MAX, JOURNAL_FLUSH_MS, JOURNAL_STEPS_MAX } from './limits.ts'

const STORIES = 'bridge-journal'
const NAMES = 'bridge-journal-names'

/** An event that this mail was part of. */
export type JournalStep = {
  /** POSIX milliseconds. */
  readonly at: number
} & (Extract<HostEvent, { readonly queueId: string }> | Sent)

/** What mails are in has left. */
type Sent = Extract<HostEvent, { readonly type: 'bundle-sent' | 'parcel-sent' }>

export interface Story {
  readonly queueId: string
  readonly messageId?: string
  /** In the order in which they happened; of very many those in the middle are left out. */
  readonly steps: readonly JournalStep[]
}

export interface JournalPorts {
  readonly store: Store
  readonly clock: Clock
  readonly events: EventSink
}

export class Journal {
  readonly #ports: JournalPorts
  readonly #storiesMax: number
  /** Not yet on the disk. */
  readonly #changed = new Map<string, Story>()
  /** The mails in a bundle that waits to be sent. */
  readonly #mailsOf = new Map<string, string[]>()
  /** What has left before it was told which mails are in it. */
  readonly #leftEarly = new Map<string, JournalStep>()
  #count: number
  #cancelFlush: (() => void) | undefined

  constructor(storiesMax: number, ports: JournalPorts) {
    this.#ports = ports
    this.#storiesMax = storiesMax
    this.#count = [...ports.store.keys(STORIES, {})].length
  }

  hear(event: HostEvent): void {
    const at = this.#ports.clock.wall()
    if (event.type === 'bundle-sent') this.#onSent(event.bundle, { ...event, at })
    else if (event.type === 'parcel-sent') this.#onSent(event.parcel, { ...event, at })
    else if ('queueId' in event) {
      this.#note(event.queueId, { ...event, at })
      if (event.type === 'transaction-sent') this.#onTransactionSent(event)
    }
  }

  /** Those of the mail with this queue id, or of all with this Message-ID. */
  find(name: string): readonly Story[] {
    const byId = this.#read(name.toUpperCase())
    if (byId !== undefined) return [byId]
    const bare = name.replace(/^<|>$/g, '')
    const prefix = `${keyOfName(`<${bare}>`)} `
    const queueIds = new Set(
      [...this.#ports.store.keys(NAMES, withPrefix(prefix))].map((key) => key.slice(prefix.length)),
    )
    for (const { queueId, messageId } of this.#changed.values()) {
      if (messageId === `<${bare}>`) queueIds.add(queueId)
    }
    return [...queueIds].flatMap((queueId) => this.#read(queueId) ?? [])
  }

  /** Resolves once all that was heard is on the disk, or could not be put there. */
  async stop(): Promise<void> {
    this.#cancelFlush?.()
    await this.#flush()
  }

  #onTransactionSent(event: Extract<HostEvent, { readonly type: 'transaction-sent' }>): void {
    const { bundle, queueId } = event
    const left = this.#leftEarly.get(bundle)
    if (left !== undefined) this.#note(queueId, left)
    const mails = this.#mailsOf.get(bundle)
    if (mails !== undefined) mails.push(queueId)
    else put(this.#mailsOf, bundle, [queueId])
  }

  #onSent(name: string, step: Sent & { readonly at: number }): void {
    const mails = this.#mailsOf.get(name)
    if (mails === undefined) put(this.#leftEarly, name, step)
    for (const queueId of mails ?? []) this.#note(queueId, step)
  }

  #note(queueId: string, step: JournalStep): void {
    const before = this.#read(queueId) ?? { queueId, steps: [] }
    const messageId = step.type === 'mail-accepted' ? step.messageId : before.messageId
    const steps = [...before.steps, step]
    if (steps.length > JOURNAL_STEPS_MAX) steps.splice(JOURNAL_STEPS_MAX / 2, 1)
    this.#changed.set(queueId, { queueId, ...(messageId !== undefined && { messageId }), steps })
    const { clock } = this.#ports
    this.#cancelFlush ??= clock.at(addMs(clock.now(), JOURNAL_FLUSH_MS), () => void this.#flush())
  }

  #read(queueId: string): Story | undefined {
    const changed = this.#changed.get(queueId)
    if (changed !== undefined) return changed
    if (!/^[0-9A-Z]{1,64}$/.test(queueId)) return undefined
    const value = this.#ports.store.get(STORIES, queueId)
    return value === undefined ? undefined : (JSON.parse(toUtf8(value)) as Story)
  }

  async #flush(): Promise<void> {
    this.#cancelFlush = undefined
    const { store, events } = this.#ports
    const stories = [...this.#changed.values()]
    if (stories.length === 0) return
    const added = stories.filter(({ queueId }) => store.get(STORIES, queueId) === undefined).length
    const removals = this.#removals(this.#count + added - this.#storiesMax)
    const changes: StoreChange[] = stories.flatMap((story) => {
      const { queueId, messageId } = story
      const key = messageId === undefined ? undefined : `${keyOfName(messageId)} ${queueId}`
      return [
        { table: STORIES, key: queueId, value: fromUtf8(JSON.stringify(story)) },
        ...(key === undefined ? [] : [{ table: NAMES, key, value: NO_BYTES }]),
      ]
    })
    this.#count += added - removals.filter(({ table }) => table === STORIES).length
    try {
      await store.commit([...removals, ...changes])
      for (const story of stories) {
        if (this.#changed.get(story.queueId) === story) this.#changed.delete(story.queueId)
      }
    } catch (error) {
      // Mail goes on without its story.
      this.#count = [...store.keys(STORIES, {})].length
      for (const { queueId } of stories) this.#changed.delete(queueId)
      events({ type: 'trouble', where: 'journal', reason: asFault(error).message })
    }
  }

  /** Of the oldest. */
  #removals(count: number): StoreChange[] {
    const removals: StoreChange[] = []
    if (count <= 0) return removals
    for (const key of this.#ports.store.keys(STORIES, {})) {
      if (removals.length >= 2 * count) break
      const name = this.#read(key)?.messageId
      removals.push({ table: STORIES, key, value: undefined })
      const named = name === undefined ? key : `${keyOfName(name)} ${key}`
      removals.push({ table: NAMES, key: named, value: undefined })
    }
    return removals
  }
}

/** Drops the one that was put first where there are too many. */
function put<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.set(key, value)
  const [first] = map.keys()
  if (map.size > JOURNAL_BUNDLES_MAX && first !== undefined) map.delete(first)
}

/** Printable, and short enough beside a queue id. */
function keyOfName(messageId: string): string {
  return messageId.replace(/[^!-~]/g, '?').slice(0, 400)
}
