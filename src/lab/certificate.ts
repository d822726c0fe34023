/** Certificates of the lab: what they say, and no cryptography, since nobody in the lab forges any. */

import { assert } from '../base/assert.ts'
import { fromUtf8, toUtf8Strict } from '../base/bytes.ts'
import type { WallMs } from '../base/time.ts'
import type { CertificateNames, CertificateStanding } from '../base/tls.ts'
import type { TlsIdentity, TlsTrust } from '../ports/tls.ts'
import { DER, der } from './der.ts'

export interface LabCertificate {
  readonly names: CertificateNames
  /** Who has issued it. */
  readonly authority: string
  readonly from: number
  readonly until: number
}

class LabIdentity {
  readonly certificate: LabCertificate

  constructor(certificate: LabCertificate) {
    this.certificate = certificate
  }
}

class LabTrust {
  readonly authorities: readonly string[]

  constructor(authorities: readonly string[]) {
    this.authorities = authorities
  }
}

export interface LabValidity {
  readonly from: WallMs
  readonly until: WallMs
}

/** A certificate of `authority`, which is a name. */
export function labIdentity(
  authority: string,
  names: CertificateNames,
  { from, until }: LabValidity,
): TlsIdentity {
  return new LabIdentity({ names, authority, from, until }) as unknown as TlsIdentity
}

/** Believes the authorities of these names. */
export function labTrust(...authorities: readonly string[]): TlsTrust {
  return new LabTrust(authorities) as unknown as TlsTrust
}

export function certificateOf(identity: TlsIdentity): LabCertificate {
  assert(identity instanceof LabIdentity, 'an identity of the lab')
  return (identity as unknown as LabIdentity).certificate
}

/** Without a trust nobody is trusted: the lab has no system with authorities of its own. */
export function standingOf(
  { authority, from, until }: LabCertificate,
  trust: TlsTrust | undefined,
  now: WallMs,
): CertificateStanding {
  assert(trust === undefined || trust instanceof LabTrust, 'a trust of the lab')
  const believed = (trust as unknown as LabTrust | undefined)?.authorities ?? []
  if (!believed.includes(authority)) return 'untrusted'
  return from <= now && now <= until ? 'trusted' : 'out-of-date'
}

/**
 * A certificate as X.509 has it (RFC 5280 §4.1), of an elliptic curve, for whoever looks at it on the
 * wire: in one octet after the other that is a key or a signature there is nothing. What the lab
 * reads of it is in an extension of its own.
 */
export function encodeCertificate(certificate: LabCertificate): Uint8Array {
  const { names, authority } = certificate
  const subject = names.dns[0] ?? names.ip[0] ?? names.nodeIds[0] ?? ''
  const body = der(
    DER.sequence,
    // Version 3.
    der(0xa0, der(DER.integer, Uint8Array.of(2))),
    der(DER.integer, Uint8Array.of(1)),
    ECDSA_SHA256,
    commonName(authority),
    der(DER.sequence, time('20000101000000Z'), time('99991231235959Z')),
    commonName(subject),
    PUBLIC_KEY,
    der(
      0xa3,
      der(DER.sequence, der(DER.sequence, LAB_EXTENSION, der(DER.octets, said(certificate)))),
    ),
  )
  return der(DER.sequence, body, ECDSA_SHA256, SIGNATURE)
}

/** Undefined where the bytes are none. */
export function decodeCertificate(bytes: Uint8Array): LabCertificate | undefined {
  const at = placeOf(LAB_EXTENSION, bytes)
  const value = at === undefined ? undefined : parseJson(octetsAt(bytes, at + LAB_EXTENSION.length))
  if (!isRecord(value) || !isRecord(value['names'])) return undefined
  const { names, authority, from, until } = value
  const { dns, ip, nodeIds } = names
  if (!isTexts(dns) || !isTexts(ip) || !isTexts(nodeIds)) return undefined
  if (typeof authority !== 'string') return undefined
  if (typeof from !== 'number' || typeof until !== 'number') return undefined
  return { names: { dns, ip, nodeIds }, authority, from, until }
}

function said(certificate: LabCertificate): Uint8Array {
  return fromUtf8(JSON.stringify(certificate))
}

/** What an OCTET STRING holds of two octets of length at most. */
function octetsAt(bytes: Uint8Array, at: number): Uint8Array {
  const [, first = 0, high = 0, low = 0] = bytes.subarray(at, at + 4)
  if (first < 0x80) return bytes.subarray(at + 2, at + 2 + first)
  const [head, length] = first === 0x81 ? [3, high] : [4, (high << 8) | low]
  return bytes.subarray(at + head, at + head + length)
}

function placeOf(wanted: Uint8Array, bytes: Uint8Array): number | undefined {
  for (
    let at = bytes.indexOf(DER.identifier);
    at >= 0;
    at = bytes.indexOf(DER.identifier, at + 1)
  ) {
    if (wanted.every((octet, i) => bytes[at + i] === octet)) return at
  }
  return undefined
}

function commonName(text: string): Uint8Array {
  const name = der(DER.sequence, COMMON_NAME, der(DER.utf8, fromUtf8(text)))
  return der(DER.sequence, der(DER.set, name))
}

function time(text: string): Uint8Array {
  return der(DER.generalizedTime, fromUtf8(text))
}

/** 2.5.4.3. */
const COMMON_NAME: Uint8Array = der(DER.identifier, Uint8Array.of(0x55, 4, 3))
/** 2.25.20: what the lab says. */
const LAB_EXTENSION: Uint8Array = der(DER.identifier, Uint8Array.of(0x69, 20))
/** ecdsa-with-SHA256, 1.2.840.10045.4.3.2. RFC 5758 §3.2. */
const ECDSA_SHA256: Uint8Array = der(
  DER.sequence,
  der(DER.identifier, Uint8Array.of(0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2)),
)
/** A point of P-256 that is none. RFC 5480 §2. */
const PUBLIC_KEY: Uint8Array = der(
  DER.sequence,
  der(
    DER.sequence,
    der(DER.identifier, Uint8Array.of(0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1)),
    der(DER.identifier, Uint8Array.of(0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7)),
  ),
  der(DER.bits, Uint8Array.of(0, 4), new Uint8Array(64)),
)
const SIGNATURE: Uint8Array = der(
  DER.bits,
  Uint8Array.of(0),
  der(
    DER.sequence,
    der(DER.integer, new Uint8Array(32).fill(1)),
    der(DER.integer, new Uint8Array(32).fill(1)),
  ),
)

/** Undefined where the bytes are no JSON. */
function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(toUtf8Strict(bytes) ?? '')
  } catch {
    return undefined
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}
