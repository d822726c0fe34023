import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { needs } from '../../test/support/programs.ts'
import { toHex } from '../base/bytes.ts'
import { namesOf, signatureAlgorithm } from './certificate.ts'
import { issueCertificate, makeAuthority } from './certificates.ts'
import { DER, der, derInteger, derOid, readDer } from './der.ts'

const now = Date.now()
const validity = { fromMs: now - 60_000, untilMs: now + 86_400_000 }
const names = {
  dns: ['mail-1.a.com', 'a.com'],
  ip: ['172.21.0.3', '2001:db8:0:0:0:0:0:1'],
  nodeIds: ['ipn:2.0', 'dtn://mail-1/'],
}
const authority = makeAuthority('Lightlag test', validity)
const issued = issueCertificate(authority, names, validity)
const raw = new X509Certificate(issued.certificate).raw

describe('certificates (RFC 5280, RFC 9174 §4.4.2)', () => {
  test('bear the names they were made for, NODE-IDs among them, and they can be read again', () => {
    expect(namesOf(raw)).toEqual(names)
    expect(new X509Certificate(raw).subjectAltName).toContain('DNS:mail-1.a.com')
  })

  test('are signed by the authority, whose certificate is marked as one', () => {
    const certificate = new X509Certificate(raw)
    const issuer = new X509Certificate(authority.certificate)
    expect(issuer.ca).toBe(true)
    expect(certificate.ca).toBe(false)
    expect(certificate.checkIssued(issuer)).toBe(true)
    expect(certificate.verify(issuer.publicKey)).toBe(true)
    expect(toHex(signatureAlgorithm(raw))).toBe('2a8648ce3d040302')
  })

  test('last for their time, in either form of date', () => {
    for (const untilMs of [Date.UTC(2049, 11, 31), Date.UTC(2050, 0, 1, 2, 3, 4)]) {
      const { certificate } = makeAuthority('x', { fromMs: 0, untilMs })
      const { validFrom, validTo } = new X509Certificate(certificate)
      expect([Date.parse(validFrom), Date.parse(validTo)]).toEqual([0, untilMs])
    }
  })

  test.skipIf(needs('openssl'))('satisfy OpenSSL at its strictest', () => {
    const directory = mkdtempSync(join(tmpdir(), 'lightlag-'))
    try {
      const [ca, leaf] = [join(directory, 'ca.pem'), join(directory, 'leaf.pem')]
      writeFileSync(ca, authority.certificate)
      writeFileSync(leaf, issued.certificate)
      const verify = (purpose: string): string =>
        execFileSync(
          'openssl',
          ['verify', '-x509_strict', '-purpose', purpose, '-CAfile', ca, leaf],
          { encoding: 'utf8' },
        )
      for (const purpose of ['sslserver', 'sslclient']) expect(verify(purpose)).toMatch(/: OK/)
      const text = execFileSync('openssl', ['x509', '-in', leaf, '-noout', '-text'])
      expect(String(text)).toContain('1.3.6.1.5.5.7.3.35')
      const asn1 = execFileSync('openssl', ['asn1parse', '-in', leaf])
      expect(String(asn1)).toContain('X509v3 Subject Alternative Name')
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  test.skipIf(needs('openssl'))('a NODE-ID that OpenSSL has encoded is read', () => {
    const directory = mkdtempSync(join(tmpdir(), 'lightlag-'))
    try {
      const [key, leaf] = [join(directory, 'key.pem'), join(directory, 'leaf.pem')]
      const make = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=a']
      const name = 'subjectAltName=DNS:a.com,otherName:1.3.6.1.5.5.7.8.11;IA5:ipn:10.0'
      const files = ['-keyout', key, '-out', leaf, '-addext', name]
      execFileSync('openssl', [...make, ...files], { stdio: 'ignore' })
      const { raw: foreign } = new X509Certificate(readFileSync(leaf))
      expect(namesOf(foreign)).toEqual({ dns: ['a.com'], ip: [], nodeIds: ['ipn:10.0'] })
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  test('a NODE-ID is also read where it is a URI, as before RFC 9174', () => {
    const uri = (text: string) => der(0x86, new TextEncoder().encode(text))
    const alternatives = der(DER.sequence, uri('ipn:2.0'), uri('https://a.com/'))
    const extension = der(DER.sequence, derOid('2.5.29.17'), der(DER.octetString, alternatives))
    const extensions = der(0xa3, der(DER.sequence, extension))
    const certificate = der(DER.sequence, der(DER.sequence, extensions))
    expect(namesOf(certificate)).toEqual({ dns: [], ip: [], nodeIds: ['ipn:2.0'] })
  })
})

describe('DER', () => {
  test('property: no bytes make it throw, nor a certificate with any octet changed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        readDer(bytes)
        namesOf(bytes)
        signatureAlgorithm(bytes)
      }),
    )
    fc.assert(
      fc.property(fc.nat(raw.length - 1), fc.nat(255), fc.nat(raw.length), (at, octet, length) => {
        const bytes = Uint8Array.from(raw.subarray(0, length))
        if (at < length) bytes[at] = octet
        namesOf(bytes)
        signatureAlgorithm(bytes)
      }),
    )
  })

  test('property: what is written is read again', () => {
    const content = fc.uint8Array({ maxLength: 300 })
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(...Object.values(DER)), content)), (values) => {
        const bytes = Uint8Array.from(values.flatMap(([tag, each]) => [...der(tag, each)]))
        const read = readDer(bytes)
        expect(read?.map(({ tag, content: each }) => [tag, toHex(each)])).toEqual(
          values.map(([tag, each]) => [tag, toHex(each)]),
        )
      }),
    )
  })

  test('lengths and numbers take as few octets as they can', () => {
    expect(toHex(der(DER.octetString, new Uint8Array(127)).subarray(0, 3))).toBe('047f00')
    expect(toHex(der(DER.octetString, new Uint8Array(128)).subarray(0, 3))).toBe('048180')
    expect(toHex(der(DER.octetString, new Uint8Array(65_536)).subarray(0, 5))).toBe('0483010000')
    expect(toHex(derInteger(Uint8Array.of(0, 0x80)))).toBe('02020080')
    expect(toHex(derInteger(Uint8Array.of(0)))).toBe('020100')
    expect(toHex(derOid('1.3.6.1.5.5.7.8.11'))).toBe('06082b0601050507080b')
  })
})
