/** A message as it comes, cut into its header and the hashes of its body. */

import { type ParsedHeaders, parseHeaders } from 'mailauth/lib/tools.js'
import { type BodyCanonicalization, BodyHash } from './dkim-body.ts'

/**
 * What is looked at of a header: twice what honest mail has, and Postfix's `header_size_limit` is
 * 102,400. Without a bound on fields and lines, comparing each with each takes seconds.
 */
export const HEADER_LIMITS = { bytesMax: 131_072, fieldsMax: 1000, linesMax: 4000 } as const

/** Of a field that is taken apart; patterns over it take the square of its length. */
export const FIELD_BYTES_MAX = 8192

/** Those that are taken apart. */
const TAKEN_APART =
  /^(?:from|return-path|content-type|dkim-signature|arc-(?:seal|message-signature|authentication-results))$/

export type BodyHashName = `${BodyCanonicalization}:${'sha1' | 'sha256'}`

const LF = 0x0a
const CR = 0x0d

export class MessageParts {
  readonly #onHeader: (header: ParsedHeaders) => Iterable<BodyHashName>
  #pieces: Uint8Array[] = []
  #headerBytes = 0
  #lineLength = 0
  #state: 'header' | 'body' | 'too-large' = 'header'
  readonly #hashes = new Map<BodyHashName, BodyHash>()

  /** `onHeader` is called once, unless the header is too large, and answers which hashes of the body are wanted. */
  constructor(onHeader: (header: ParsedHeaders) => Iterable<BodyHashName>) {
    this.#onHeader = onHeader
  }

  /** Whether the header was more than is looked at. */
  get isTooLarge(): boolean {
    return this.#state === 'too-large'
  }

  /** `bytes` is borrowed. */
  push(bytes: Uint8Array): void {
    const body = this.#state === 'header' ? this.#header(bytes) : bytes
    if (this.#state !== 'body' || body.length === 0) return
    for (const hash of this.#hashes.values()) hash.update(body)
  }

  /** The message is complete. One that is all header has an empty body. */
  end(): ReadonlyMap<BodyHashName, string> {
    if (this.#state === 'header') this.#headerEnds()
    return new Map([...this.#hashes].map(([name, hash]) => [name, hash.digest()]))
  }

  /** Answers what of `bytes` belongs to the body. */
  #header(bytes: Uint8Array): Uint8Array {
    for (const [index, byte] of bytes.entries()) {
      if (byte === LF && this.#lineLength === 0) {
        this.#keep(bytes.subarray(0, index + 1))
        if (this.#state === 'header') this.#headerEnds()
        return bytes.subarray(index + 1)
      }
      if (byte === LF) this.#lineLength = 0
      else if (byte !== CR) this.#lineLength++
    }
    this.#keep(bytes)
    return bytes.subarray(bytes.length)
  }

  #keep(bytes: Uint8Array): void {
    this.#headerBytes += bytes.length
    if (this.#headerBytes > HEADER_LIMITS.bytesMax) this.#giveUp()
    else this.#pieces.push(bytes.slice())
  }

  #headerEnds(): void {
    const text = Buffer.concat(this.#pieces).toString('latin1')
    this.#pieces = []
    const lines = text.split('\n').length
    const fields = text.match(/^[^ \t\r\n]/gm)?.length ?? 0
    if (lines > HEADER_LIMITS.linesMax || fields > HEADER_LIMITS.fieldsMax) {
      this.#giveUp()
      return
    }
    this.#state = 'body'
    // A CR alone ends no line, and is no character of a header either.
    const header = parseHeaders(Buffer.from(text.replace(/\r(?!\n)/g, ' '), 'latin1'))
    const parsed = header.parsed.map((field) => {
      const isTooLong = field.line.length > FIELD_BYTES_MAX && TAKEN_APART.test(field.key ?? '')
      return isTooLong ? { ...field, key: `too-long-${field.key}` } : field
    })
    for (const name of this.#onHeader({ ...header, parsed })) {
      const [canonicalization, algorithm] = name.split(':') as [
        BodyCanonicalization,
        'sha1' | 'sha256',
      ]
      this.#hashes.set(name, new BodyHash(canonicalization, algorithm))
    }
  }

  #giveUp(): void {
    this.#state = 'too-large'
    this.#pieces = []
  }
}
