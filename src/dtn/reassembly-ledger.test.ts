import fc from 'fast-check'
import { expect, test } from 'vitest'
import { monoMs } from '../base/time.ts'
import { REASSEMBLY_IDLE_MS } from './limits.ts'
import { ReassemblyLedger } from './reassembly-ledger.ts'

const t0 = monoMs(0)

function ledger(): ReassemblyLedger {
  return new ReassemblyLedger({ aduBytesMax: 100, reassemblyBytesMax: 150 })
}

function part(
  offset: number,
  length: number,
  aduBytes = 100,
): Parameters<ReassemblyLedger['judge']>[1] {
  return { aduId: 'ipn:2.1/1-0', offset, length, aduBytes }
}

test('room for the whole ADU is reserved with its first fragment, so that it can be completed', () => {
  const l = ledger()
  l.reserve('first', part(0, 10), t0)
  expect(l.reservedBytes).toBe(100)
  expect(l.judge('second', part(0, 10))).toBe('no-room')
  expect(l.judge('second', part(0, 10, 50))).toBe('wanted')
  expect(l.judge('first', part(10, 90))).toBe('wanted')
})

test('an ADU above the bound is refused', () => {
  expect(ledger().judge('a', part(0, 10, 101))).toBe('no-room')
})

test('a fragment that contradicts itself or its siblings is refused', () => {
  const l = ledger()
  expect(l.judge('a', part(0, 0))).toBe('malformed')
  expect(l.judge('a', part(95, 6))).toBe('malformed')
  l.add('a', 'k', part(0, 10), t0)
  expect(l.judge('a', part(0, 10, 99))).toBe('malformed')
})

test('a fragment without material extents is not wanted (RFC 9171 §5.9)', () => {
  const l = ledger()
  l.add('a', 'k1', part(0, 30), t0)
  l.add('a', 'k2', part(30, 30), t0)
  expect(l.judge('a', part(10, 40))).toBe('covered')
  expect(l.add('a', 'k3', part(10, 40), t0)).toBe('useless')
  expect(l.keys('a')).toEqual(['k1', 'k2'])
})

test('an incomplete ADU is idle after its time, a complete one never', () => {
  const l = ledger()
  l.add('waits', 'k1', part(0, 30), t0)
  l.add('whole', 'k2', part(0, 20, 20), t0)
  expect(l.idlest(monoMs(REASSEMBLY_IDLE_MS - 1))).toBeUndefined()
  expect(l.idlest(monoMs(REASSEMBLY_IDLE_MS))).toBe('waits')
})

test('property: complete exactly when every byte is there, and nothing stays reserved', () => {
  const cut = fc.tuple(fc.nat(99), fc.integer({ min: 1, max: 100 }))
  fc.assert(
    fc.property(fc.array(cut, { maxLength: 30 }), (cuts) => {
      const l = ledger()
      const bytes = new Set<number>()
      const keys: string[] = []
      for (const [index, [offset, wanted]] of cuts.entries()) {
        const length = Math.min(wanted, 100 - offset)
        const before = bytes.size
        for (let at = offset; at < offset + length; at++) bytes.add(at)
        const outcome = l.add('a', `k${index}`, part(offset, length), t0)
        if (outcome !== 'useless') keys.push(`k${index}`)
        expect(outcome === 'useless').toBe(bytes.size === before)
        if (outcome !== 'useless') expect(outcome === 'complete').toBe(bytes.size === 100)
      }
      for (const key of keys) l.drop('a', key)
      expect(l.reservedBytes).toBe(0)
    }),
  )
})
