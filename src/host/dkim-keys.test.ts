import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { needs } from '../../test/support/programs.ts'
import { wallMs } from '../base/time.ts'
import type { DatedSigningKey } from '../ports/mail-authentication.ts'
import { keyRecord, newPrivateKey, readSigningKeys, writeSigningKey } from './dkim-keys.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lightlag-dkim-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const FROM = wallMs(Date.UTC(2026, 10, 23, 12))

function newKey(
  algorithm: 'rsa' | 'ed25519',
  more: Partial<DatedSigningKey> = {},
): DatedSigningKey {
  const privateKey = newPrivateKey(algorithm)
  return { domain: 'a.com', selector: 's1', algorithm, privateKey, from: FROM, ...more }
}

test.each(['rsa', 'ed25519'] as const)(
  'a key of %s is read as it was written, by its owner only',
  (algorithm) => {
    const key = newKey(algorithm, { until: wallMs(FROM + 1000) })
    writeSigningKey(directory, key)
    expect(readSigningKeys(directory)).toEqual([key])
    const file = join(directory, 's1._domainkey.a.com.pem')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    chmodSync(file, 0o644)
    expect(() => readSigningKeys(directory)).toThrow('mode 600 would be right')
  },
)

test('a directory that is not there has no keys, and other files are no keys', () => {
  expect(readSigningKeys(join(directory, 'none'))).toEqual([])
  writeFileSync(join(directory, 'notes.txt'), 'hello')
  expect(readSigningKeys(directory)).toEqual([])
})

test('the key of another program signs always', () => {
  const key = newKey('rsa')
  writeFileSync(join(directory, 'mail._domainkey.a.com.pem'), key.privateKey, { mode: 0o600 })
  expect(readSigningKeys(directory)).toEqual([{ ...key, selector: 'mail', from: 0 }])
})

test.each([
  ['nonsense', 'has no private key in PEM'],
  [`from: yesterday\n${newPrivateKey('ed25519')}`, 'from is "yesterday": a time such as 2026'],
  [`until: \n${newPrivateKey('ed25519')}`, 'until is ""'],
])('a file with %.20j in it is refused, and it is said why', (text, message) => {
  writeFileSync(join(directory, 's1._domainkey.a.com.pem'), text, { mode: 0o600 })
  expect(() => readSigningKeys(directory)).toThrow(message)
})

test.skipIf(needs('openssl'))('keys that nobody can verify are refused', () => {
  const write = (...args: readonly string[]): void => {
    const pem = execFileSync('openssl', ['genpkey', ...args], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    writeFileSync(join(directory, 's1._domainkey.a.com.pem'), pem, { mode: 0o600 })
  }
  write('-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:768')
  expect(() => readSigningKeys(directory)).toThrow('rsa of 768 bits: rsa of 2048 bits')
  write('-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256')
  expect(() => readSigningKeys(directory)).toThrow('is ec: rsa of 2048')
})

test('the record says what kind of key it is, and its public half', () => {
  const [version, kind, p] = keyRecord(newKey('ed25519')).split('; ')
  expect([version, kind]).toEqual(['v=DKIM1', 'k=ed25519'])
  expect(Buffer.from(p?.slice(2) ?? '', 'base64')).toHaveLength(32)
  expect(keyRecord(newKey('rsa'))).toMatch(/^v=DKIM1; k=rsa; p=MIIBIjAN/)
})
