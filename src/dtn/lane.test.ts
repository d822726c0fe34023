import { expect, test } from 'vitest'
import { monoMs } from '../base/time.ts'
import { Lane } from './lane.ts'
import { RETRY_FIRST_MS, RETRY_MAX_MS } from './limits.ts'

const t0 = monoMs(0)

function lane(pause: 'lane' | 'item' = 'item'): Lane {
  return new Lane({ underWayMax: 2, underWayBytesMax: 100, pause })
}

test('no more are under way than the bound, in the order of arrival', () => {
  const l = lane()
  for (const key of ['a', 'b', 'c']) l.add(key, 10)
  expect(l.take(t0)).toEqual(['a', 'b'])
  expect(l.take(t0)).toEqual([])
  l.finish('a')
  expect(l.take(t0)).toEqual(['c'])
})

test('no more bytes are under way than the bound, but one that is larger goes alone', () => {
  const l = lane()
  l.add('small', 1)
  l.add('huge', 1000)
  l.add('next', 1)
  expect(l.take(t0)).toEqual(['small'])
  l.finish('small')
  expect(l.take(t0)).toEqual(['huge'])
  l.finish('huge')
  expect(l.take(t0)).toEqual(['next'])
})

test('an item that failed waits, the others go on', () => {
  const l = lane('item')
  for (const key of ['a', 'b', 'c']) l.add(key, 1)
  l.take(t0)
  l.postpone('a', t0)
  expect(l.take(t0)).toEqual(['c'])
  expect(l.deadline).toBe(RETRY_FIRST_MS)
  l.finish('b')
  expect(l.take(monoMs(RETRY_FIRST_MS - 1))).toEqual([])
  expect(l.take(monoMs(RETRY_FIRST_MS))).toEqual(['a'])
})

test('after a failure of the whole lane one goes ahead, and the rest when it has succeeded', () => {
  const l = lane('lane')
  for (const key of ['a', 'b', 'c', 'd']) l.add(key, 1)
  l.take(t0)
  l.postpone('a', t0)
  l.postpone('b', t0)
  expect(l.take(t0)).toEqual([])
  const later = monoMs(RETRY_FIRST_MS)
  expect(l.deadline).toBe(later)
  expect(l.take(later)).toEqual(['c'])
  expect(l.take(later)).toEqual([])
  l.finish('c')
  expect(l.take(later)).toEqual(['d', 'a'])
})

test('the pause doubles up to its bound', () => {
  const l = lane('lane')
  l.add('a', 1)
  let now = 0
  const pauses: number[] = []
  for (let i = 0; i < 10; i++) {
    expect(l.take(monoMs(now))).toEqual(['a'])
    l.postpone('a', monoMs(now))
    pauses.push((l.deadline ?? 0) - now)
    now = l.deadline ?? 0
  }
  expect(pauses.slice(0, 3)).toEqual([1000, 2000, 4000])
  expect(pauses.at(-1)).toBe(RETRY_MAX_MS)
})

test('what is forgotten never comes, and what was under way frees its place when it ends', () => {
  const l = lane()
  for (const key of ['a', 'b', 'c', 'd']) l.add(key, 1)
  l.take(t0)
  for (const key of ['a', 'c']) l.forget(key)
  expect(l.take(t0)).toEqual([])
  l.finish('a')
  expect(l.take(t0)).toEqual(['d'])
})
