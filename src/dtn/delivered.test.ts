import { expect, test } from 'vitest'
import { wallMs } from '../base/time.ts'
import { LabStore } from '../lab/store.ts'
import { DeliveredAdus } from './delivered.ts'

const now = wallMs(1000)
const later = wallMs(9000)

test('what is remembered is known to the next run, the oldest first to be forgotten', async () => {
  const store = new LabStore()
  const first = new DeliveredAdus(store, 3)
  first.open()
  for (const id of ['a/1-0', 'a/1-1', 'a/1-2', 'a/1-3']) {
    first.remember(id, later, now)
    await store.commit(first.takeChanges())
  }
  const second = new DeliveredAdus(store, 3)
  second.open()
  for (const memory of [first, second]) {
    expect(['a/1-0', 'a/1-1', 'a/1-3'].map((id) => memory.has(id))).toEqual([false, true, true])
  }
  second.remember('a/1-4', later, now)
  await store.commit(second.takeChanges())
  expect([...store.keys('delivered-bundles', {})]).toHaveLength(3)
  expect(second.has('a/1-1')).toBe(false)
})

test('what was delivered together is one entry, which goes when the last of it is forgotten', async () => {
  const store = new LabStore()
  const memory = new DeliveredAdus(store, 4)
  const entries = async (): Promise<number> => {
    await store.commit(memory.takeChanges())
    return [...store.keys('delivered-bundles', {})].length
  }
  expect(memory.takeChanges()).toEqual([])
  for (const id of ['a', 'b', 'c']) memory.remember(id, later, now)
  expect(await entries()).toBe(1)
  const next = new DeliveredAdus(store, 4)
  next.open()
  expect(['a', 'b', 'c', 'd'].map((id) => next.has(id))).toEqual([true, true, true, false])
  for (const id of ['d', 'e']) memory.remember(id, later, now)
  expect(await entries()).toBe(2)
  for (const id of ['f', 'g']) memory.remember(id, later, now)
  expect(await entries()).toBe(2)
  expect(['c', 'd'].map((id) => memory.has(id))).toEqual([false, true])
  // No more is forgotten than is written: what comes in one commit is remembered, however much it is.
  for (const id of 'hijklm') memory.remember(id, later, now)
  expect(await entries()).toBe(1)
  expect([...'hm'].map((id) => memory.has(id))).toEqual([true, true])
})

test('what has expired is forgotten: it can come no more', async () => {
  const store = new LabStore()
  const memory = new DeliveredAdus(store, 100)
  memory.remember('a/1-0', wallMs(2000), now)
  await store.commit(memory.takeChanges())
  memory.remember('a/1-1', wallMs(7000), wallMs(2000))
  await store.commit(memory.takeChanges())
  expect([...store.keys('delivered-bundles', {})]).toHaveLength(1)
  expect([memory.has('a/1-0'), memory.has('a/1-1')]).toEqual([false, true])
})
