import fc from 'fast-check'
import { expect, test } from 'vitest'
import { wallMs } from '../base/time.ts'
import {
  BLOCK_FLAGS,
  BLOCK_TYPES,
  type Bundle,
  type CanonicalBlock,
  findBlock,
} from '../proto/bpv7/bundle.ts'
import { decodeBundle, encodeBundle } from '../proto/bpv7/codec.ts'
import { ipnEndpoint, NULL_ENDPOINT } from '../proto/bpv7/endpoint-id.ts'
import { decodeBundleAge, encodeBundleAge } from '../proto/bpv7/extension/bundle-age.ts'
import { decodeHopCount, encodeHopCount } from '../proto/bpv7/extension/hop-count.ts'
import { decodePreviousNode, encodePreviousNode } from '../proto/bpv7/extension/previous-node.ts'
import { BLOCKS_MAX } from '../proto/bpv7/limits.ts'
import { describeReason, STATUS_REASONS } from '../proto/bpv7/status-report.ts'
import {
  processForwarded,
  processReceived,
  remainingLifetimeMs,
  withAge,
} from './block-processing.ts'
import { HOP_LIMIT_OF_OTHERS } from './limits.ts'

function block(type: number, data: Uint8Array, flags = 0n): Omit<CanonicalBlock, 'number'> {
  return { type, flags, crcType: 0, data }
}

function bundle(blocks: readonly Omit<CanonicalBlock, 'number'>[], time = 1000n): Bundle {
  return {
    primary: {
      flags: 0n,
      crcType: 2,
      destination: ipnEndpoint(4n, 1n),
      source: ipnEndpoint(2n, 1n),
      reportTo: NULL_ENDPOINT,
      creationTimestamp: { time, sequence: 0n },
      lifetimeMs: 10_000n,
    },
    blocks: blocks.map((b, index) => ({ ...b, number: index + 2 })),
    payload: { type: 1, number: 1, flags: 0n, crcType: 0, data: new Uint8Array(3) },
  }
}

const US = encodePreviousNode(ipnEndpoint(3n, 0n))

function forwarded(b: Bundle): Bundle {
  const processed = processForwarded(b, US)
  if (!processed.ok) throw new Error(describeReason(processed.status))
  return processed.bundle
}

const UNKNOWN = 200

test('an unprocessable block is kept, removed or fatal as its flags say (RFC 9171 §5.6)', () => {
  const kept = bundle([block(UNKNOWN, new Uint8Array(1))])
  expect(processReceived(kept)).toEqual({ ok: true, bundle: kept })
  const discarded = bundle([block(UNKNOWN, new Uint8Array(1), BLOCK_FLAGS.discardIfUnprocessable)])
  expect(processReceived(discarded)).toEqual({ ok: true, bundle: { ...discarded, blocks: [] } })
  const both = BLOCK_FLAGS.deleteBundleIfUnprocessable | BLOCK_FLAGS.discardIfUnprocessable
  expect(processReceived(bundle([block(UNKNOWN, new Uint8Array(1), both)]))).toEqual({
    ok: false,
    status: STATUS_REASONS.blockUnsupported,
  })
})

test('a bundle that is not in order without its discarded block is deleted', () => {
  const encrypted = bundle([
    block(BLOCK_TYPES.blockConfidentiality, new Uint8Array(1), BLOCK_FLAGS.discardIfUnprocessable),
    block(BLOCK_TYPES.bundleAge, new Uint8Array(16)),
  ])
  expect(processReceived(encrypted)).toEqual({
    ok: false,
    status: STATUS_REASONS.blockUnintelligible,
  })
})

test('a bundle whose hop count exceeds its limit is deleted (RFC 9171 §4.4.3)', () => {
  const hops = (count: number): Bundle =>
    bundle([block(BLOCK_TYPES.hopCount, encodeHopCount({ limit: 3, count }))])
  expect(processReceived(hops(3)).ok).toBe(true)
  expect(processReceived(hops(4))).toEqual({ ok: false, status: STATUS_REASONS.hopLimitExceeded })
  expect(processForwarded(hops(3), US)).toEqual({
    ok: false,
    status: STATUS_REASONS.hopLimitExceeded,
  })
  const next = findBlock(forwarded(hops(2)), BLOCK_TYPES.hopCount)
  expect(decodeHopCount(next?.data ?? new Uint8Array())).toMatchObject({ value: { count: 3 } })
})

test('the Previous Node Block of the last hop gives way to ours (RFC 9171 §5.4 step 4)', () => {
  const next = forwarded(
    bundle([
      block(UNKNOWN, new Uint8Array(1)),
      block(BLOCK_TYPES.previousNode, encodePreviousNode(ipnEndpoint(9n, 0n))),
    ]),
  )
  const previous = next.blocks.filter(({ type }) => type === BLOCK_TYPES.previousNode)
  expect(previous.map(({ data }) => decodePreviousNode(data))).toMatchObject([
    { value: { node: 3n, service: 0n } },
  ])
  expect(new Set(next.blocks.map(({ number }) => number)).size).toBe(next.blocks.length)
})

test('a bundle without a hop count gets one, so that no loop is endless (RFC 9171 §4.4.3)', () => {
  const hops = findBlock(forwarded(bundle([])), BLOCK_TYPES.hopCount)
  expect(decodeHopCount(hops?.data ?? new Uint8Array())).toMatchObject({
    value: { limit: HOP_LIMIT_OF_OTHERS, count: 1 },
  })
})

test('the bundle age grows by the time spent here, and stops at the end of its range', () => {
  const ageAfter = (ageMs: bigint): unknown => {
    const next = withAge(bundle([block(BLOCK_TYPES.bundleAge, encodeBundleAge(ageMs))]), 250.5)
    return decodeBundleAge(findBlock(next, BLOCK_TYPES.bundleAge)?.data ?? new Uint8Array())
  }
  expect(ageAfter(1000n)).toMatchObject({ value: 1251n })
  expect(ageAfter(2n ** 64n - 1n)).toMatchObject({ value: 2n ** 64n - 1n })
})

test('a bundle that has as many blocks as we take goes on without a Previous Node Block', () => {
  const full = bundle(
    Array.from({ length: BLOCKS_MAX - 1 }, () => block(UNKNOWN, new Uint8Array(1))),
  )
  expect(decodeBundle(encodeBundle(forwarded(full))).ok).toBe(true)
  expect(findBlock(forwarded(full), BLOCK_TYPES.previousNode)).toBeUndefined()
})

test('the lifetime runs from the creation time, or by the bundle age where there is none (RFC 9171 §5.5)', () => {
  const atDtn = (ms: number): ReturnType<typeof wallMs> => wallMs(946_684_800_000 + ms)
  expect(remainingLifetimeMs(bundle([]), atDtn(4000))).toBe(7000)
  expect(remainingLifetimeMs(bundle([]), atDtn(12_000))).toBe(-1000)
  expect(remainingLifetimeMs(bundle([]), atDtn(0))).toBe(10_000)
  expect(remainingLifetimeMs(bundle([]), wallMs(0))).toBe(10_000)
  expect(remainingLifetimeMs(bundle([]), undefined)).toBe(10_000)
  const aged = bundle([block(BLOCK_TYPES.bundleAge, encodeBundleAge(4000n))], 0n)
  expect(remainingLifetimeMs(aged, atDtn(99_000_000))).toBe(6000)
})

test('property: whatever decodes can be received and forwarded, and decodes again', () => {
  const content = fc.oneof(
    fc.uint8Array({ maxLength: 20 }),
    fc.constant(encodeHopCount({ limit: 1, count: 0 })),
    fc.constant(encodeBundleAge(2n ** 64n - 1n)),
    fc.constant(encodePreviousNode(NULL_ENDPOINT)),
  )
  const type = fc.constantFrom(6, 7, 10, 11, 12, 200)
  const some = fc.array(fc.tuple(type, content, fc.bigInt({ min: 0n, max: 0x1fn })), {
    maxLength: 5,
  })
  fc.assert(
    fc.property(some, fc.nat(), (list, residenceMs) => {
      const blocks = list.map(([t, data, flags]) => block(t, data, flags))
      let bytes: Uint8Array
      try {
        bytes = encodeBundle(bundle(blocks))
      } catch {
        return // not a bundle that could be received
      }
      const decoded = decodeBundle(bytes)
      if (!decoded.ok) return
      const received = processReceived(decoded.value)
      const next = received.ok && processForwarded(received.bundle, US)
      if (next === false || !next.ok) return
      expect(decodeBundle(encodeBundle(withAge(next.bundle, residenceMs))).ok).toBe(true)
    }),
  )
})
