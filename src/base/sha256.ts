/** SHA-256, HMAC and PBKDF2 over it, for cores that have no library. FIPS 180-4, RFC 2104. */

import { concat } from './bytes.ts'

const BLOCK_BYTES = 64
/** What the key of an HMAC is mixed with. RFC 2104. */
const INNER = 0x36
const OUTER = 0x5c

export function sha256(message: Uint8Array): Uint8Array {
  const padded = pad(message)
  const view = new DataView(padded.buffer)
  const state = Int32Array.from(INITIAL)
  const schedule = new Int32Array(64)
  for (let at = 0; at < padded.length; at += BLOCK_BYTES) compress(state, schedule, view, at)
  return digestOf(state)
}

/**
 * PBKDF2 with HMAC-SHA-256, of one block: 32 octets. RFC 5802 §2.2 calls it Hi(). The two blocks of
 * the key are hashed once and not for each iteration.
 */
export function pbkdf2Sha256(
  password: Uint8Array,
  salt: Uint8Array,
  iterations: number,
): Uint8Array {
  const key = keyBlock(password)
  const schedule = new Int32Array(64)
  const keyed = (mask: number): Int32Array => {
    const state = Int32Array.from(INITIAL)
    compress(state, schedule, new DataView(key.map((byte) => byte ^ mask).buffer), 0)
    return state
  }
  const inner = keyed(INNER)
  const outer = keyed(OUTER)
  // A digest and its padding, after the block of the key.
  const block = new DataView(pad(new Uint8Array(32)).buffer)
  block.setUint32(60, (BLOCK_BYTES + 32) * 8)
  const state = new Int32Array(8)
  const derived = new Int32Array(8)
  const first = new DataView(hmacSha256(password, concat(salt, Uint8Array.of(0, 0, 0, 1))).buffer)
  for (let at = 0; at < 8; at++) {
    derived[at] = first.getInt32(4 * at)
    block.setInt32(4 * at, first.getInt32(4 * at))
  }
  for (let i = 1; i < iterations; i++) {
    for (const start of [inner, outer]) {
      state.set(start)
      compress(state, schedule, block, 0)
      for (let at = 0; at < 8; at++) block.setInt32(4 * at, state[at] as number)
    }
    for (let at = 0; at < 8; at++) derived[at] = (derived[at] as number) ^ (state[at] as number)
  }
  return digestOf(derived)
}

export function hmacSha256(key: Uint8Array, message: Uint8Array): Uint8Array {
  const block = keyBlock(key)
  const masked = (mask: number): Uint8Array => block.map((byte) => byte ^ mask)
  return sha256(concat(masked(OUTER), sha256(concat(masked(INNER), message))))
}

function keyBlock(key: Uint8Array): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(BLOCK_BYTES)
  block.set(key.length > BLOCK_BYTES ? sha256(key) : key)
  return block
}

function digestOf(state: Int32Array): Uint8Array {
  const digest = new DataView(new ArrayBuffer(32))
  for (let i = 0; i < 8; i++) digest.setInt32(4 * i, state[i] as number)
  return new Uint8Array(digest.buffer)
}

function pad(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const padded = new Uint8Array(Math.ceil((message.length + 9) / BLOCK_BYTES) * BLOCK_BYTES)
  padded.set(message)
  padded[message.length] = 0x80
  new DataView(padded.buffer).setBigUint64(padded.length - 8, BigInt(message.length) * 8n)
  return padded
}

function compress(state: Int32Array, schedule: Int32Array, view: DataView, at: number): void {
  for (let i = 0; i < 16; i++) schedule[i] = view.getInt32(at + 4 * i)
  for (let i = 16; i < 64; i++) {
    const a = schedule[i - 15] as number
    const b = schedule[i - 2] as number
    const s0 = turn(a, 7) ^ turn(a, 18) ^ (a >>> 3)
    const s1 = turn(b, 17) ^ turn(b, 19) ^ (b >>> 10)
    schedule[i] = ((schedule[i - 16] as number) + s0 + (schedule[i - 7] as number) + s1) | 0
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as Eight
  for (let i = 0; i < 64; i++) {
    const s1 = turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + (ROUNDS[i] as number) + (schedule[i] as number)) | 0
    const s0 = turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + t1) | 0
    d = c
    c = b
    b = a
    a = (t1 + t2) | 0
  }
  for (const [i, word] of [a, b, c, d, e, f, g, h].entries()) {
    state[i] = ((state[i] as number) + word) | 0
  }
}

type Eight = [number, number, number, number, number, number, number, number]

function turn(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits))
}

/** The fractional parts of the square and cube roots of the first primes. */
const INITIAL: readonly number[] = primes(8).map((prime) => fraction(Math.sqrt(prime)))
const ROUNDS: readonly number[] = primes(64).map((prime) => cubeFraction(prime))

function primes(count: number): readonly number[] {
  const found: number[] = []
  for (let n = 2; found.length < count; n++) if (found.every((p) => n % p !== 0)) found.push(n)
  return found
}

function fraction(root: number): number {
  return Math.floor((root - Math.floor(root)) * 2 ** 32) | 0
}

/** By whole numbers, since a cube root of the platform may be off in its last bits. */
function cubeFraction(prime: number): number {
  const target = BigInt(prime) << 96n
  let low = 0n
  let high = 1n << 40n
  while (high - low > 1n) {
    const middle = (low + high) / 2n
    if (middle ** 3n <= target) low = middle
    else high = middle
  }
  return Number(low & 0xffffffffn) | 0
}
