import { expect, test } from 'vitest'
import { fromLatin1 } from '../base/bytes.ts'
import { labPacking } from '../lab/packing.ts'
import { LabStore } from '../lab/store.ts'
import type { Packing, PackingEffort } from '../ports/packing.ts'
import { PACKINGS, PeerReads, packingsRead, packObject, unpackObject } from './object-packing.ts'

/** Makes everything a tenth. */
const shrinking: Packing = {
  formats: ['zlib', 'deflate', 'brotli'],
  pack: async (bytes) => bytes.subarray(0, bytes.length / 10),
  unpack: async (bytes) => bytes,
}
const SMALL = new Uint8Array(1000)
const LARGE = new Uint8Array(100_000)
const ALL = Object.values(PACKINGS)

test('a gateway of which nothing is known is sent zlib, others what was measured to be best', async () => {
  const store = new LabStore()
  const peers = new PeerReads(store)
  const packingFor = async (peer: string, object: Uint8Array) =>
    (await packObject(object, { reads: peers.of(peer).packings, effort: 'fast' }, shrinking))
      .packing
  expect(await packingFor('ipn:3.2525', LARGE)).toBe(PACKINGS.zlib)
  await peers.learn('ipn:3.2525', { packings: ALL, objectBytesMax: 5000 })
  expect(await packingFor('ipn:3.2525', LARGE)).toBe(PACKINGS.brotli)
  expect(await packingFor('ipn:3.2525', SMALL)).toBe(PACKINGS.mailDeflate)
  expect(new PeerReads(store).of('ipn:3.2525')).toEqual({
    packings: ALL,
    objectBytesMax: 5000,
  })
  await peers.learn('ipn:3.2525', { packings: [PACKINGS.plain] })
  expect(await packingFor('ipn:3.2525', SMALL)).toBe(PACKINGS.plain)
})

test('with all effort every way that the far side reads is tried, and the smallest goes', async () => {
  const efforts: (PackingEffort | undefined)[] = []
  const packing: Packing = {
    ...shrinking,
    pack: async (bytes, { format, effort }) => {
      efforts.push(effort)
      return bytes.subarray(0, format === 'zlib' ? 10 : 20)
    },
  }
  const { packed, ...chosen } = await packObject(LARGE, { reads: ALL, effort: 'best' }, packing)
  expect(chosen).toEqual({ packing: PACKINGS.zlib })
  expect(packed).toHaveLength(10)
  expect(efforts).toEqual(['best', 'best', 'best'])
  const { zlib: _, ...others } = PACKINGS
  const plan = { reads: Object.values(others), effort: 'best' as const }
  expect((await packObject(LARGE, plan, packing)).packed).toHaveLength(20)
})

test('what does not become smaller goes as it is', async () => {
  expect((await packObject(SMALL, { reads: ALL, effort: 'fast' }, labPacking)).packing).toBe(
    PACKINGS.plain,
  )
})

test('what is not compressed is bounded too', async () => {
  const plain = { packing: PACKINGS.plain, packed: fromLatin1('12345') }
  expect(await unpackObject(plain, 5, labPacking)).toEqual(plain.packed)
  await expect(unpackObject(plain, 4, labPacking)).rejects.toMatchObject({
    code: 'packing/too-large',
  })
})

test('what this world cannot unpack is refused for good, and not said to be read', async () => {
  const packed = { packing: PACKINGS.brotli, packed: SMALL }
  await expect(unpackObject(packed, 5000, labPacking)).rejects.toMatchObject({ temporary: false })
  expect(packingsRead(labPacking)).toEqual([PACKINGS.plain, PACKINGS.zlib, PACKINGS.mailDeflate])
})
