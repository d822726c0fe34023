import { expect, test } from 'vitest'
import { toHex } from '../base/bytes.ts'
import { encodeTcpOptions, NO_OPTIONS, type TcpOptions, tcpOptionBytes } from './tcp-header.ts'

const SYN: TcpOptions = { mss: 1460, timestamp: { value: 0x01020304, echo: 0 }, sack: [] }
const GAP: TcpOptions = {
  mss: undefined,
  timestamp: { value: 0x01020304, echo: 0xfffefdfc },
  sack: [{ left: 1, right: 0x80000000 }],
}

test('options of a SYN: how much a segment takes, SACK, timestamps, the unit of the window (RFC 9293 §3.2)', () => {
  expect(toHex(encodeTcpOptions(SYN))).toBe('020405b40402080a010203040000000001030307')
})

test('options behind a gap: timestamps and what has come (RFC 2018 §3)', () => {
  expect(toHex(encodeTcpOptions(GAP))).toBe('0101080a01020304fffefdfc0101050a0000000180000000')
})

test('a size is that of the octets', () => {
  for (const options of [SYN, GAP, NO_OPTIONS]) {
    expect(tcpOptionBytes(options)).toBe(encodeTcpOptions(options).length)
    expect(tcpOptionBytes(options) % 4).toBe(0)
  }
})
