/** A client of one request. RFC 9112. */

import { concat, fromLatin1, NO_BYTES } from '../../base/bytes.ts'
import { Fault } from '../../base/fault.ts'
import type {
  Machine,
  SecuredEvent,
  SecureEffect,
  StreamEffect,
  StreamEvent,
} from '../../base/machine.ts'
import { addMs, type MonoMs } from '../../base/time.ts'
import type { HttpFaultCode } from './fault.ts'
import { type HttpHead, HttpReader } from './reader.ts'

export interface HttpClientOptions {
  /** `mail-2.a.com:8443`, as in the URL. */
  readonly authority: string
  /** `/mail`. */
  readonly path: string
  readonly fields: Readonly<Record<string, string>>
  readonly body: Uint8Array
  /** Of the answer. */
  readonly bodyBytesMax: number
  /** Without anything of the answer, and between two pieces of it. */
  readonly timeoutMs: number
  readonly tls: boolean
}

/** Told once. */
export type HttpOutcome =
  | {
      readonly type: 'response'
      readonly status: number
      readonly fields: HttpHead['fields']
      readonly body: Uint8Array
    }
  /** Temporary: nobody knows what became of the request. */
  | { readonly type: 'failed'; readonly fault: Fault }

type Effect = StreamEffect | SecureEffect | HttpOutcome

export class HttpClient implements Machine<StreamEvent | SecuredEvent, Effect> {
  readonly #options: HttpClientOptions
  readonly #reader: HttpReader
  #head: { readonly status: number; readonly fields: HttpHead['fields'] } | undefined
  #isOver = false
  #deadline: MonoMs | undefined

  constructor(options: HttpClientOptions) {
    this.#options = options
    this.#reader = new HttpReader({ bodyBytesMax: options.bodyBytesMax, role: 'response' })
  }

  get deadline(): MonoMs | undefined {
    return this.#deadline
  }

  handle(event: StreamEvent | SecuredEvent, now: MonoMs): readonly Effect[] {
    if (this.#isOver) return []
    switch (event.type) {
      case 'connected':
        this.#patience(now)
        return this.#options.tls ? [{ type: 'secure' }] : [this.#request()]
      case 'secured':
        this.#patience(now)
        return [this.#request()]
      case 'bytes':
        this.#patience(now)
        this.#reader.append(event.bytes)
        return this.#read()
      case 'ended': {
        const body = this.#reader.end()
        if (this.#head !== undefined && body !== undefined) return this.#answered(body, false)
        return this.#fail(event.fault ?? ended(), false)
      }
      case 'drained':
        this.#patience(now)
        return []
      case 'tick':
        if (this.#deadline === undefined || now < this.#deadline) return []
        return this.#fail(timedOut(this.#options.timeoutMs), true)
    }
  }

  #request(): Effect {
    const { authority, path, fields, body } = this.#options
    const lines = [
      `POST ${path} HTTP/1.1`,
      `Host: ${authority}`,
      ...Object.entries(fields).map(([name, value]) => `${name}: ${value}`),
      `Content-Length: ${body.length}`,
      'Connection: close',
    ]
    return { type: 'send', bytes: concat(fromLatin1(`${lines.join('\r\n')}\r\n\r\n`), body) }
  }

  #read(): readonly Effect[] {
    for (;;) {
      const read = this.#reader.next()
      if (!read.ok) return this.#fail(read.fault, true)
      const part = read.value
      if (part === undefined) return []
      if (part.type === 'body') return this.#answered(part.body, true)
      const status = Number(/^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(part.head.start)?.[1])
      if (!(status >= 100 && status <= 599)) return this.#fail(ended(), true)
      this.#head = { status, fields: part.head.fields }
      if (status < 200) this.#reader.restart()
      // It has no body, whatever its header says. RFC 9112 §6.3.
      else if (status === 204 || status === 304) return this.#answered(NO_BYTES, true)
    }
  }

  #answered(body: Uint8Array, isOpen: boolean): readonly Effect[] {
    const { status, fields } = this.#head ?? { status: 0, fields: new Map() }
    return this.#over({ type: 'response', status, fields, body }, isOpen)
  }

  #fail(fault: Fault, isOpen: boolean): readonly Effect[] {
    return this.#over({ type: 'failed', fault }, isOpen)
  }

  #over(outcome: HttpOutcome, isOpen: boolean): readonly Effect[] {
    this.#isOver = true
    this.#deadline = undefined
    return isOpen ? [outcome, { type: 'close' }] : [outcome]
  }

  #patience(now: MonoMs): void {
    this.#deadline = addMs(now, this.#options.timeoutMs)
  }
}

function ended(): Fault<HttpFaultCode> {
  return new Fault('http/ended', 'the connection ended without an answer', { temporary: true })
}

function timedOut(timeoutMs: number): Fault<HttpFaultCode> {
  return new Fault('http/timed-out', `no answer within ${timeoutMs} ms`, { temporary: true })
}
