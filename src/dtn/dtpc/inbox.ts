/** Items that have come and wait for the application of their topic, each taken once. */

import { Fault } from '../../base/fault.ts'
import { Queue } from '../../base/queue.ts'
import type { WallMs } from '../../base/time.ts'
import type { EventSink } from '../../ports/events.ts'
import type { Store, StoreChange } from '../../ports/store.ts'
import type { DtnFaultCode } from '../fault.ts'
import type { Journal } from './journal.ts'
import {
  INBOX_BYTES_MAX,
  INBOX_COUNT_MAX,
  TOPICS_MAX,
  UNCLAIMED_BYTES_MAX,
  UNCLAIMED_COUNT_MAX,
} from './limits.ts'
import { keyOf, put, readStored, removal, TABLES } from './stored.ts'

/** An application data item, as it came. */
export interface DtpcItem {
  /** Of all that ever came here no two have the same. */
  readonly number: number
  readonly topic: number
  /** The endpoint that sent it, in text: `ipn:2.128`. */
  readonly source: string
  readonly profile: number
  /** When it came to this node; undefined where an earlier release put it there. */
  readonly arrivedAt?: WallMs
  readonly bytes: Uint8Array
}

/** An item on its way to whoever has its topic open; the next comes when it is taken. */
export interface DtpcDelivery {
  readonly item: DtpcItem
  /** The change that forgets it, for whoever commits it with his own, and calls `taken` after. */
  readonly removal: StoreChange
  taken(): void
  /** Resolves when it is forgotten. */
  take(): Promise<void>
  /** Lets the next come first; what it returns has this one offered again, behind those that wait then. */
  postpone(): () => void
}

export interface TopicRegistration {
  /** What was not taken is for whoever opens the topic next. */
  close(): void
}

interface Waiting {
  readonly key: string
  readonly sizeBytes: number
}

interface Topic {
  readonly waiting: Queue<Waiting>
  /** Those that are not to be offered for now. */
  readonly postponed: Set<Waiting>
  receive: ((delivery: DtpcDelivery) => void) | undefined
  /** Changes at each opening: what a former application says counts no more. */
  turn: number
  isOffered: boolean
  isClaimed: boolean
}

/** As it comes out of its ADU. */
export type NewItem = Omit<DtpcItem, 'number'>

type Header = Omit<DtpcItem, 'bytes' | 'number'>

const NEXT_KEY = 'next'

/** Items, since the start. */
export interface InboxCounts {
  readonly received: number
  /** Those that applications took. */
  readonly taken: number
  /** Those for which nobody came and no room was. */
  readonly letGo: number
}

interface Usage {
  count: number
  bytes: number
}

export class Inbox {
  readonly #ports: {
    readonly store: Store
    readonly journal: Journal
    readonly events: EventSink
  }
  readonly #topics = new Map<number, Topic>()
  readonly #claimed: Usage = { count: 0, bytes: 0 }
  readonly #unclaimed: Usage = { count: 0, bytes: 0 }
  #claimedTopics = 0
  #nextNumber = 0
  readonly #counts = { received: 0, taken: 0, letGo: 0 }

  constructor(ports: {
    readonly store: Store
    readonly journal: Journal
    readonly events: EventSink
  }) {
    this.#ports = ports
  }

  /** What an earlier run left. */
  recover(): void {
    const { store } = this.#ports
    const next = store.get(TABLES.inboxNext, NEXT_KEY)
    if (next !== undefined) this.#nextNumber = readStored<{ next: number }>(next).header.next
    for (const key of store.keys(TABLES.topics, {})) this.#claim(this.#topicOf(Number(key)))
    for (const { key, value } of store.range(TABLES.inbox, {})) {
      const [topic = 0, number = 0] = key.split(' ').map(Number)
      this.#nextNumber = Math.max(this.#nextNumber, number + 1)
      this.#account(this.#topicOf(topic), { key, sizeBytes: value.length })
    }
  }

  /** How much waits for applications. */
  get status(): { readonly count: number; readonly bytes: number } {
    const { count, bytes } = this.#claimed
    return { count: count + this.#unclaimed.count, bytes: bytes + this.#unclaimed.bytes }
  }

  get counts(): InboxCounts {
    return { ...this.#counts }
  }

  /** Why there is no room for items of these topics now; undefined where there is. */
  objection(topics: readonly number[]): Fault<DtnFaultCode> | undefined {
    const isWanted = topics.some((topic) => this.#topics.get(topic)?.isClaimed)
    const { count, bytes } = this.#claimed
    if (!isWanted || (count < INBOX_COUNT_MAX && bytes < INBOX_BYTES_MAX)) return undefined
    const message = `${count} items wait for their applications`
    return new Fault('dtn/store-full', message, { temporary: true })
  }

  /**
   * The changes that put items there, of which those are left out for whose topic nobody ever came
   * and no room is; `placed` is called when they are on the disk.
   */
  place(items: readonly NewItem[]): {
    readonly changes: readonly StoreChange[]
    readonly placed: () => void
  } {
    const changes: StoreChange[] = []
    const kept: { readonly topic: Topic; readonly waiting: Waiting }[] = []
    for (const { bytes, ...header } of items) {
      const topic = this.#topicOf(header.topic)
      const key = `${keyOf(header.topic)} ${keyOf(this.#nextNumber++)}`
      const change = put(TABLES.inbox, key, header satisfies Header, bytes)
      const waiting = { key, sizeBytes: change.value?.length ?? 0 }
      if (!topic.isClaimed && this.#isFullOfUnclaimed(waiting)) {
        const reason = `an item of topic ${header.topic}, which nobody has opened, is let go`
        this.#ports.events({ type: 'trouble', where: 'dtpc', reason })
        this.#forgetUnused(header.topic, topic)
        this.#counts.letGo++
        continue
      }
      this.#counts.received++
      changes.push(change)
      this.#account(topic, waiting)
      kept.push({ topic, waiting })
    }
    if (changes.length > 0) {
      changes.push(put(TABLES.inboxNext, NEXT_KEY, { next: this.#nextNumber }))
    }
    return {
      changes,
      placed: () => {
        for (const { topic } of kept) this.#offer(topic)
      },
    }
  }

  /** `receive` hears of one item at a time. Throws a Fault where the topic is open already. */
  open(topic: number, receive: (delivery: DtpcDelivery) => void): TopicRegistration {
    const known = this.#topicOf(topic)
    if (known.receive !== undefined) {
      const message = `topic ${topic} is open already`
      throw new Fault<DtnFaultCode>('dtn/occupied', message, { temporary: true })
    }
    if (!known.isClaimed && this.#claimedTopics < TOPICS_MAX) {
      this.#claim(known)
      // Whether it reaches the disk decides what a later run keeps for it, and nothing of this one.
      this.#ports.journal.commit([put(TABLES.topics, keyOf(topic), {})]).catch(() => {})
    }
    const turn = ++known.turn
    known.receive = receive
    known.isOffered = false
    this.#offer(known)
    return {
      close: () => {
        if (known.turn !== turn) return
        known.turn++
        known.receive = undefined
        known.isOffered = false
        for (const postponed of known.postponed) known.waiting.push(postponed)
        known.postponed.clear()
        this.#forgetUnused(topic, known)
      },
    }
  }

  #topicOf(topic: number): Topic {
    const known = this.#topics.get(topic)
    if (known !== undefined) return known
    const made: Topic = {
      waiting: new Queue(),
      postponed: new Set(),
      receive: undefined,
      turn: 0,
      isOffered: false,
      isClaimed: false,
    }
    this.#topics.set(topic, made)
    return made
  }

  #forgetUnused(number: number, topic: Topic): void {
    const isOpen = topic.receive !== undefined
    if (topic.waiting.size === 0 && !topic.isClaimed && !isOpen) this.#topics.delete(number)
  }

  #claim(topic: Topic): void {
    topic.isClaimed = true
    this.#claimedTopics++
    for (const { sizeBytes } of topic.waiting) {
      this.#count(this.#unclaimed, -1, -sizeBytes)
      this.#count(this.#claimed, 1, sizeBytes)
    }
  }

  #isFullOfUnclaimed({ sizeBytes }: Waiting): boolean {
    const { count, bytes } = this.#unclaimed
    return count >= UNCLAIMED_COUNT_MAX || bytes + sizeBytes > UNCLAIMED_BYTES_MAX
  }

  #account(topic: Topic, waiting: Waiting): void {
    topic.waiting.push(waiting)
    this.#count(topic.isClaimed ? this.#claimed : this.#unclaimed, 1, waiting.sizeBytes)
  }

  #count(usage: Usage, count: number, bytes: number): void {
    usage.count += count
    usage.bytes += bytes
  }

  #offer(topic: Topic): void {
    const { receive, turn } = topic
    const first = topic.waiting.peek()
    if (receive === undefined || topic.isOffered || first === undefined) return
    const value = this.#ports.store.get(TABLES.inbox, first.key)
    // On its way to the disk, behind others: `placed` comes back to it.
    if (value === undefined) return
    topic.isOffered = true
    const { header, bytes } = readStored<Header>(value)
    const gone = removal(TABLES.inbox, first.key)
    const taken = (): void => {
      if (topic.turn !== turn || topic.waiting.peek() !== first) return
      this.#next(topic, first)
    }
    receive({
      item: { ...header, number: Number(first.key.split(' ')[1]), bytes },
      removal: gone,
      taken,
      take: async () => {
        if (topic.turn !== turn || topic.waiting.peek() !== first) return
        const forgotten = this.#ports.journal.commit([gone])
        taken()
        await forgotten
      },
      postpone: () => this.#postpone(topic, first, turn),
    })
  }

  /** In memory: a later run begins with the oldest again. */
  #postpone(topic: Topic, first: Waiting, turn: number): () => void {
    if (topic.turn !== turn || topic.waiting.peek() !== first) return () => {}
    topic.waiting.shift()
    topic.postponed.add(first)
    topic.isOffered = false
    this.#offer(topic)
    return () => {
      if (topic.turn !== turn || !topic.postponed.delete(first)) return
      topic.waiting.push(first)
      this.#offer(topic)
    }
  }

  #next(topic: Topic, { sizeBytes }: Waiting): void {
    topic.waiting.shift()
    this.#counts.taken++
    this.#count(topic.isClaimed ? this.#claimed : this.#unclaimed, -1, -sizeBytes)
    topic.isOffered = false
    this.#offer(topic)
  }
}
