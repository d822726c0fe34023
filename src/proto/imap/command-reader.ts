/**
 * Cuts what a client sends into commands. A line that ends in the head of a literal goes on after it;
 * whoever reads decides what becomes of the literal. RFC 9051 §4.3, RFC 7888.
 */

import { ByteQueue } from '../../base/byte-queue.ts'
import { toLatin1 } from '../../base/bytes.ts'

export type CommandPiece =
  /** All of it, without the CRLF at its end. */
  | { readonly type: 'command'; readonly text: string }
  /** The command so far: it ends in the head of a literal. */
  | {
      readonly type: 'literal'
      readonly text: string
      readonly sizeBytes: number
      /** Whether the client waits to be told to go on. */
      readonly isAwaited: boolean
    }
  /** Beyond the bound: the rest of the line is thrown away. */
  | { readonly type: 'overlong'; readonly text: string }

const CR = 0x0d
const HEAD = /~?\{(\d{1,15})(\+?)\}$/

export class CommandReader {
  readonly #received = new ByteQueue()
  #text = ''
  #literalLeft = 0
  #isOverlong = false
  #discardedBytes = 0

  /** Bytes that wait to be read. */
  get length(): number {
    return this.#received.length
  }

  /** Of a line beyond the bound, thrown away so far. */
  get discardedBytes(): number {
    return this.#discardedBytes
  }

  append(bytes: Uint8Array): void {
    this.#received.append(bytes)
  }

  /** Undefined until there is more. `bytesMax` is for the whole command. */
  next(bytesMax: number): CommandPiece | undefined {
    if (this.#literalLeft > 0) {
      const octets = this.#received.take(this.#literalLeft)
      this.#literalLeft -= octets.length
      this.#text += toLatin1(octets)
      if (this.#literalLeft > 0) return undefined
    }
    const line = this.#received.takeLine()
    if (line === undefined) {
      if (this.#text.length + this.#received.length > bytesMax) {
        if (!this.#isOverlong) this.#text += toLatin1(this.#received.take(1024))
        this.#isOverlong = true
        this.#discardedBytes += this.#received.length
        this.#received.clear()
      }
      return undefined
    }
    const text = this.#text + toLatin1(line.at(-1) === CR ? line.subarray(0, -1) : line)
    if (this.#isOverlong || text.length > bytesMax) {
      this.abandon()
      return { type: 'overlong', text }
    }
    const head = HEAD.exec(text)
    if (head === null) {
      this.abandon()
      return { type: 'command', text }
    }
    this.#text = text
    const sizeBytes = Number(head[1])
    return { type: 'literal', text, sizeBytes, isAwaited: head[2] === '' }
  }

  /** The literal belongs to the command, which goes on after it. */
  collect(sizeBytes: number): void {
    this.#text += '\r\n'
    this.#literalLeft = sizeBytes
  }

  /** The command ends here, or it goes on elsewhere: what comes next is read anew. */
  abandon(): void {
    this.#text = ''
    this.#isOverlong = false
    this.#discardedBytes = 0
  }

  /** Octets as they come, up to `count`. The result is the caller's own. */
  take(count: number): Uint8Array {
    return this.#received.take(count)
  }

  skip(count: number): number {
    const skipped = Math.min(count, this.#received.length)
    this.#received.skip(skipped)
    return skipped
  }

  /** Nothing of what came so far is believed. */
  clear(): void {
    this.#received.clear()
    this.abandon()
  }
}
