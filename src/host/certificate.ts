/** What is read of a certificate (RFC 5280) beyond what Node tells. */

import { equalBytes, NO_BYTES, toLatin1 } from '../base/bytes.ts'
import type { CertificateNames } from '../base/tls.ts'
import { CONSTRUCTED, DER, type DerValue, der, derOid, readDer } from './der.ts'

export const SUBJECT_ALT_NAME = '2.5.29.17'
export const SUBJECT_KEY_IDENTIFIER = '2.5.29.14'

/** The form of name that a NODE-ID has: BundleEID. RFC 9174 §4.4.1. */
export const BUNDLE_EID = '1.3.6.1.5.5.7.8.11'

/** Which kind of name it is: GeneralName of RFC 5280. */
export const NAME_TAGS = { other: 0xa0, dns: 0x82, uri: 0x86, ip: 0x87 } as const

/** Names that cannot be read are left out. */
export function namesOf(certificate: Uint8Array): CertificateNames {
  const dns: string[] = []
  const ip: string[] = []
  const nodeIds: string[] = []
  for (const { tag, content } of valuesIn(extensionOf(certificate, SUBJECT_ALT_NAME))) {
    const text = toLatin1(content)
    if (tag === NAME_TAGS.dns) dns.push(text.toLowerCase())
    else if (tag === NAME_TAGS.ip) ip.push(...addressIn(content))
    else if (tag === NAME_TAGS.other) nodeIds.push(...bundleEidIn(content))
    // The form of a NODE-ID in the drafts of RFC 9174, for certificates that are that old.
    else if (tag === NAME_TAGS.uri && /^(?:ipn|dtn):/.test(text)) nodeIds.push(text)
  }
  return { dns, ip, nodeIds }
}

/** The algorithm that the certificate is signed with, its OID as it is encoded; empty for none. */
export function signatureAlgorithm(certificate: Uint8Array): Uint8Array {
  const [, algorithm] = valuesIn(readDer(certificate)?.[0])
  return valuesIn(algorithm)[0]?.content ?? NO_BYTES
}

/** The Name of whom the certificate is about, as it is encoded. */
export function subjectOf(certificate: Uint8Array): Uint8Array {
  const [toBeSigned] = valuesIn(readDer(certificate)?.[0])
  return der(DER.sequence, valuesIn(toBeSigned)[5]?.content ?? NO_BYTES)
}

/** What an extension holds; undefined where the certificate has none of that OID. */
export function extensionOf(certificate: Uint8Array, oid: string): DerValue | undefined {
  const [toBeSigned] = valuesIn(readDer(certificate)?.[0])
  const explicit = valuesIn(toBeSigned).find(({ tag }) => tag === (CONSTRUCTED | 3))
  const extension = valuesIn(valuesIn(explicit)[0]).find((each) => isOid(valuesIn(each)[0], oid))
  return valuesIn(valuesIn(extension).find(({ tag }) => tag === DER.octetString))[0]
}

function bundleEidIn(content: Uint8Array): readonly string[] {
  const [form, explicit] = readDer(content) ?? []
  const [value] = valuesIn(explicit)
  return isOid(form, BUNDLE_EID) && value?.tag === DER.ia5String ? [toLatin1(value.content)] : []
}

function addressIn(octets: Uint8Array): readonly string[] {
  if (octets.length === 4) return [octets.join('.')]
  if (octets.length !== 16) return []
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((octets[2 * i] ?? 0) << 8) | (octets[2 * i + 1] ?? 0)).toString(16),
  )
  return [groups.join(':')]
}

function isOid(value: DerValue | undefined, oid: string): boolean {
  return value?.tag === DER.oid && equalBytes(derOid(oid).subarray(2), value.content)
}

function valuesIn(value: DerValue | undefined): readonly DerValue[] {
  return (value && readDer(value.content)) ?? []
}
