import { randomFillSync } from 'node:crypto'
import type { Entropy } from '../ports/entropy.ts'

/** Asked for at once: asking costs a hundred times what a few bytes do. */
const STOCK_BYTES = 4096

export const hostEntropy: Entropy = { bytes: fromStock() }

function fromStock(): Entropy['bytes'] {
  const stock = new Uint8Array(STOCK_BYTES)
  let at = STOCK_BYTES
  return (count) => {
    if (count > STOCK_BYTES / 16) return randomFillSync(new Uint8Array(count))
    if (at + count > STOCK_BYTES) {
      randomFillSync(stock)
      at = 0
    }
    const bytes = stock.slice(at, at + count)
    // What has been given out is a secret of whoever has it.
    stock.fill(0, at, at + count)
    at += count
    return bytes
  }
}
