import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type MonoMs, monoMs, wallMs } from '../base/time.ts'
import {
  type EndpointId,
  ipnEndpoint,
  NULL_ENDPOINT,
  parseEndpointId,
} from '../proto/bpv7/endpoint-id.ts'
import { BundleAgent } from './agent.ts'
import type { AgentEffect, AgentEvent } from './agent-events.ts'
import type { BundleRecord, FragmentExtent } from './bundle-record.ts'
import { DEFAULT_LIMITS, REASSEMBLY_IDLE_MS, RETRY_FIRST_MS, TRANSMISSIONS_MAX } from './limits.ts'
import type { StaticPlan } from './static-plan.ts'

const t0 = monoMs(0)
const plan: StaticPlan = {
  node: 3n,
  protocol: 'udp',
  duct: '172.22.0.3:3113',
  dtnNames: ['news'],
}
const limits = {
  ...DEFAULT_LIMITS,
  strandedCountMax: 2,
  aduBytesMax: 100,
  reassemblyBytesMax: 100,
}

const REGISTERED = {
  type: 'registered',
  endpoint: ipnEndpoint(2n, 7n),
  state: 'active',
} as const

function agent(): BundleAgent {
  return new BundleAgent({ node: 2n, plans: [plan], limits })
}

function eid(text: string): EndpointId {
  return parseEndpointId(text) ?? NULL_ENDPOINT
}

function record(key: number, destination: string, more: Partial<BundleRecord> = {}): BundleRecord {
  return {
    key,
    id: `id-${key}`,
    destination: eid(destination),
    administrative: false,
    own: false,
    hold: undefined,
    neighbour: undefined,
    sizeBytes: 10,
    arrivedAt: wallMs(1000),
    expiresAt: wallMs(11_000),
    pared: false,
    fragment: undefined,
    reports: undefined,
    previousNode: undefined,
    ...more,
  }
}

function piece(key: number, offset: number, length: number, more: Partial<BundleRecord> = {}) {
  const fragment: FragmentExtent = { aduId: 'ipn:9.1/1-0', offset, length, aduBytes: 30 }
  return record(key, 'ipn:2.7', { fragment, ...more })
}

function offer(a: BundleAgent, r: BundleRecord, now: MonoMs = t0): readonly AgentEffect[] {
  const wall = wallMs(1000 + now)
  return a.handle({ type: 'offered', record: r, wall }, now)
}

/** Offers a bundle, which the agent must want, and tells that it is on the disk. */
function keep(a: BundleAgent, r: BundleRecord, now: MonoMs = t0): readonly AgentEffect[] {
  expect(offer(a, r, now)).toMatchObject([{ type: 'store', record: r }])
  return a.handle({ type: 'stored', key: r.key }, now)
}

test('a bundle is neither forwarded nor delivered before it is stored', () => {
  const a = agent()
  expect(offer(a, record(18, 'ipn:3.1')).map(({ type }) => type)).toEqual(['store'])
  expect(a.handle({ type: 'stored', key: 18 }, monoMs(5))).toEqual([
    { type: 'transmit', key: 18, id: 'id-18', plan, residenceMs: 5, isRepeat: false },
  ])
})

test('once forwarded it leaves the store, unless it is held (RFC 9171 §5.4 step 5, §5.11)', () => {
  const a = agent()
  keep(a, record(16, 'ipn:3.1'))
  keep(a, record(17, 'ipn:3.1', { hold: 'h', own: true }))
  expect(a.handle({ type: 'transmitted', key: 16 }, t0)).toEqual([{ type: 'remove', keys: [16] }])
  expect(a.handle({ type: 'transmitted', key: 17 }, t0)).toEqual([{ type: 'forwarded', hold: 'h' }])
  expect(a.census).toEqual({ storing: 0, waiting: 0, held: 1 })
})

test('a held bundle is forwarded again when asked for, until it is released', () => {
  const a = agent()
  keep(a, record(18, 'ipn:3.1', { hold: 'h' }))
  expect(a.handle({ type: 'resend', hold: 'h' }, t0)).toEqual([])
  a.handle({ type: 'transmitted', key: 18 }, t0)
  expect(a.handle({ type: 'resend', hold: 'h' }, t0)).toMatchObject([
    { type: 'transmit', isRepeat: true },
  ])
  expect(a.holds('h')).toBe(true)
  expect(a.handle({ type: 'release', hold: 'h' }, t0)).toEqual([{ type: 'remove', keys: [18] }])
  expect(a.holds('h')).toBe(false)
  expect(a.handle({ type: 'transmitted', key: 18 }, t0)).toEqual([])
})

test('at the end of its lifetime it is deleted, whatever it waits for (RFC 9171 §5.5)', () => {
  const a = agent()
  keep(a, record(17, 'ipn:3.1', { hold: 'h' }))
  a.handle({ type: 'transmitted', key: 17 }, t0)
  keep(a, record(26, 'ipn:2.7'))
  expect(a.deadline).toBe(10_000)
  expect(a.handle({ type: 'tick' }, monoMs(9_999))).toEqual([])
  expect(a.handle({ type: 'tick' }, monoMs(10_000))).toEqual([
    { type: 'remove', keys: [17] },
    { type: 'deleted', id: 'id-17', reason: 'lifetime expired', status: 1 },
    { type: 'remove', keys: [26] },
    { type: 'deleted', id: 'id-26', reason: 'lifetime expired', status: 1 },
  ])
  expect(a.deadline).toBeUndefined()
})

test('what expires while it is written is deleted once it is stored', () => {
  const a = agent()
  offer(a, record(18, 'ipn:3.1'))
  a.handle({ type: 'tick' }, monoMs(20_000))
  expect(a.handle({ type: 'stored', key: 18 }, monoMs(20_000))).toEqual([
    { type: 'remove', keys: [18] },
    { type: 'deleted', id: 'id-18', reason: 'lifetime expired', status: 1 },
  ])
})

test('expired, for nobody, or here already: refused', () => {
  const a = agent()
  keep(a, record(18, 'ipn:2.7'))
  const refusal = (r: BundleRecord): unknown =>
    offer(a, r).map((effect) => effect.type === 'refuse' && effect.fault.code)
  expect(refusal(record(14, 'ipn:3.1', { expiresAt: wallMs(1000) }))).toEqual(['dtn/expired'])
  expect(refusal(record(23, 'dtn:none'))).toEqual(['dtn/no-destination'])
  expect(refusal(record(28, 'ipn:0.5'))).toEqual(['dtn/no-destination'])
  expect(refusal(record(13, 'ipn:2.7', { id: 'id-18' }))).toEqual(['dtn/duplicate'])
})

test('a bundle that was delivered may come again, and is delivered again', () => {
  const a = agent()
  a.handle(REGISTERED, t0)
  for (const key of [1, 2]) {
    const effects = offer(a, record(key, 'ipn:2.7', { id: 'same' }))
    expect(effects).toMatchObject([{ type: 'store' }, { type: 'deliver' }])
    expect(a.handle({ type: 'stored', key }, t0)).toEqual([])
    a.handle({ type: 'delivered', key, isRepeat: false }, t0)
  }
})

test('what an application has open is delivered while it is written, and may be gone before', () => {
  const a = agent()
  a.handle(REGISTERED, t0)
  expect(offer(a, record(1, 'ipn:2.7'))).toMatchObject([{ type: 'store' }, { type: 'deliver' }])
  expect(a.handle({ type: 'delivered', key: 1, isRepeat: false }, t0)).toEqual([
    { type: 'remove', keys: [1] },
  ])
  expect(a.census).toEqual({ storing: 0, waiting: 0, held: 0 })
  expect(a.handle({ type: 'stored', key: 1 }, t0)).toEqual([])
  // One that could not be written is forgotten, whatever the application says later.
  offer(a, record(2, 'ipn:2.7'))
  expect(a.handle({ type: 'not-stored', key: 2 }, t0)).toEqual([])
  expect(a.handle({ type: 'delivered', key: 2, isRepeat: false }, t0)).toEqual([])
  // One that is not taken for now waits as any other.
  offer(a, record(3, 'ipn:2.7'))
  a.handle({ type: 'not-delivered', key: 3, failure: { temporary: true } }, t0)
  expect(a.handle({ type: 'stored', key: 3 }, t0)).toEqual([])
  expect(a.census).toEqual({ storing: 0, waiting: 1, held: 0 })
})

test('what somebody is told of, or what is ours, is delivered when it is on the disk', () => {
  const a = agent()
  a.handle(REGISTERED, t0)
  for (const [key, more] of [
    [1, { own: true }],
    [2, { reports: ['delivered'] }],
  ] as const) {
    expect(offer(a, record(key, 'ipn:2.7', more))).toMatchObject([{ type: 'store' }])
    expect(a.handle({ type: 'stored', key }, t0)).toMatchObject([{ type: 'deliver', key }])
  }
})

test('bundles for an endpoint that nobody has registered wait for it (RFC 9171 §5.7)', () => {
  const a = agent()
  expect(keep(a, record(18, 'ipn:2.7'))).toEqual([])
  expect(a.handle(REGISTERED, t0)).toMatchObject([
    { type: 'deliver', key: 18, keys: [18], endpoint: ipnEndpoint(2n, 7n), expiresAt: 11_000 },
  ])
})

test('bundles of others with nowhere to go are bounded, and those with a way go on', () => {
  const a = agent()
  keep(a, record(2, 'ipn:2.7'))
  keep(a, record(3, 'ipn:99.7'))
  const refused = [{ type: 'refuse', fault: { code: 'dtn/too-many-waiting', temporary: true } }]
  expect(offer(a, record(4, 'dtn://x/y'))).toMatchObject(refused)
  keep(a, record(5, 'ipn:99.7', { own: true }))
  keep(a, record(6, 'ipn:3.1'))
  a.handle(REGISTERED, t0)
  keep(a, record(7, 'ipn:99.7'))
  expect(offer(a, record(8, 'ipn:99.7'))).toMatchObject(refused)
})

test('a neighbour that fails for now is tried again after a pause, one bundle ahead', () => {
  const a = agent()
  for (const key of [2, 3]) keep(a, record(key, 'ipn:3.1'))
  const failure = { temporary: true } as const
  for (const key of [2, 3]) a.handle({ type: 'not-transmitted', key, failure }, t0)
  expect(a.deadline).toBe(RETRY_FIRST_MS)
  const again = a.handle({ type: 'tick' }, monoMs(RETRY_FIRST_MS))
  expect(again).toMatchObject([{ type: 'transmit', key: 2 }])
  expect(a.handle({ type: 'transmitted', key: 2 }, monoMs(RETRY_FIRST_MS))).toMatchObject([
    { type: 'remove' },
    { type: 'transmit', key: 3 },
  ])
})

test('what fails for good is deleted with the reason (RFC 9171 §5.4.2)', () => {
  const a = agent()
  keep(a, record(18, 'ipn:3.1', { hold: 'h' }))
  const failure = { temporary: false, reason: 'hop limit exceeded', status: 9 } as const
  expect(a.handle({ type: 'not-transmitted', key: 18, failure }, t0)).toEqual([
    { type: 'remove', keys: [18] },
    { type: 'deleted', id: 'id-18', reason: 'hop limit exceeded', status: 9 },
    { type: 'lost', hold: 'h' },
  ])
})

test('what is released while it is being stored leaves the store at once', () => {
  const a = agent()
  offer(a, record(18, 'ipn:3.1', { hold: 'h', own: true }))
  expect(a.handle({ type: 'release', hold: 'h' }, t0)).toEqual([])
  expect(a.handle({ type: 'stored', key: 18 }, t0)).toEqual([{ type: 'remove', keys: [18] }])
  expect(a.census).toEqual({ storing: 0, waiting: 0, held: 0 })
})

test('what is released or expires under way, and then fails for now, is not tried again', () => {
  const a = agent()
  const failure = { temporary: true } as const
  keep(a, record(25, 'ipn:3.1', { hold: 'h', expiresAt: wallMs(1e12) }))
  keep(a, record(15, 'ipn:3.1'))
  a.handle({ type: 'release', hold: 'h' }, t0)
  const end = monoMs(10_000)
  expect(a.handle({ type: 'tick' }, end)).toMatchObject([{ type: 'remove' }, { type: 'deleted' }])
  for (const key of [25, 15]) {
    expect(a.handle({ type: 'not-transmitted', key, failure }, end)).toEqual([])
  }
  expect(a.handle({ type: 'tick' }, monoMs(end + RETRY_FIRST_MS))).toEqual([])
})

test('a bounded number of bundles is with a neighbour at once', () => {
  const a = agent()
  for (let i = 0; i < TRANSMISSIONS_MAX; i++) expect(keep(a, record(i, 'ipn:3.1'))).toHaveLength(1)
  expect(keep(a, record(9999, 'ipn:3.1'))).toEqual([])
  expect(a.handle({ type: 'transmitted', key: 1 }, t0)).toMatchObject([
    { type: 'remove' },
    { type: 'transmit', key: 9999 },
  ])
})

test('fragments are delivered together when the last is stored, and leave together (RFC 9171 §5.9)', () => {
  const a = agent()
  a.handle(REGISTERED, t0)
  expect(keep(a, piece(11, 20, 10))).toEqual([])
  expect(keep(a, piece(9, 0, 15))).toEqual([])
  expect(keep(a, piece(10, 10, 15))).toMatchObject([
    { type: 'deliver', key: 11, keys: [11, 9, 10] },
  ])
  expect(a.handle({ type: 'delivered', key: 11, isRepeat: false }, t0)).toEqual([
    { type: 'remove', keys: [11, 9, 10] },
  ])
  expect(a.census).toEqual({ storing: 0, waiting: 0, held: 0 })
})

test('fragments found at the start go on where they were, before and after registration', () => {
  for (const registerFirst of [true, false]) {
    const a = agent()
    const register = (): readonly AgentEffect[] => a.handle(REGISTERED, t0)
    if (registerFirst) register()
    const effects = [piece(9, 0, 15), piece(10, 15, 15)].flatMap((r) =>
      a.handle({ type: 'recovered', record: r, wall: wallMs(2000) }, t0),
    )
    if (!registerFirst) effects.push(...register())
    expect(effects).toMatchObject([{ type: 'deliver', keys: [9, 10] }])
    expect(a.deadline).toBe(9000)
  }
})

test('a fragment that is covered is refused as a duplicate; an expired one takes its ADU along', () => {
  const a = agent()
  keep(a, piece(9, 0, 20))
  expect(offer(a, piece(10, 5, 10))).toMatchObject([{ fault: { code: 'dtn/duplicate' } }])
  keep(a, piece(11, 20, 5, { expiresAt: wallMs(2000) }))
  expect(a.handle({ type: 'tick' }, monoMs(1000))).toEqual([
    { type: 'remove', keys: [9, 11] },
    { type: 'deleted', id: 'ipn:9.1/1-0', reason: 'lifetime expired', status: 1 },
  ])
})

test('an ADU without room is refused, until an idle one gives way to it', () => {
  const a = agent()
  const other = (key: number): BundleRecord => {
    const fragment: FragmentExtent = { aduId: 'ipn:9.1/2-0', offset: 0, length: 5, aduBytes: 80 }
    return record(key, 'ipn:2.7', { fragment, expiresAt: wallMs(1e12) })
  }
  keep(a, piece(9, 0, 5, { expiresAt: wallMs(1e12) }))
  expect(offer(a, other(10))).toMatchObject([{ fault: { code: 'dtn/too-many-waiting' } }])
  expect(offer(a, other(11), monoMs(REASSEMBLY_IDLE_MS))).toMatchObject([
    { type: 'remove', keys: [9] },
    { type: 'deleted', reason: 'traffic pared' },
    { type: 'store' },
  ])
})

test('a claim without much behind it gives way at once to an ADU that brings more', () => {
  const a = agent()
  const claim: FragmentExtent = { aduId: 'ipn:6.6/1-0', offset: 7, length: 1, aduBytes: 100 }
  keep(a, record(12, 'ipn:2.7', { fragment: claim }))
  expect(offer(a, piece(9, 0, 15))).toMatchObject([
    { type: 'remove', keys: [12] },
    { type: 'deleted', reason: 'traffic pared' },
    { type: 'store' },
  ])
})

test('an ADU that is repeated in fragments after its delivery is delivered again', () => {
  const a = agent()
  a.handle(REGISTERED, t0)
  for (const round of [1, 2]) {
    keep(a, piece(10 * round, 0, 15))
    expect(keep(a, piece(10 * round + 1, 15, 15))).toMatchObject([{ type: 'deliver' }])
    a.handle({ type: 'delivered', key: 10 * round, isRepeat: false }, t0)
  }
})

test('fragments that come late, after the delivery, keep no room from other ADUs', () => {
  const a = agent()
  a.handle(REGISTERED, t0)
  keep(a, piece(27, 0, 30))
  a.handle({ type: 'delivered', key: 27, isRepeat: false }, t0)
  keep(a, piece(20, 0, 29))
  const other: FragmentExtent = { aduId: 'ipn:8.1/1-0', offset: 0, length: 1, aduBytes: 100 }
  // Nothing is told of them: the ADU was delivered.
  expect(offer(a, record(24, 'ipn:2.7', { fragment: other }))).toMatchObject([
    { type: 'remove', keys: [20] },
    { type: 'store' },
  ])
  expect(offer(a, piece(21, 5, 5))).toMatchObject([{ fault: { code: 'dtn/duplicate' } }])
})

test('after stop nothing begins, and what was under way is still brought to its end', () => {
  const a = agent()
  keep(a, record(2, 'ipn:3.1'))
  a.handle({ type: 'stop' }, t0)
  expect(a.deadline).toBeUndefined()
  expect(
    a.handle({ type: 'recovered', record: record(3, 'ipn:3.1'), wall: wallMs(1000) }, t0),
  ).toEqual([])
  expect(a.handle({ type: 'transmitted', key: 2 }, t0)).toEqual([{ type: 'remove', keys: [2] }])
})

test('expiries of bundles long gone do not pile up', () => {
  const a = agent()
  for (let i = 0; i < 5000; i++) {
    keep(a, record(i, 'ipn:3.1', { expiresAt: wallMs(1e12 + i) }))
    a.handle({ type: 'transmitted', key: i }, t0)
  }
  keep(a, record(19, 'ipn:3.1', { expiresAt: wallMs(1e13) }))
  a.handle({ type: 'transmitted', key: 19 }, t0)
  // Only an upper bound can be seen from outside: the next wake is none of the first bundles'.
  expect(a.deadline).toBeGreaterThan(1e12 - 1000 + 3000)
})

test('property: in any order of events nothing throws, and every bundle is accounted for', () => {
  const destination = fc.constantFrom(
    'ipn:3.1',
    'ipn:2.7',
    'ipn:2.8',
    'ipn:99.1',
    'ipn:2.0',
    'dtn://x/y',
    'dtn://news/~all',
    'dtn://away/~all',
  )
  const ours = fc.constantFrom(...['ipn:2.7', 'ipn:2.8', 'dtn://news/~all', 'dtn://away/~all'])
  const step = fc.oneof(
    fc.record({
      do: fc.constant('offer' as const),
      destination,
      hold: fc.option(fc.constantFrom('a', 'b', 'c'), { nil: undefined }),
      own: fc.boolean(),
      id: fc.nat(30),
      lifetimeMs: fc.integer({ min: -5, max: 50_000 }),
    }),
    fc.record({
      do: fc.constant('piece' as const),
      destination: fc.constantFrom('ipn:2.7', 'dtn://news/~all'),
      offset: fc.nat(29),
      length: fc.integer({ min: 1, max: 30 }),
      lifetimeMs: fc.integer({ min: 1, max: 50_000 }),
    }),
    fc.record({
      do: fc.constant('answer' as const),
      pick: fc.nat(),
      how: fc.constantFrom('good', 'repeat', 'later', 'never'),
    }),
    fc.record({
      do: fc.constantFrom('resend' as const, 'release' as const),
      hold: fc.constantFrom('a', 'b', 'c'),
    }),
    fc.record({ do: fc.constant('wait' as const), durationMs: fc.nat(8000) }),
    fc.record({
      do: fc.constant('register' as const),
      endpoint: ours,
      state: fc.constantFrom('active' as const, 'passive' as const, 'closed' as const),
    }),
    fc.record({
      do: fc.constant('declare' as const),
      endpoint: ours,
      whenInactive: fc.constantFrom('defer' as const, 'abandon' as const),
    }),
    fc.record({ do: fc.constantFrom('poll' as const, 'withdraw' as const), endpoint: ours }),
    fc.record({ do: fc.constant('cancel' as const), id: fc.nat(30) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const a = agent()
      const open = new Map<string, { readonly what: string; readonly key: number }>()
      const kept = new Set<number>()
      const storing = new Set<number>()
      let now = t0
      const run = (event: AgentEvent): void => {
        for (const effect of a.handle(event, now)) {
          if (effect.type === 'store') {
            open.set(`store ${effect.record.key}`, { what: 'store', key: effect.record.key })
            storing.add(effect.record.key)
          } else if (effect.type === 'transmit' || effect.type === 'deliver') {
            for (const key of effect.type === 'deliver' ? effect.keys : [effect.key]) {
              expect(kept.has(key) || (effect.type === 'deliver' && storing.has(key))).toBe(true)
            }
            const name = `${effect.type} ${effect.key}`
            expect(open.has(name)).toBe(false)
            open.set(name, { what: effect.type, key: effect.key })
          } else if (effect.type === 'remove') {
            for (const key of effect.keys)
              expect(kept.delete(key) || storing.delete(key)).toBe(true)
          }
        }
        const { waiting, held, storing: written } = a.census
        expect(waiting + held).toBe(kept.size)
        expect(written).toBe(storing.size)
      }
      const answer = (pick: number, how: string): void => {
        const [name, work] = [...open][pick % Math.max(1, open.size)] ?? []
        if (name === undefined || work === undefined) return
        open.delete(name)
        const { what, key } = work
        const failure =
          how === 'later'
            ? ({ temporary: true } as const)
            : ({ temporary: false, reason: 'x', status: 0 } as const)
        if (what === 'store') {
          if (storing.delete(key) && how === 'good') kept.add(key)
          run(how === 'good' ? { type: 'stored', key } : { type: 'not-stored', key })
        } else if (what === 'transmit') {
          run(
            how === 'good'
              ? { type: 'transmitted', key }
              : { type: 'not-transmitted', key, failure },
          )
        } else
          run(
            how === 'good' || how === 'repeat'
              ? { type: 'delivered', key, isRepeat: how === 'repeat' }
              : { type: 'not-delivered', key, failure },
          )
      }
      for (const [index, s] of steps.entries()) {
        const key = index
        const wall = wallMs(1000 + now)
        const arrived = { arrivedAt: wall, own: false }
        switch (s.do) {
          case 'offer': {
            const more = {
              ...arrived,
              ...(s.hold !== undefined && { hold: s.hold }),
              own: s.own,
              id: `${s.id}`,
              expiresAt: wallMs(wall + s.lifetimeMs),
            }
            run({
              type: 'offered',
              record: record(key, s.destination, more),
              wall,
            })
            break
          }
          case 'piece': {
            const more = {
              ...arrived,
              id: `${s.destination} ${s.offset}+${s.length}`,
              expiresAt: wallMs(wall + s.lifetimeMs),
            }
            run({
              type: 'offered',
              record: {
                ...piece(key, s.offset, s.length, more),
                destination: eid(s.destination),
              },
              wall,
            })
            break
          }
          case 'answer':
            answer(s.pick, s.how)
            break
          case 'resend':
          case 'release':
            run({ type: s.do, hold: s.hold })
            break
          case 'wait':
            now = monoMs(now + s.durationMs)
            run({ type: 'tick' })
            expect(a.deadline ?? now + 1).toBeGreaterThan(now)
            break
          case 'register':
            run({ type: 'registered', endpoint: eid(s.endpoint), state: s.state })
            break
          case 'declare':
            run({ type: 'declared', endpoint: eid(s.endpoint), whenInactive: s.whenInactive })
            break
          case 'poll':
            run({ type: 'polled', endpoint: eid(s.endpoint) })
            break
          case 'withdraw':
            run({ type: 'withdrawn', endpoint: eid(s.endpoint) })
            break
          case 'cancel':
            run({ type: 'cancel', id: `${s.id}` })
        }
      }
      while (open.size > 0) answer(0, 'good')
      now = monoMs(now + 1e6)
      run({ type: 'tick' })
      expect(kept.size).toBe(0)
      expect(a.strandedCount).toBe(0)
      expect(a.deadline).toBeUndefined()
    }),
    { numRuns: 300 },
  )
})

test('a bundle without a plan finds one that is added, and waits again when it is removed', () => {
  const a = agent()
  expect(keep(a, record(18, 'ipn:4.1'))).toEqual([])
  expect(a.strandedCount).toBe(1)
  const four = { node: 4n, protocol: 'udp', duct: 'x' }
  const open = { from: monoMs(-1), until: monoMs(1000), rateBytesPerSec: 1000 }
  expect(a.handle({ type: 'planned', plan: four, window: open }, t0)).toEqual([
    { type: 'transmit', key: 18, id: 'id-18', plan: four, residenceMs: 0, isRepeat: false },
  ])
  expect([a.strandedCount, a.planTo(eid('ipn:4.1'))]).toEqual([0, four])
  expect(a.handle({ type: 'unplanned', node: 4n }, t0)).toEqual([])
  expect([a.strandedCount, a.planTo(eid('ipn:4.1'))]).toEqual([1, undefined])
  const failure = { temporary: true } as const
  expect(a.handle({ type: 'not-transmitted', key: 18, failure }, t0)).toEqual([])
  expect(a.handle({ type: 'planned', plan: four, window: undefined }, t0)).toMatchObject([
    { type: 'transmit', key: 18 },
  ])
})

test('what has failed on a way that it no longer takes lets those go on that waited for it there', () => {
  const group = { node: 10n, until: 20n, via: 3n, protocol: 'udp', duct: 'x' }
  const a = new BundleAgent({ node: 2n, plans: [group], limits })
  for (const key of [1, 2]) keep(a, record(key, `ipn:${14 + key}.1`))
  for (const key of [1, 2])
    a.handle({ type: 'not-transmitted', key, failure: { temporary: true } }, t0)
  const later = monoMs(RETRY_FIRST_MS)
  expect(a.handle({ type: 'tick' }, later)).toMatchObject([{ type: 'transmit', key: 1 }])
  const own = { node: 15n, protocol: 'udp', duct: 'y' }
  expect(a.handle({ type: 'planned', plan: own, window: undefined }, later)).toEqual([])
  const failed = { type: 'not-transmitted', key: 1, failure: { temporary: true } } as const
  expect(a.handle(failed, later)).toMatchObject([
    { type: 'transmit', key: 1, plan: own },
    { type: 'transmit', key: 2, plan: group },
  ])
})

test('what is under way when its plan is removed may still arrive', () => {
  const a = agent()
  keep(a, record(18, 'ipn:3.1'))
  a.handle({ type: 'unplanned', node: 3n }, t0)
  a.handle({ type: 'planned', plan, window: undefined }, t0)
  expect(a.handle({ type: 'transmitted', key: 18 }, t0)).toEqual([{ type: 'remove', keys: [18] }])
  expect(a.handle({ type: 'tick' }, t0)).toEqual([])
})

test('a plan that is changed in a failure is tried at once', () => {
  const a = agent()
  keep(a, record(18, 'ipn:3.1'))
  a.handle({ type: 'not-transmitted', key: 18, failure: { temporary: true } }, t0)
  const changed = { ...plan, duct: 'elsewhere' }
  expect(a.handle({ type: 'planned', plan: changed, window: undefined }, t0)).toMatchObject([
    { type: 'transmit', key: 18, plan: changed },
  ])
})

test('between contacts nothing is transmitted, and the deadline is when the next one opens', () => {
  const a = agent()
  const window = { from: monoMs(500), until: monoMs(900), rateBytesPerSec: 460 }
  a.handle({ type: 'contact', neighbour: 3n, window }, t0)
  for (const key of [1, 2, 3, 4, 5]) expect(keep(a, record(key, 'ipn:3.1'))).toEqual([])
  expect(a.deadline).toBe(500)
  expect(a.handle({ type: 'tick' }, monoMs(499))).toEqual([])
  const sent = a.handle({ type: 'tick' }, monoMs(500))
  expect(sent.map((effect) => effect.type === 'transmit' && effect.key)).toEqual([1, 2, 3, 4])
  expect(a.handle({ type: 'transmitted', key: 1 }, monoMs(600))).toMatchObject([{ type: 'remove' }])
  expect(
    a.handle({ type: 'contact', neighbour: 3n, window: undefined }, monoMs(900)),
  ).toMatchObject([{ type: 'transmit', key: 5 }])
})
