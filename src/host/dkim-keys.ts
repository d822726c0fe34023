/**
 * The keys of DKIM, each in a file of a directory: `<selector>._domainkey.<domain>.pem`, in PEM, above
 * it `from: 2026-11-23T12:00:00Z` and `until: …` for when it signs. A file without them signs always, so
 * that keys of other programs only need a name. RFC 6376, RFC 8463.
 */

import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { formatTimestamp, parseTimestamp } from '../base/calendar.ts'
import { Fault } from '../base/fault.ts'
import { type WallMs, wallMs } from '../base/time.ts'
import type { DatedSigningKey, SigningKey } from '../ports/mail-authentication.ts'
import { errnoOf } from './errno.ts'
import { readPrivateFile, writePrivateFile } from './private-file.ts'

export type DkimKeyFaultCode = 'dkim/bad-key' | 'dkim/unreadable'

/** What every verifier takes; longer ones do not fit into one answer of the domain name system. */
const RSA_BITS = 2048
/** Shorter ones are refused by verifiers. RFC 8301. */
const RSA_BITS_MIN = 1024

/** Every one is read at every change. */
const DKIM_KEYS_MAX = 1000

/** None where the directory is not there. Throws a Fault. */
export function readSigningKeys(directory: string): readonly DatedSigningKey[] {
  const names = namesIn(directory).filter((name) => NAME.test(name))
  if (names.length > DKIM_KEYS_MAX) {
    const message = `${directory} has ${names.length} keys: at most ${DKIM_KEYS_MAX} would be right`
    throw fault('dkim/unreadable', message)
  }
  return names.map((name) => readSigningKey(join(directory, name), name))
}

export function keyFileName({ domain, selector }: Pick<SigningKey, 'domain' | 'selector'>): string {
  return `${selector}._domainkey.${domain}.pem`
}

/** PKCS #8 in PEM. */
export function newPrivateKey(algorithm: SigningKey['algorithm']): string {
  const { privateKey } =
    algorithm === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: RSA_BITS })
      : generateKeyPairSync('ed25519')
  return pemOf(privateKey)
}

/** Durable when it returns, and for nobody else to read. Throws a Fault. */
export function writeSigningKey(directory: string, key: DatedSigningKey): void {
  const until = key.until === undefined ? '' : `until: ${formatTimestamp(key.until)}\n`
  const text = `from: ${formatTimestamp(key.from)}\n${until}${key.privateKey}`
  writePrivateFile(join(directory, keyFileName(key)), text)
}

/** What is to be published for it, at `<selector>._domainkey.<domain>`. */
export function keyRecord({ algorithm, privateKey }: SigningKey): string {
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
  // Of Ed25519 the key itself, which is its end. RFC 8463.
  const bytes = algorithm === 'rsa' ? spki : spki.subarray(-32)
  return `v=DKIM1; k=${algorithm}; p=${bytes.toString('base64')}`
}

const NAME =
  /^([a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?)\._domainkey\.([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)\.pem$/

function readSigningKey(file: string, name: string): DatedSigningKey {
  const [, selector = '', domain = ''] = NAME.exec(name) ?? []
  const text = readPrivateFile(file) ?? ''
  const key = privateKeyOf(file, text)
  const until = timeOf(file, text, 'until')
  return {
    ...{ domain, selector, algorithm: algorithmOf(file, key), privateKey: pemOf(key) },
    from: timeOf(file, text, 'from') ?? wallMs(0),
    ...(until !== undefined && { until }),
  }
}

function privateKeyOf(file: string, text: string): KeyObject {
  try {
    return createPrivateKey(text.slice(Math.max(text.indexOf('-----BEGIN'), 0)))
  } catch {
    throw fault('dkim/bad-key', `${file} has no private key in PEM without a passphrase`)
  }
}

function algorithmOf(file: string, key: KeyObject): SigningKey['algorithm'] {
  const { asymmetricKeyType: type, asymmetricKeyDetails } = key
  if (type === 'ed25519') return 'ed25519'
  const bits = asymmetricKeyDetails?.modulusLength ?? 0
  if (type === 'rsa' && bits >= RSA_BITS_MIN) return 'rsa'
  const what = type === 'rsa' ? `rsa of ${bits} bits` : type
  throw fault('dkim/bad-key', `${file} is ${what}: rsa of 2048 bits, or ed25519, would be right`)
}

function timeOf(file: string, text: string, name: 'from' | 'until'): WallMs | undefined {
  const written = new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(text)?.[1]
  if (written === undefined) return undefined
  const time = parseTimestamp(written.trim())
  if (time !== undefined) return time
  const message = `${file}: ${name} is ${JSON.stringify(written)}: a time such as 2026-11-23T08:00:00Z would be right`
  throw fault('dkim/bad-key', message)
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory).sort()
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw fault('dkim/unreadable', `${directory} cannot be read: ${(error as Error).message}`)
  }
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}

function fault(code: DkimKeyFaultCode, message: string): Fault<DkimKeyFaultCode> {
  return new Fault(code, message, { temporary: false })
}
