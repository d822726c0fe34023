import fc from 'fast-check'
import { expect, test } from 'vitest'
import { wallMs } from '../base/time.ts'
import { sealBundle } from '../proto/bpv7/codec.ts'
import { ipnEndpoint } from '../proto/bpv7/endpoint-id.ts'
import { ROOM_BYTES } from '../proto/bundle-session/limits.ts'
import { recordOf } from './bundle-record.ts'
import { decodeStored, encodeStored } from './stored-bundle.ts'

const { bundle, bytes } = sealBundle({
  primary: {
    flags: 0x4000n,
    crcType: 2,
    destination: { scheme: 'dtn', ssp: '//news/~all' },
    source: ipnEndpoint(2n, 1n),
    reportTo: ipnEndpoint(2n, 0n),
    creationTimestamp: { time: 5n, sequence: 6n },
    lifetimeMs: 1000n,
  },
  blocks: [],
  payload: { type: 1, number: 1, flags: 0n, crcType: 2, data: Uint8Array.of(1, 2, 3) },
})
const instant = fc.double({ min: 0, max: 1e15, noNaN: true }).map(wallMs)
const none = fc.constant(undefined)
const node = fc.bigInt(1n, 2n ** 64n - 2n).filter((n) => n !== 2n ** 32n - 1n)
// What is held was made here.
const names = fc.oneof(
  fc.record({ hold: fc.stringMatching(/^[!-~]{0,300}$/), neighbour: none }),
  fc.record({
    hold: none,
    neighbour: fc.option(
      node.map((n) => ipnEndpoint(n, 0n)),
      { nil: undefined },
    ),
  }),
)
const others = fc.record({
  key: fc.nat(),
  own: fc.boolean(),
  arrivedAt: instant,
  expiresAt: instant,
  pared: fc.boolean(),
})

const stay = fc.tuple(names, others).map(([a, b]) => ({ ...a, ...b }))

test('property: what is stored is read again, with all that is known of it', () => {
  fc.assert(
    fc.property(stay, fc.boolean(), (of, hasRoom) => {
      const record = recordOf(bundle, bytes.length, of)
      const withRoom = new Uint8Array(bytes.length + (hasRoom ? ROOM_BYTES : 0))
      withRoom.set(bytes)
      const stored = encodeStored(record, withRoom)
      expect(decodeStored(of.key, stored)).toEqual({ record, bundle })
    }),
  )
})

test('property: no bytes make it throw, and a stored bundle with a byte changed is none or another', () => {
  const stored = encodeStored(
    {
      key: 0,
      own: true,
      hold: 'h',
      neighbour: undefined,
      arrivedAt: wallMs(1),
      expiresAt: wallMs(2),
      pared: false,
      sizeBytes: bytes.length,
    },
    bytes,
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(), fc.nat(255), (any, at, byte) => {
      decodeStored(0, any)
      const read = decodeStored(0, stored.with(at % stored.length, byte))
      if (read !== undefined) expect(read.bundle).toEqual(bundle)
    }),
    { numRuns: 1000 },
  )
})
