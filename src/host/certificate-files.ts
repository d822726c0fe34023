/** Certificates and keys in PEM files: those that a user names, and those that we make ourselves. */

import { createPrivateKey, X509Certificate } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import { asFault, Fault } from '../base/fault.ts'
import type { CertificateNames } from '../base/tls.ts'
import { namesOf } from './certificate.ts'
import {
  type CertificateAndKey,
  issueCertificate,
  makeAuthority,
  type Validity,
} from './certificates.ts'
import { errnoOf } from './errno.ts'
import type { IdentityMaterial } from './tls.ts'

/** All permanent: somebody has to change a file. The message names it and says what would be right. */
export type CertificateFaultCode =
  | 'certificate/missing'
  | 'certificate/unreadable'
  | 'certificate/malformed'
  | 'certificate/key-exposed'
  | 'certificate/key-mismatch'
  | 'certificate/out-of-date'
  | 'certificate/exists'
  | 'certificate/not-written'

export interface CertificateFiles {
  /** PEM: the certificate, and those between it and its authority. */
  readonly certificate: string
  /** PEM, without a passphrase. */
  readonly key: string
}

const DAY_MS = 86_400_000
/** Clocks of peers may be behind. */
const EARLIER_MS = DAY_MS
export const AUTHORITY_DAYS = 3650
export const CERTIFICATE_DAYS = 397
/** What is left of a certificate of our own when it is made anew. */
const RENEWAL_MS = 30 * DAY_MS
/** What is left of somebody else's when that is told: about the time that people take to get one. */
const WARNING_MS = 14 * DAY_MS

/** Throws a Fault where they cannot serve for TLS; `expectCurrent` and `expiryWarning` look at the time. */
export function readIdentity(files: CertificateFiles): IdentityMaterial {
  const certificate = readPem(files.certificate)
  const parsed = parseCertificate(certificate, files.certificate)
  expectPrivate(files.key)
  const key = readPem(files.key)
  if (!parsed.checkPrivateKey(parseKey(key, files.key))) {
    const message = `${files.key} is not the key of ${files.certificate}: the two that were made together would be right`
    throw fault('certificate/key-mismatch', message)
  }
  expectUsable({ certificate, key }, files.certificate)
  return { certificate, key }
}

/** Throws a Fault where the first certificate of `pem`, which was read from `file`, is not valid at `nowMs`. */
export function expectCurrent(pem: string, file: string, nowMs: number): void {
  const { validFrom, validTo } = parseCertificate(pem, file)
  if (Date.parse(validFrom) <= nowMs && nowMs <= Date.parse(validTo)) return
  const message = `${file} is valid from ${validFrom} to ${validTo}, and now it is ${new Date(nowMs).toUTCString()}: a current one would be right`
  throw fault('certificate/out-of-date', message)
}

export interface ExpiryWarning {
  readonly kind: 'out-of-date' | 'soon'
  readonly text: string
}

/** What to tell of the first certificate of `pem` that is not valid at `nowMs`, or soon no more. */
export function expiryWarning(pem: string, file: string, nowMs: number): ExpiryWarning | undefined {
  try {
    expectCurrent(pem, file, nowMs)
  } catch (error) {
    return { kind: 'out-of-date', text: asFault(error).message }
  }
  const { validTo } = parseCertificate(pem, file)
  if (Date.parse(validTo) > nowMs + WARNING_MS) return undefined
  const text = `${file} is valid until ${validTo} and no longer: a new one by then would be right`
  return { kind: 'soon', text }
}

/** The certificates of authorities, one or more in a file. Throws a Fault where it is none. */
export function readAuthorities(file: string): string {
  const text = readPem(file)
  for (const each of certificatesIn(text, file)) {
    if (each.ca) continue
    const message = `${file}: a certificate for ${namesText(each)}, which is no authority: that of its authority would be right`
    throw fault('certificate/malformed', message)
  }
  return text
}

/** In the order of the file. Throws a Fault where there is none. */
export function readCertificates(file: string): readonly X509Certificate[] {
  return certificatesIn(readPem(file), file)
}

export function authorityFiles(directory: string): CertificateFiles {
  return { certificate: join(directory, 'authority.pem'), key: join(directory, 'authority.key') }
}

/** Makes an authority in a directory that exists. Throws a Fault where there is one already. */
export function createAuthority(directory: string, name: string, validity: Validity): void {
  const files = authorityFiles(directory)
  expectAbsent(files)
  writeFiles(files, makeAuthority(name, validity))
}

/** Issues a certificate of the authority in `directory`. Throws a Fault where that cannot be used. */
export function createCertificate(
  directory: string,
  files: CertificateFiles,
  names: CertificateNames,
  validity: Validity,
): void {
  expectAbsent(files)
  writeFiles(files, issueCertificate(readAuthority(directory), names, validity))
}

export function validityOf(days: number, nowMs: number): Validity {
  return { fromMs: nowMs - EARLIER_MS, untilMs: nowMs + days * DAY_MS }
}

/**
 * A certificate for `names` of the authority in `directory`: what is there, or made anew where it is
 * for other names or soon out of date, with an authority where there is none. Throws a Fault where
 * what is there cannot be used.
 */
export function ensureCertificate(
  directory: string,
  names: CertificateNames,
  nowMs: number,
): CertificateFiles {
  const files = { certificate: join(directory, 'host.pem'), key: join(directory, 'host.key') }
  if (!exists(authorityFiles(directory).certificate)) {
    const name = `Lightlag, ${[...names.dns, ...names.nodeIds][0] ?? 'own'}`
    writeFiles(authorityFiles(directory), makeAuthority(name, validityOf(AUTHORITY_DAYS, nowMs)))
  }
  if (isUsable(directory, files, names, nowMs)) return files
  const validity = validityOf(CERTIFICATE_DAYS, nowMs)
  writeFiles(files, issueCertificate(readAuthority(directory), names, validity))
  return files
}

function isUsable(
  directory: string,
  files: CertificateFiles,
  names: CertificateNames,
  nowMs: number,
): boolean {
  if (!exists(files.certificate)) return false
  const [certificate] = readCertificates(files.certificate)
  const [authority] = readCertificates(authorityFiles(directory).certificate)
  if (certificate === undefined || authority === undefined) return false
  const isOfNames = JSON.stringify(namesOf(certificate.raw)) === JSON.stringify(names)
  const isLasting = Date.parse(certificate.validTo) > nowMs + RENEWAL_MS
  return isOfNames && isLasting && certificate.verify(authority.publicKey)
}

function readAuthority(directory: string): CertificateAndKey {
  const files = authorityFiles(directory)
  const certificate = readAuthorities(files.certificate)
  expectPrivate(files.key)
  const key = readPem(files.key)
  const parsed = parseKey(key, files.key)
  if (!parseCertificate(certificate, files.certificate).checkPrivateKey(parsed)) {
    throw fault('certificate/key-mismatch', `${files.key} is not the key of ${files.certificate}`)
  }
  if (parsed.asymmetricKeyType === 'ec') return { certificate, key }
  const message = `${files.key} is of type ${parsed.asymmetricKeyType}: an authority of "lightlag certificate authority" would be right`
  throw fault('certificate/malformed', message)
}

function readPem(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENOENT') {
      throw fault('certificate/missing', `${file}: no such file`, error)
    }
    throw fault('certificate/unreadable', `${file} cannot be read: ${errno}`, error)
  }
}

function certificatesIn(text: string, file: string): readonly X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  if (blocks.length > 0) return blocks.map((block) => parseCertificate(block, file))
  throw fault('certificate/malformed', `${file}: no certificate in PEM, which would be right`)
}

/** The first of a file. */
function parseCertificate(text: string, file: string): X509Certificate {
  try {
    return new X509Certificate(text)
  } catch (error) {
    const message = `${file}: no certificate in PEM, which would be right`
    throw fault('certificate/malformed', message, error)
  }
}

function parseKey(text: string, file: string): ReturnType<typeof createPrivateKey> {
  try {
    return createPrivateKey(text)
  } catch (error) {
    const message = `${file}: no private key in PEM without a passphrase, which would be right`
    throw fault('certificate/malformed', message, error)
  }
}

/** A group may read it, as that of the programs with certificates does on Debian. */
function expectPrivate(file: string): void {
  const mode = statSync(file, { throwIfNoEntry: false })?.mode ?? 0
  if ((mode & 0o027) === 0) return
  const octal = (mode & 0o777).toString(8)
  const message = `${file} is open to others than its owner (mode ${octal}): mode 600 would be right`
  throw fault('certificate/key-exposed', message)
}

/** OpenSSL has opinions of its own: a key may be too small, a signature too weak. */
function expectUsable({ certificate, key }: IdentityMaterial, file: string): void {
  try {
    createSecureContext({ cert: certificate, key })
  } catch (error) {
    const message = `${file} is of no use for TLS: ${(error as Error).message}`
    throw fault('certificate/malformed', message, error)
  }
}

function expectAbsent({ certificate, key }: CertificateFiles): void {
  for (const file of [certificate, key]) {
    if (exists(file)) throw fault('certificate/exists', `${file} is there already`)
  }
}

function exists(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false }) !== undefined
}

/** The key first: where the certificate is, the key is as well. */
function writeFiles(files: CertificateFiles, { certificate, key }: CertificateAndKey): void {
  writeDurably(files.key, key, 0o600)
  writeDurably(files.certificate, certificate, 0o644)
}

function writeDurably(file: string, text: string, mode: number): void {
  const temporary = `${file}.new`
  try {
    const descriptor = openSync(temporary, 'w', mode)
    try {
      writeSync(descriptor, text)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    renameSync(temporary, file)
  } catch (error) {
    const message = `${file} cannot be written: ${errnoOf(error)}`
    throw fault('certificate/not-written', message, error)
  }
}

function namesText({ raw, subject }: X509Certificate): string {
  const { dns, ip, nodeIds } = namesOf(raw)
  return [...dns, ...ip, ...nodeIds].join(', ') || subject
}

function fault(
  code: CertificateFaultCode,
  message: string,
  cause?: unknown,
): Fault<CertificateFaultCode> {
  return new Fault(code, message, { temporary: false, cause })
}
