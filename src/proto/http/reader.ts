/** Reads one message of HTTP/1.1 as it comes: its head, then its body. RFC 9112. */

import { ByteQueue } from '../../base/byte-queue.ts'
import { concat, toLatin1 } from '../../base/bytes.ts'
import { attempt, type Result } from '../../base/fault.ts'
import { badMessage } from './fault.ts'
import {
  BODY_PIECES_MAX,
  CHUNK_LINE_BYTES_MAX,
  HEAD_BYTES_MAX,
  TRAILER_LINES_MAX,
} from './limits.ts'

export interface HttpHead {
  /** The first line, whole. */
  readonly start: string
  /** By name in lower case; several of one name with commas between them. */
  readonly fields: ReadonlyMap<string, string>
  /** Of the body, where the head says it. */
  readonly contentLength: number | undefined
}

/** What has become whole; undefined while more is needed. */
export type HttpPart =
  | { readonly type: 'head'; readonly head: HttpHead }
  | { readonly type: 'body'; readonly body: Uint8Array }

type State =
  | 'start'
  | 'fields'
  | 'counted'
  | 'chunk'
  | 'chunk-end'
  | 'trailer'
  | 'until-end'
  | 'over'

export interface HttpReaderOptions {
  readonly bodyBytesMax: number
  /** A response without a length goes on until the stream ends. RFC 9112 §6.3. */
  readonly role: 'request' | 'response'
}

export class HttpReader {
  readonly #options: HttpReaderOptions
  readonly #queue = new ByteQueue()
  #state: State = 'start'
  #start = ''
  #fields = new Map<string, string>()
  #headBytes = 0
  #body: Uint8Array[] = []
  /** The last ones: each of one octet takes room of a hundred, so that many are joined. */
  #pieces: Uint8Array[] = []
  #bodyBytes = 0
  /** Of the body, or of the chunk that comes. */
  #left = 0
  #trailerLines = 0

  constructor(options: HttpReaderOptions) {
    this.#options = options
  }

  /** Of the body, as far as it has been read: without what frames its chunks. */
  get bodyBytes(): number {
    return this.#bodyBytes
  }

  append(bytes: Uint8Array): void {
    this.#queue.append(bytes)
  }

  /** The next part that is whole. Nothing can be read after a fault. */
  next(): Result<HttpPart | undefined> {
    return attempt(() => this.#next())
  }

  /** No more comes: the body of a response that has no length; undefined where something is missing. */
  end(): Uint8Array | undefined {
    return this.#state === 'until-end' ? this.#takeBody() : undefined
  }

  #next(): HttpPart | undefined {
    for (;;) {
      switch (this.#state) {
        case 'start':
        case 'fields': {
          const line = this.#line(HEAD_BYTES_MAX - this.#headBytes, 431)
          if (line === undefined) return undefined
          this.#headBytes += line.length + 2
          if (this.#state === 'start') this.#readStart(line)
          else if (line !== '') this.#readField(line)
          else return { type: 'head', head: this.#endHead() }
          break
        }
        case 'counted':
        case 'until-end':
          this.#takeSome()
          if (this.#state === 'until-end' || this.#left > 0) return undefined
          return { type: 'body', body: this.#takeBody() }
        case 'chunk':
          if (!this.#openChunk()) return undefined
          break
        case 'chunk-end':
          if (!this.#readChunk()) return undefined
          break
        case 'trailer': {
          const line = this.#line(CHUNK_LINE_BYTES_MAX, 400)
          if (line === undefined) return undefined
          if (line === '') return { type: 'body', body: this.#takeBody() }
          if (++this.#trailerLines > TRAILER_LINES_MAX) throw badMessage(400, 'too many trailers')
          break
        }
        case 'over':
          return undefined
      }
    }
  }

  #line(bytesMax: number, status: number): string | undefined {
    const line = this.#queue.takeLine()
    if ((line ?? this.#queue).length > bytesMax) throw badMessage(status, 'a line that is too long')
    if (line === undefined) return undefined
    const text = toLatin1(line)
    if (!text.endsWith('\r')) throw badMessage(400, 'a line that ends without CR')
    return text.slice(0, -1)
  }

  #readStart(line: string): void {
    // RFC 9112 §2.2: empty lines before a request are passed over; the bound above ends them.
    if (line === '' && this.#options.role === 'request') return
    this.#start = line
    this.#state = 'fields'
  }

  #readField(line: string): void {
    const [, name, value = ''] =
      /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? []
    if (name === undefined || /[\0\r\n]/.test(value)) throw badMessage(400, 'a bad header line')
    const key = name.toLowerCase()
    const before = this.#fields.get(key)
    this.#fields.set(key, before === undefined ? value : `${before}, ${value}`)
  }

  #endHead(): HttpHead {
    const fields = this.#fields
    const coding = fields.get('transfer-encoding')
    const length = fields.get('content-length')
    if (coding !== undefined && length !== undefined) {
      throw badMessage(400, 'both a length and a transfer coding')
    }
    let contentLength: number | undefined
    if (coding !== undefined) {
      if (coding.toLowerCase() !== 'chunked') throw badMessage(501, `transfer coding ${coding}`)
      this.#state = 'chunk'
    } else if (length !== undefined) {
      if (!/^\d{1,15}$/.test(length)) throw badMessage(400, `content length ${length}`)
      contentLength = Number(length)
      this.#expect(contentLength)
      this.#state = 'counted'
    } else {
      this.#state = this.#options.role === 'request' ? 'counted' : 'until-end'
      if (this.#options.role === 'request') contentLength = 0
    }
    return { start: this.#start, fields, contentLength }
  }

  /** The end of the response that was read is the beginning of another. RFC 9110 §15.2. */
  restart(): void {
    this.#state = 'start'
    this.#fields = new Map()
    this.#headBytes = 0
    this.#left = 0
  }

  #expect(bytes: number): void {
    if (this.#bodyBytes + bytes > this.#options.bodyBytesMax) {
      throw badMessage(413, `a body of more than ${this.#options.bodyBytesMax} bytes`)
    }
    this.#left = bytes
  }

  #takeSome(): void {
    const isCounted = this.#state !== 'until-end'
    const piece = this.#queue.take(isCounted ? this.#left : this.#queue.length)
    if (isCounted) this.#left -= piece.length
    this.#bodyBytes += piece.length
    if (this.#bodyBytes > this.#options.bodyBytesMax) {
      throw badMessage(413, `a body of more than ${this.#options.bodyBytesMax} bytes`)
    }
    if (piece.length > 0) this.#pieces.push(piece)
    if (this.#pieces.length >= BODY_PIECES_MAX) this.#body.push(concat(...this.#pieces.splice(0)))
  }

  /** RFC 9112 §7.1. */
  #openChunk(): boolean {
    const line = this.#line(CHUNK_LINE_BYTES_MAX, 400)
    if (line === undefined) return false
    const [, digits] = /^([0-9A-Fa-f]{1,12})[ \t]*(?:;.*)?$/.exec(line) ?? []
    if (digits === undefined) throw badMessage(400, 'a chunk without its size')
    this.#expect(Number.parseInt(digits, 16))
    this.#state = this.#left === 0 ? 'trailer' : 'chunk-end'
    return true
  }

  #readChunk(): boolean {
    if (this.#left > 0) this.#takeSome()
    if (this.#left > 0) return false
    const line = this.#line(CHUNK_LINE_BYTES_MAX, 400)
    if (line === undefined) return false
    if (line !== '') throw badMessage(400, 'a chunk that is longer than it says')
    this.#state = 'chunk'
    return true
  }

  #takeBody(): Uint8Array {
    this.#state = 'over'
    return concat(...this.#body.splice(0), ...this.#pieces.splice(0))
  }
}
