import { expect, test } from 'vitest'
import { fromUtf8, toUtf8 } from '../base/bytes.ts'
import { asFault } from '../base/fault.ts'
import { addMs, monoMs, type WallMs, wallMs } from '../base/time.ts'
import { LabStore } from '../lab/store.ts'
import { World } from '../lab/world.ts'
import { type ParcelHead, Parcels, type ParcelsOptions } from './parcels.ts'

const TO = 'mail-2.a.com'

function stage(options: ParcelsOptions = { bytesMax: 100 }, capacityBytes = 10_000) {
  const world = new World({ settle: () => new Promise((resolve) => setImmediate(resolve)) })
  const store = new LabStore({ capacityBytes })
  const parcels = new Parcels(store, world, options)
  const head = (name: string, expiresAt?: WallMs): Omit<ParcelHead, 'payloadBytes'> => ({
    ...{ to: TO, name, isHeld: true },
    expiresAt: expiresAt ?? addMs(world.wall(), 1000),
  })
  const put = (name: string, text: string, expiresAt?: WallMs): Promise<void> =>
    world.perform(parcels.put(head(name, expiresAt), fromUtf8(text)))
  return { world, store, parcels, put, head }
}

test('what waits is there after a restart, until it is removed', async () => {
  const { world, store, parcels, put } = stage()
  await put('a', 'one')
  await put('b', 'two')
  const again = new Parcels(store, world, { bytesMax: 100 })
  expect(again.heads().map(({ name }) => name)).toEqual(['a', 'b'])
  expect(toUtf8(again.read(TO, 'b')?.payload ?? new Uint8Array(0))).toBe('two')
  await world.perform(again.remove([{ to: TO, name: 'a' }]))
  expect(again.has(TO, 'a')).toBe(false)
  expect(new Parcels(store, world, { bytesMax: 100 }).heads()).toHaveLength(1)
  expect(parcels.has('mail-3.a.com', 'b')).toBe(false)
})

test('what goes alongside is there with it, or neither', async () => {
  const { world, store, parcels, head } = stage({ bytesMax: 100 }, 300)
  const alongside = [{ table: 'other', key: 'x', value: fromUtf8('y') }]
  await world.perform(parcels.put(head('a'), fromUtf8('one'), alongside))
  expect(toUtf8(store.get('other', 'x') ?? new Uint8Array(0))).toBe('y')
  const large = [{ table: 'other', key: 'z', value: new Uint8Array(500) }]
  const fault = await world.perform(
    parcels.put(head('b'), fromUtf8('two'), large).catch((error: unknown) => asFault(error)),
  )
  expect(fault).toMatchObject({ code: 'store/full' })
  expect(parcels.has(TO, 'b')).toBe(false)
})

test('beyond its bounds nothing more is taken for now, and what is replaced counts once', async () => {
  const { put } = stage({ bytesMax: 10, countMax: 2 })
  await put('a', '123456')
  await put('a', '12345678')
  await expect(put('b', '123')).rejects.toMatchObject({ code: 'bridge/no-room', temporary: true })
  await put('b', '12')
  await expect(put('c', '')).rejects.toMatchObject({ code: 'bridge/no-room' })
})

test('what is past its time is given out no more, and makes room', async () => {
  const { world, parcels, put } = stage({ bytesMax: 10 })
  await put('a', '1234567890', addMs(world.wall(), 50))
  await world.run(monoMs(world.now() + 50))
  expect(parcels.has(TO, 'a')).toBe(false)
  expect(parcels.heads()).toEqual([])
  await put('b', '1234567890', wallMs(world.wall() + 1000))
  expect(parcels.heads()).toHaveLength(1)
})
