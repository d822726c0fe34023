import { isIP } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isInPrefix, parseIpAddress, parseIpPrefix, parseSocketAddress } from './ip-address.ts'

test.each([
  ['172.21.0.3', 32, 0xac150003n],
  ['::', 128, 0n],
  ['::1', 128, 1n],
  ['1::', 128, 1n << 112n],
  ['2001:db8::1:0:2', 128, 0x20010db8_00000000_00000001_00000002n],
  ['::ffff:1.2.3.4', 128, 0xffff01020304n],
  ['1:2:3:4:5:6:1.2.3.4', 128, 0x00010002000300040005000601020304n],
])('%s is an address (RFC 4291 §2.2)', (text, bits, value) => {
  expect(parseIpAddress(text)).toEqual({ bits, value })
})

test.each([
  '',
  ':',
  ':::',
  '1::2::3',
  '1.2.3',
  '01.2.3.4',
  '256.1.1.1',
  '1:2',
  '1.2.3.4::',
  'fe80::1%eth0',
])('%j is no address', (text) => {
  expect(parseIpAddress(text)).toBeUndefined()
})

test('property: what node takes for an address is one, and nothing else', () => {
  const group = fc.constantFrom('0', '1', '00', 'ab', 'ffff', '12345', '1.2.3.4', '255', '256', '')
  const mixed = fc
    .tuple(fc.array(group, { maxLength: 9 }), fc.constantFrom(':', '.', '::'))
    .map(([groups, separator]) => groups.join(separator))
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), mixed), (text) => {
      expect(parseIpAddress(text)?.bits).toBe({ 0: undefined, 4: 32, 6: 128 }[isIP(text)])
    }),
    { numRuns: 2000 },
  )
})

test('a prefix holds the addresses that share its bits, of its own family only', () => {
  const prefix = parseIpPrefix('172.21.0.0/24')
  if (prefix === undefined) throw new Error('no prefix')
  const holds = (text: string): boolean => {
    const address = parseIpAddress(text)
    return address !== undefined && isInPrefix(address, prefix)
  }
  expect(['172.21.0.0', '172.21.0.255', '172.21.1.0', '::ac15:1'].map(holds)).toEqual([
    true,
    true,
    false,
    false,
  ])
})

test.each(['172.21.0.0', '172.21.0.1/24', '172.21.0.0/33', '172.21.0.0/024', 'x/8'])(
  '%s is no prefix',
  (text) => {
    expect(parseIpPrefix(text)).toBeUndefined()
  },
)

test('a prefix may be everything or one address', () => {
  expect(parseIpPrefix('0.0.0.0/0')?.length).toBe(0)
  expect(parseIpPrefix('172.21.0.3/32')?.length).toBe(32)
  expect(parseIpPrefix('2001:db8::/32')?.length).toBe(32)
})

test.each([
  ['172.21.0.3:2113', '172.21.0.3', 2113],
  ['[::1]:65535', '::1', 65_535],
  ['0.0.0.0:0', '0.0.0.0', 0],
])('%s is an IP address and a port', (text, host, port) => {
  expect(parseSocketAddress(text)).toEqual({ host, port })
})

test.each([
  '',
  'localhost:25',
  '1.2.3:25',
  '127.0.0.1',
  '127.0.0.1:',
  '127.0.0.1:65536',
  '127.0.0.1:-1',
  '::1:25',
  '[127.0.0.1]:25',
  '[fe80::1%eth0]:25',
])('%j is no IP address and port', (text) => {
  expect(parseSocketAddress(text)).toBeUndefined()
})
