import { closeSync, openSync, write } from 'node:fs'
import { Writable } from 'node:stream'
import { Fault } from '../base/fault.ts'
import { errnoOf } from './errno.ts'

/** A file to append to. Whoever rotates logs moves it away, and asks for it to be opened anew. */
export class LogFile extends Writable {
  readonly #path: string
  #descriptor: number
  #isMoved = false

  /** Throws a Fault where it cannot be opened. */
  constructor(path: string) {
    super({ decodeStrings: true })
    this.#path = path
    try {
      this.#descriptor = openSync(path, 'a', 0o640)
    } catch (error) {
      const message = `cannot open ${path}: ${errnoOf(error)}`
      throw new Fault('log/not-opened', message, { temporary: false, cause: error })
    }
  }

  /** From the next line on. Where that cannot be, it goes on where it was. */
  reopen(): void {
    this.#isMoved = true
  }

  override _write(bytes: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#isMoved) this.#openAnew()
    this.#append(bytes, 0, done)
  }

  #append(bytes: Buffer, from: number, done: (error?: Error | null) => void): void {
    write(this.#descriptor, bytes, from, (error, written) => {
      // A full disk costs lines of the log, and nothing else.
      if (error !== null || from + written >= bytes.length) done()
      else this.#append(bytes, from + written, done)
    })
  }

  override _final(done: () => void): void {
    closeSync(this.#descriptor)
    done()
  }

  #openAnew(): void {
    this.#isMoved = false
    try {
      const descriptor = openSync(this.#path, 'a', 0o640)
      closeSync(this.#descriptor)
      this.#descriptor = descriptor
    } catch (error) {
      errnoOf(error)
    }
  }
}
