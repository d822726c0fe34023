/** Certificates of the lab: what they say, and no cryptography, since nobody in the lab forges any. */

import { assert } from '../base/assert.ts'
import { fromUtf8, toUtf8Strict } from '../base/bytes.ts'
import type { WallMs } from '../base/time.ts'
import type { CertificateNames, CertificateStanding } from '../base/tls.ts'
import type { TlsIdentity, TlsTrust } from '../ports/tls.ts'

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

export function encodeCertificate(certificate: LabCertificate): Uint8Array {
  return fromUtf8(JSON.stringify(certificate))
}

/** Undefined where the bytes are none. */
export function decodeCertificate(bytes: Uint8Array): LabCertificate | undefined {
  const value = parseJson(bytes)
  if (!isRecord(value) || !isRecord(value['names'])) return undefined
  const { names, authority, from, until } = value
  const { dns, ip, nodeIds } = names
  if (!isTexts(dns) || !isTexts(ip) || !isTexts(nodeIds)) return undefined
  if (typeof authority !== 'string') return undefined
  if (typeof from !== 'number' || typeof until !== 'number') return undefined
  return { names: { dns, ip, nodeIds }, authority, from, until }
}

/** Undefined where the bytes are no JSON. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(toUtf8Strict(bytes) ?? '')
  } catch {
    return undefined
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

export function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}
