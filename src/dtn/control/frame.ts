/**
 * What crosses the control socket, in both directions: a line of JSON and, where the line has a
 * member `bytes`, as many bytes of an application data unit or of text.
 *
 *     {"type":"take","delivery":7}
 *     {"type":"done","id":3,"bytes":17}
 *     ipn:2.2/844…-0
 */

import { ByteQueue } from '../../base/byte-queue.ts'
import { concat, fromUtf8, NO_BYTES, toUtf8Strict } from '../../base/bytes.ts'
import { attempt, Fault, type Result } from '../../base/fault.ts'
import type { ControlFaultCode } from './fault.ts'
import { BODY_BYTES_MAX, LINE_BYTES_MAX } from './limits.ts'

/** Members without `bytes`, which says how long the body is. */
export type Header = Readonly<Record<string, unknown>>

export interface Frame {
  readonly header: Header
  readonly body: Uint8Array
}

export function encodeFrame({ header, body }: Frame): Uint8Array {
  const text = JSON.stringify(body.length === 0 ? header : { ...header, bytes: body.length })
  return concat(fromUtf8(`${text}\n`), body)
}

/** Cuts a stream into frames. */
export class FrameReader {
  readonly #queue: ByteQueue = new ByteQueue()
  #header: { readonly header: Header; readonly bytes: number } | undefined

  append(bytes: Uint8Array): void {
    this.#queue.append(bytes)
  }

  /** The next whole frame; undefined while it has not come. Nothing can be read after a fault. */
  next(): Result<Frame | undefined> {
    return attempt(() => this.#next())
  }

  #next(): Frame | undefined {
    this.#header ??= this.#takeHeader()
    if (this.#header === undefined || this.#queue.length < this.#header.bytes) return undefined
    const { header, bytes } = this.#header
    this.#header = undefined
    return { header, body: bytes === 0 ? NO_BYTES : this.#queue.take(bytes) }
  }

  #takeHeader(): { readonly header: Header; readonly bytes: number } | undefined {
    const line = this.#queue.takeLine()
    if ((line ?? this.#queue).length > LINE_BYTES_MAX) throw bad('a line that is too long')
    if (line === undefined) return undefined
    const value = parseJson(line)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw bad('a line that is no JSON object')
    }
    const { bytes = 0, ...header } = value as Header
    if (!Number.isSafeInteger(bytes) || (bytes as number) < 0) throw bad('bytes that are no count')
    if ((bytes as number) > BODY_BYTES_MAX) throw bad(`more than ${BODY_BYTES_MAX} bytes`)
    return { header, bytes: bytes as number }
  }
}

function parseJson(line: Uint8Array): unknown {
  const text = toUtf8Strict(line)
  if (text === undefined) throw bad('a line that is no UTF-8')
  try {
    return JSON.parse(text)
  } catch {
    throw bad('a line that is no JSON')
  }
}

export function bad(what: string): Fault<ControlFaultCode> {
  return new Fault('control/bad-message', `${what} on the control socket`, { temporary: false })
}
