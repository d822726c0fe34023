import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, fromUtf8, toUtf8 } from '../../base/bytes.ts'
import { HoldBudget, MessageHold } from './message-hold.ts'

describe('MessageHold', () => {
  it('holds a message until it is released', () => {
    const budget = new HoldBudget(100)
    const hold = new MessageHold(10, budget)
    expect(hold.push(fromUtf8('hello'))).toHaveLength(0)
    expect(hold.isOverflown).toBe(false)
    expect(budget.bytesLeft).toBe(95)
    expect(toUtf8(hold.release())).toBe('hello')
    expect(budget.bytesLeft).toBe(100)
  })

  it('lets everything pass from its bound on, and from that of all together', () => {
    for (const [own, all] of [
      [4, 100],
      [100, 4],
    ] as const) {
      const budget = new HoldBudget(all)
      const hold = new MessageHold(own, budget)
      expect(toUtf8(hold.push(fromUtf8('hello')))).toBe('hello')
      expect(toUtf8(hold.push(fromUtf8('you')))).toBe('you')
      expect(hold.isOverflown).toBe(true)
      expect(budget.bytesLeft).toBe(all)
    }
  })

  it('loses and repeats nothing, however the message is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), fc.nat(40), (chunks, max) => {
        const hold = new MessageHold(max, new HoldBudget(1000))
        const out = chunks.map((chunk) => hold.push(chunk))
        expect(concat(...out, hold.release())).toEqual(concat(...chunks))
      }),
    )
  })
})
