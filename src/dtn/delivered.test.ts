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
    await store.commit(first.remember(id, later, now))
  }
  const second = new DeliveredAdus(store, 3)
  second.open()
  for (const memory of [first, second]) {
    expect(['a/1-0', 'a/1-1', 'a/1-3'].map((id) => memory.has(id))).toEqual([false, true, true])
  }
  await store.commit(second.remember('a/1-4', later, now))
  expect([...store.keys('delivered-bundles', {})]).toHaveLength(3)
  expect(second.has('a/1-1')).toBe(false)
})

test('what has expired is forgotten: it can come no more', async () => {
  const store = new LabStore()
  const memory = new DeliveredAdus(store, 100)
  await store.commit(memory.remember('a/1-0', wallMs(2000), now))
  await store.commit(memory.remember('a/1-1', wallMs(7000), wallMs(2000)))
  expect([...store.keys('delivered-bundles', {})]).toHaveLength(1)
  expect([memory.has('a/1-0'), memory.has('a/1-1')]).toEqual([false, true])
})
