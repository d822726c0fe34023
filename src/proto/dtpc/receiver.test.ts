import fc from 'fast-check'
import { expect, test } from 'vitest'
import { monoMs, wallMs } from '../../base/time.ts'
import { BEFORE_EXPIRY_MS, HELD_ADUS_MAX, RECEIVING_STREAMS_MAX, RESET_AFTER_MS } from './limits.ts'
import { DtpcReceiver, type InboundAdu, type ReceiverEffect } from './receiver.ts'

const t0 = monoMs(0)
const LIFETIME_MS = 60_000

function adu(sequence: number, bornAt = 0, over: Partial<InboundAdu> = {}) {
  const one: InboundAdu = {
    source: 'ipn:2.128',
    profile: 21,
    sequence,
    sizeBytes: 10,
    expiresAt: monoMs(bornAt + LIFETIME_MS),
    lifetimeEndsAt: wallMs(bornAt + LIFETIME_MS),
    ...over,
  }
  return { type: 'adu' as const, adu: one }
}

/** What becomes of ADUs; `remember` and `forget` are for the disk. */
function say(effects: readonly ReceiverEffect[]): readonly string[] {
  return effects.flatMap((effect) => {
    switch (effect.type) {
      case 'acknowledge':
        return [`acknowledge ${effect.sequence}`]
      case 'hold':
      case 'deliver-held':
      case 'drop-held':
        return [`${effect.type} ${effect.adu.sequence}`]
      case 'remember':
        return []
      case 'forget':
        return [`forget ${effect.source}`]
      default:
        return [effect.type]
    }
  })
}

test('without the transport service all is delivered as it comes, and nothing acknowledged', () => {
  const receiver = new DtpcReceiver()
  for (let i = 0; i < 2; i++) expect(say(receiver.handle(adu(0), t0))).toEqual(['deliver'])
})

test('what is early is held until those before it have come; all is acknowledged at once', () => {
  const receiver = new DtpcReceiver()
  expect(say(receiver.handle(adu(1), t0))).toEqual(['deliver', 'acknowledge 1'])
  expect(say(receiver.handle(adu(4), t0))).toEqual(['hold 4', 'acknowledge 4'])
  expect(say(receiver.handle(adu(3), t0))).toEqual(['hold 3', 'acknowledge 3'])
  expect(say(receiver.handle(adu(2), t0))).toEqual([
    'deliver',
    'deliver-held 3',
    'deliver-held 4',
    'acknowledge 2',
  ])
})

test('what comes again is acknowledged again and discarded', () => {
  const receiver = new DtpcReceiver()
  receiver.handle(adu(1), t0)
  receiver.handle(adu(3), t0)
  for (const sequence of [1, 3]) {
    expect(say(receiver.handle(adu(sequence), t0))).toEqual(['discard', `acknowledge ${sequence}`])
  }
})

test('a gap is given up a second before the later ADU’s lifetime ends', () => {
  const receiver = new DtpcReceiver()
  receiver.handle(adu(3), t0)
  receiver.handle(adu(5, 1000), t0)
  expect(receiver.deadline).toBe(LIFETIME_MS - BEFORE_EXPIRY_MS)
  expect(say(receiver.handle({ type: 'tick' }, monoMs(LIFETIME_MS - BEFORE_EXPIRY_MS)))).toEqual([
    'deliver-held 3',
  ])
  expect(say(receiver.handle(adu(4), monoMs(LIFETIME_MS)))).toEqual([
    'deliver',
    'deliver-held 5',
    'acknowledge 4',
  ])
  expect(receiver.deadline).toBeUndefined()
})

test('a sender that lost its counters is heard: its ADUs live longer than the newest before', () => {
  const receiver = new DtpcReceiver()
  for (const sequence of [1, 2, 3, 5]) receiver.handle(adu(sequence), t0)
  expect(say(receiver.handle(adu(1, RESET_AFTER_MS - 1), t0))).toEqual(['discard', 'acknowledge 1'])
  expect(say(receiver.handle(adu(1, RESET_AFTER_MS), t0))).toEqual([
    'deliver-held 5',
    'deliver',
    'acknowledge 1',
  ])
  expect(say(receiver.handle(adu(2, RESET_AFTER_MS), t0))).toEqual(['deliver', 'acknowledge 2'])
})

test('after a restart it goes on where it was', () => {
  const earlier = new DtpcReceiver()
  earlier.handle(adu(1), t0)
  const remembered = earlier.handle(adu(3), t0).find(({ type }) => type === 'remember')
  if (remembered?.type !== 'remember') throw new Error('nothing is remembered')
  const receiver = new DtpcReceiver()
  receiver.handle({ type: 'recovered-stream', stream: remembered.stream }, t0)
  receiver.handle({ type: 'recovered-held', adu: adu(3).adu }, t0)
  expect(say(receiver.handle(adu(1), t0))).toEqual(['discard', 'acknowledge 1'])
  expect(say(receiver.handle(adu(2), t0))).toEqual(['deliver', 'deliver-held 3', 'acknowledge 2'])
})

test('what is held is bounded: more is not acknowledged', () => {
  const receiver = new DtpcReceiver()
  for (let i = 0; i < HELD_ADUS_MAX; i++) receiver.handle(adu(i + 2), t0)
  expect(say(receiver.handle(adu(HELD_ADUS_MAX + 2), t0))).toEqual(['refuse'])
  const large = adu(9, 0, { source: 'ipn:4.128', sizeBytes: 1e9 })
  expect(say(receiver.handle(large, t0))).toEqual(['refuse'])
})

test('the source silent longest is forgotten beyond the bound, one with something held is not', () => {
  const receiver = new DtpcReceiver()
  receiver.handle(adu(2, 0, { source: 'ipn:1.128' }), t0)
  for (let i = 2; i <= RECEIVING_STREAMS_MAX; i++) {
    receiver.handle(adu(1, 0, { source: `ipn:${i}.128` }), t0)
  }
  receiver.handle(adu(2, 0, { source: 'ipn:2.128' }), t0)
  const effects = receiver.handle(adu(1, 0, { source: 'ipn:0.128' }), t0)
  expect(say(effects)).toEqual(['forget ipn:3.128', 'deliver', 'acknowledge 1'])
})

test('property: in whatever order and however often they come, each is delivered once, in order', () => {
  const come = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 60 })
  fc.assert(
    fc.property(come, (numbers) => {
      const receiver = new DtpcReceiver()
      const delivered: number[] = []
      for (const sequence of numbers) {
        const effects = receiver.handle(adu(sequence), t0)
        expect(effects.at(-1)).toMatchObject({ type: 'acknowledge', sequence })
        for (const effect of effects) {
          if (effect.type === 'deliver') delivered.push(sequence)
          if (effect.type === 'deliver-held') delivered.push(effect.adu.sequence)
        }
      }
      for (const effect of receiver.handle({ type: 'tick' }, monoMs(LIFETIME_MS))) {
        if (effect.type === 'deliver-held') delivered.push(effect.adu.sequence)
      }
      while (receiver.deadline !== undefined) {
        for (const effect of receiver.handle({ type: 'tick' }, monoMs(LIFETIME_MS))) {
          if (effect.type === 'deliver-held') delivered.push(effect.adu.sequence)
        }
      }
      expect(delivered).toEqual([...new Set(numbers)].sort((a, b) => a - b))
    }),
  )
})
