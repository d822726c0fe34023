import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hostCrc32c } from '../../src/host/crc32c.ts'
import { blockCrc } from '../../src/proto/bpv7/crc.ts'

test('the check value of CRC-32C', () => {
  expect(hostCrc32c(new TextEncoder().encode('123456789'), 0)).toBe(0xe306_9283)
})

test('property: it says what the table says, in one piece or in two, and of a view as well', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), fc.nat(), fc.nat(9), (bytes, cut, start) => {
      const at = cut % (bytes.length + 1)
      const whole = hostCrc32c(bytes, 0)
      expect(hostCrc32c(bytes.subarray(at), hostCrc32c(bytes.subarray(0, at), 0))).toBe(whole)
      if (bytes.length < start + 4) return
      const block = { start, end: bytes.length, crcAt: bytes.length - 4 }
      expect(blockCrc(2, bytes, block, hostCrc32c)).toBe(blockCrc(2, bytes, block))
    }),
  )
})
