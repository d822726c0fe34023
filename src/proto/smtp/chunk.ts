/**
 * Message data as it comes in by BDAT: counted, without transparency dots. RFC 3030 §2.
 *
 * What is not BINARYMIME may travel on by DATA, so a CR or LF alone is as unacceptable here as there.
 */

import { NO_BYTES } from '../../base/bytes.ts'
import type { DataProblem, DataRead } from './data.ts'
import type { Reply } from './reply.ts'

const CR = 0x0d
const LF = 0x0a

/** The argument of one BDAT, while its octets come. */
export class Chunk {
  readonly sizeBytes: number
  readonly isLast: boolean
  /** Why its octets are thrown away. */
  objection: Reply | undefined
  /** What takes them else. */
  message: ChunkReader | undefined
  #readBytes = 0

  constructor(sizeBytes: number, isLast: boolean, objection: Reply | undefined) {
    this.sizeBytes = sizeBytes
    this.isLast = isLast
    this.objection = objection
  }

  /** Of its octets, so far. */
  get readBytes(): number {
    return this.#readBytes
  }

  get isOver(): boolean {
    return this.#readBytes === this.sizeBytes
  }

  /** Of the message that it is a part of. */
  get problem(): DataProblem | undefined {
    return this.objection === undefined ? this.message?.problem : undefined
  }

  /** As much of `bytes` as is its own. */
  read(bytes: Uint8Array): DataRead {
    const own = bytes.subarray(0, this.sizeBytes - this.#readBytes)
    this.#readBytes += own.length
    const message = this.objection === undefined ? this.message : undefined
    return { body: message?.read(own) ?? NO_BYTES, consumed: own.length, ended: this.isOver }
  }
}

/** All chunks of one message. */
export class ChunkReader {
  readonly #sizeBytesMax: number
  readonly #isBinary: boolean
  #sizeBytes = 0
  #afterCr = false
  #problem: DataProblem | undefined

  constructor(sizeBytesMax: number, isBinary: boolean) {
    this.#sizeBytesMax = sizeBytesMax
    this.#isBinary = isBinary
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** The first thing that makes the message unacceptable; nothing more of it is worth keeping. */
  get problem(): DataProblem | undefined {
    return this.#problem
  }

  /** The next bytes of the message, the caller's own; none once there is a problem. */
  read(bytes: Uint8Array): Uint8Array {
    if (this.#problem === undefined && !this.#isBinary) this.#look(bytes)
    if (this.#problem === undefined && this.#sizeBytes + bytes.length > this.#sizeBytesMax) {
      this.#problem = 'too-big'
    }
    if (this.#problem !== undefined) return NO_BYTES
    this.#sizeBytes += bytes.length
    return bytes.slice()
  }

  /** The last chunk is over. */
  end(): void {
    if (this.#afterCr) this.#problem ??= 'bare-cr'
  }

  #look(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (this.#afterCr !== (byte === LF)) {
        this.#problem = this.#afterCr ? 'bare-cr' : 'bare-lf'
        return
      }
      this.#afterCr = byte === CR
    }
  }
}
