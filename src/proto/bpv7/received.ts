import type { CborWriter } from '../cbor/writer.ts'

/**
 * The bytes that a decoded block came as, so that it is forwarded byte for byte and its CRC is not
 * computed anew. Signatures cover these bytes.
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

  /** Whether `block` was received in so many bytes. */
  static hasSize(block: object, bytes: number): boolean {
    return #bytes in block && block.#end - block.#start === bytes
  }

  /** Writes `block` as it was received; false where it was not. */
  static write(writer: CborWriter, block: object): boolean {
    if (!(#bytes in block)) return false
    writer.raw(block.#bytes.subarray(block.#start, block.#end))
    return true
  }
}
