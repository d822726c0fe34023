/** Messages that are asked for one after the other: the next ones are read while one is sent. */

import { asFault } from '../../base/fault.ts'
import type { Folder } from './folder.ts'
import { AHEAD_BYTES_MAX, MESSAGES_AHEAD } from './limits.ts'
import type { MessageContent, MessageContents, Uid } from './mailbox.ts'

/** Larger ones are read when it is their turn. */
const BYTES_EACH_MAX = AHEAD_BYTES_MAX / MESSAGES_AHEAD

export class ContentsAhead implements MessageContents {
  readonly #folder: Folder
  readonly #uids: readonly Uid[]
  readonly #coming: Map<Uid, Promise<MessageContent>> = new Map()
  #at = 0

  constructor(folder: Folder, uids: readonly Uid[]) {
    this.#folder = folder
    this.#uids = uids
  }

  next(uid: Uid): Promise<MessageContent> {
    const found = this.#coming.get(uid) ?? this.#folder.content(uid)
    this.#coming.delete(uid)
    while (this.#coming.size < MESSAGES_AHEAD && this.#at < this.#uids.length) {
      const ahead = this.#uids[this.#at++] as Uid
      const sizeBytes = this.#folder.find(ahead)?.sizeBytes ?? Number.POSITIVE_INFINITY
      if (ahead === uid || sizeBytes > BYTES_EACH_MAX) continue
      const coming = this.#folder.wholeContent(ahead)
      // Whoever asks for it hears of what is wrong.
      coming.catch(asFault)
      this.#coming.set(ahead, coming)
    }
    return found
  }

  async close(): Promise<void> {
    const left = [...this.#coming.values()]
    this.#coming.clear()
    for (const coming of left) await coming.then((content) => content.close(), asFault)
  }
}

/**
 * Some at a time, in the order of `items`: `take` has each result before the next, while others come.
 */
export async function forEachAhead<T, R>(
  items: readonly T[],
  read: (item: T) => Promise<R>,
  take: (item: T, result: R) => void,
): Promise<void> {
  const coming: Promise<R>[] = []
  let next = 0
  for (const item of items) {
    while (next < items.length && coming.length < MESSAGES_AHEAD) {
      const reading = read(items[next++] as T)
      reading.catch(() => {})
      coming.push(reading)
    }
    take(item, await (coming.shift() as Promise<R>))
  }
}
