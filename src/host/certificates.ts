/** An authority of our own, and the certificates that it issues. Profile: RFC 5280, RFC 9174 §4.4.2. */

import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto'
import { fromLatin1, fromUtf8, NO_BYTES, toBase64 } from '../base/bytes.ts'
import { parseIpAddress } from '../base/ip-address.ts'
import type { CertificateNames } from '../base/tls.ts'
import {
  BUNDLE_EID,
  extensionOf,
  NAME_TAGS,
  SUBJECT_ALT_NAME,
  SUBJECT_KEY_IDENTIFIER,
  subjectOf,
} from './certificate.ts'
import { CONSTRUCTED, DER, der, derInteger, derOid, PRIMITIVE, readDer } from './der.ts'

export interface CertificateAndKey {
  /** PEM. */
  readonly certificate: string
  /** PEM, PKCS #8. */
  readonly key: string
}

export interface Validity {
  /** Milliseconds since 1970. */
  readonly fromMs: number
  readonly untilMs: number
}

/** A self-signed authority. `name` is for people. */
export function makeAuthority(name: string, validity: Validity): CertificateAndKey {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const publicKey = subjectPublicKey(keys.publicKey)
  const certificate = signed(keys.privateKey, {
    issuer: commonName(name),
    subject: commonName(name),
    validity,
    publicKey,
    extensions: [
      extension('2.5.29.19', der(DER.sequence, TRUE), 'critical'),
      // keyCertSign and cRLSign.
      extension('2.5.29.15', der(DER.bitString, Uint8Array.of(1, 0x06)), 'critical'),
      subjectKeyIdentifier(publicKey),
    ],
  })
  return { certificate, key: pemOf(keys.privateKey) }
}

/** For `names`, of which there is at least one; fit for both sides of TLS, and for bundle nodes. */
export function issueCertificate(
  authority: CertificateAndKey,
  names: CertificateNames,
  validity: Validity,
): CertificateAndKey {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const publicKey = subjectPublicKey(keys.publicKey)
  const issuer = new X509Certificate(authority.certificate)
  const certificate = signed(createPrivateKey(authority.key), {
    issuer: subjectOf(issuer.raw),
    subject: commonName(([...names.dns, ...names.nodeIds, ...names.ip][0] ?? '').slice(0, 64)),
    validity,
    publicKey,
    extensions: [
      extension('2.5.29.19', der(DER.sequence), 'critical'),
      // digitalSignature.
      extension('2.5.29.15', der(DER.bitString, Uint8Array.of(7, 0x80)), 'critical'),
      // serverAuth, clientAuth, bundleSecurity.
      extension('2.5.29.37', der(DER.sequence, ...PURPOSES.map(derOid))),
      extension(SUBJECT_ALT_NAME, der(DER.sequence, ...generalNames(names))),
      subjectKeyIdentifier(publicKey),
      authorityKeyIdentifier(issuer),
    ],
  })
  return { certificate, key: pemOf(keys.privateKey) }
}

const PURPOSES = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.35'] as const
const ECDSA_WITH_SHA256 = der(DER.sequence, derOid('1.2.840.10045.4.3.2'))
const TRUE = der(DER.boolean, Uint8Array.of(0xff))

interface Contents {
  readonly issuer: Uint8Array
  readonly subject: Uint8Array
  readonly validity: Validity
  readonly publicKey: Uint8Array
  readonly extensions: readonly Uint8Array[]
}

function signed(key: KeyObject, contents: Contents): string {
  const { issuer, subject, validity, publicKey, extensions } = contents
  const toBeSigned = der(
    DER.sequence,
    // Version 3.
    der(CONSTRUCTED | 0, derInteger(Uint8Array.of(2))),
    derInteger(serialNumber()),
    ECDSA_WITH_SHA256,
    issuer,
    der(DER.sequence, time(validity.fromMs), time(validity.untilMs)),
    subject,
    publicKey,
    der(CONSTRUCTED | 3, der(DER.sequence, ...extensions)),
  )
  const signature = der(DER.bitString, Uint8Array.of(0), sign('sha256', toBeSigned, key))
  return pem('CERTIFICATE', der(DER.sequence, toBeSigned, ECDSA_WITH_SHA256, signature))
}

/** Positive, unpredictable, and of at most 20 octets. RFC 5280. */
function serialNumber(): Uint8Array {
  const octets = randomBytes(16)
  octets[0] = 0x40 | ((octets[0] ?? 0) & 0x3f)
  return octets
}

/** Two digits of the year until 2049, four from then on. RFC 5280. */
function time(ms: number): Uint8Array {
  const digits = new Date(ms).toISOString().replace(/[-T:]|\.\d+/g, '')
  return Number(digits.slice(0, 4)) < 2050
    ? der(DER.utcTime, fromLatin1(digits.slice(2)))
    : der(DER.generalizedTime, fromLatin1(digits))
}

function commonName(name: string): Uint8Array {
  const attribute = der(DER.sequence, derOid('2.5.4.3'), der(DER.utf8String, fromUtf8(name)))
  return der(DER.sequence, der(DER.set, attribute))
}

function generalNames({ dns, ip, nodeIds }: CertificateNames): readonly Uint8Array[] {
  return [
    ...dns.map((name) => der(NAME_TAGS.dns, fromLatin1(name))),
    ...ip.map((address) => der(NAME_TAGS.ip, addressOctets(address))),
    ...nodeIds.map((id) =>
      der(
        NAME_TAGS.other,
        derOid(BUNDLE_EID),
        der(CONSTRUCTED | 0, der(DER.ia5String, fromLatin1(id))),
      ),
    ),
  ]
}

function addressOctets(text: string): Uint8Array {
  const { bits, value } = parseIpAddress(text) ?? { bits: 32, value: 0n }
  return Uint8Array.from({ length: bits / 8 }, (_, i) =>
    Number((value >> BigInt(bits - 8 * (i + 1))) & 0xffn),
  )
}

function extension(oid: string, value: Uint8Array, critical?: 'critical'): Uint8Array {
  const wrapped = der(DER.octetString, value)
  const head = derOid(oid)
  return critical ? der(DER.sequence, head, TRUE, wrapped) : der(DER.sequence, head, wrapped)
}

/** The SHA-1 of the key's bits. RFC 5280. */
function subjectKeyIdentifier(publicKey: Uint8Array): Uint8Array {
  const bits = readDer(readDer(publicKey)?.[0]?.content ?? publicKey)?.[1]?.content.subarray(1)
  const identifier = createHash('sha1')
    .update(bits ?? publicKey)
    .digest()
  return extension(SUBJECT_KEY_IDENTIFIER, der(DER.octetString, identifier))
}

function authorityKeyIdentifier(issuer: X509Certificate): Uint8Array {
  const identifier = extensionOf(issuer.raw, SUBJECT_KEY_IDENTIFIER)?.content ?? NO_BYTES
  return extension('2.5.29.35', der(DER.sequence, der(PRIMITIVE | 0, identifier)))
}

function subjectPublicKey(key: KeyObject): Uint8Array {
  return key.export({ type: 'spki', format: 'der' })
}

function pemOf(key: KeyObject): string {
  return String(key.export({ type: 'pkcs8', format: 'pem' }))
}

function pem(label: string, bytes: Uint8Array): string {
  const lines = toBase64(bytes).replace(/.{1,64}/g, '$&\n')
  return `-----BEGIN ${label}-----\n${lines}-----END ${label}-----\n`
}
