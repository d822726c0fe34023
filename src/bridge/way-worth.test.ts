import { expect, test } from 'vitest'
import { addMs, wallMs } from '../base/time.ts'
import { OBJECT_BYTES_MAX } from './limits.ts'
import { effortFor, objectBytesFor, type Way } from './way-worth.ts'

const NOW = wallMs(1_800_000_000_000)

function carrying(bitsPerSec: number): Way {
  return { arrivalAt: (at, bytes) => addMs(at, 1000 + (bytes * 8000) / bitsPerSec) }
}

test('a fast way, or one of which nobody knows, is worth no effort', () => {
  for (const way of [carrying(10_000_000), { arrivalAt: () => undefined }]) {
    expect(effortFor(way, NOW)).toBe('fast')
    expect(objectBytesFor(way, NOW)).toBe(OBJECT_BYTES_MAX)
  }
})

test('on a slow way more goes together, as far as it takes no longer than a minute', () => {
  const sizes = [1_000_000, 300_000, 200_000, 100_000, 9600].map((rate) => {
    expect(effortFor(carrying(rate), NOW)).toBe('best')
    return Math.round((objectBytesFor(carrying(rate), NOW) / 1_048_576) * 10) / 10
  })
  expect(sizes).toEqual([8, 8, 5.7, 2.9, 2])
})
