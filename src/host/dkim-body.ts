/**
 * The hash of a message's body for DKIM, computed as the body comes: RFC 6376, simple and relaxed
 * canonicalization. Nothing is kept but a few counters, however long a line or a run of empty lines is.
 */

import { createHash, type Hash } from 'node:crypto'

export type BodyCanonicalization = 'simple' | 'relaxed'

const CR = 0x0d
const LF = 0x0a
const SPACE = 0x20
const TAB = 0x09
const LINE_ENDS: Uint8Array = Buffer.from('\r\n'.repeat(4096))

export class BodyHash {
  readonly #isRelaxed: boolean
  readonly #hash: Hash
  /** Line ends that count only when something follows. */
  #lineEnds = 0
  /** White space that counts only when something follows on its line. */
  #space = false
  /** A CR that may begin a line end. */
  #cr = false
  #isEmpty = true

  constructor(canonicalization: BodyCanonicalization, algorithm: 'sha1' | 'sha256') {
    this.#isRelaxed = canonicalization === 'relaxed'
    this.#hash = createHash(algorithm)
  }

  /** `bytes` is borrowed. An LF alone counts as a line end. */
  update(bytes: Uint8Array): void {
    // A byte brings about at most a CR, a space and itself, and line ends that are hashed apart.
    const out = Buffer.allocUnsafe(3 * bytes.length)
    let at = 0
    for (const byte of bytes) {
      if (byte === LF) {
        this.#lineEnds++
        this.#cr = false
        this.#space = false
        continue
      }
      if (byte === CR && !this.#cr) {
        this.#cr = true
        continue
      }
      if (this.#cr || (byte !== SPACE && byte !== TAB) || !this.#isRelaxed) {
        if (this.#lineEnds > 0) {
          this.#hash.update(out.subarray(0, at))
          at = 0
          this.#hashLineEnds()
        }
        this.#isEmpty = false
        if (this.#space) out[at++] = SPACE
        this.#space = false
      }
      // It was no line end. One that follows it may be.
      if (this.#cr) out[at++] = CR
      this.#cr = byte === CR
      if (byte === CR) continue
      if (this.#isRelaxed && (byte === SPACE || byte === TAB)) this.#space = true
      else out[at++] = byte
    }
    this.#hash.update(out.subarray(0, at))
  }

  /** In base64; once. */
  digest(): string {
    if (this.#cr) {
      this.#hashLineEnds()
      this.#hash.update(this.#space ? ' \r' : '\r')
      this.#isEmpty = false
    }
    // Empty lines at the end do not count, and the last line ends if there is one.
    if (!this.#isEmpty || !this.#isRelaxed) this.#hash.update('\r\n')
    return this.#hash.digest('base64')
  }

  #hashLineEnds(): void {
    for (; this.#lineEnds > 0; ) {
      const count = Math.min(this.#lineEnds, LINE_ENDS.length / 2)
      this.#hash.update(LINE_ENDS.subarray(0, 2 * count))
      this.#lineEnds -= count
    }
  }
}
