import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, fromHex } from '../../base/bytes.ts'
import {
  decodeExtensionItems,
  decodeMessage,
  encodeExtensionItems,
  encodeMessage,
  readTransferLength,
  transferLengthItem,
} from './codec.ts'
import { type ContactHeader, decodeContactHeader, encodeContactHeader } from './contact-header.ts'
import { EXTENSION_BYTES_MAX, NODE_ID_BYTES_MAX } from './limits.ts'
import type { Message } from './message.ts'
import { decodeMessage3, encodeMessage3, type Message3 } from './version3.ts'

const u8 = fc.nat({ max: 0xff })
const u16 = fc.nat({ max: 0xffff })
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const nodeId = fc.string({ unit: 'grapheme', maxLength: 20 })
const octets = fc.uint8Array({ maxLength: 30 })

const arbitraryMessage: fc.Arbitrary<Message> = fc.oneof(
  fc.record({
    type: fc.constant('sess-init' as const),
    keepaliveSec: u16,
    segmentMru: u64,
    transferMru: u64,
    nodeId,
    extensions: octets,
  }),
  fc.record({ type: fc.constant('sess-term' as const), flags: u8, reason: u8 }),
  fc.record({ flags: u8, transferId: u64, extensions: octets, dataLength: u64 }).map((segment) => ({
    type: 'xfer-segment' as const,
    ...segment,
    extensions: (segment.flags & 2) === 0 ? new Uint8Array(0) : segment.extensions,
  })),
  fc.record({
    type: fc.constant('xfer-ack' as const),
    flags: u8,
    transferId: u64,
    acknowledgedLength: u64,
  }),
  fc.record({ type: fc.constant('xfer-refuse' as const), reason: u8, transferId: u64 }),
  fc.constant({ type: 'keepalive' as const }),
  fc.record({ type: fc.constant('msg-reject' as const), reason: u8, rejectedHeader: u8 }),
)

const nibble = fc.nat({ max: 15 })
const arbitraryMessage3: fc.Arbitrary<Message3> = fc.oneof(
  fc.record({ type: fc.constant('data-segment' as const), flags: nibble, dataLength: u64 }),
  fc.record({ type: fc.constant('ack-segment' as const), acknowledgedLength: u64 }),
  fc.record({ type: fc.constant('refuse-bundle' as const), reason: nibble }),
  fc.constant({ type: 'keepalive' as const }),
  fc.record(
    { type: fc.constant('shutdown' as const), reason: u8, reconnectionDelaySec: u64 },
    { requiredKeys: ['type'] },
  ),
  fc.record({ type: fc.constant('length' as const), totalLength: u64 }),
)

const arbitraryHeader: fc.Arbitrary<ContactHeader> = fc.oneof(
  fc.record({ version: fc.constant(4 as const), flags: u8 }),
  fc.record({ version: fc.constant(3 as const), flags: u8, keepaliveSec: u16, nodeId }),
)

describe.each([
  ['version 4', arbitraryMessage, encodeMessage, decodeMessage] as const,
  ['version 3', arbitraryMessage3, encodeMessage3, decodeMessage3] as const,
])('messages of %s', (_name, arbitrary, encode, decode) => {
  test('what is encoded decodes to itself, and to nothing while it is incomplete', () => {
    fc.assert(
      fc.property(arbitrary as fc.Arbitrary<Message & Message3>, octets, (message, before) => {
        const encoded = encode(message)
        const bytes = concat(before, encoded, before)
        const end = before.length + encoded.length
        expect(decode(bytes, before.length)).toEqual({ ok: true, value: { message, end } })
        for (let cut = 0; cut < encoded.length; cut++) {
          expect(decode(encoded.subarray(0, cut), 0)).toEqual({ ok: true, value: undefined })
        }
      }),
    )
  })

  test('no bytes make decoding throw', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => void decode(bytes, 0)))
  })
})

describe('contact headers', () => {
  test('what is encoded decodes to itself, and to nothing while it is incomplete', () => {
    fc.assert(
      fc.property(arbitraryHeader, octets, (header, after) => {
        const encoded = encodeContactHeader(header)
        expect(decodeContactHeader(concat(encoded, after))).toEqual({
          ok: true,
          value: { header, lengthBytes: encoded.length },
        })
        for (let cut = 0; cut < encoded.length; cut++) {
          expect(decodeContactHeader(encoded.subarray(0, cut))).toEqual({
            ok: true,
            value: undefined,
          })
        }
      }),
    )
  })

  test('a wrong magic is known by its first wrong octet (RFC 9174 §4.3)', () => {
    for (const text of ['47', '64746e3f', '6474ff']) {
      const decoded = decodeContactHeader(fromHex(text) as Uint8Array)
      expect(decoded).toMatchObject({ ok: false, fault: { code: 'tcpcl/bad-magic' } })
    }
  })

  test('other versions are told apart by their octet (RFC 9174 §4.3)', () => {
    for (const version of [0, 2, 5, 255]) {
      const bytes = Uint8Array.of(0x64, 0x74, 0x6e, 0x21, version)
      expect(decodeContactHeader(bytes)).toMatchObject({
        ok: false,
        fault: { code: 'tcpcl/unsupported-version', detail: { version } },
      })
    }
  })

  test('an endpoint ID without end, or that is no text, is refused', () => {
    for (const hex of ['64746e210301000f8fffffffff7f', '64746e210301000f02fffe']) {
      const decoded = decodeContactHeader(fromHex(hex) as Uint8Array)
      expect(decoded).toMatchObject({ ok: false, fault: { code: 'tcpcl/bad-node-id' } })
    }
  })
})

test('a node ID or extension items without end are refused before they come (RFC 9174 §4.6)', () => {
  const init = (nodeIdLength: number, extensionLength: number): Uint8Array => {
    const bytes = encodeMessage({
      type: 'sess-init',
      keepaliveSec: 0,
      segmentMru: 1n,
      transferMru: 1n,
      nodeId: '',
      extensions: new Uint8Array(0),
    })
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    view.setUint16(19, nodeIdLength)
    view.setUint32(21, extensionLength)
    return bytes
  }
  expect(decodeMessage(init(NODE_ID_BYTES_MAX + 1, 0), 0)).toMatchObject({
    fault: { code: 'tcpcl/bad-node-id' },
  })
  expect(decodeMessage(init(0, EXTENSION_BYTES_MAX + 1), 0)).toMatchObject({
    fault: { code: 'tcpcl/too-large' },
  })
  expect(decodeMessage(init(0, EXTENSION_BYTES_MAX), 0)).toEqual({ ok: true, value: undefined })
})

test('a type that is not in the registry is a Fault with the octet (RFC 9174 §5.1.2)', () => {
  for (const header of [0x00, 0x08, 0xff]) {
    const decoded = decodeMessage(Uint8Array.of(header), 0)
    expect(decoded).toMatchObject({ fault: { code: 'tcpcl/unknown-message', detail: { header } } })
  }
})

test('extension items: encoded, decoded, and refused where they overrun (RFC 9174 §4.8)', () => {
  const item = fc.record({ flags: u8, type: u16, value: octets })
  fc.assert(
    fc.property(fc.array(item, { maxLength: 5 }), fc.nat(), (items, cut) => {
      const encoded = encodeExtensionItems(items)
      expect(decodeExtensionItems(encoded)).toEqual({ ok: true, value: items })
      const shorter = decodeExtensionItems(encoded.subarray(0, cut % (encoded.length + 1)))
      if (!shorter.ok) expect(shorter.fault.code).toBe('tcpcl/bad-extension')
    }),
  )
})

test('the Transfer Length item holds 64 bits (RFC 9174 §5.2.5.1)', () => {
  const { value } = transferLengthItem(2n ** 64n - 1n)
  expect(readTransferLength(value)).toBe(2n ** 64n - 1n)
  expect(readTransferLength(value.subarray(1))).toBeUndefined()
})
