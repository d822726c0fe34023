/**
 * One message on its way into a Maildir. As long as it is small it is only kept; then its file is
 * made, written and flushed in one operation, under its final name, which tells its size.
 */

import { concat } from '../base/bytes.ts'
import type { Disk, FileWriter } from '../ports/disk.ts'
import { ignoreNotFound } from '../ports/disk.ts'
import { countBareLf } from '../proto/message/line-endings.ts'

/** A message that waits in `tmp` under its final name, and where it is to appear. May be kept as JSON. */
export interface Placement {
  readonly name: string
  /** Beneath the Maildir: `new/NAME`, or `.Lists/cur/NAME:2,S`. */
  readonly to: string
}

export interface DraftPlace {
  readonly disk: Disk
  /** Of the Maildir. */
  readonly path: string
  readonly flushTmp: () => Promise<void>
}

/** Most that is kept in memory before it is written. */
const WRITE_BYTES = 65_536

export class MaildirDraft {
  readonly #unique: string
  readonly #place: DraftPlace
  readonly #counter = new SizeCounter()
  #gathered: Uint8Array[] = []
  #gatheredBytes = 0
  #writer: FileWriter | undefined
  /** Its present name in `tmp`; undefined while there is none, and once it is gone. */
  #name: string | undefined

  /** `unique` is the part of the name that no reader changes. */
  constructor(unique: string, place: DraftPlace) {
    this.#unique = unique
    this.#place = place
  }

  /** The next bytes, taken over. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#counter.push(bytes)
    this.#gathered.push(bytes)
    this.#gatheredBytes += bytes.length
    if (this.#gatheredBytes >= WRITE_BYTES) await this.#append()
  }

  /** Ends the message: its content and its name in `tmp` are durable. */
  async prepare(): Promise<Placement> {
    const placement = await this.finish()
    await this.#place.flushTmp()
    return placement
  }

  /** Ends the message under its final name in `tmp`; its content is durable, the name is not yet. */
  async finish(): Promise<Placement> {
    const name = await this.#finish()
    if (this.#name !== name) {
      await this.#place.disk.rename(this.#pathOf(this.#name ?? name), this.#pathOf(name))
      this.#name = name
    }
    return { name, to: `new/${name}` }
  }

  /** Leaves nothing behind. After `prepare` only while the placement is given up as well. */
  async abort(): Promise<void> {
    const name = this.#name
    this.#name = undefined
    this.#gathered = []
    if (name === undefined) return
    try {
      await this.#close()
    } finally {
      await this.#place.disk.remove(this.#pathOf(name)).catch(ignoreNotFound)
    }
  }

  /** Resolves with the final name, which it may not have yet. */
  async #finish(): Promise<string> {
    const name = `${this.#unique},${this.#counter.marks}`
    if (this.#name === undefined) {
      await this.#place.disk.writeNew(this.#pathOf(name), this.#takeGathered())
      this.#name = name
    } else if (this.#writer !== undefined) {
      await this.#append()
      await this.#writer.sync()
      await this.#close()
    }
    return name
  }

  async #append(): Promise<void> {
    if (this.#writer === undefined) {
      this.#writer = await this.#place.disk.create(this.#pathOf(this.#unique))
      this.#name = this.#unique
    }
    if (this.#gatheredBytes > 0) await this.#writer.append(this.#takeGathered())
  }

  async #close(): Promise<void> {
    const writer = this.#writer
    this.#writer = undefined
    await writer?.close()
  }

  #takeGathered(): Uint8Array {
    const bytes = concat(...this.#gathered)
    this.#gathered = []
    this.#gatheredBytes = 0
    return bytes
  }

  #pathOf(name: string): string {
    return `${this.#place.path}/tmp/${name}`
  }
}

/** Counts a message as stored and as sent with CRLF at every line's end. */
class SizeCounter {
  #bytes = 0
  #missingCr = 0
  #last: number | undefined

  push(bytes: Uint8Array): void {
    this.#missingCr += countBareLf(bytes, this.#last)
    this.#bytes += bytes.length
    this.#last = bytes.at(-1) ?? this.#last
  }

  /** In the manner of Maildir++, understood by Dovecot: S as stored, W with CRLF. */
  get marks(): string {
    const stored = `S=${this.#bytes}`
    // W counts no line end that the message lacks: better no mark than a wrong one.
    const endsLine = this.#last === undefined || this.#last === 0x0a
    return endsLine ? `${stored},W=${this.#bytes + this.#missingCr}` : stored
  }
}
