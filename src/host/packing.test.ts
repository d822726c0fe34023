import { stat } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { seededRandom } from '../base/random.ts'
import { hostPacking } from './packing.ts'

it('leaves threads to others while it packs much with all effort', async () => {
  const random = seededRandom(1)
  const bytes = Uint8Array.from({ length: 8192 }, () => 97 + Math.floor(random.next() * 26))
  let packed = 0
  const all = Array.from({ length: 40 }, async () => {
    await hostPacking.pack(bytes, { format: 'brotli', effort: 'best' })
    packed++
  })
  // The first may come before they have begun.
  for (let i = 0; i < 4; i++) await stat('.')
  expect(packed).toBeLessThan(20)
  await Promise.all(all)
})
