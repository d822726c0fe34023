import type { CborWriter } from '../cbor/writer.ts'

/**
 * The bytes that a decoded block came as, so that it is forwarded byte for byte: integers longer
 * than they need be, the form of an endpoint ID, indefinite arrays. Signatures cover these bytes.
 *
 * They are private on purpose: a spread copy does not have them, so a changed block cannot be sent
 * as what it was before.
 */
export abstract class Received {
  readonly #bytes: Uint8Array
  readonly #start: number
  readonly #end: number

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes
    this.#start = start
    this.#end = end
  }

  /** Writes `block` as it was received; false where it was not. */
  static write(writer: CborWriter, block: object): boolean {
    if (!(#bytes in block)) return false
    writer.raw(block.#bytes.subarray(block.#start, block.#end))
    return true
  }
}
