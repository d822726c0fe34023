import { expect, it } from 'vitest'
import { KeptOrders } from './kept-orders.ts'
import { ORDERED_KEPT_MAX } from './limits.ts'

it('gives a result for the same messages only', () => {
  const kept = new KeptOrders<string>()
  kept.keep('a/1 by date', [1, 2, 3], 'result')
  expect(kept.get('a/1 by date', [1, 2, 3])).toBe('result')
  expect(kept.get('a/1 by date', [1, 2])).toBeUndefined()
  expect(kept.get('a/1 by date', [1, 2, 4])).toBeUndefined()
  expect(kept.get('a/2 by date', [1, 2, 3])).toBeUndefined()
})

it('forgets those of one mailbox', () => {
  const kept = new KeptOrders<string>()
  kept.keep('a/1 by date', [1], 'first')
  kept.keep('a/11 by date', [1], 'second')
  kept.forget('a/1 ')
  expect(kept.get('a/1 by date', [1])).toBeUndefined()
  expect(kept.get('a/11 by date', [1])).toBe('second')
})

it('lets go of what was asked for longest ago at its bound, and keeps nothing larger', () => {
  const kept = new KeptOrders<number>()
  const half = Array.from({ length: ORDERED_KEPT_MAX / 2 - 100 }, (_, i) => i + 1)
  for (const n of [1, 2]) kept.keep(`mailbox ${n}`, half, n)
  expect(kept.get('mailbox 1', half)).toBe(1)
  kept.keep('mailbox 3', half, 3)
  expect([1, 2, 3].map((n) => kept.get(`mailbox ${n}`, half))).toEqual([1, undefined, 3])
  const more = [...half, ...half, ...half]
  kept.keep('mailbox 3', more, 4)
  expect(kept.get('mailbox 3', more)).toBeUndefined()
})

it('keeps no more for keys without messages, of which a client can make as many as it likes', () => {
  const kept = new KeptOrders<number>()
  const count = (2 * ORDERED_KEPT_MAX) / 1000
  const keyOf = (n: number): string => `${n} `.padEnd(1000, 'subject ')
  for (let n = 0; n < count; n++) kept.keep(keyOf(n), [], n)
  const known = Array.from({ length: count }, (_, n) => kept.get(keyOf(n), []))
  expect(known.filter((one) => one !== undefined)).toHaveLength(ORDERED_KEPT_MAX / 1000)
})
