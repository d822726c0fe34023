import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromHex, fromLatin1, toHex } from '../base/bytes.ts'
import { ethernetFrame, tcpSegment, udpDatagram } from './frame.ts'
import { NO_OPTIONS, TCP_FLAGS } from './tcp-header.ts'

/** The Internet checksum of what holds its own checksum is 0. RFC 1071. */
function sumOf(bytes: Uint8Array): number {
  let sum = 0
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return 0xffff - sum
}

const V4 = {
  source: { host: '172.21.0.3', port: 49_152 },
  target: { host: '172.22.0.3', port: 25 },
}
const V6 = { source: { host: 'fd00::1', port: 4556 }, target: { host: 'fd00:1::2', port: 4556 } }

function pseudoHeader(addresses: string, protocol: number, content: Uint8Array): Uint8Array {
  const head = fromHex(`${addresses}${content.length.toString(16).padStart(8, '0')}000000`)
  return Uint8Array.of(...(head ?? []), protocol, ...content)
}

test('a frame has the addresses and lengths of its packet, and a header that sums up (RFC 791)', () => {
  const content = udpDatagram(V4.source, V4.target, fromLatin1('hello'))
  const frame = ethernetFrame({
    source: V4.source.host,
    target: V4.target.host,
    protocol: 'udp',
    identification: 7,
    content,
  })
  expect(toHex(frame.subarray(0, 14))).toBe('0200ac1600030200ac1500030800')
  expect(toHex(frame.subarray(14, 24))).toBe('45000021000700004011')
  expect(toHex(frame.subarray(26, 34))).toBe('ac150003ac160003')
  expect(sumOf(frame.subarray(14, 34))).toBe(0)
  expect(toHex(content.subarray(0, 6))).toBe('c0000019000d')
})

test('checksums of UDP and TCP sum up over both addresses, with IPv4 and IPv6, for any payload', () => {
  const header = {
    sequence: 0xffff_ffff,
    acknowledgement: 1,
    flags: TCP_FLAGS.ack,
    window: 0xffff,
    options: { ...NO_OPTIONS, timestamp: { value: 1, echo: 2 } },
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (payload) => {
      const udp = udpDatagram(V4.source, V4.target, payload)
      expect(sumOf(pseudoHeader('ac150003ac160003', 17, udp))).toBe(0)
      const tcp = tcpSegment(V4.source, V4.target, header, payload)
      expect(sumOf(pseudoHeader('ac150003ac160003', 6, tcp))).toBe(0)
      const addresses = `fd00${'00'.repeat(13)}01fd000001${'00'.repeat(11)}02`
      const six = tcpSegment(V6.source, V6.target, header, payload)
      expect(sumOf(pseudoHeader(addresses, 6, six))).toBe(0)
      expect(toHex(six.subarray(20, 32))).toBe('0101080a0000000100000002')
    }),
  )
})

test('fragments say where they belong: in the header of IPv4, in one of their own with IPv6', () => {
  const content = new Uint8Array(16)
  const fragment = { offset: 1480, isLast: false }
  const four = ethernetFrame({
    source: '10.0.0.1',
    target: '10.0.0.2',
    protocol: 'udp',
    identification: 0x1234,
    fragment,
    content,
  })
  expect(toHex(four.subarray(18, 22))).toBe('123420b9')
  const six = ethernetFrame({
    source: 'fd00::1',
    target: 'fd00::2',
    protocol: 'udp',
    identification: 0x1234,
    fragment: { ...fragment, isLast: true },
    content,
  })
  expect(toHex(six.subarray(12, 22))).toBe('86dd6000000000182c40')
  expect(toHex(six.subarray(54, 62))).toBe('110005c800001234')
})
