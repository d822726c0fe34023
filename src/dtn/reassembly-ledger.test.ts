import fc from 'fast-check'
import { expect, test } from 'vitest'
import { monoMs } from '../base/time.ts'
import { EXTENTS_MAX } from '../proto/bpv7/limits.ts'
import { ADU_FRAGMENTS_MAX, ADUS_REMEMBERED_MAX, REASSEMBLY_IDLE_MS } from './limits.ts'
import { ReassemblyLedger } from './reassembly-ledger.ts'

const t0 = monoMs(0)

function ledger(): ReassemblyLedger {
  return new ReassemblyLedger({ aduBytesMax: 100, reassemblyBytesMax: 150 })
}

function part(
  offset: number,
  length: number,
  aduBytes = 100,
  source = 'ipn:2.1',
): Parameters<ReassemblyLedger['judge']>[1] {
  return { aduId: `${source}/1-0`, offset, length, aduBytes }
}

/** All of an ADU comes and leaves. */
function pass(l: ReassemblyLedger, name: string, aduBytes: number): void {
  expect(l.add(name, 1, part(0, aduBytes, aduBytes), t0)).toBe('complete')
  l.drop(name, 1)
}

test('room for the whole ADU is reserved with its first fragment, so that it can be completed', () => {
  const l = ledger()
  l.reserve('first', part(0, 10), t0)
  expect(l.reservedBytes).toBe(100)
  expect(l.judge('second', part(0, 10, 51, 'ipn:3.1'))).toBe('no-room')
  expect(l.judge('second', part(0, 10, 50, 'ipn:3.1'))).toBe('wanted')
  expect(l.judge('first', part(10, 90))).toBe('wanted')
})

test('an ADU above the bound is refused', () => {
  expect(ledger().judge('a', part(0, 10, 101))).toBe('too-large')
})

test('a fragment that contradicts itself or its siblings is refused', () => {
  const l = ledger()
  expect(l.judge('a', part(0, 0))).toBe('malformed')
  expect(l.judge('a', part(95, 6))).toBe('malformed')
  l.add('a', 1, part(0, 10), t0)
  expect(l.judge('a', part(0, 10, 99))).toBe('malformed')
})

test('a fragment without material extents is not wanted (RFC 9171 §5.9)', () => {
  const l = ledger()
  l.add('a', 1, part(0, 30), t0)
  l.add('a', 2, part(30, 30), t0)
  expect(l.judge('a', part(10, 40))).toBe('covered')
  expect(l.add('a', 3, part(10, 40), t0)).toBe('useless')
  expect(l.keys('a')).toEqual([1, 2])
})

test('what is in few extents has room for as many fragments as come, until their number is at its bound', () => {
  const aduBytes = 1_000_000
  const l = new ReassemblyLedger({ aduBytesMax: aduBytes, reassemblyBytesMax: aduBytes })
  for (let i = 0; i < ADU_FRAGMENTS_MAX; i++) l.add('a', i, part(i, 1, aduBytes), t0)
  expect(l.keys('a')).toHaveLength(ADU_FRAGMENTS_MAX)
  expect(l.judge('a', part(ADU_FRAGMENTS_MAX, 1, aduBytes))).toBe('too-large')
})

test('what would be one extent too many is refused, and what joins others is not', () => {
  const aduBytes = 1_000_000
  const l = new ReassemblyLedger({ aduBytesMax: aduBytes, reassemblyBytesMax: aduBytes })
  for (let i = 0; i < EXTENTS_MAX; i++) {
    expect(l.judge('a', part(2 * i, 1, aduBytes))).toBe('wanted')
    l.add('a', i, part(2 * i, 1, aduBytes), t0)
  }
  expect(l.judge('a', part(2 * EXTENTS_MAX, 1, aduBytes))).toBe('too-large')
  expect(l.judge('a', part(1, 1, aduBytes))).toBe('wanted')
})

test('a source node has its share of the room, through all of its services', () => {
  for (const [one, two, other] of [
    ['ipn:2.1', 'ipn:2.77', 'ipn:22.1'],
    ['ipn:977000.2.1', 'ipn:977000.2.77', 'ipn:2.1'],
    ['dtn://x/a', 'dtn://x/b/c', 'dtn://xx/a'],
  ] as const) {
    const l = ledger()
    l.add('a', 1, part(0, 40, 80, one), t0)
    expect(l.judge('b', part(0, 1, 21, two))).toBe('no-room')
    expect(l.judge('b', part(0, 1, 20, two))).toBe('wanted')
    expect(l.judge('b', part(0, 1, 70, other))).toBe('wanted')
    l.drop('a', 1)
    expect(l.judge('b', part(0, 1, 100, two))).toBe('wanted')
  }
})

test('claims with little behind them give way to what brings more of itself, the least first', () => {
  const l = ledger()
  l.add('third', 1, part(0, 2, 50, 'ipn:1.1'), t0)
  l.add('first', 2, part(0, 1, 50, 'ipn:2.1'), t0)
  l.add('second', 3, part(0, 1, 50, 'ipn:3.1'), monoMs(1))
  const way = (length: number, aduBytes: number): readonly string[] =>
    l.givingWay('new', part(0, length, aduBytes, 'ipn:4.1'), monoMs(2))
  expect(way(10, 20)).toEqual(['first'])
  expect(way(10, 60)).toEqual(['first', 'second'])
  expect(way(10, 100)).toEqual(['first', 'second'])
  // It brings no more than they have, and no claim is worth a byte.
  expect(way(1, 50)).toEqual([])
  expect(way(2, 100)).toEqual([])
  expect(way(3, 101)).toEqual([])
  expect(l.givingWay('first', part(1, 49, 50, 'ipn:2.1'), t0)).toEqual([])
})

test('what a source lacks in its share its own ADUs give, if they weigh less', () => {
  const l = ledger()
  l.add('other', 1, part(0, 1, 50, 'ipn:1.1'), t0)
  l.add('own', 2, part(0, 5, 80, 'ipn:2.1'), t0)
  expect(l.givingWay('new', part(0, 10, 40, 'ipn:2.2'), t0)).toEqual(['own'])
  expect(l.givingWay('new', part(0, 2, 40, 'ipn:2.2'), t0)).toEqual([])
})

test('what has waited too long gives way however much of it is here, but a complete ADU never', () => {
  const l = ledger()
  l.add('waits', 1, part(0, 90), t0)
  l.add('whole', 2, part(0, 40, 40, 'ipn:3.1'), t0)
  const way = (now: number): readonly string[] =>
    l.givingWay('new', part(0, 1, 100, 'ipn:4.1'), monoMs(now))
  expect(way(REASSEMBLY_IDLE_MS - 1)).toEqual([])
  expect(way(REASSEMBLY_IDLE_MS)).toEqual(['waits'])
})

test('an ADU whose first fragment is still being stored does not give way', () => {
  const l = ledger()
  l.reserve('a', part(0, 1), t0)
  expect(l.givingWay('new', part(0, 50, 60, 'ipn:4.1'), t0)).toEqual([])
})

test('what has left complete may be gathered again, in room that is free', () => {
  const l = ledger()
  pass(l, 'a', 60)
  l.add('b', 1, part(0, 1, 95, 'ipn:3.1'), t0)
  // Late fragments of it are duplicates then; nothing gives way to them.
  expect(l.judge('a', part(10, 5, 60))).toBe('covered')
  l.drop('b', 1)
  expect(l.judge('a', part(0, 30, 60))).toBe('wanted')
  l.add('a', 2, part(0, 30, 60), t0)
  expect(l.isRepeat('a')).toBe(true)
  expect(l.add('a', 3, part(30, 30, 60), t0)).toBe('complete')
})

test('what is gathered again gives way before anything else, however much of it is here', () => {
  const l = ledger()
  pass(l, 'a', 50)
  l.add('b', 1, part(0, 1, 100, 'ipn:3.1'), t0)
  l.add('a', 2, part(0, 49, 50), t0)
  expect(l.givingWay('new', part(0, 10, 20, 'ipn:4.1'), t0)).toEqual(['a'])
})

test('what has left complete is remembered up to a bound', () => {
  const l = ledger()
  for (let i = 0; i <= ADUS_REMEMBERED_MAX; i++) pass(l, `adu ${i}`, 1)
  for (const name of ['adu 0', 'adu 1']) l.reserve(name, part(0, 1, 2), t0)
  expect(l.isRepeat('adu 0')).toBe(false)
  expect(l.isRepeat('adu 1')).toBe(true)
})

test('property: no claims, whoever makes them, reserve more than there is', () => {
  const claim = fc.record({
    name: fc.nat(30),
    source: fc.nat(2),
    length: fc.integer({ min: 1, max: 100 }),
    aduBytes: fc.integer({ min: 1, max: 110 }),
  })
  fc.assert(
    fc.property(fc.array(claim, { maxLength: 60 }), (claims) => {
      const l = ledger()
      for (const [index, { name: id, source, length, aduBytes }] of claims.entries()) {
        const name = `${source} ${id}`
        const fragment = part(0, length, aduBytes, `ipn:${source}.1`)
        if (l.judge(name, fragment) === 'no-room') {
          const given = l.givingWay(name, fragment, monoMs(index))
          for (const other of given) for (const key of l.keys(other)) l.drop(other, key)
          if (given.length > 0) expect(l.judge(name, fragment)).toBe('wanted')
        }
        if (l.judge(name, fragment) !== 'wanted') continue
        l.reserve(name, fragment, monoMs(index))
        l.add(name, index, fragment, monoMs(index))
        expect(l.reservedBytes).toBeLessThanOrEqual(150)
      }
    }),
  )
})

test('property: complete exactly when every byte is there, and nothing stays reserved', () => {
  const cut = fc.tuple(fc.nat(99), fc.integer({ min: 1, max: 100 }))
  fc.assert(
    fc.property(fc.array(cut, { maxLength: 30 }), (cuts) => {
      const l = ledger()
      const bytes = new Set<number>()
      const keys: number[] = []
      for (const [index, [offset, wanted]] of cuts.entries()) {
        const length = Math.min(wanted, 100 - offset)
        const before = bytes.size
        for (let at = offset; at < offset + length; at++) bytes.add(at)
        const outcome = l.add('a', index, part(offset, length), t0)
        if (outcome !== 'useless') keys.push(index)
        expect(outcome === 'useless').toBe(bytes.size === before)
        if (outcome !== 'useless') expect(outcome === 'complete').toBe(bytes.size === 100)
      }
      for (const key of keys) l.drop('a', key)
      expect(l.reservedBytes).toBe(0)
    }),
  )
})
