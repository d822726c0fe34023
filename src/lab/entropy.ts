import { type Random, randomBytes } from '../base/random.ts'
import type { Entropy } from '../ports/entropy.ts'

/** Bytes that follow from the seed of `random`: the same run has the same identifiers. */
export function labEntropy(random: Random): Entropy {
  return { bytes: (count) => randomBytes(random, count) }
}
