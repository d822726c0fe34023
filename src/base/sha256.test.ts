import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromLatin1, toHex } from './bytes.ts'
import { hmacSha256, pbkdf2Sha256, sha256 } from './sha256.ts'

test.each([
  ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  [
    'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  ],
])('SHA-256 of %j (FIPS 180-4)', (text, hash) => {
  expect(toHex(sha256(fromLatin1(text)))).toBe(hash)
})

test('HMAC with a short key and with one longer than a block (RFC 4231)', () => {
  expect(toHex(hmacSha256(fromLatin1('Jefe'), fromLatin1('what do ya want for nothing?')))).toBe(
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  )
  const text = fromLatin1('Test Using Larger Than Block-Size Key - Hash Key First')
  expect(toHex(hmacSha256(new Uint8Array(131).fill(0xaa), text))).toBe(
    '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
  )
})

test('PBKDF2, as RFC 7914 §11 has it', () => {
  expect(toHex(pbkdf2Sha256(fromLatin1('passwd'), fromLatin1('salt'), 1))).toBe(
    '55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc',
  )
  expect(toHex(pbkdf2Sha256(fromLatin1('Password'), fromLatin1('NaCl'), 80_000))).toBe(
    '4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56',
  )
})

test('property: as the library of the platform has it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      const expected = await crypto.subtle.digest('SHA-256', Uint8Array.from(bytes))
      expect(toHex(sha256(bytes))).toBe(toHex(new Uint8Array(expected)))
    }),
  )
})
