import { expect, test } from 'vitest'
import { fromUtf8 } from '../base/bytes.ts'
import { wallMs } from '../base/time.ts'
import { LabStore } from '../lab/store.ts'
import type { HostEvent } from '../ports/events.ts'
import { ipnEndpoint } from '../proto/bpv7/endpoint-id.ts'
import { type BundleRecord, BundleStore } from './bundle-store.ts'
import { UNFLUSHED_BYTES_MAX } from './limits.ts'

const bounds = { storeBytesMax: 100, storeCountMax: 3 }

function record(key: string, sizeBytes: number): BundleRecord {
  return {
    key,
    id: `ipn:2.1/${key}-0`,
    destination: ipnEndpoint((977_000n << 32n) | 3n, 25n),
    administrative: false,
    own: true,
    hold: 'h',
    sizeBytes,
    arrivedAt: wallMs(1000),
    expiresAt: wallMs(2000.5),
  }
}

function add(store: BundleStore, sizeBytes: number): Promise<BundleRecord> {
  const added = record(store.newKey(), sizeBytes)
  return store.add(added, new Uint8Array(sizeBytes), []).then(() => added)
}

function ignore(): void {}

test('what was added is found again with all that is known of it, in the order of arrival', async () => {
  const port = new LabStore()
  const first = new BundleStore(port, bounds, ignore)
  const fragment = { aduId: 'ipn:9.1/5-0', offset: 3, length: 4, aduBytes: 9 }
  const more = {
    fragment,
    reports: ['received', 'deleted'] as const,
    pared: true,
    previousNode: ipnEndpoint(9n, 0n),
  }
  const added = [await add(first, 1), { ...record(first.newKey(), 2), ...more }] as const
  await first.add(added[1], fromUtf8('ab'), [])
  const second = new BundleStore(port, bounds, ignore)
  expect(second.open()).toEqual(added)
  expect(second.read(added[1].key)).toEqual(fromUtf8('ab'))
  expect(second.usedBytes).toBe(3)
  expect(Number(second.newKey())).toBeGreaterThan(Number(added[1].key))
})

test('what was not flushed when the power failed is not there', async () => {
  const port = new LabStore()
  const store = new BundleStore(port, bounds, ignore)
  await add(store, 1)
  void add(store, 1)
  const after = new BundleStore(new LabStore({}, port.crash()), bounds, ignore)
  expect(after.open()).toHaveLength(1)
})

test('at the bound in bytes it refuses for now, and takes again when space has returned', async () => {
  const store = new BundleStore(new LabStore(), bounds, ignore)
  const large = await add(store, 70)
  await expect(add(store, 6)).rejects.toMatchObject({ code: 'dtn/store-full', temporary: true })
  store.remove([large.key])
  await store.settled()
  expect(store.usedBytes).toBe(0)
  await add(store, 6)
  expect(store.count).toBe(1)
})

test('what is sent here leaves a share for others, whose answers free its room', async () => {
  const store = new BundleStore(new LabStore(), { storeBytesMax: 100, storeCountMax: 8 }, ignore)
  await add(store, 75)
  await expect(add(store, 1)).rejects.toMatchObject({ code: 'dtn/store-full', temporary: true })
  const answer = { ...record(store.newKey(), 25), own: false }
  await store.add(answer, new Uint8Array(25), [])
})

test('at the bound in number it refuses, and what is still being written counts', async () => {
  const store = new BundleStore(new LabStore(), bounds, ignore)
  const all = [add(store, 1), add(store, 1), add(store, 1)]
  await expect(add(store, 1)).rejects.toMatchObject({ code: 'dtn/store-full' })
  await Promise.all(all)
})

test('what others send leaves a share for our own, in bytes and in number, from the start on', async () => {
  const port = new LabStore()
  const guest = async (store: BundleStore, sizeBytes: number): Promise<void> => {
    const added = { ...record(store.newKey(), sizeBytes), own: false }
    await store.add(added, new Uint8Array(sizeBytes), [])
  }
  const large = { storeBytesMax: 100, storeCountMax: 8 }
  const store = new BundleStore(port, large, ignore)
  await guest(store, 70)
  await expect(guest(store, 6)).rejects.toMatchObject({ code: 'dtn/store-full', temporary: true })
  await guest(store, 5)
  const again = new BundleStore(port, large, ignore)
  again.open()
  await expect(guest(again, 1)).rejects.toMatchObject({ code: 'dtn/store-full' })
  await add(again, 25)
  await expect(add(again, 1)).rejects.toMatchObject({ code: 'dtn/store-full' })

  const many = new BundleStore(new LabStore(), large, ignore)
  for (let i = 0; i < 6; i++) await guest(many, 1)
  await expect(guest(many, 1)).rejects.toMatchObject({ code: 'dtn/store-full' })
  await Promise.all([add(many, 1), add(many, 1)])
})

test('what others send cannot keep our own from the disk', async () => {
  const limits = { storeBytesMax: Number.MAX_SAFE_INTEGER, storeCountMax: 10 }
  const store = new BundleStore(new LabStore(), limits, ignore)
  const guest = (key: string, sizeBytes: number): Promise<void> =>
    store.add({ ...record(key, sizeBytes), own: false }, new Uint8Array(1), [])
  const first = guest('1', UNFLUSHED_BYTES_MAX * 0.75)
  await expect(guest('2', 1)).rejects.toMatchObject({ code: 'dtn/store-busy', temporary: true })
  await store.add(record('3', UNFLUSHED_BYTES_MAX * 0.25), new Uint8Array(1), [])
  await first
})

test('more than may wait for the disk is refused for now', async () => {
  const limits = { storeBytesMax: Number.MAX_SAFE_INTEGER, storeCountMax: 10 }
  const store = new BundleStore(new LabStore(), limits, ignore)
  const first = store.add(record('1', UNFLUSHED_BYTES_MAX), new Uint8Array(1), [])
  const second = store.add(record('2', 1), new Uint8Array(1), [])
  await expect(second).rejects.toMatchObject({ code: 'dtn/store-busy', temporary: true })
  await first
})

test('a disk that is full is a refusal for now, and nothing is counted for it', async () => {
  const store = new BundleStore(new LabStore({ capacityBytes: 50 }), bounds, ignore)
  await expect(add(store, 60)).rejects.toMatchObject({ code: 'store/full', temporary: true })
  expect([store.count, store.usedBytes]).toEqual([0, 0])
})

test('damaged records are trouble, skipped, and their keys are not used again', async () => {
  const port = new LabStore()
  await add(new BundleStore(port, bounds, ignore), 1)
  const damaged = ['', 'null', '{', '{"id":1}', '{"id":"x","destination":"ipn:x"}'].map(
    (text, index) => ({ table: 'bundles', key: String(index + 5), value: fromUtf8(text) }),
  )
  await port.commit(damaged)
  const events: HostEvent[] = []
  const store = new BundleStore(port, bounds, (event) => events.push(event))
  expect(store.open()).toHaveLength(1)
  expect(events.map(({ type }) => type)).toEqual(damaged.map(() => 'trouble'))
  expect(Number(store.newKey())).toBe(10)
})

test('a removal that the store refuses is trouble, and is made up for with the next', async () => {
  const port = new LabStore()
  const events: HostEvent[] = []
  let failures = 1
  const store = new BundleStore(
    {
      get: (table, key) => port.get(table, key),
      range: (table, range) => port.range(table, range),
      keys: (table, range) => port.keys(table, range),
      close: () => port.close(),
      commit: (changes) =>
        changes[0]?.value === undefined && failures-- > 0
          ? new LabStore({ capacityBytes: 0 }).commit([
              { table: 'x', key: 'x', value: new Uint8Array(9) },
            ])
          : port.commit(changes),
    },
    bounds,
    (event) => events.push(event),
  )
  const [one, two] = [await add(store, 1), await add(store, 1)]
  store.remove([one.key])
  await store.settled()
  expect(events).toMatchObject([{ type: 'trouble' }])
  expect(store.count).toBe(2)
  store.remove([two.key])
  await store.settled()
  expect(store.count).toBe(0)
  expect([...port.keys('bundles', {})]).toEqual([])
})
