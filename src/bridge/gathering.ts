/**
 * Which mails for one next hop travel together, and when: what waits goes when its object is full,
 * when it has waited long enough and the one before is on the disk, and not before a contact opens.
 * The highest priority goes first, then the smallest.
 */

import { Heap } from '../base/heap.ts'
import type { Machine } from '../base/machine.ts'
import { addMs, earlier, type MonoMs } from '../base/time.ts'

export interface GatheringOptions {
  /** In one object. */
  readonly mailsMax: number
  /** The same, of octets; a mail that is larger goes alone. */
  readonly bytesMax: (hop: string) => number
  /** How long a mail waits for others. */
  readonly waitMs: number
  /** All that may wait; beyond it objects are formed although no contact is open. */
  readonly gatheredBytesMax: number
  /** A contact plan that changed is noticed within this time. */
  readonly lookMs: number
  /** When bundles for this next hop may leave: now, or before, where nothing holds them back. */
  readonly opensAt: (hop: string, now: MonoMs) => MonoMs
}

export interface GatheredMail {
  readonly id: string
  readonly sizeBytes: number
  /** RFC 6710. */
  readonly priority: number
}

export type GatheringEvent =
  | { readonly type: 'add'; readonly hop: string; readonly mail: GatheredMail }
  /** It waits no longer. */
  | { readonly type: 'remove'; readonly id: string }
  /** The object that was formed last but for full ones is on the disk, or will never be. */
  | { readonly type: 'written'; readonly hop: string }
  /** All that waits for it goes, whatever holds it back. */
  | { readonly type: 'flush'; readonly hop: string }
  | { readonly type: 'tick' }

/** At least one; at least one `written` of this hop answers it. */
export interface GatheringEffect {
  readonly type: 'form'
  readonly hop: string
  readonly ids: readonly string[]
}

interface Waiting extends GatheredMail {
  readonly hop: string
  readonly order: number
}

interface Hop {
  readonly name: string
  readonly waiting: Heap<Waiting>
  count: number
  bytes: number
  /** Objects that are not yet on the disk. */
  writing: number
  /** Since when the first of them waits. */
  since: MonoMs
}

export class Gathering implements Machine<GatheringEvent, GatheringEffect> {
  readonly #options: GatheringOptions
  readonly #hops = new Map<string, Hop>()
  readonly #waiting = new Map<string, Waiting>()
  #bytes = 0
  #order = 0
  #deadline: MonoMs | undefined

  constructor(options: GatheringOptions) {
    this.#options = options
  }

  get deadline(): MonoMs | undefined {
    return this.#deadline
  }

  /** Of the mails that wait, all together. */
  get bytes(): number {
    return this.#bytes
  }

  handle(event: GatheringEvent, now: MonoMs): readonly GatheringEffect[] {
    switch (event.type) {
      case 'add':
        this.#add(event.hop, event.mail, now)
        break
      case 'remove': {
        const mail = this.#waiting.get(event.id)
        if (mail !== undefined) this.#leave(mail, this.#hopOf(mail.hop, now))
        break
      }
      case 'written': {
        const hop = this.#hopOf(event.hop, now)
        hop.writing = Math.max(0, hop.writing - 1)
        break
      }
      case 'flush':
      case 'tick':
    }
    const effects: GatheringEffect[] = []
    this.#deadline = undefined
    if (event.type === 'flush') this.#flush(event.hop, effects, now)
    for (const [name, hop] of this.#hops) this.#formDue(name, hop, effects, event.type, now)
    return effects
  }

  #formDue(
    name: string,
    hop: Hop,
    effects: GatheringEffect[],
    cause: GatheringEvent['type'],
    now: MonoMs,
  ): void {
    const { waitMs, gatheredBytesMax, lookMs, opensAt } = this.#options
    while (hop.count > 0) {
      const from = opensAt(name, now)
      const isOpen = from <= now
      const isCrowded = this.#bytes > gatheredBytesMax && hop.bytes === this.#largestBytes()
      const dueAt = addMs(hop.since, waitMs)
      // In a turn of its own, so that what came in this one goes together.
      const isDue = hop.writing === 0 && dueAt <= now && cause !== 'add'
      if (isCrowded || (isOpen && (this.#isFull(hop) || isDue))) {
        this.#form(name, hop, effects, now)
        continue
      }
      const look = addMs(now, lookMs)
      const wake = isOpen ? dueAt : from < look ? from : look
      // An object that is being written wakes it as well.
      if (!isOpen || hop.writing === 0) this.#deadline = earlier(this.#deadline, wake)
      return
    }
    if (hop.writing === 0) this.#hops.delete(name)
  }

  #flush(name: string, effects: GatheringEffect[], now: MonoMs): void {
    const hop = this.#hops.get(name)
    while (hop !== undefined && hop.count > 0) this.#form(name, hop, effects, now)
  }

  #form(name: string, hop: Hop, effects: GatheringEffect[], now: MonoMs): void {
    effects.push({ type: 'form', hop: name, ids: this.#take(hop) })
    hop.writing++
    hop.since = now
  }

  #isFull({ name, count, bytes }: Hop): boolean {
    return count >= this.#options.mailsMax || bytes >= this.#options.bytesMax(name)
  }

  #largestBytes(): number {
    let largest = 0
    for (const { bytes } of this.#hops.values()) largest = Math.max(largest, bytes)
    return largest
  }

  #add(name: string, mail: GatheredMail, now: MonoMs): void {
    const hop = this.#hopOf(name, now)
    if (hop.count === 0) hop.since = now
    const waiting = { ...mail, hop: name, order: this.#order++ }
    this.#waiting.set(mail.id, waiting)
    hop.waiting.push(waiting)
    hop.count++
    hop.bytes += mail.sizeBytes
    this.#bytes += mail.sizeBytes
  }

  /** The best that fit into one object; the first in any case. */
  #take(hop: Hop): readonly string[] {
    const { mailsMax } = this.#options
    const bytesMax = this.#options.bytesMax(hop.name)
    const ids: string[] = []
    let bytes = 0
    for (let next = this.#first(hop); next !== undefined; next = this.#first(hop)) {
      bytes += next.sizeBytes
      if (ids.length > 0 && (ids.length >= mailsMax || bytes > bytesMax)) break
      this.#leave(next, hop)
      ids.push(next.id)
    }
    return ids
  }

  #first(hop: Hop): Waiting | undefined {
    let first = hop.waiting.peek()
    for (; first && this.#waiting.get(first.id) !== first; first = hop.waiting.peek()) {
      hop.waiting.pop()
    }
    return first
  }

  #leave(mail: Waiting, hop: Hop): void {
    this.#waiting.delete(mail.id)
    hop.count--
    hop.bytes -= mail.sizeBytes
    this.#bytes -= mail.sizeBytes
    // What has left lies in the heap until it comes to the top, but not beside nothing else.
    if (hop.waiting.size > 2 * hop.count + GONE_MAX) {
      hop.waiting.retain((one) => this.#waiting.get(one.id) === one)
    }
  }

  #hopOf(name: string, now: MonoMs): Hop {
    const known = this.#hops.get(name)
    if (known !== undefined) return known
    const waiting = new Heap<Waiting>(isBefore)
    const hop: Hop = { name, waiting, count: 0, bytes: 0, writing: 0, since: now }
    this.#hops.set(name, hop)
    return hop
  }
}

const GONE_MAX = 64

function isBefore(a: Waiting, b: Waiting): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority
  return a.sizeBytes < b.sizeBytes || (a.sizeBytes === b.sizeBytes && a.order < b.order)
}
