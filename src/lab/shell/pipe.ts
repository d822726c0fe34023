import { ByteQueue } from '../../base/byte-queue.ts'
import { PIPE_BYTES_MAX } from '../limits.ts'

/** What one command writes and the next one reads. */
export class Pipe {
  readonly #bytes = new ByteQueue()
  #hasEnded = false
  #read: ((bytes: Uint8Array | undefined) => void) | undefined

  /** False where nobody reads and too much waits: it is not taken. */
  write(bytes: Uint8Array): boolean {
    if (this.#bytes.length + bytes.length > PIPE_BYTES_MAX) return false
    this.#bytes.append(bytes)
    this.#feed()
    return true
  }

  end(): void {
    this.#hasEnded = true
    this.#feed()
  }

  /** The next bytes; undefined at the end. */
  read(): Promise<Uint8Array | undefined> {
    return new Promise((resolve) => {
      this.#read = resolve
      this.#feed()
    })
  }

  #feed(): void {
    const hasBytes = this.#bytes.length > 0
    if (this.#read === undefined || !(hasBytes || this.#hasEnded)) return
    this.#read(hasBytes ? this.#bytes.takeAll() : undefined)
    this.#read = undefined
  }
}
