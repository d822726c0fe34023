/** The messages of a mailbox's directory, as `lightlag mailbox` reads them: no index, no change. */

import { type WallMs, wallMs } from '../base/time.ts'
import { hostDisk } from '../host/disk.ts'
import { KEYWORD_BIT, parseFileName, secondInBase } from '../mail/mailbox/file-name.ts'
import { readKeywords } from '../mail/mailbox/files.ts'
import { type Flag, SYSTEM_FLAGS } from '../mail/mailbox/mailbox.ts'
import type { FileReader } from '../ports/disk.ts'
import { isNotFound } from '../ports/disk.ts'

export interface MailboxFile {
  /** What no program changes of its name. */
  readonly unique: string
  readonly flags: readonly Flag[]
  readonly internalDate: WallMs
  readonly file: FileReader
}

const PLACES = ['new', 'cur'] as const

/** Oldest first. */
export class MailboxFiles {
  readonly #path: string
  #names: Map<string, string> = new Map()
  #keywords: readonly Flag[] = []

  private constructor(path: string) {
    this.#path = path
  }

  /** Rejects with `disk/not-found` where it is no Maildir. */
  static async open(path: string): Promise<MailboxFiles> {
    const files = new MailboxFiles(path)
    await files.#look()
    return files
  }

  get count(): number {
    return this.#names.size
  }

  /** What is removed meanwhile is passed over. Each file is closed when the next is asked for. */
  async *[Symbol.asyncIterator](): AsyncGenerator<MailboxFile> {
    for (const unique of [...this.#names.keys()].sort(byAge)) {
      const found = await this.#open(unique)
      if (found === undefined) continue
      try {
        yield found
      } finally {
        await found.file.close()
      }
    }
  }

  async #open(unique: string): Promise<MailboxFile | undefined> {
    for (let isSecond = false; ; isSecond = true) {
      const name = this.#names.get(unique)
      if (name === undefined) return undefined
      try {
        const file = await hostDisk.open(`${this.#path}/${name}`)
        const { base, flags: bits } = parseFileName(name.slice(name.indexOf('/') + 1))
        const second = secondInBase(base)
        const status =
          second === undefined ? await hostDisk.stat(`${this.#path}/${name}`) : undefined
        const at = second === undefined ? (status?.modifiedMs ?? 0) : second * 1000
        return { unique, file, flags: this.#flagsOf(bits), internalDate: wallMs(at) }
      } catch (error) {
        if (!isNotFound(error)) throw error
        if (isSecond) return undefined
        // Somebody has just set a flag.
        await this.#look()
      }
    }
  }

  async #look(): Promise<void> {
    const names = new Map<string, string>()
    for (const place of PLACES) {
      for (const name of await hostDisk.list(`${this.#path}/${place}`)) {
        if (!name.startsWith('.')) names.set(parseFileName(name).unique, `${place}/${name}`)
      }
    }
    this.#names = names
    this.#keywords = (await readKeywords(hostDisk, this.#path)) ?? []
  }

  #flagsOf(bits: number): readonly Flag[] {
    const has = (bit: number): boolean => (bits & (1 << bit)) !== 0
    const keywords = this.#keywords.filter((_, i) => has(KEYWORD_BIT + i))
    return [...SYSTEM_FLAGS.filter((_, i) => has(i)), ...keywords]
  }
}

function byAge(a: string, b: string): number {
  const [first, second] = [secondInBase(a) ?? 0, secondInBase(b) ?? 0]
  return first - second || (a < b ? -1 : a > b ? 1 : 0)
}
