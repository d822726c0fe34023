import { describe, expect, it } from 'vitest'
import { NO_BYTES } from '../base/bytes.ts'
import { Lender } from './packet.ts'

describe('what is lent', () => {
  it('is a copy, and zeros when it was given back', () => {
    const lender = new Lender()
    const bytes = Uint8Array.of(1, 2, 3)
    let kept: Uint8Array = NO_BYTES
    lender.lend(bytes, (lent) => {
      expect([...lent]).toEqual([1, 2, 3])
      kept = lent
      lent[0] = 9
    })
    expect([...bytes]).toEqual([1, 2, 3])
    expect([...kept]).toEqual([0, 0, 0])
  })

  it('is not overwritten by what is lent meanwhile', () => {
    const lender = new Lender()
    lender.lend(Uint8Array.of(1, 2), (outer) => {
      lender.lend(Uint8Array.of(3, 4, 5), (inner) => expect([...inner]).toEqual([3, 4, 5]))
      lender.lend(Uint8Array.of(6), (inner) => expect([...inner]).toEqual([6]))
      expect([...outer]).toEqual([1, 2])
    })
  })

  it('comes back from one who throws', () => {
    const lender = new Lender()
    const mistake = (): void => {
      throw new Error('mistake')
    }
    expect(() => lender.lend(Uint8Array.of(1), mistake)).toThrow('mistake')
    let first: Uint8Array = NO_BYTES
    let second: Uint8Array = NO_BYTES
    lender.lend(Uint8Array.of(1), (lent) => (first = lent))
    lender.lend(Uint8Array.of(2), (lent) => (second = lent))
    expect(first.buffer).toBe(second.buffer)
  })
})
