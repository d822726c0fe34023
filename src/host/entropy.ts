import { randomFillSync } from 'node:crypto'
import type { Entropy } from '../ports/entropy.ts'

export const hostEntropy: Entropy = {
  bytes: (count: number): Uint8Array => randomFillSync(new Uint8Array(count)),
}
