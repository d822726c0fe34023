import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromUtf8 } from '../base/bytes.ts'
import { type WallMs, wallMs } from '../base/time.ts'
import { CreationTimestamps } from './creation-timestamps.ts'

const noon = wallMs(1_795_420_800_000)

test('the first bundle of a millisecond has sequence number 0 and its DTN time (RFC 9171 §4.2.7)', () => {
  expect(new CreationTimestamps(undefined).next(noon)).toEqual({
    time: 848_736_000_000n,
    sequence: 0n,
  })
})

test('a clock that was never set gives time 0 and a number that never returns (RFC 9171 §4.2.7)', () => {
  let timestamps = new CreationTimestamps(undefined)
  const next = (wall: number) => {
    timestamps = new CreationTimestamps(timestamps.save())
    return timestamps.next(wallMs(wall))
  }
  expect(next(0)).toEqual({ time: 0n, sequence: 1n })
  expect(next(946_684_799_999)).toEqual({ time: 0n, sequence: 2n })
  expect(next(noon)).toEqual({ time: 848_736_000_000n, sequence: 0n })
  expect(next(0)).toEqual({ time: 0n, sequence: 3n })
})

test('damaged memory begins anew instead of failing', () => {
  expect(new CreationTimestamps(fromUtf8('x')).next(noon).sequence).toBe(0n)
})

test('property: no timestamp comes twice, however the clock is set and however often we restart', () => {
  const step = fc.record({ wall: fc.integer({ min: -3, max: 3 }), restart: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let timestamps = new CreationTimestamps(undefined)
      const seen = new Set<string>()
      for (const { wall, restart } of steps) {
        if (restart) timestamps = new CreationTimestamps(timestamps.save())
        const at = (noon + wall) as WallMs
        const { time, sequence } = timestamps.next(at)
        expect(time).toBe(848_736_000_000n + BigInt(wall))
        seen.add(`${time}-${sequence}`)
      }
      expect(seen.size).toBe(steps.length)
    }),
  )
})
