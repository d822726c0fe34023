/** Messages that are asked for one after the other: the next ones are read together meanwhile. */

import { asFault, type Result } from '../../base/fault.ts'
import type { Folder } from './folder.ts'
import { MESSAGES_TOGETHER, TOGETHER_BYTES_EACH_MAX, TOGETHER_BYTES_MAX } from './limits.ts'
import type { MessageContent, MessageContents, Uid } from './mailbox.ts'

interface Batch {
  /** Those that nobody has asked for yet, with their places in `contents`. */
  readonly places: Map<Uid, number>
  readonly contents: Promise<readonly Result<MessageContent>[]>
}

/** One that is looked at, and one that is being read. */
const BATCHES = 2

export class ContentsAhead implements MessageContents {
  readonly #folder: Folder
  readonly #uids: readonly Uid[]
  readonly #batches: Batch[] = []
  #at = 0

  constructor(folder: Folder, uids: readonly Uid[]) {
    this.#folder = folder
    this.#uids = uids
  }

  async next(uid: Uid): Promise<MessageContent> {
    this.#readOn()
    const at = this.#batches.findIndex(({ places }) => places.has(uid))
    const batch = this.#batches[at]
    if (batch === undefined) return this.#folder.content(uid)
    const place = batch.places.get(uid) as number
    batch.places.delete(uid)
    // Nobody asks for those before it any more.
    this.#batches.splice(0, batch.places.size === 0 ? at + 1 : at)
    const content = (await batch.contents)[place] as Result<MessageContent>
    if (!content.ok) throw content.fault
    return content.value
  }

  async close(): Promise<void> {
    this.#batches.length = 0
    this.#at = this.#uids.length
  }

  #readOn(): void {
    while (this.#batches.length < BATCHES && this.#at < this.#uids.length) {
      const uids = this.#nextUids()
      if (uids.length === 0) continue
      const contents = this.#folder.wholeContents(uids)
      // Whoever asks for one hears of what is wrong.
      contents.catch(asFault)
      this.#batches.push({ places: new Map(uids.map((uid, i) => [uid, i])), contents })
    }
  }

  #nextUids(): readonly Uid[] {
    const uids: Uid[] = []
    let bytes = 0
    for (; this.#at < this.#uids.length && uids.length < MESSAGES_TOGETHER; this.#at++) {
      const uid = this.#uids[this.#at] as Uid
      const sizeBytes = this.#folder.find(uid)?.sizeBytes ?? Number.POSITIVE_INFINITY
      if (sizeBytes > TOGETHER_BYTES_EACH_MAX) continue
      if (bytes + sizeBytes > TOGETHER_BYTES_MAX) break
      bytes += sizeBytes
      uids.push(uid)
    }
    return uids
  }
}

/** `count` at a time, in the order of `items`: `take` has each result while the next are being read. */
export async function forEachTogether<T, R>(
  items: readonly T[],
  count: number,
  read: (items: readonly T[]) => Promise<readonly R[]>,
  take: (item: T, result: R) => void,
): Promise<void> {
  const ask = (from: number): Promise<readonly R[]> | undefined => {
    if (from >= items.length) return undefined
    const reading = read(items.slice(from, from + count))
    reading.catch(() => {})
    return reading
  }
  let coming = ask(0)
  for (let at = 0; coming !== undefined; at += count) {
    const next = ask(at + count)
    for (const [i, result] of (await coming).entries()) take(items[at + i] as T, result)
    coming = next
  }
}
