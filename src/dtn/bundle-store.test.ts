import { expect, test, vi } from 'vitest'
import { Fault } from '../base/fault.ts'
import { Piece, Slab } from '../base/slab.ts'
import { wallMs } from '../base/time.ts'
import { LabStore } from '../lab/store.ts'
import type { EventSink, HostEvent } from '../ports/events.ts'
import type { Store } from '../ports/store.ts'
import { sealBundle } from '../proto/bpv7/codec.ts'
import { ipnEndpoint, NULL_ENDPOINT } from '../proto/bpv7/endpoint-id.ts'
import { type BundleRecord, recordOf } from './bundle-record.ts'
import { BundleStore } from './bundle-store.ts'
import { RECENT_BYTES_MAX, UNFLUSHED_BYTES_MAX } from './limits.ts'

const bounds = { storeBytesMax: 1000, storeCountMax: 3 }

/** A bundle of so many bytes, which are at least 100. */
function sized(store: BundleStore, sizeBytes: number, own = true) {
  const key = store.newKey()
  const made = (payloadBytes: number) =>
    sealBundle({
      primary: {
        flags: 0n,
        crcType: 2,
        destination: ipnEndpoint((977_000n << 32n) | 3n, 25n),
        source: ipnEndpoint(2n, 1n),
        reportTo: NULL_ENDPOINT,
        creationTimestamp: { time: 1n, sequence: BigInt(key) },
        lifetimeMs: 1000n,
      },
      blocks: [],
      payload: { type: 1, number: 1, flags: 0n, crcType: 0, data: new Uint8Array(payloadBytes) },
    })
  let sealed = made(sizeBytes - 50)
  sealed = made(2 * sizeBytes - 50 - sealed.bytes.length)
  const stay = {
    key,
    own,
    hold: own ? 'h' : undefined,
    neighbour: undefined,
    arrivedAt: wallMs(1000),
    expiresAt: wallMs(2000.5),
    pared: false,
  }
  const record = recordOf(sealed.bundle, sealed.bytes.length, stay)
  expect(record.sizeBytes).toBe(sizeBytes)
  return { record, sealed }
}

async function add(store: BundleStore, sizeBytes: number, own = true): Promise<BundleRecord> {
  const { record, sealed } = sized(store, sizeBytes, own)
  await put(store, record, sealed)
  return record
}

function put(
  store: BundleStore,
  record: BundleRecord,
  sealed: ReturnType<typeof sealBundle>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const piece = new Piece(sealed.withRoom)
    store.add(record, { bundle: sealed.bundle, piece }, (fault) => {
      if (fault === undefined) resolve()
      else reject(fault)
    })
  })
}

function ignore(): void {}

function opened(port: Store, limits: typeof bounds = bounds, events: EventSink = ignore) {
  return new BundleStore(port, limits, events, () => [])
}

test('what was added is found again with all that is known of it, in the order of arrival', async () => {
  const port = new LabStore()
  const first = opened(port)
  const one = await add(first, 100)
  const { record, sealed } = sized(first, 200, false)
  const two = { ...record, pared: true }
  await put(first, two, sealed)
  const second = opened(port)
  expect(second.open()).toEqual([one, two])
  expect(second.read(two.key)).toEqual(sealed.bundle)
  expect(second.records(one.key, 9).map((stored) => stored.record)).toEqual([two])
  expect(second.usedBytes).toBe(300)
  expect(Number(second.newKey())).toBeGreaterThan(Number(two.key))
})

test('what was not flushed when the power failed is not there', async () => {
  const port = new LabStore()
  const store = opened(port)
  await add(store, 100)
  void add(store, 100)
  const after = opened(new LabStore({}, port.crash()))
  expect(after.open()).toHaveLength(1)
})

test('at the bound in bytes it refuses for now, and takes again when space has returned', async () => {
  const store = opened(new LabStore())
  const large = await add(store, 700)
  await expect(add(store, 100)).rejects.toMatchObject({ code: 'dtn/store-full', temporary: true })
  store.remove([large.key])
  await store.settled()
  expect(store.usedBytes).toBe(0)
  await add(store, 100)
  expect(store.count).toBe(1)
})

test('what it never has room for is refused for good: nobody should wait, or offer it again', async () => {
  const store = opened(new LabStore(), { storeBytesMax: 1000, storeCountMax: 8 })
  const never = { code: 'dtn/adu-too-large', temporary: false }
  await expect(add(store, 751)).rejects.toMatchObject(never)
  await expect(add(store, 751, false)).rejects.toMatchObject(never)
  await add(store, 750)
})

test('what is sent here leaves a share for others, whose answers free its room', async () => {
  const store = opened(new LabStore(), { storeBytesMax: 1000, storeCountMax: 8 })
  await add(store, 750)
  await expect(add(store, 100)).rejects.toMatchObject({ code: 'dtn/store-full', temporary: true })
  await add(store, 250, false)
})

test('at the bound in number it refuses, and what is still being written counts', async () => {
  const store = opened(new LabStore())
  const all = [add(store, 100), add(store, 100), add(store, 100)]
  await expect(add(store, 100)).rejects.toMatchObject({ code: 'dtn/store-full' })
  await Promise.all(all)
})

test('what others send leaves a share for our own, in bytes and in number, from the start on', async () => {
  const port = new LabStore()
  const large = { storeBytesMax: 1000, storeCountMax: 8 }
  const store = opened(port, large)
  await add(store, 600, false)
  await expect(add(store, 160, false)).rejects.toMatchObject({
    code: 'dtn/store-full',
    temporary: true,
  })
  await add(store, 150, false)
  const again = opened(port, large)
  again.open()
  await expect(add(again, 100, false)).rejects.toMatchObject({ code: 'dtn/store-full' })
  await add(again, 250)
  await expect(add(again, 100)).rejects.toMatchObject({ code: 'dtn/store-full' })

  const many = opened(new LabStore(), { storeBytesMax: 10_000, storeCountMax: 8 })
  for (let i = 0; i < 6; i++) await add(many, 100, false)
  await expect(add(many, 100, false)).rejects.toMatchObject({ code: 'dtn/store-full' })
  await Promise.all([add(many, 100), add(many, 100)])
})

/** Says of itself that it is larger than it is. */
function claiming(store: BundleStore, sizeBytes: number, own: boolean): Promise<void> {
  const { record, sealed } = sized(store, 100, own)
  return put(store, { ...record, sizeBytes }, sealed)
}

test('what others send cannot keep our own from the disk', async () => {
  const limits = { storeBytesMax: Number.MAX_SAFE_INTEGER, storeCountMax: 10 }
  const store = opened(new LabStore(), limits)
  const first = claiming(store, UNFLUSHED_BYTES_MAX * 0.75, false)
  await expect(claiming(store, 1, false)).rejects.toMatchObject({
    code: 'dtn/store-busy',
    temporary: true,
  })
  await claiming(store, UNFLUSHED_BYTES_MAX * 0.25, true)
  await first
})

test('more than may wait for the disk is refused for now', async () => {
  const limits = { storeBytesMax: Number.MAX_SAFE_INTEGER, storeCountMax: 10 }
  const store = opened(new LabStore(), limits)
  const first = claiming(store, UNFLUSHED_BYTES_MAX, true)
  const second = claiming(store, 1, true)
  await expect(second).rejects.toMatchObject({ code: 'dtn/store-busy', temporary: true })
  await first
})

test('one that finds the disk full is refused for now, and keeps no other from it', async () => {
  const store = opened(new LabStore({ capacityBytes: 500 }))
  const [large, small] = [add(store, 600), add(store, 100)]
  await expect(large).rejects.toMatchObject({ code: 'store/full', temporary: true })
  await small
  expect([store.count, store.usedBytes]).toEqual([1, 100])
})

test('a removal that failed is made up for as soon as a bundle finds no room', async () => {
  const port = new LabStore()
  let failures = 1
  const store = opened({
    get: (table, key) => port.get(table, key),
    range: (table, range) => port.range(table, range),
    keys: (table, range) => port.keys(table, range),
    close: () => port.close(),
    commit: (changes) =>
      changes.length === 3 && failures-- > 0
        ? Promise.reject(new Fault('store/full', 'full', { temporary: true }))
        : port.commit(changes),
  })
  const all = [await add(store, 100), await add(store, 100), await add(store, 100)]
  store.remove(all.map(({ key }) => key))
  await store.settled()
  await expect(add(store, 100)).rejects.toMatchObject({ code: 'dtn/store-full' })
  await store.settled()
  await add(store, 100)
  expect(store.count).toBe(1)
})

test('any number of removals that fail is kept for later', async () => {
  const port = new LabStore({ capacityBytes: 0 })
  const store = opened({
    get: (table, key) => port.get(table, key),
    range: (table, range) => port.range(table, range),
    keys: (table, range) => port.keys(table, range),
    close: () => port.close(),
    commit: () => Promise.reject(new Fault('store/full', 'full', { temporary: true })),
  })
  store.remove(Array.from({ length: 300_000 }, (_, key) => key))
  await store.settled()
})

test('what is long ago is read from the disk', async () => {
  const port = new LabStore()
  const limits = { storeBytesMax: Number.MAX_SAFE_INTEGER, storeCountMax: 10 }
  const store = opened(port, limits)
  const { key } = await add(store, 100)
  await claiming(store, RECENT_BYTES_MAX, true)
  await add(store, 100)
  expect(store.read(key)?.primary.creationTimestamp.sequence).toBe(0n)
  await port.commit([{ table: 'bundles', key: String(key).padStart(15, '0'), value: undefined }])
  expect(store.read(key)).toBeUndefined()
})

test('damaged records are trouble, skipped, and their keys are not used again', async () => {
  const port = new LabStore()
  await add(opened(port), 100)
  const [[key] = []] = [[...port.keys('bundles', {})]]
  const whole = port.get('bundles', key ?? '') ?? new Uint8Array()
  const texts = [new Uint8Array(), new Uint8Array(19), new Uint8Array(99), whole.slice(1)]
  const damaged = [...texts, whole.with(3, 255)].map((value, index) => ({
    table: 'bundles',
    key: String(index + 5),
    value,
  }))
  await port.commit(damaged)
  const events: HostEvent[] = []
  const store = opened(port, bounds, (event) => events.push(event))
  expect(store.open()).toHaveLength(1)
  expect(events.map(({ type }) => type)).toEqual(damaged.map(() => 'trouble'))
  expect(Number(store.newKey())).toBe(10)
})

test('a removal that the store refuses is trouble, and is made up for with the next', async () => {
  const port = new LabStore()
  const events: HostEvent[] = []
  let failures = 1
  const store = opened(
    {
      get: (table, key) => port.get(table, key),
      range: (table, range) => port.range(table, range),
      keys: (table, range) => port.keys(table, range),
      close: () => port.close(),
      commit: (changes) =>
        changes[0]?.value === undefined && failures-- > 0
          ? Promise.reject(new Fault('store/full', 'full', { temporary: true }))
          : port.commit(changes),
    },
    bounds,
    (event) => events.push(event),
  )
  const [one, two] = [await add(store, 100), await add(store, 100)]
  store.remove([one.key])
  await store.settled()
  expect(events).toMatchObject([{ type: 'trouble' }])
  expect(store.count).toBe(2)
  store.remove([two.key])
  await store.settled()
  expect(store.count).toBe(0)
  expect([...port.keys('bundles', {})]).toEqual([])
})

/** Adds a bundle of another node; what `add` has answered comes with it. */
function arrive(store: BundleStore) {
  const { record, sealed } = sized(store, 100, false)
  const piece = new Piece(sealed.withRoom)
  const release = vi.spyOn(piece, 'release')
  const done = vi.fn()
  store.add(record, { bundle: sealed.bundle, piece }, done)
  return { key: record.key, release, done }
}

test('the memory of a bundle is given up once it is gone, unless somebody looks at it still', async () => {
  for (const [lent, givenBack] of [
    [0, 0],
    [2, 2],
    [2, 1],
  ] as const) {
    const store = opened(new LabStore())
    const { key, release } = arrive(store)
    await store.settled()
    for (let i = 0; i < lent; i++) expect(store.read(key)).toBeDefined()
    for (let i = 0; i < givenBack; i++) store.giveBack(key)
    store.remove([key])
    expect(release).not.toHaveBeenCalled()
    await store.settled()
    expect(release).toHaveBeenCalledTimes(lent === givenBack ? 1 : 0)
  }
})

test('what is removed before it is written is never written, and answered with what came of it', async () => {
  const port = new LabStore()
  const commit = vi.spyOn(port, 'commit')
  const store = opened(port)
  const { key, release, done } = arrive(store)
  const note = { table: 'taken', key: 'a', value: Uint8Array.of(1) }
  store.remove([key])
  store.alongside([note])
  await Promise.resolve()
  expect(done).not.toHaveBeenCalled()
  await store.settled()
  expect(commit.mock.calls).toEqual([[[note]]])
  expect(done.mock.calls).toEqual([[undefined]])
  expect(release).toHaveBeenCalledTimes(1)
  expect([store.count, store.usedBytes]).toEqual([0, 0])
})

test('what is postponed is not written before it is resumed, and never where it was removed', async () => {
  const port = new LabStore()
  const commit = vi.spyOn(port, 'commit')
  const store = opened(port)
  const [kept, gone, own] = [arrive(store), arrive(store), sized(store, 150)]
  const sent = put(store, own.record, own.sealed)
  store.postpone([kept.key, gone.key, own.record.key])
  await store.settled()
  await sent
  expect(commit.mock.calls.map(([changes]) => changes.map(({ table }) => table))).toEqual([
    ['bundles'],
  ])
  store.remove([gone.key])
  await store.settled()
  expect([kept.done.mock.calls, gone.done.mock.calls]).toEqual([[], [[undefined]]])
  store.resume([kept.key, gone.key])
  await store.settled()
  expect(kept.done.mock.calls).toEqual([[undefined]])
  expect([...port.keys('bundles', {})]).toHaveLength(2)
})

test('where what came of it cannot be kept, it is refused for now', async () => {
  const store = opened(new LabStore({ capacityBytes: 50 }))
  const { key, done, release } = arrive(store)
  const other = arrive(store)
  store.remove([key])
  store.alongside([{ table: 'taken', key: 'a', value: new Uint8Array(100) }])
  await store.settled()
  const refused = [[expect.objectContaining({ code: 'store/full', temporary: true })]]
  expect([done.mock.calls, other.done.mock.calls]).toEqual([refused, refused])
  // A neighbour that cannot be refused anything is offered for: the same bytes come again.
  expect([release, other.release].map(({ mock }) => mock.calls)).toEqual([[], []])
  const durable = vi.fn()
  store.whenDurable(durable)
  await store.settled()
  expect(durable.mock.calls).toEqual(refused)
})

test('what is offered again is not released while an application has it from the first time', async () => {
  const slab = new Slab()
  const store = opened(new LabStore({ capacityBytes: 300 }))
  const piece = slab.piece(1000)
  const offer = async () => {
    const { record, sealed } = sized(store, 150, false)
    piece.bytes.set(sealed.bytes)
    const done = vi.fn()
    store.add(record, { bundle: sealed.bundle, piece }, done)
    return { key: record.key, done }
  }
  store.alongside([{ table: 'taken', key: 'a', value: new Uint8Array(200) }])
  await store.settled()
  const first = await offer()
  expect(store.read(first.key)).toBeDefined()
  await store.settled()
  expect(first.done.mock.calls).toEqual([[expect.objectContaining({ code: 'store/full' })]])
  store.alongside([{ table: 'taken', key: 'a', value: undefined }])
  await store.settled()
  const second = await offer()
  await store.settled()
  expect(second.done.mock.calls).toEqual([[undefined]])
  store.remove([second.key])
  await store.settled()
  expect(slab.allocate(1000).byteOffset).not.toBe(piece.bytes.byteOffset)
})

test('what is under way is durable when its commit is, and nothing else is waited for', async () => {
  const store = opened(new LabStore())
  const durable = vi.fn()
  store.whenDurable(durable)
  expect(durable).toHaveBeenCalledTimes(1)
  const { done } = arrive(store)
  store.whenDurable(durable)
  expect(durable).toHaveBeenCalledTimes(1)
  await store.settled()
  expect(durable.mock.calls).toEqual([[undefined], [undefined]])
  expect(done.mock.invocationCallOrder[0]).toBeLessThan(
    durable.mock.invocationCallOrder[1] as number,
  )
})
