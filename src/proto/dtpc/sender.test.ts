import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import { addMs, type MonoMs, monoMs } from '../../base/time.ts'
import { decodeDtpc } from './codec.ts'
import { SEND_AGAIN_MS, SENDING_STREAMS_MAX } from './limits.ts'
import type { DtpcProfile } from './pdu.ts'
import { DtpcSender, type OutboundAdu, type SenderEffect } from './sender.ts'

const t0 = monoMs(0)
const PLAIN: DtpcProfile = {
  id: 2,
  retransmissionsMax: 0,
  aggregationBytes: 0,
  aggregationMs: 0,
  lifetimeMs: 600_000,
}
const ACKED: DtpcProfile = { ...PLAIN, id: 5, retransmissionsMax: 2, lifetimeMs: 12_000 }
const TOGETHER: DtpcProfile = { ...ACKED, id: 6, aggregationBytes: 10, aggregationMs: 3000 }

let idCount = 0
function item(text: string, profile: DtpcProfile, topic = 1) {
  const id = idCount++
  const bytes = fromUtf8(text)
  return { type: 'item' as const, item: { id, destination: 'ipn:3.129', profile, topic, bytes } }
}

function typesOf(effects: readonly SenderEffect[]): readonly string[] {
  return effects.map((e) => (e.type === 'settled' ? `${e.type} ${e.outcome}` : e.type))
}

function aduOf(effects: readonly SenderEffect[]): OutboundAdu {
  const complete = effects.find((e) => e.type === 'complete')
  if (complete?.type !== 'complete') throw new Error('nothing is complete')
  return complete.adu
}

/** `topic: record, record` of what is complete. */
function textsOf(effects: readonly SenderEffect[]): readonly string[] {
  return effects.flatMap((effect) => {
    if (effect.type !== 'complete') return []
    const pdu = decodeDtpc(effect.payload)
    if (!pdu.ok || pdu.value.type !== 'data') throw new Error('no data')
    return pdu.value.topics.map((t) => `${t.topic}: ${t.records.map(toUtf8).join(', ')}`)
  })
}

describe('without the transport service', () => {
  test('an item leaves at once, with number 0, and is over when a bundle has it', () => {
    const sender = new DtpcSender()
    const effects = sender.handle(item('a', PLAIN), t0)
    expect(typesOf(effects)).toEqual(['complete', 'transmit'])
    const adu = aduOf(effects)
    expect(adu.sequence).toBe(0)
    expect(typesOf(sender.handle({ type: 'sent', key: adu.key }, t0))).toEqual(['settled sent'])
    expect(sender.deadline).toBeUndefined()
  })

  test('the lifetime of its bundle is that of ION: twice the profile’s', () => {
    const effects = new DtpcSender().handle(item('a', PLAIN), t0)
    expect(effects.at(-1)).toMatchObject({ type: 'transmit', lifetimeMs: 1_200_000 })
  })
})

describe('with it', () => {
  test('copies leave at the times and with the lifetimes that ION was seen to use', () => {
    const sender = new DtpcSender()
    const first = sender.handle(item('a', ACKED), t0)
    const { key } = aduOf(first)
    const seen: unknown[] = []
    let now = t0
    for (let effects = first; ; ) {
      for (const effect of effects) {
        if (effect.type === 'transmit') {
          seen.push([now, effect.attempt, effect.lifetimeMs])
          sender.handle({ type: 'sent', key }, now)
        }
        if (effect.type === 'settled') seen.push([now, effect.outcome])
      }
      const { deadline } = sender
      if (deadline === undefined) break
      now = deadline
      effects = sender.handle({ type: 'tick' }, now)
    }
    expect(seen).toEqual([
      [0, 0, 16_000],
      [4000, 1, 12_000],
      [8000, 2, 8000],
      [16_000, 'expired'],
    ])
  })

  test('numbers count from 1 for each destination and profile; an acknowledgement settles', () => {
    const sender = new DtpcSender()
    const numbers = ['a', 'b', 'c'].map(
      (text) => aduOf(sender.handle(item(text, ACKED), t0)).sequence,
    )
    expect(numbers).toEqual([1, 2, 3])
    const acknowledged = { type: 'acknowledged' as const, destination: 'ipn:3.129', profile: 5 }
    expect(typesOf(sender.handle({ ...acknowledged, sequence: 2 }, t0))).toEqual([
      'settled acknowledged',
    ])
    for (const sequence of [2, 9]) {
      expect(sender.handle({ ...acknowledged, sequence }, t0)).toEqual([])
    }
    expect(sender.handle({ ...acknowledged, destination: 'ipn:4.129', sequence: 1 }, t0)).toEqual(
      [],
    )
    expect(sender.underWayCount).toBe(2)
  })

  test('what the node could not take is tried again and does not count', () => {
    const sender = new DtpcSender()
    const { key } = aduOf(sender.handle(item('a', ACKED), t0))
    sender.handle({ type: 'not-sent', key, temporary: true }, t0)
    const later = addMs(t0, SEND_AGAIN_MS)
    expect(sender.deadline).toBe(later)
    expect(sender.handle({ type: 'tick' }, later)).toMatchObject([{ type: 'transmit', attempt: 0 }])
    const over = sender.handle({ type: 'not-sent', key, temporary: false }, later)
    expect(typesOf(over)).toEqual(['settled refused'])
  })

  test('after a restart numbers go on, and what is not over is sent again', () => {
    const earlier = new DtpcSender()
    const adu = aduOf(earlier.handle(item('a', ACKED), t0))
    const sender = new DtpcSender()
    const stream = { destination: 'ipn:3.129', profile: 5, last: 1 }
    sender.handle({ type: 'recovered-stream', ...stream }, monoMs(5000))
    expect(sender.handle({ type: 'recovered-adu', adu }, monoMs(5000))).toMatchObject([
      { type: 'transmit', attempt: 1, lifetimeMs: 11_000 },
    ])
    const next = aduOf(sender.handle(item('b', ACKED), monoMs(5000)))
    expect(next).toMatchObject({ sequence: 2, key: adu.key + 1 })
    const late = new DtpcSender().handle({ type: 'recovered-adu', adu }, monoMs(16_000))
    expect(typesOf(late)).toEqual(['settled expired'])
  })

  test('more destinations than can be remembered are refused', () => {
    const sender = new DtpcSender()
    for (let i = 0; i < SENDING_STREAMS_MAX; i++) {
      const recovered = { destination: `ipn:${i}.129`, profile: 1, last: 0 }
      sender.handle({ type: 'recovered-stream', ...recovered }, t0)
    }
    expect(sender.handle(item('a', ACKED), t0)).toMatchObject([
      { type: 'refuse', fault: { code: 'dtpc/full', temporary: true } },
    ])
  })
})

describe('aggregation', () => {
  test('items share an ADU by topic until its size is reached', () => {
    const sender = new DtpcSender()
    expect(sender.handle(item('one', TOGETHER, 7), t0)).toEqual([])
    expect(sender.handle(item('two', TOGETHER, 8), t0)).toEqual([])
    const effects = sender.handle(item('three', TOGETHER, 7), t0)
    expect(textsOf(effects)).toEqual(['7: one, three', '8: two'])
  })

  test('or until the first of them has waited for its time', () => {
    const sender = new DtpcSender()
    sender.handle(item('one', TOGETHER), t0)
    expect(sender.deadline).toBe(3000)
    sender.handle(item('two', TOGETHER), monoMs(2000))
    expect(sender.handle({ type: 'tick' }, monoMs(2999))).toEqual([])
    expect(textsOf(sender.handle({ type: 'tick' }, monoMs(3000)))).toEqual(['1: one, two'])
  })

  test('elision leaves out what is not worth sending any more', () => {
    const sender = new DtpcSender()
    const latest = (text: string) => {
      const event = item(text, TOGETHER)
      const elide = (records: readonly Uint8Array[]): readonly number[] => [records.length - 1]
      return { ...event, item: { ...event.item, elide } }
    }
    const first = latest('one')
    expect(sender.handle(first, t0)).toEqual([])
    expect(sender.handle(latest('two'), t0)).toEqual([{ type: 'elided', items: [first.item.id] }])
    expect(textsOf(sender.handle({ type: 'tick' }, monoMs(3000)))).toEqual(['1: two'])
  })
})

test('property: each item is in one ADU, numbers are not repeated, and all is over in the end', () => {
  const profile = fc.constantFrom(PLAIN, ACKED, TOGETHER)
  const step = fc.record({ profile, waitMs: fc.nat(5000), acknowledge: fc.nat(3) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const sender = new DtpcSender()
      const given = new Set<number>()
      const complete: OutboundAdu[] = []
      const settled: OutboundAdu[] = []
      let now: MonoMs = t0
      const hear = (effects: readonly SenderEffect[]): void => {
        for (const effect of effects) {
          if (effect.type === 'complete') complete.push(effect.adu)
          if (effect.type === 'settled') settled.push(effect.adu)
          if (effect.type === 'transmit') {
            hear(sender.handle({ type: 'sent', key: effect.adu.key }, now))
          }
        }
      }
      for (const { profile, waitMs, acknowledge } of steps) {
        const event = item('x'.repeat(waitMs % 8), profile)
        given.add(event.item.id)
        hear(sender.handle(event, now))
        const { destination } = event.item
        const ack = {
          type: 'acknowledged' as const,
          destination,
          profile: 5,
          sequence: acknowledge,
        }
        hear(sender.handle(ack, now))
        now = addMs(now, waitMs)
        hear(sender.handle({ type: 'tick' }, now))
      }
      while (sender.deadline !== undefined) {
        now = sender.deadline > now ? sender.deadline : now
        hear(sender.handle({ type: 'tick' }, now))
      }
      expect(complete.flatMap(({ items }) => items).sort((a, b) => a - b)).toEqual([...given])
      const names = complete.map((a) => `${a.profile} ${a.sequence || `none ${a.key}`}`)
      expect(new Set(names).size).toBe(names.length)
      expect(settled.map(({ key }) => key).sort((a, b) => a - b)).toEqual(
        complete.map(({ key }) => key),
      )
      expect(sender.underWayCount).toBe(0)
    }),
  )
})
