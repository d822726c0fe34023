import type { CborWriter } from '../cbor/writer.ts'

const BREAK = 0xff

/**
 * The bytes that a block is encoded as, where it was received or encoded before: it is forwarded
 * byte for byte, and its CRC is not computed anew. Signatures cover these bytes.
 *
 * They are private on purpose: a spread copy does not have them, so a changed block cannot be sent
 * as what it was before.
 */
export abstract class Encoded {
  readonly #bytes: Uint8Array
  readonly #start: number
  readonly #end: number
  readonly #isDeterministic: boolean

  /** From `start` to `end` of the bytes, which must not change any more. */
  constructor(bytes: Uint8Array, start: number, end: number, isDeterministic: boolean) {
    this.#bytes = bytes
    this.#start = start
    this.#end = end
    this.#isDeterministic = isDeterministic
  }

  /** Whether `block` must be encoded anew to be encoded as RFC 9171 §4.1 demands. */
  static isLoose(block: object): boolean {
    return #bytes in block && !block.#isDeterministic
  }

  /**
   * The bytes of `block` and the break behind it, where it was encoded before as the last of a bundle:
   * what ends another bundle with the same block.
   */
  static withBreak(block: object): Uint8Array | undefined {
    if (!(#bytes in block) || block.#bytes[block.#end] !== BREAK) return undefined
    return block.#bytes.subarray(block.#start, block.#end + 1)
  }

  /** Writes `block` as it was encoded before; false where it was not. */
  static write(writer: CborWriter, block: object): boolean {
    if (!(#bytes in block)) return false
    writer.span(block.#bytes, block.#start, block.#end)
    return true
  }
}
