import { expect, test } from 'vitest'
import { wallMs } from '../base/time.ts'
import { LabStore } from '../lab/store.ts'
import { World } from '../lab/world.ts'
import type { StoreChange } from '../ports/store.ts'
import { LIFETIME_MAX_MS, REMEMBER_MARGIN_MS } from './limits.ts'
import { Taken } from './taken.ts'

const START_MS = 1_800_000_000_000
const transactionOf = (n: number): string => n.toString(16).padStart(16, '0')

function stage(takenMax = 3) {
  const world = new World({ settle: async () => {}, wallAtStart: wallMs(START_MS) })
  const store = new LabStore()
  const taken = new Taken(store, world, { takenMax })
  const take = async (n: number, expiresAfterMs = 1000): Promise<void> => {
    const until = wallMs(world.wall() + expiresAfterMs)
    const changes = taken.remember('ipn:2.2525', transactionOf(n), [], until)
    await store.commit(changes)
    taken.ended(changes, 'committed')
  }
  const wait = (ms: number): Promise<void> => world.run(addTo(world, ms))
  return { world, store, taken, take, wait }
}

function addTo(world: World, ms: number): ReturnType<World['now']> {
  return (world.now() + ms) as ReturnType<World['now']>
}

const records = (store: LabStore): number => [...store.keys('bridge-taken', {})].length

test('what was taken is known, with what was refused of it, also by the next run', async () => {
  const { world, store, taken } = stage()
  const refusals = [{ recipient: 1, code: 550, text: '5.1.1 no such user' }]
  const changes = taken.remember('ipn:2.2525', transactionOf(1), refusals, wallMs(START_MS + 1))
  expect(taken.find('ipn:2.2525', transactionOf(1))).toBeUndefined()
  await store.commit(changes)
  expect(taken.find('ipn:2.2525', transactionOf(1))).toEqual(refusals)
  expect(taken.find('ipn:4.2525', transactionOf(1))).toBeUndefined()
  expect(new Taken(store, world).find('ipn:2.2525', transactionOf(1))).toEqual(refusals)
})

test('it is forgotten a margin after its lifetime, by the commits of others', async () => {
  const { store, take, wait } = stage()
  await take(1)
  await wait(1000 + REMEMBER_MARGIN_MS)
  await take(2)
  expect(records(store)).toBe(2)
  await wait(1)
  await take(3)
  expect(records(store)).toBe(2)
})

test('one that is taken later and expires sooner is forgotten in its time', async () => {
  const { store, take, wait } = stage()
  await take(1, 5000)
  await take(2, 1000)
  await wait(1001 + REMEMBER_MARGIN_MS)
  await take(3)
  expect(records(store)).toBe(2)
})

test('one whose commit ends after others were looked through is forgotten in its time too', async () => {
  const { world, store, taken, take, wait } = stage(9)
  await take(1, 5000)
  const slow = taken.remember('ipn:2.2525', transactionOf(2), [], wallMs(world.wall() + 1000))
  taken.ended(taken.remember('ipn:2.2525', transactionOf(3), [], wallMs(START_MS)), 'failed')
  await take(4, 5000)
  await store.commit(slow)
  taken.ended(slow, 'committed')
  await wait(1001 + REMEMBER_MARGIN_MS)
  await take(5)
  expect(records(store)).toBe(3)
})

test('a lifetime that a peer exaggerates does not keep it for ever', async () => {
  const { store, take, wait } = stage()
  await take(1, 100 * LIFETIME_MAX_MS)
  await wait(LIFETIME_MAX_MS + REMEMBER_MARGIN_MS + 1)
  await take(2)
  expect(records(store)).toBe(1)
})

test('at the bound nothing more is taken, until something has expired', async () => {
  const { take, wait } = stage(2)
  await take(1)
  await take(2)
  await expect(take(3)).rejects.toMatchObject({ code: 'bridge/too-many-open', temporary: true })
  await wait(1001 + REMEMBER_MARGIN_MS)
  await take(3)
})

test('commits that overlap, and one that fails, leave the count right', async () => {
  const { store, taken, take, wait, world } = stage(4)
  for (const n of [1, 2, 3, 4]) await take(n)
  await wait(1001 + REMEMBER_MARGIN_MS)
  const until = wallMs(world.wall() + 1000)
  const begun: (readonly StoreChange[])[] = [5, 6, 7].map((n) =>
    taken.remember('ipn:2.2525', transactionOf(n), [], until),
  )
  const [first = [], second = [], third = []] = begun
  await store.commit(first)
  taken.ended(first, 'committed')
  taken.ended(second, 'failed')
  await store.commit(third)
  taken.ended(third, 'committed')
  expect(records(store)).toBe(2)
  await take(8)
  await take(9)
  await expect(take(10)).rejects.toMatchObject({ code: 'bridge/too-many-open' })
})
