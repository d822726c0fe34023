import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat, fromHex, fromLatin1, NO_BYTES, toHex } from '../../base/bytes.ts'
import { gathered } from '../../base/scattered.ts'
import { CborWriter } from '../cbor/writer.ts'
import {
  aduId,
  BLOCK_FLAGS,
  BLOCK_TYPES,
  BUNDLE_FLAGS,
  type Bundle,
  bundleId,
  type CanonicalBlock,
  type PrimaryBlock,
} from './bundle.ts'
import { writeCanonicalBlock } from './canonical-block.ts'
import {
  decodeBundle,
  decodePrimaryBlock,
  encodeBundle,
  encodeScattered,
  sealBundle,
} from './codec.ts'
import { blockCrc, type CrcType } from './crc.ts'
import { type EndpointId, ipnEndpoint, NULL_ENDPOINT } from './endpoint-id.ts'
import { encodeBundleAge } from './extension/bundle-age.ts'
import { encodeHopCount } from './extension/hop-count.ts'
import { encodePreviousNode } from './extension/previous-node.ts'
import { BLOCKS_MAX } from './limits.ts'
import { writePrimaryBlock } from './primary-block.ts'

/** The lines of a file of vectors, as their bytes and what follows these. */
function vectors(file: string): { readonly bytes: Uint8Array; readonly rest: string }[] {
  const text = readFileSync(new URL(`../../../vectors/bpv7/${file}`, import.meta.url), 'utf8')
  const lines = text.trimEnd().split('\n').slice(1)
  return lines.map((line) => {
    const space = line.indexOf(' ')
    return { bytes: bytesOf(line.slice(0, space)), rest: line.slice(space + 1) }
  })
}

function bytesOf(hex: string): Uint8Array {
  const bytes = fromHex(hex.replaceAll(' ', ''))
  if (bytes === undefined) throw new Error(`not hex: ${hex}`)
  return bytes
}

function decoded(bytes: Uint8Array): Bundle {
  const result = decodeBundle(bytes)
  if (!result.ok) throw result.fault
  return result.value
}

function codeOf(bytes: Uint8Array): string {
  const result = decodeBundle(bytes)
  return result.ok ? 'ok' : result.fault.code
}

/** The same bundle without the bytes it was received as. */
function forgetful(bundle: Bundle): Bundle {
  return {
    primary: { ...bundle.primary },
    blocks: bundle.blocks.map((block) => ({ ...block })),
    payload: { ...bundle.payload },
  }
}

const primary: PrimaryBlock = {
  flags: 0n,
  crcType: 2,
  destination: ipnEndpoint(2n, 1n),
  source: ipnEndpoint(1n, 1n),
  reportTo: NULL_ENDPOINT,
  creationTimestamp: { time: 803_395_908_842n, sequence: 0n },
  lifetimeMs: 600_000n,
}

const payload: CanonicalBlock = {
  type: BLOCK_TYPES.payload,
  number: 1,
  flags: 0n,
  crcType: 1,
  data: fromLatin1('Hello, World!'),
}

function block(type: number, number: number, data: Uint8Array = NO_BYTES): CanonicalBlock {
  return { type, number, flags: 0n, crcType: 0, data }
}

const plain: Bundle = { primary, blocks: [], payload }

/** As `encodeBundle`, which would refuse what breaks a rule. */
function encodedAnyway(bundle: Bundle): Uint8Array {
  const writer = new CborWriter()
  writer.indefiniteArray()
  writePrimaryBlock(writer, bundle.primary)
  for (const block of [...bundle.blocks, bundle.payload]) writeCanonicalBlock(writer, block)
  writer.break()
  return writer.written()
}

/** What decoding says, after checking that encoding would not have let it out. */
function refusal(bundle: Bundle): string {
  expect(() => encodeBundle(bundle)).toThrow('assertion failed')
  return codeOf(encodedAnyway(bundle))
}

/** The plain bundle with its primary block replaced by these elements before the CRC. */
function withPrimary(elementsHex: string, head = '89', end = ''): Uint8Array {
  const writer = new CborWriter()
  writer.raw(bytesOf(`9f ${head} ${elementsHex} 42 0000 ${end}`))
  const bytes = writer.written()
  const crcAt = bytes.length - 2 - end.length / 2
  const crc = blockCrc(1, bytes, { start: 1, end: bytes.length, crcAt })
  bytes[crcAt] = crc >>> 8
  bytes[crcAt + 1] = crc
  return concat(bytes, bytesOf('85 01 01 00 00 41 61 ff'))
}

test('a bundle made elsewhere is read and made again (RFC 9171 §4)', () => {
  const hex =
    '9f89070402820282020182028201018202820100821b000000bb0e20b4ea001a000927c04477349d3f' +
    '86010100014d48656c6c6f2c20576f726c64214254b3ff'
  const bundle = decoded(bytesOf(hex))
  expect(bundle).toEqual({
    primary: {
      ...primary,
      flags: BUNDLE_FLAGS.mustNotFragment,
      reportTo: ipnEndpoint(1n, 0n),
    },
    blocks: [],
    payload,
  })
  expect(toHex(encodeBundle(bundle))).toBe(hex)
  expect(toHex(encodeBundle(forgetful(bundle)))).toBe(hex)
})

test('every bundle that ION sent is read, and made again to the byte', () => {
  const cases = [...vectors('ion.valid.txt'), ...vectors('ion-fragments.valid.txt')]
  expect(cases.length).toBe(32)
  for (const { bytes, rest } of cases) {
    const bundle = decoded(bytes)
    expect(toHex(encodeBundle(bundle)), rest).toBe(toHex(bytes))
    expect(toHex(encodeBundle(forgetful(bundle))), rest).toBe(toHex(bytes))
  }
})

test('odd bundles that RFC 9171 allows are read, and forwarded as it demands (RFC 9171 §4.1)', () => {
  const cases = vectors('accept-matrix.valid.txt')
  expect(cases.length).toBe(40)
  let [verbatim, transformed] = [0, 0]
  for (const { bytes, rest } of cases) {
    const bundle = decoded(bytes)
    const encoded = toHex(encodeBundle(bundle))
    const isSecured = bundle.blocks.some(({ type }) => type === 11 || type === 12)
    if (!isSecured) expect(encoded, rest).toBe(toHex(encodeBundle(forgetful(bundle))))
    if (encoded === toHex(bytes)) verbatim++
    else transformed++
    expect(decoded(encodeBundle(bundle)), rest).toEqual(bundle)
  }
  expect([verbatim, transformed]).toEqual([38, 2])
})

test('bundles that RFC 9171 does not allow are refused, each for its reason', () => {
  const cases = vectors('accept-matrix.invalid.txt')
  expect(cases.length).toBe(13)
  for (const { bytes, rest } of cases) {
    expect(`${codeOf(bytes)} ${rest.slice(rest.indexOf(' ') + 1)}`).toBe(rest)
  }
})

test('a leading tag for self-described CBOR is forgiven (RFC 9171 Appendix B)', () => {
  const bytes = encodeBundle(plain)
  expect(decoded(concat(bytesOf('d9d9f7'), bytes))).toEqual(plain)
  expect(codeOf(concat(bytesOf('c1'), bytes))).toBe('cbor/unexpected-item')
})

test('a block that was not deterministically encoded is forwarded so (RFC 9171 §4.1)', () => {
  // Flags on nine bytes, a source of three elements, an indefinite timestamp, unknown flags.
  const elements =
    '07 1b 8000000000200000 01 8202820201 820283000102 8201646e6f6e65 9f 1903e8 1800 ff 1a00000001'
  for (const bytes of [withPrimary(elements), withPrimary(elements, '9f', 'ff')]) {
    const bundle = decoded(bytes)
    expect(bundle.primary.flags).toBe(0x8000_0000_0020_0000n)
    expect(bundle.primary.reportTo).toEqual(NULL_ENDPOINT)
    const encoded = encodeBundle(bundle)
    const shortest = '071b8000000000200000 01 8202820201 820283000102 820100 82 1903e8 00 01'
    expect(toHex(encoded)).toBe(toHex(withPrimary(shortest)))
    expect(decoded(encoded)).toEqual(bundle)
  }
  for (const oddPayload of [
    '85 1801 01 00 00 41 61',
    '9f 01 01 00 00 41 61 ff',
    '85 01 01 00 00 5801 61',
  ]) {
    const bytes = concat(encodeBundle(plain).subarray(0, -23), bytesOf(`${oddPayload} ff`))
    expect(toHex(encodeBundle(decoded(bytes)))).toMatch(/85010100004161ff$/)
  }
})

test('the form of an endpoint ID is no encoding: it stays (RFC 9171 §4.3.1)', () => {
  const bytes = withPrimary('07 00 01 8202820201 820283000102 820100 82 01 00 00')
  expect(toHex(encodeBundle(decoded(bytes)))).toBe(toHex(bytes))
  expect(toHex(encodeBundle(forgetful(decoded(bytes))))).toBe(toHex(bytes))
})

test('what a security block may cover is forwarded as it came (RFC 9171 §4.1)', () => {
  const odd = bytesOf('85 1901bc 1802 00 00 40')
  const head = encodeBundle(plain).subarray(0, -23)
  const tail = toHex(encodeBundle(plain).subarray(-23))
  for (const type of [BLOCK_TYPES.blockIntegrity, BLOCK_TYPES.blockConfidentiality]) {
    const writer = new CborWriter()
    writeCanonicalBlock(writer, block(type, 3))
    const bytes = concat(head, odd, writer.written(), bytesOf(tail))
    expect(toHex(encodeBundle(decoded(bytes)))).toBe(toHex(bytes))
  }
  const bare = concat(head, odd, bytesOf(tail))
  expect(toHex(encodeBundle(decoded(bare)))).not.toBe(toHex(bare))
})

test('a changed copy of a received block does not go out as what it was before', () => {
  const bundle = decoded(encodeBundle({ ...plain, blocks: [block(7, 2, encodeBundleAge(5n))] }))
  const [age] = bundle.blocks as [CanonicalBlock]
  const older = { ...bundle, blocks: [{ ...age, data: encodeBundleAge(9n) }] }
  expect(decoded(encodeBundle(older)).blocks[0]?.data).toEqual(Uint8Array.of(9))
})

test('damage in any block is noticed where the block has a CRC (RFC 9171 §4.2.2)', () => {
  const extension = block(222, 2, fromLatin1('abc'))
  for (const crcType of [1, 2] as const) {
    const bytes = encodeBundle({
      primary: { ...primary, crcType },
      blocks: [{ ...extension, crcType }],
      payload: { ...payload, crcType },
    })
    expect(codeOf(bytes)).toBe('ok')
    for (let at = 0; at < bytes.length; at++) {
      const damaged = bytes.slice()
      damaged[at] = (damaged[at] as number) ^ 0x01
      expect(codeOf(damaged), `byte ${at}`).not.toBe('ok')
    }
  }
})

test('a CRC type beyond the three is refused (RFC 9171 §4.2.1)', () => {
  expect(codeOf(bytesOf('9f 88 07 00 03 820100 820100 820100 820100 00 ff'))).toBe(
    'bpv7/bad-crc-type',
  )
})

test('a CRC of the wrong length is refused (RFC 9171 §4.2.2)', () => {
  const bytes = bytesOf('9f 89 07 04 02 820100 820100 820100 820100 00 42 0000 ff')
  expect(codeOf(bytes)).toBe('bpv7/bad-crc')
})

test('a bundle without a second block is refused (RFC 9171 §4.1)', () => {
  const writer = new CborWriter()
  writer.indefiniteArray()
  writePrimaryBlock(writer, primary)
  writer.break()
  expect(codeOf(writer.written())).toBe('bpv7/bad-structure')
})

test('there is one payload block, the last, with the number 1 (RFC 9171 §4.1)', () => {
  expect(refusal({ ...plain, blocks: [block(1, 2)] })).toBe('bpv7/bad-structure')
  expect(refusal({ ...plain, payload: { ...payload, number: 2 } })).toBe('bpv7/bad-structure')
  expect(refusal({ ...plain, payload: { ...payload, type: 222 } })).toBe('bpv7/bad-structure')
})

test('block numbers are unique (RFC 9171 §4.1)', () => {
  expect(refusal({ ...plain, blocks: [block(222, 1)] })).toBe('bpv7/bad-structure')
  expect(refusal({ ...plain, blocks: [block(222, 9), block(223, 9)] })).toBe('bpv7/bad-structure')
})

test('blocks that ION left unnumbered are let through unless a security block needs numbers', () => {
  const unnumbered = [block(222, 0), block(223, 0)]
  expect(codeOf(encodeBundle({ ...plain, blocks: unnumbered }))).toBe('ok')
  const secured = [...unnumbered, block(BLOCK_TYPES.blockConfidentiality, 2)]
  expect(refusal({ ...plain, blocks: secured })).toBe('bpv7/bad-structure')
})

test('blocks beyond the limit are refused', () => {
  const blocks = Array.from({ length: BLOCKS_MAX }, (_, i) => block(222, 2 + i))
  expect(codeOf(encodeBundle({ ...plain, blocks: blocks.slice(1) }))).toBe('ok')
  expect(refusal({ ...plain, blocks })).toBe('bpv7/too-many-blocks')
  expect(refusal({ ...plain, blocks: [...blocks, block(222, 1000)] })).toBe('bpv7/too-many-blocks')
})

test('only an integrity block excuses a primary block without CRC (RFC 9171 §4.3.1)', () => {
  const bare = { ...plain, primary: { ...primary, crcType: 0 as const } }
  expect(refusal(bare)).toBe('bpv7/missing-crc')
  const signed = { ...bare, blocks: [block(BLOCK_TYPES.blockIntegrity, 2)] }
  expect(codeOf(encodeBundle(signed))).toBe('ok')
})

test('nobody asks for reports about a report or an anonymous bundle (RFC 9171 §4.2.3, §4.2.4)', () => {
  const record = BUNDLE_FLAGS.administrativeRecord
  const whole = BUNDLE_FLAGS.mustNotFragment
  for (const [flags, source] of [
    [record, primary.source],
    [whole, NULL_ENDPOINT],
    [whole, ipnEndpoint(0n, 3n)],
  ] as const) {
    const silent = { ...plain, primary: { ...primary, flags, source } }
    expect(codeOf(encodeBundle(silent))).toBe('ok')
    for (const bit of [14n, 16n, 17n, 18n]) {
      const asking = { ...silent.primary, flags: flags | (1n << bit) }
      expect(refusal({ ...silent, primary: asking })).toBe('bpv7/bad-flags')
    }
    const nosy = { ...block(222, 2), flags: BLOCK_FLAGS.reportIfUnprocessable }
    expect(refusal({ ...silent, blocks: [nosy] })).toBe('bpv7/bad-flags')
    const nosyPayload = { ...payload, flags: BLOCK_FLAGS.reportIfUnprocessable }
    expect(refusal({ ...silent, payload: nosyPayload })).toBe('bpv7/bad-flags')
  }
})

test('an anonymous bundle must not be fragmented (RFC 9171 §4.2.3)', () => {
  const anonymous = { ...primary, source: NULL_ENDPOINT }
  expect(refusal({ ...plain, primary: anonymous })).toBe('bpv7/bad-flags')
  const flags = BUNDLE_FLAGS.mustNotFragment | BUNDLE_FLAGS.isFragment
  const fragment = { offset: 0n, totalAduLength: 20n }
  expect(refusal({ ...plain, primary: { ...anonymous, flags, fragment } })).toBe(
    'bpv7/bad-fragment',
  )
})

test('a fragment has bytes and lies within its ADU (RFC 9171 §5.8)', () => {
  const at = (offset: bigint, totalAduLength: bigint): Bundle => ({
    ...plain,
    primary: {
      ...primary,
      // A fragment that must not be fragmented again is nothing special.
      flags: BUNDLE_FLAGS.isFragment | BUNDLE_FLAGS.mustNotFragment,
      fragment: { offset, totalAduLength },
    },
  })
  expect(codeOf(encodeBundle(at(7n, 20n)))).toBe('ok')
  expect(refusal(at(8n, 20n))).toBe('bpv7/bad-fragment')
  expect(refusal({ ...at(0n, 20n), payload: { ...payload, data: NO_BYTES } })).toBe(
    'bpv7/bad-fragment',
  )
})

test('a mistake of ours about being a fragment does not go out', () => {
  const fragment = { offset: 0n, totalAduLength: 20n }
  const flags = BUNDLE_FLAGS.isFragment
  expect(() => encodeBundle({ ...plain, primary: { ...primary, fragment } })).toThrow('assertion')
  expect(() => encodeBundle({ ...plain, primary: { ...primary, flags } })).toThrow('assertion')
})

test("RFC 9171's own extension blocks come once (RFC 9171 §4.4)", () => {
  for (const [type, data] of [
    [BLOCK_TYPES.previousNode, encodePreviousNode(ipnEndpoint(9n, 0n))],
    [BLOCK_TYPES.bundleAge, encodeBundleAge(1n)],
    [BLOCK_TYPES.hopCount, encodeHopCount({ limit: 3, count: 0 })],
  ] as const) {
    expect(codeOf(encodeBundle({ ...plain, blocks: [block(type, 2, data)] }))).toBe('ok')
    const twice = [block(type, 2, data), block(type, 3, data)]
    expect(refusal({ ...plain, blocks: twice })).toBe('bpv7/bad-extension')
    const meaningless = { ...plain, blocks: [block(type, 2, fromLatin1('x'))] }
    expect(codeOf(encodedAnyway(meaningless))).toMatch(/^cbor\//)
    const encrypted = [block(type, 2, fromLatin1('x')), block(BLOCK_TYPES.blockConfidentiality, 3)]
    expect(codeOf(encodeBundle({ ...plain, blocks: encrypted }))).toBe('ok')
  }
})

test('a bundle without creation time has an age (RFC 9171 §4.4.2)', () => {
  const timeless = { ...primary, creationTimestamp: { time: 0n, sequence: 5n } }
  expect(refusal({ ...plain, primary: timeless })).toBe('bpv7/bad-extension')
  const aged = { ...plain, primary: timeless, blocks: [block(7, 2, encodeBundleAge(0n))] }
  expect(codeOf(encodeBundle(aged))).toBe('ok')
})

test('a bundle is told from others by source, timestamp and place in its ADU (RFC 9171 §4.3.1)', () => {
  expect(bundleId(plain)).toBe('ipn:1.1/803395908842-0')
  const flags = BUNDLE_FLAGS.isFragment
  const fragment = { offset: 5n, totalAduLength: 20n }
  const part = { ...plain, primary: { ...primary, flags, fragment } }
  expect(bundleId(part)).toBe('ipn:1.1/803395908842-0/5+13')
  expect(aduId(part)).toBe(bundleId(plain))
})

const uint64 = fc.oneof(
  fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
  fc.bigInt({ min: 0n, max: 300n }),
)
const crcType = fc.constantFrom<CrcType>(0, 1, 2)
const anyEid: fc.Arbitrary<EndpointId> = fc.oneof(
  fc.tuple(uint64, uint64).map(([node, service]) => ipnEndpoint(node | 1n, service)),
  fc
    .stringMatching(/^\/\/[a-z0-9.-]{1,20}\/[!-~]{0,30}$/)
    .map((ssp) => ({ scheme: 'dtn', ssp }) as const),
)
const anyPrimary: fc.Arbitrary<PrimaryBlock> = fc.record({
  flags: uint64.map((flags) => flags & ~0x7_4003n),
  crcType: fc.constantFrom<CrcType>(1, 2),
  destination: anyEid,
  source: anyEid,
  reportTo: fc.oneof(anyEid, fc.constant(NULL_ENDPOINT)),
  creationTimestamp: fc.record({ time: uint64.map((time) => time | 1n), sequence: uint64 }),
  lifetimeMs: uint64,
})
const anyBlock = fc.record({
  type: fc.oneof(
    fc.integer({ min: 13, max: 255 }),
    fc.integer({ min: 13, max: Number.MAX_SAFE_INTEGER }),
  ),
  flags: uint64,
  crcType,
  data: fc.uint8Array({ maxLength: 100 }),
})
const anyBundle: fc.Arbitrary<Bundle> = fc.record({
  primary: anyPrimary,
  blocks: fc
    .array(anyBlock, { maxLength: 6 })
    .map((blocks) => blocks.map((block, i) => ({ ...block, number: 2 + 7 * i }))),
  payload: fc.record({
    type: fc.constant(BLOCK_TYPES.payload),
    number: fc.constant(1),
    flags: uint64,
    crcType,
    data: fc.uint8Array({ maxLength: 3000 }),
  }),
})

test('property: what is encoded is decoded again, and forwarded to the byte', () => {
  fc.assert(
    fc.property(anyBundle, (bundle) => {
      const bytes = encodeBundle(bundle)
      const received = decoded(bytes)
      expect(received).toEqual(bundle)
      expect(toHex(encodeBundle(received))).toBe(toHex(bytes))
      expect(toHex(encodeBundle(forgetful(received)))).toBe(toHex(bytes))
    }),
  )
})

test('property: it does not matter where in a buffer the bytes lie', () => {
  fc.assert(
    fc.property(anyBundle, fc.nat(20), (bundle, offset) => {
      const bytes = encodeBundle(bundle)
      const buffer = new Uint8Array(offset + bytes.length + 5).fill(0xff)
      buffer.set(bytes, offset)
      expect(decoded(buffer.subarray(offset, offset + bytes.length))).toEqual(bundle)
    }),
  )
})

test('property: no part of a bundle is a bundle', () => {
  fc.assert(
    fc.property(anyBundle, fc.nat(), (bundle, at) => {
      const bytes = encodeBundle(bundle)
      expect(codeOf(bytes.subarray(0, at % bytes.length))).toBe('cbor/truncated')
    }),
  )
})

test('property: no bytes make the decoder throw', () => {
  const known = ['ion.valid.txt', 'accept-matrix.valid.txt'].flatMap(vectors)
  const damaged = fc
    .record({
      which: fc.nat(known.length - 1),
      at: fc.nat(120),
      with: fc.uint8Array({ maxLength: 4 }),
    })
    .map(({ which, at, with: bytes }) => {
      const whole = known[which]?.bytes ?? NO_BYTES
      return concat(whole.subarray(0, at), bytes, whole.subarray(at + bytes.length))
    })
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged), (bytes) => {
      const result = decodeBundle(bytes)
      if (result.ok) encodeBundle(result.value)
    }),
    { numRuns: 3000 },
  )
})

test('of a bundle with another block damaged the primary block can still be read', () => {
  const bytes = encodeBundle(plain)
  bytes[bytes.length - 10] = (bytes[bytes.length - 10] ?? 0) ^ 1
  expect(codeOf(bytes)).toBe('bpv7/bad-crc')
  expect(decodePrimaryBlock(bytes)).toEqual(primary)
  bytes[5] = (bytes[5] ?? 0) ^ 1
  expect(decodePrimaryBlock(bytes)).toBeUndefined()
  expect(decodePrimaryBlock(NO_BYTES)).toBeUndefined()
})

test('a large payload that was encoded before is sent from where it lies, byte for byte the same', () => {
  const large = { ...plain, payload: { ...plain.payload, data: new Uint8Array(5000).fill(7) } }
  const { bytes, bundle } = sealBundle(large)
  const changed = { ...bundle, blocks: [block(BLOCK_TYPES.bundleAge, 2, encodeBundleAge(1n))] }
  const scattered = encodeScattered(changed)
  expect(scattered).toHaveLength(2)
  expect(gathered(scattered)).toEqual(encodeBundle(changed))
  const decoded = decodeBundle(bytes)
  if (!decoded.ok) throw decoded.fault
  expect(gathered(encodeScattered(decoded.value))).toEqual(bytes)
  expect(encodeScattered(large)).toEqual(bytes)
})
