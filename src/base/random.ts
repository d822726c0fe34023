/** Repeatable randomness: the same seed gives the same run, on every machine. */

export interface Random {
  /** Uniform in 0 ≤ x < 1. */
  next(): number
}

/** xoshiro128** by Blackman and Vigna, its state spread from `seed` by splitmix32. */
export function seededRandom(seed: number): Random {
  let spread = seed >>> 0
  const word = (): number => {
    spread = (spread + 0x9e3779b9) >>> 0
    let z = spread
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return (z ^ (z >>> 15)) >>> 0
  }
  let [a, b, c, d] = [word(), word(), word(), word()] as [number, number, number, number]
  return {
    next: (): number => {
      const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0
      const t = b << 9
      c ^= a
      d ^= b
      b ^= c
      a ^= d
      c ^= t
      d = rotateLeft(d, 11)
      return result / 2 ** 32
    },
  }
}

function rotateLeft(x: number, count: number): number {
  return (x << count) | (x >>> (32 - count))
}

/** Bytes drawn from `random`: for identifiers in the lab, never for secrets. */
export function randomBytes(random: Random, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, () => Math.floor(random.next() * 256))
}
