/** The contract of every maker of Packing. */

import { inflateSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromLatin1 } from '../../src/base/bytes.ts'
import { hostPacking, promptPacking } from '../../src/host/packing.ts'
import { labPacking } from '../../src/lab/packing.ts'

const makers = { 'Node, threads': hostPacking, 'Node, at once': promptPacking, lab: labPacking }
const dictionary = fromLatin1('Content-Type: text/plain; charset=utf-8\r\n')

describe.each(Object.entries(makers))('packing (%s)', (_, packing) => {
  test('property: what was packed comes out again, in every format', async () => {
    const content = fc.oneof(
      fc.uint8Array(),
      fc.nat(200_000).map((size) => new Uint8Array(size)),
    )
    const property = fc.asyncProperty(content, async (bytes) => {
      for (const format of packing.formats) {
        for (const effort of ['fast', 'best'] as const) {
          const packed = await packing.pack(bytes, { format, effort })
          const whole = await packing.unpack(packed, { format, bytesMax: bytes.length })
          expect(Buffer.compare(whole, bytes)).toBe(0)
        }
      }
    })
    await fc.assert(property, { numRuns: 30 })
  })

  test('a dictionary that both know is no part of what is packed', async () => {
    const text = fromLatin1('Content-Type: text/plain; charset=utf-8\r\nHello\r\n')
    const packed = await packing.pack(text, { format: 'deflate', dictionary })
    const options = { format: 'deflate' as const, dictionary, bytesMax: 1000 }
    expect(Buffer.from(await packing.unpack(packed, options))).toEqual(Buffer.from(text))
  })

  test('all effort leads to no more octets', async () => {
    const lines = Array.from({ length: 5000 }, (_, i) => `line ${i} of ${(i * i) % 977}\r\n`)
    const text = fromLatin1(lines.join(''))
    for (const format of packing.formats) {
      const fast = await packing.pack(text, { format })
      const best = await packing.pack(text, { format, effort: 'best' })
      expect(best.length).toBeLessThanOrEqual(fast.length)
      if (format === 'brotli') expect(best.length).toBeLessThan(fast.length)
    }
  })

  test('zlib is what every other zlib reads', async () => {
    const text = fromLatin1('Hello, Moon. '.repeat(10_000))
    const packed = await packing.pack(text, { format: 'zlib' })
    expect(Buffer.compare(inflateSync(packed), text)).toBe(0)
  })

  test('what would be larger than the bound is refused', async () => {
    for (const format of packing.formats) {
      const packed = await packing.pack(new Uint8Array(100_000), { format })
      await expect(packing.unpack(packed, { format, bytesMax: 99_999 })).rejects.toMatchObject({
        code: 'packing/too-large',
        temporary: false,
      })
    }
  })

  test('property: what is no such stream, or not all of one, is refused', async () => {
    const refused = { code: expect.stringMatching(/^packing\//), temporary: false }
    for (const format of packing.formats) {
      const packed = await packing.pack(fromLatin1('Hello, Moon. '.repeat(100)), { format })
      const cut = packed.subarray(0, packed.length >> 1)
      await expect(packing.unpack(cut, { format, bytesMax: 10_000 })).rejects.toMatchObject(refused)
      const property = fc.asyncProperty(fc.uint8Array(), async (bytes) => {
        await packing.unpack(bytes, { format, bytesMax: 1000 }).then(
          (whole) => expect(whole.length).toBeLessThanOrEqual(1000),
          (fault: unknown) => expect(fault).toMatchObject(refused),
        )
      })
      await fc.assert(property, { numRuns: 50 })
    }
  })
})
