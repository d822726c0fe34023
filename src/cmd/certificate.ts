import type { X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { asFault } from '../base/fault.ts'
import { namesOf } from '../host/certificate.ts'
import {
  authorityFiles,
  createAuthority,
  createCertificate,
  readCertificates,
  validityOf,
} from '../host/certificate-files.ts'
import { hostClock } from '../host/clock.ts'
import { EXIT, Failure, reasonOf } from './failure.ts'
import { makeFolder } from './files.ts'
import { printLines } from './print-lines.ts'

export interface AuthorityArguments {
  readonly name: string
  readonly days: number
}

export interface IssueArguments {
  readonly dns?: readonly string[]
  readonly ip?: readonly string[]
  /** Endpoint IDs. */
  readonly node?: readonly string[]
  readonly days: number
  /** Of the files; default: after the first name. */
  readonly as?: string
}

export function certificateAuthority(folder: string, { name, days }: AuthorityArguments): void {
  try {
    makeFolder(folder, 0o700)
  } catch (error) {
    throw new Failure(EXIT.failed, `cannot make ${folder}: ${reasonOf(error)}`)
  }
  inWords(() => createAuthority(folder, name, validityOf(days, hostClock.wall())))
  const { certificate, key } = authorityFiles(folder)
  printLines([`${certificate}  the authority, for everybody`, `${key}  its key, for nobody else`])
}

export function certificateIssue(folder: string, args: IssueArguments): void {
  const { dns = [], ip = [], node = [], days, as } = args
  const names = { dns, ip, nodeIds: node }
  const [first] = [...names.dns, ...names.nodeIds, ...names.ip]
  if (first === undefined) {
    throw new Failure(EXIT.usage, 'a certificate for nobody: --dns, --node or --ip would be right')
  }
  const base = join(folder, as ?? first.replace(/[^A-Za-z0-9.-]+/g, '-').replace(/\.0$/, ''))
  const files = { certificate: `${base}.pem`, key: `${base}.key` }
  inWords(() => createCertificate(folder, files, names, validityOf(days, hostClock.wall())))
  printLines([`${files.certificate}  the certificate`, `${files.key}  its key, for nobody else`])
}

export function certificateShow(files: readonly string[]): void {
  const lines = files.flatMap((file) =>
    inWords(() => readCertificates(file)).flatMap((each) => describe(file, each)),
  )
  printLines(lines)
}

function describe(file: string, certificate: X509Certificate): readonly string[] {
  const { raw, ca, validFrom, validTo, issuer, subject, fingerprint256 } = certificate
  const { dns, ip, nodeIds } = namesOf(raw)
  const now = hostClock.wall()
  const isCurrent = Date.parse(validFrom) <= now && now <= Date.parse(validTo)
  return [
    `${file}: ${ca ? 'an authority' : 'a certificate'}`,
    ...[`subject ${lineOf(subject)}`, `issuer ${lineOf(issuer)}`],
    ...dns.map((name) => `DNS name ${name}`),
    ...ip.map((address) => `IP address ${address}`),
    ...nodeIds.map((id) => `node ID ${id}`),
    `valid from ${dateOf(validFrom)} to ${dateOf(validTo)}${isCurrent ? '' : ': not now'}`,
    `SHA-256 ${fingerprint256}`,
  ].map((line, index) => (index === 0 ? line : `  ${line}`))
}

/** A name has a line for each of its parts. */
function lineOf(name: string | undefined): string {
  return name?.replaceAll('\n', ', ') || 'without a name'
}

function dateOf(text: string): string {
  return new Date(text).toISOString().slice(0, 16).replace('T', ' ').concat('Z')
}

/** A Fault of the files is what the user has to hear. */
function inWords<T>(action: () => T): T {
  try {
    return action()
  } catch (error) {
    throw new Failure(EXIT.failed, `lightlag certificate: ${asFault(error).message}`)
  }
}
