/** The message of the open transaction on its way in: by DATA, or in chunks by BDAT. RFC 5321 §3.3, RFC 3030 §2. */

import { assert } from '../../base/assert.ts'
import type { MonoMs } from '../../base/time.ts'
import { Chunk, ChunkReader } from './chunk.ts'
import { type DataProblem, type DataRead, DataReader } from './data.ts'
import type { SmtpServerOptions } from './question.ts'
import { badSequence, type Reply } from './reply.ts'

/** What has come is a whole message, a chunk of one, or octets that were thrown away. */
export type PartEnd =
  | { readonly type: 'message'; readonly message: ReadMessage }
  | { readonly type: 'chunk'; readonly sizeBytes: number }
  | { readonly type: 'refused'; readonly reply: Reply }

export interface ReadMessage {
  readonly problem: DataProblem | undefined
  readonly sizeBytes: number
}

interface Part {
  readonly reader: DataReader | Chunk
  readonly since: MonoMs
}

export class MessageReader {
  readonly #options: Pick<SmtpServerOptions, 'sizeBytesMax' | 'bareLineEnds'>
  /** What comes now, or came last. */
  #part: Part | undefined
  /** All chunks of the open transaction. */
  #chunks: ChunkReader | undefined

  constructor(options: Pick<SmtpServerOptions, 'sizeBytesMax' | 'bareLineEnds'>) {
    this.#options = options
  }

  /** Whether the first chunk of the message has been let in. */
  get hasChunks(): boolean {
    return this.#chunks !== undefined
  }

  /** What makes the message unacceptable; nothing more of it is kept. */
  get problem(): DataProblem | undefined {
    return this.#part?.reader.problem
  }

  /** When what comes now has begun. */
  get since(): MonoMs {
    return this.#current.since
  }

  /** Of that, so far. */
  get readBytes(): number {
    return this.#current.reader.readBytes
  }

  startData(now: MonoMs): void {
    const { sizeBytesMax, bareLineEnds } = this.#options
    this.#part = { reader: new DataReader(sizeBytesMax, bareLineEnds), since: now }
  }

  /** What comes from here on in chunks is one message. */
  startChunks(isBinary: boolean): void {
    this.#chunks = new ChunkReader(this.#options.sizeBytesMax, isBinary)
  }

  /** Whether it is over with that. */
  startChunk(chunk: Chunk, now: MonoMs): boolean {
    chunk.message = this.#chunks
    this.#part = { reader: chunk, since: now }
    return chunk.isOver
  }

  /** `bytes` are borrowed. */
  read(bytes: Uint8Array): DataRead {
    return this.#current.reader.read(bytes)
  }

  /** The part is over. */
  end(): PartEnd {
    const { reader } = this.#current
    if (!(reader instanceof Chunk)) return { type: 'message', message: reader }
    const { objection, sizeBytes, isLast, message } = reader
    if (objection !== undefined || message === undefined) {
      return { type: 'refused', reply: objection ?? badSequence('need MAIL command') }
    }
    if (isLast) message.end()
    if (message.problem === undefined && !isLast) return { type: 'chunk', sizeBytes }
    return { type: 'message', message }
  }

  /** No further chunk is of the same message. */
  forget(): void {
    this.#chunks = undefined
  }

  get #current(): Part {
    assert(this.#part !== undefined, 'what is read was started')
    return this.#part
  }
}
