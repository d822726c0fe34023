/** The lines that a client sends: commands and its part of an AUTH exchange. RFC 5321 §2.3.8. */

import { ByteQueue } from '../../base/byte-queue.ts'
import { toLatin1 } from '../../base/bytes.ts'
import type { Result } from '../../base/fault.ts'
import { type SmtpFaultCode, smtpFault } from './fault.ts'
import { AUTH_LINE_MAX } from './limits.ts'

const CR = 0x0d

export class LineReader {
  readonly #queue = new ByteQueue()
  /** The beginning of the line was too long to keep. */
  #cut = false

  /** Bytes that wait to be read. */
  get length(): number {
    return this.#queue.length
  }

  /** All of them, borrowed. */
  get view(): Uint8Array {
    return this.#queue.view
  }

  append(bytes: Uint8Array): void {
    this.#queue.append(bytes)
  }

  skip(count: number): void {
    this.#queue.skip(count)
  }

  /**
   * The next line without its CRLF, or why it is none; undefined while it is incomplete.
   *
   * An LF alone ends no line, but what stands before it is a mistake of its own and what comes
   * after it is read anew: so no part of a mistake is ever taken for a command's argument.
   */
  next(): Result<string, SmtpFaultCode> | undefined {
    const line = this.#queue.takeLine()
    if (line === undefined) {
      if (this.#queue.length < AUTH_LINE_MAX) return undefined
      this.#cut = true
      this.#queue.clear()
      return undefined
    }
    const tooLong = this.#cut || line.length + 1 > AUTH_LINE_MAX
    this.#cut = false
    if (tooLong) return { ok: false, fault: smtpFault('smtp/bad-line', 'line too long') }
    if (line.at(-1) !== CR) {
      return { ok: false, fault: smtpFault('smtp/bad-line', 'lines must end in <CR><LF>') }
    }
    return { ok: true, value: toLatin1(line.subarray(0, -1)) }
  }
}
