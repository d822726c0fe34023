import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat, fromUtf8 } from '../base/bytes.ts'
import { wallMs } from '../base/time.ts'
import { decodeParcel, encodeParcel, isProven, PARCEL_HEAD_BYTES_MAX } from './parcel.ts'

const SECRET = fromUtf8('a secret of both sides')
const PARCEL = {
  ...{ from: 'mail-1.a.com', to: 'mail-2.a.com', id: 'a1b2c3d4e5f6/7' },
  ...{ expiresAt: wallMs(1_800_000_000_000), payload: fromUtf8('payload') },
}

function faultOf(bytes: Uint8Array): string {
  const decoded = decodeParcel(bytes)
  return decoded.ok ? '' : decoded.fault.message
}

const parcels = fc.record({
  from: fc.domain(),
  to: fc.domain(),
  id: fc.stringMatching(/^[a-z0-9/-]{1,40}$/),
  expiresAt: fc.nat().map(wallMs),
  payload: fc.uint8Array({ maxLength: 400 }),
})

test('property: what was encoded decodes to the same, and its proof holds', () => {
  fc.assert(
    fc.property(parcels, fc.boolean(), (parcel, isSecret) => {
      const bytes = encodeParcel(parcel, isSecret ? SECRET : undefined)
      expect(bytes.length).toBeLessThanOrEqual(parcel.payload.length + PARCEL_HEAD_BYTES_MAX)
      const decoded = decodeParcel(bytes)
      if (!decoded.ok) throw decoded.fault
      expect(decoded.value).toMatchObject({ ...parcel, payload: new Uint8Array(parcel.payload) })
      expect(isProven(decoded.value, SECRET)).toBe(isSecret)
      expect(isProven(decoded.value, fromUtf8('another'))).toBe(false)
    }),
  )
})

test('property: no bytes make it throw, and none but whole ones are read', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(decodeParcel(bytes).ok).toBe(false)
      expect(decodeParcel(concat(fromUtf8('lightlag parcel 1\r\n'), bytes)).ok).toBe(false)
    }),
  )
})

test('property: whatever is cut off, added or changed is noticed', () => {
  const bytes = encodeParcel(PARCEL, undefined)
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, difference) => {
      expect(decodeParcel(bytes.subarray(0, at)).ok).toBe(false)
      const changed = bytes.slice()
      changed[at] = (changed[at] ?? 0) ^ difference
      expect(decodeParcel(changed).ok).toBe(false)
      expect(decodeParcel(concat(bytes, new Uint8Array((at % 31) + 1))).ok).toBe(false)
    }),
  )
})

test('what is wrong with a file is said', () => {
  const bytes = encodeParcel(PARCEL, SECRET)
  expect(faultOf(fromUtf8('From: somebody, who wrote a letter'))).toBe('it is none of ours')
  expect(faultOf(bytes.subarray(0, 10))).toBe('it is cut off')
  expect(faultOf(bytes.subarray(0, bytes.length - 40))).toBe('it is cut off')
  expect(faultOf(bytes.subarray(0, bytes.length - 3))).toBe('something follows it')
  const damaged = bytes.slice()
  damaged[30] = 0x41
  expect(faultOf(damaged)).toBe('its checksum is another, so that it was damaged')
})
