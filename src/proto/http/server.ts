/** A server of one request: its head is asked about before its body is read. RFC 9112, RFC 9110. */

import { concat, fromLatin1, NO_BYTES } from '../../base/bytes.ts'
import type {
  Machine,
  SecuredEvent,
  SecureEffect,
  StreamEffect,
  StreamEvent,
} from '../../base/machine.ts'
import { addMs, earlier, type MonoMs } from '../../base/time.ts'
import type { TlsSession } from '../../base/tls.ts'
import { BODY_BYTES_PER_SEC_MIN, LINGER_MS, SILENCE_MS_MAX } from './limits.ts'
import { type HttpHead, HttpReader } from './reader.ts'

export interface HttpServerOptions {
  readonly bodyBytesMax: number
  /** From the first octet. */
  readonly tls: boolean
  /** To the clients: what is waited for may take longer by it, there and back. */
  readonly oneWayDelayMs: number
}

export interface HttpRequest {
  readonly method: string
  readonly target: string
  readonly fields: HttpHead['fields']
  /** Undefined where it comes in chunks. */
  readonly contentLength: number | undefined
  /** Undefined without TLS. */
  readonly session: TlsSession | undefined
}

export interface HttpResponse {
  readonly status: number
  readonly fields?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
}

/** Each is answered: `head` by `go-on` or `respond`, `body` by `respond`. */
export type HttpQuestion =
  | { readonly type: 'head'; readonly request: HttpRequest }
  | { readonly type: 'body'; readonly body: Uint8Array }

export type HttpAnswer =
  | { readonly type: 'go-on' }
  | { readonly type: 'respond'; readonly response: HttpResponse }

type Effect = StreamEffect | SecureEffect | HttpQuestion
type State = 'head' | 'asking' | 'body' | 'working' | 'lingering' | 'over'

export class HttpServer implements Machine<StreamEvent | SecuredEvent | HttpAnswer, Effect> {
  readonly #options: HttpServerOptions
  readonly #reader: HttpReader
  #state: State = 'head'
  #session: TlsSession | undefined
  #wantsContinue = false
  /** Until when the body is waited for if nothing of it comes: what comes puts it off. */
  #bodyUntil: MonoMs | undefined
  #deadline: MonoMs | undefined

  constructor(options: HttpServerOptions) {
    this.#options = options
    this.#reader = new HttpReader({ bodyBytesMax: options.bodyBytesMax, role: 'request' })
  }

  get deadline(): MonoMs | undefined {
    return this.#deadline
  }

  handle(event: StreamEvent | SecuredEvent | HttpAnswer, now: MonoMs): readonly Effect[] {
    switch (event.type) {
      case 'connected':
        this.#patience(now)
        return this.#options.tls ? [{ type: 'secure' }] : []
      case 'secured':
        this.#session = event.session
        return []
      case 'bytes':
        // Behind the body nothing is read, nor kept while it is worked on.
        if (!READS.includes(this.#state)) return []
        this.#reader.append(event.bytes)
        return this.#read(now)
      case 'go-on':
        return this.#goOn(now)
      case 'respond':
        return this.#respond(event.response, now)
      case 'ended':
        this.#state = 'over'
        this.#deadline = undefined
        return []
      case 'tick':
        return this.#onTick(now)
      case 'drained':
        return []
    }
  }

  #goOn(now: MonoMs): readonly Effect[] {
    if (this.#state !== 'asking') return []
    this.#state = 'body'
    this.#patience(now)
    this.#bodyUntil = this.#deadline
    const effects: Effect[] = []
    // RFC 9110 §10.1.1.
    if (this.#wantsContinue) effects.push({ type: 'send', bytes: CONTINUE })
    return [...effects, ...this.#read(now)]
  }

  #read(now: MonoMs): readonly Effect[] {
    if (this.#state !== 'head' && this.#state !== 'body') return []
    const read = this.#reader.next()
    if (!read.ok) {
      const { status } = read.fault.detail
      return this.#respond({ status: typeof status === 'number' ? status : 400 }, now)
    }
    const part = read.value
    if (part === undefined) {
      // The head of anybody has its time; the body is of somebody who has shown who it is.
      if (this.#state === 'body') this.#bodyGoesOn(now)
      return []
    }
    this.#deadline = undefined
    if (part.type === 'body') {
      this.#state = 'working'
      return [part]
    }
    const { start, fields, contentLength } = part.head
    const [, method, target, minor] = /^([!-~]+) ([!-~]+) HTTP\/1\.([01])$/.exec(start) ?? []
    if (method === undefined || target === undefined) {
      return this.#respond({ status: / HTTP\/\d/.test(start) ? 505 : 400 }, now)
    }
    this.#wantsContinue = minor === '1' && fields.get('expect')?.toLowerCase() === '100-continue'
    this.#state = 'asking'
    const session = this.#session
    return [{ type: 'head', request: { method, target, fields, contentLength, session } }]
  }

  #respond({ status, fields = {}, body = NO_BYTES }: HttpResponse, now: MonoMs): readonly Effect[] {
    if (this.#state === 'over' || this.#state === 'lingering') return []
    const isWhole = this.#state === 'working'
    const lines = [
      `HTTP/1.1 ${status} ${REASONS[status] ?? 'Said'}`,
      ...Object.entries(fields).map(([name, value]) => `${name}: ${value}`),
      `Content-Length: ${body.length}`,
      'Connection: close',
    ]
    const bytes = concat(fromLatin1(`${lines.join('\r\n')}\r\n\r\n`), body)
    if (isWhole) {
      this.#state = 'over'
      this.#deadline = undefined
      return [{ type: 'send', bytes }, { type: 'close' }]
    }
    // Closed at once, what still comes would reset the connection before the client has read this. RFC 9112 §9.6.
    this.#state = 'lingering'
    this.#deadline = addMs(now, LINGER_MS + 2 * this.#options.oneWayDelayMs)
    return [{ type: 'send', bytes }]
  }

  #onTick(now: MonoMs): readonly Effect[] {
    if (this.#deadline === undefined || now < this.#deadline) return []
    if (this.#state === 'head' || this.#state === 'body') return this.#respond({ status: 408 }, now)
    this.#state = 'over'
    this.#deadline = undefined
    return [{ type: 'close' }]
  }

  #bodyGoesOn(now: MonoMs): void {
    this.#patience(now)
    if (this.#bodyUntil === undefined) return
    const gainedMs = (this.#reader.bodyBytes * 1000) / BODY_BYTES_PER_SEC_MIN
    this.#deadline = earlier(this.#deadline, addMs(this.#bodyUntil, gainedMs))
  }

  #patience(now: MonoMs): void {
    this.#deadline = addMs(now, SILENCE_MS_MAX + 2 * this.#options.oneWayDelayMs)
  }
}

const READS: readonly State[] = ['head', 'asking', 'body']

const CONTINUE = fromLatin1('HTTP/1.1 100 Continue\r\n\r\n')

/** RFC 9110 §15. */
const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  204: 'No Content',
  400: 'Bad Request',
  401: 'Unauthorized',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  410: 'Gone',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  431: 'Request Header Fields Too Large',
  501: 'Not Implemented',
  503: 'Service Unavailable',
  505: 'HTTP Version Not Supported',
}
