import { concat } from '../../base/bytes.ts'

const CR = 0x0d
const LF = 0x0a

/** Ends lines with LF alone, as programs of this system expect them. One instance serves one message. */
export class LfWriter {
  /** A CR at the end of a piece, of which nobody knows yet whether an LF follows. */
  #isCrHeld = false

  /** The next piece, the caller's own. */
  push(bytes: Uint8Array): Uint8Array {
    const whole = this.#isCrHeld ? concat(Uint8Array.of(CR), bytes) : bytes
    this.#isCrHeld = whole.at(-1) === CR
    const end = this.#isCrHeld ? whole.length - 1 : whole.length
    const written = new Uint8Array(end)
    let length = 0
    for (let i = 0; i < end; i++) {
      const byte = whole[i] as number
      if (byte !== CR || whole[i + 1] !== LF) written[length++] = byte
    }
    return written.subarray(0, length)
  }

  /** What was held back to the end. */
  end(): Uint8Array {
    const held = this.#isCrHeld ? [CR] : []
    this.#isCrHeld = false
    return Uint8Array.from(held)
  }
}
