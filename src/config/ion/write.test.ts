import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type WallMs, wallMs } from '../../base/time.ts'
import type { NodePair } from '../../dtn/contact-plan.ts'
import { type EndpointId, ipnEndpoint } from '../../proto/bpv7/endpoint-id.ts'
import { readIon } from './ion.ts'
import type { IonNode, IonPlan } from './ion-node.ts'
import { LINE_BYTES_MAX, TIME_SEC_MAX, UINT_MAX } from './limits.ts'
import { lineBytes } from './text.ts'
import { writeIon } from './write.ts'

const OWN = 2n

const word = fc.stringMatching(/^[A-Za-z0-9_.-]{1,12}$/)
const daemon = fc.stringMatching(/^[A-Za-z0-9_ .,:"#-]{1,20}$/)
const node = fc.bigInt({ min: 3n, max: 0xffff_ffffn })
const uint = fc.integer({ min: 1, max: UINT_MAX })
const service = fc.bigInt({ min: 0n, max: 0xffff_ffffn })
const instants = fc
  .tuple(fc.nat(TIME_SEC_MAX - 1), fc.integer({ min: 1, max: 1000 }))
  .map(([from, length]): { from: WallMs; until: WallMs } => ({
    from: wallMs(from * 1000),
    until: wallMs(Math.min(from + length, TIME_SEC_MAX) * 1000),
  }))
const port = fc.integer({ min: 1024, max: 65_535 })
const duct = fc.tuple(fc.ipV4(), port).map((parts) => parts.join(':'))
const foreign: fc.Arbitrary<EndpointId> = fc.tuple(node, service).map((ids) => ipnEndpoint(...ids))

function optional<T>(key: string, value: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T>> {
  return fc.option(value).map((given) => (given === null ? {} : { [key]: given }))
}

/** Some of `item`, no two with the same `name`. */
function named<T>(item: fc.Arbitrary<T>, name: (item: T) => unknown): fc.Arbitrary<T[]> {
  return fc.uniqueArray(item, { maxLength: 4, selector: (value) => String(name(value)) })
}

function merged<A, B>(a: fc.Arbitrary<A>, b: fc.Arbitrary<B>): fc.Arbitrary<A & B> {
  return fc.tuple(a, b).map(([left, right]) => ({ ...left, ...right }))
}

function pairOf({ source, destination }: NodePair): string {
  return `${source} ${destination}`
}

function byPair<T extends NodePair>(items: readonly T[]): T[] {
  return [...items].sort((a, b) =>
    a.source === b.source ? Number(a.destination - b.destination) : Number(a.source - b.source),
  )
}

const pair = { source: node, destination: node }
const contact = merged(
  instants,
  fc.record({
    ...pair,
    rateBytesPerSec: uint,
    confidence: fc.double({ min: 0, max: 1, noNaN: true }).map(Math.abs),
  }),
)
const range = merged(
  instants,
  fc.record({ ...pair, oneWayDelayMs: fc.nat(100_000).map((sec) => sec * 1000) }),
)
const span = merged(
  fc.record({
    peer: node,
    exportSessionsMax: uint,
    importSessionsMax: uint,
    segmentBytesMax: uint,
    aggregationBytes: uint,
    aggregationSec: uint,
    daemon,
  }),
  optional('queuingLatencySec', fc.integer({ min: -86_400, max: 86_400 })),
)
const profile = merged(
  fc.record({
    id: uint,
    retransmissionsMax: uint,
    aggregationBytes: fc.nat(UINT_MAX),
    aggregationSec: fc.nat(UINT_MAX),
    lifetimeSec: uint,
    qos: fc.record({
      isCustodyWanted: fc.boolean(),
      priority: fc.nat(2),
      ordinal: fc.nat(254),
      isUnreliable: fc.boolean(),
      isCritical: fc.boolean(),
      label: fc.nat(UINT_MAX),
    }),
    reportTo: foreign,
  }),
  optional('reports', fc.constantFrom('rcv', 'fwd,dlv', 'rcv,ct,fwd,dlv,del')),
)
const endpoint = merged(
  fc.record({
    endpoint: service.map((number) => ipnEndpoint(OWN, number)),
    rule: fc.constantFrom('q' as const, 'x' as const),
  }),
  optional('script', daemon),
)

/** Plans with ducts that no other has, lower nodes first. */
function plansOver(outducts: IonNode['outducts']): fc.Arbitrary<IonPlan[]> {
  const plan = merged(
    fc.record({ endpoint: node.map((number) => ipnEndpoint(number, 0n)), isBlocked: fc.boolean() }),
    merged(optional('via', foreign), optional('rateBytesPerSec', uint)),
  )
  return named(plan, (item) => (item.endpoint as EndpointId & { scheme: 'ipn' }).node).map(
    (plans) =>
      plans
        .map((item, index) => ({
          ...item,
          ducts: outducts
            .filter((_, at) => at % plans.length === index)
            .map(({ protocol, duct: name }) => ({ protocol, duct: name })),
        }))
        .sort((a, b) => (nodeOf(a) < nodeOf(b) ? -1 : 1)),
  )
}

function nodeOf(plan: IonPlan): bigint {
  return plan.endpoint.scheme === 'ipn' ? plan.endpoint.node : 0n
}

const outduct = merged(
  fc.record({
    protocol: fc.constant('udp'),
    duct,
    daemon: fc.oneof(fc.constant(''), daemon),
  }),
  optional('payloadBytesMax', uint),
)

const ionNode: fc.Arbitrary<IonNode> = named(outduct, (item) => item.duct).chain((outducts) =>
  fc.record({
    node: fc.constant(OWN),
    clock: fc.record({
      errorSec: fc.nat(60),
      isSynchronized: fc.boolean(),
      utcDeltaSec: fc.integer({ min: -86_400, max: 86_400 }).map((sec) => sec || 0),
    }),
    contactPlan: fc.record({
      contacts: named(contact, pairOf).map(byPair),
      ranges: named(range, pairOf).map(byPair),
    }),
    keys: named(fc.record({ name: word, file: word }), (item) => item.name),
    ltp: fc.record({
      sessions: fc.option(fc.nat(UINT_MAX), { nil: undefined }),
      spans: named(span, (item) => item.peer),
      seats: named(daemon, (item) => item),
    }),
    schemes: fc.constant([{ name: 'ipn', forwarder: 'ipnfw', adminEndpoint: 'ipnadminep' }]),
    endpoints: named(endpoint, (item) => (item.endpoint as { service: bigint }).service),
    protocols: optional('protocolClass', fc.integer({ min: 1, max: 26 })).map((protocolClass) => [
      { name: 'udp', ...protocolClass },
    ]),
    inducts: named(fc.record({ protocol: fc.constant('udp'), duct, daemon }), (item) => item.duct),
    outducts: fc.constant(outducts),
    plans: plansOver(outducts),
    exits: named(
      fc.record({ first: node, last: node, gateway: foreign }).map(({ first, last, gateway }) => ({
        first: first < last ? first : last,
        last: first < last ? last : first,
        gateway,
      })),
      ({ first, last }) => `${first} ${last}`,
    ),
    profiles: named(profile, (item) => item.id),
  }),
)

test('property: what is written is read as the same node, without a problem', () => {
  fc.assert(
    fc.property(ionNode, (written) => {
      const files = writeIon(written, 'n')
      const reading = readIon(files, {
        readFile: (name) => files.find(({ file }) => file === name) ?? { file: name, reason: '' },
        startedAt: wallMs(0),
      })
      expect(reading.problems).toEqual([])
      expect(reading.node).toEqual(written)
      const lines = files.flatMap(({ text }) => text.split('\n'))
      expect(Math.max(...lines.map(lineBytes))).toBeLessThanOrEqual(LINE_BYTES_MAX)
    }),
  )
})
