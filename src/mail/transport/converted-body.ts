import { type Change, SevenBitConverter } from '../../proto/message/seven-bit.ts'
import type { BodySource } from './body.ts'

/** A message as a server without 8BITMIME is given it. */
export class ConvertedBody implements BodySource {
  readonly #body: BodySource
  readonly #converter: SevenBitConverter
  #hasEnded = false

  constructor(body: BodySource, changes: readonly Change[]) {
    this.#body = body
    this.#converter = new SevenBitConverter(changes)
  }

  async next(): Promise<Uint8Array | undefined> {
    if (this.#hasEnded) return undefined
    const bytes = await this.#body.next()
    if (bytes !== undefined) return this.#converter.push(bytes)
    this.#hasEnded = true
    return this.#converter.end()
  }
}
