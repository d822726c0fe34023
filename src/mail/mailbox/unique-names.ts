import { toHex } from '../../base/bytes.ts'
import type { Folder } from './folder.ts'

/**
 * Names that nobody gives twice. They begin with the second of the internal date, as a message's
 * name does that was delivered then: so the date outlives the index.
 */
export class UniqueNames {
  readonly #folder: Folder
  readonly #rest: string

  constructor(folder: Folder, hostname: string) {
    const host = hostname.replace(/[/:,]/g, '_')
    this.#folder = folder
    this.#rest = `${toHex(folder.ports.entropy.bytes(8))}.${host}`
  }

  /** Later ones sort behind earlier ones of the same second. */
  next(dateMs: number): string {
    const second = Math.max(0, Math.floor(dateMs / 1000))
    return `${second}.M${this.#folder.nextMicrosecond()}R${this.#rest}`
  }
}
