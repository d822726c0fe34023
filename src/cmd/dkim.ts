/** `lightlag dkim …`: the keys that a host signs mail with. */

import { join } from 'node:path'
import { formatTimestamp } from '../base/calendar.ts'
import { asFault } from '../base/fault.ts'
import { addMs, type WallMs, wallMs } from '../base/time.ts'
import type { NodeConfig } from '../config/node-config.ts'
import { hostClock } from '../host/clock.ts'
import {
  keyFileName,
  keyRecord,
  newPrivateKey,
  readSigningKeys,
  writeSigningKey,
} from '../host/dkim-keys.ts'
import { hostDns } from '../host/dns.ts'
import type { DatedSigningKey, SigningKey } from '../ports/mail-authentication.ts'
import { dkimDirectoryOf } from './dkim-directory.ts'
import { EXIT, Failure } from './failure.ts'
import { makePrivateFolder } from './files.ts'
import { readConfig } from './host-config.ts'
import { printLines } from './print-lines.ts'

export interface DkimArguments {
  readonly config: string
  /** Default: that of the host. */
  readonly domain?: string
}

export interface DkimNewArguments extends DkimArguments {
  readonly selector?: string
  readonly algorithm: SigningKey['algorithm']
  /** Milliseconds from now until it signs. Default: a day, or at once for the first key of a domain. */
  readonly in?: number
}

export interface DkimRetireArguments extends DkimArguments {
  /** Milliseconds from now. Default: now. */
  readonly in?: number
}

/** Its record has time to be known everywhere. */
const PUBLISHING_MS = 86_400_000

export function dkimNew(args: DkimNewArguments): void {
  const { algorithm } = args
  const { directory, domain, keys } = openKeys(args)
  const now = hostClock.wall()
  const selector = args.selector ?? freeSelector(keys, domain, algorithm, now)
  if (keys.some((key) => key.domain === domain && key.selector === selector)) {
    throw new Failure(
      EXIT.usage,
      `${domain} has a key ${selector}: another selector would be right`,
    )
  }
  const isFirst = !keys.some((key) => key.domain === domain && key.algorithm === algorithm)
  const from = addMs(now, args.in ?? (isFirst ? 0 : PUBLISHING_MS))
  const key = { domain, selector, algorithm, privateKey: newPrivateKey(algorithm), from }
  makePrivateFolder(directory)
  writeSigningKey(directory, key)
  printLines([
    `${join(directory, keyFileName(key))}: signs mail of ${domain} from ${formatTimestamp(from)}`,
    'to be published in the domain name system by then:',
    zoneLine(key),
  ])
}

export function dkimList({ json, ...args }: DkimArguments & { readonly json?: true }): void {
  const { keys } = openKeys(args)
  const now = hostClock.wall()
  const rows = keys.map(({ domain, selector, algorithm, from, until }) => ({
    ...{ domain, selector, algorithm },
    state: stateOf({ from, until }, now),
    from: formatTimestamp(from),
    ...(until !== undefined && { until: formatTimestamp(until) }),
  }))
  if (json) {
    printLines(rows.map((row) => JSON.stringify(row)))
    return
  }
  if (rows.length === 0) {
    const advice = `"lightlag dkim new --config ${args.config}" makes one`
    printLines([`there are no keys, and no mail is signed; ${advice}`])
  }
  printLines(
    rows.map(({ domain, selector, algorithm, state, from, until }) =>
      [domain, selector, algorithm, state, from, until ?? ''].join('  ').trimEnd(),
    ),
  )
}

/** Prints the record of a key; with `check`, whether it is published. */
export async function dkimShow(
  selector: string,
  { check, ...args }: DkimArguments & { readonly check?: true },
): Promise<void> {
  const { config, domain, keys } = openKeys(args)
  const key = requiredKey(keys, domain, selector)
  printLines([zoneLine(key)])
  if (!check) return
  const name = `${selector}._domainkey.${domain}`
  const dns = hostDns({ clock: hostClock, ...config.dns })
  let published: readonly string[] = []
  try {
    published = (await dns.resolveTxt(name)).records
  } catch (error) {
    throw new Failure(EXIT.failed, `it is not published: ${asFault(error).message}`)
  }
  const isSame = published.some(
    (text) => text.replace(/\s/g, '') === keyRecord(key).replace(/\s/g, ''),
  )
  if (isSame) printLines(['it is published'])
  else throw new Failure(EXIT.failed, `another record is published: ${published.join(' and ')}`)
}

export function dkimRetire(selector: string, args: DkimRetireArguments): void {
  const { directory, domain, keys } = openKeys(args)
  const key = requiredKey(keys, domain, selector)
  const until = addMs(hostClock.wall(), args.in ?? 0)
  writeSigningKey(directory, { ...key, until })
  const rest = keys.filter((one) => one !== key && one.domain === domain && isStill(one, until))
  printLines([
    `${selector} of ${domain} signs no more from ${formatTimestamp(until)}`,
    'its record should stay for some weeks, for mail on its way is verified by it',
    ...(rest.length === 0 ? [`nothing signs mail of ${domain} from then on`] : []),
  ])
}

function isStill({ from, until }: DatedSigningKey, at: WallMs): boolean {
  return from <= at && (until === undefined || until > at)
}

function stateOf(
  {
    from,
    until = wallMs(Number.MAX_SAFE_INTEGER),
  }: Pick<DatedSigningKey, 'from'> & {
    readonly until: WallMs | undefined
  },
  now: WallMs,
): string {
  if (until <= now) return 'retired'
  return from <= now ? 'signs' : 'to come'
}

/** As a line of a zone file; its strings are of at most 255 octets. */
function zoneLine(key: DatedSigningKey): string {
  const strings = keyRecord(key).match(/.{1,250}/g) ?? []
  const text = strings.map((part) => `"${part}"`).join(' ')
  return `${key.selector}._domainkey.${key.domain}. 3600 IN TXT ( ${text} )`
}

/** `20261123` for RSA, `20261123e` for Ed25519; with a number where there is one. */
function freeSelector(
  keys: readonly DatedSigningKey[],
  domain: string,
  algorithm: SigningKey['algorithm'],
  now: WallMs,
): string {
  const day = formatTimestamp(now).slice(0, 10).replaceAll('-', '')
  const base = algorithm === 'rsa' ? day : `${day}e`
  const taken = new Set(keys.filter((key) => key.domain === domain).map(({ selector }) => selector))
  for (let number = 1; ; number++) {
    const selector = number === 1 ? base : `${base}-${number}`
    if (!taken.has(selector)) return selector
  }
}

function openKeys(args: DkimArguments): {
  readonly config: NodeConfig
  readonly directory: string
  readonly domain: string
  readonly keys: readonly DatedSigningKey[]
} {
  const config = readConfig(args.config)
  const directory = dkimDirectoryOf(config, args.config)
  const domain = args.domain ?? config.host
  return { config, directory, domain, keys: readSigningKeys(directory) }
}

function requiredKey(
  keys: readonly DatedSigningKey[],
  domain: string,
  selector: string,
): DatedSigningKey {
  const key = keys.find((one) => one.domain === domain && one.selector === selector)
  if (key !== undefined) return key
  const known = keys.map((one) => `${one.selector} of ${one.domain}`).join(', ') || 'none'
  throw new Failure(EXIT.failed, `${domain} has no key ${selector}; there are: ${known}`)
}
