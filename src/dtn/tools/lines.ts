import { ByteQueue } from '../../base/byte-queue.ts'
import { LINE_BYTES_MAX } from './limits.ts'
import type { ToolPorts } from './tool.ts'

/**
 * Standard input line by line, as ION reads it: without LF or CRLF, and what goes beyond
 * LINE_BYTES_MAX is a line of its own.
 */
export class InputLines {
  readonly #ports: Pick<ToolPorts, 'input' | 'interrupted'>
  readonly #queue: ByteQueue = new ByteQueue()
  readonly #interruption: Promise<undefined>
  #isInterrupted = false
  #hasEnded = false

  constructor(ports: Pick<ToolPorts, 'input' | 'interrupted'>) {
    this.#ports = ports
    this.#interruption = ports.interrupted.then(() => {
      this.#isInterrupted = true
      return undefined
    })
  }

  /** Undefined at the end, and once interrupted. */
  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      if (this.#isInterrupted) return undefined
      const line = this.#take()
      if (line !== undefined) return line
      if (this.#hasEnded) return undefined
      const bytes = await Promise.race([this.#ports.input(), this.#interruption])
      if (bytes === undefined) this.#hasEnded = true
      else this.#queue.append(bytes)
    }
  }

  #take(): Uint8Array | undefined {
    const held = this.#queue.view
    const lf = held.subarray(0, LINE_BYTES_MAX + 1).indexOf(0x0a)
    if (lf < 0 && held.length <= LINE_BYTES_MAX) {
      return this.#hasEnded && held.length > 0 ? this.#queue.takeAll() : undefined
    }
    if (lf < 0) return this.#queue.take(LINE_BYTES_MAX)
    const line = this.#queue.take(lf)
    this.#queue.skip(1)
    return line.at(-1) === 0x0d ? line.subarray(0, -1) : line
  }
}
