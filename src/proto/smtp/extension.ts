/** Service extensions, as the reply to EHLO lists them. RFC 5321 §4.1.1.1. */

import { formatTimestamp } from '../../base/calendar.ts'
import type { WallMs } from '../../base/time.ts'
import type { SaslMechanism } from '../sasl/mechanism.ts'
import type { MailParameters, RecipientParameters } from './envelope.ts'
import type { Reply } from './reply.ts'

/** What a server offers only where those behind it can honour it. */
export type OptionalExtension = (typeof OPTIONAL_EXTENSIONS)[number]

export const OPTIONAL_EXTENSIONS = [
  'DSN',
  'BINARYMIME',
  'SMTPUTF8',
  'DELIVERBY',
  'FUTURERELEASE',
  'MT-PRIORITY',
  'REQUIRETLS',
] as const

/** The extension that each optional parameter belongs to, by what a command carries of it. */
export function extensionsUsed(
  parameters: MailParameters & RecipientParameters,
): readonly (readonly [OptionalExtension, string])[] {
  const { ret, envelopeId, notify, originalRecipient, smtpUtf8, body } = parameters
  const { deliverBy, hold, priority, requireTls } = parameters
  const used: (readonly [OptionalExtension, string, unknown])[] = [
    ['DSN', 'RET', ret],
    ['DSN', 'ENVID', envelopeId],
    ['DSN', 'NOTIFY', notify],
    ['DSN', 'ORCPT', originalRecipient],
    ['BINARYMIME', 'BODY=BINARYMIME', body === 'BINARYMIME' || undefined],
    ['SMTPUTF8', 'SMTPUTF8', smtpUtf8],
    ['DELIVERBY', 'BY', deliverBy],
    ['FUTURERELEASE', 'HOLDFOR or HOLDUNTIL', hold],
    ['MT-PRIORITY', 'MT-PRIORITY', priority],
    ['REQUIRETLS', 'REQUIRETLS', requireTls],
  ]
  return used.flatMap(([extension, keyword, value]) =>
    value === undefined ? [] : [[extension, keyword] as const],
  )
}

export interface Extensions {
  /** RFC 2920. */
  readonly pipelining: boolean
  /** RFC 1870: SIZE is understood. */
  readonly size: boolean
  /** The largest message that is taken; undefined where the server does not say. RFC 1870 §3. */
  readonly sizeBytesMax: number | undefined
  /** RFC 1652. */
  readonly eightBitMime: boolean
  /** RFC 3030. */
  readonly chunking: boolean
  /** RFC 3207. */
  readonly startTls: boolean
  /** The shortest time in which the server delivers on demand; 0 where it does not say. RFC 2852. */
  readonly deliverBySecMin: number
  /** How many RCPT a mail may have, and how many MAIL a session; undefined: not said. RFC 9422. */
  readonly recipientsMax: number | undefined
  readonly mailsMax: number | undefined
  readonly optional: readonly OptionalExtension[]
  /** RFC 2554, in the server's order and in upper case. */
  readonly mechanisms: readonly string[]
}

/** What a server knows that answers only to HELO. */
export const NO_EXTENSIONS: Extensions = {
  pipelining: false,
  size: false,
  sizeBytesMax: undefined,
  eightBitMime: false,
  chunking: false,
  startTls: false,
  deliverBySecMin: 0,
  recipientsMax: undefined,
  mailsMax: undefined,
  optional: [],
  mechanisms: [],
}

/** The lines after the first in our own reply to EHLO. */
export function offeredExtensions(offer: {
  readonly sizeBytesMax: number
  readonly recipientsMax: number
  readonly startTls: boolean
  readonly mechanisms: readonly SaslMechanism[]
  readonly extensions: readonly OptionalExtension[]
  readonly releaseMax: ReleaseMax | undefined
  readonly expands: boolean
}): readonly string[] {
  const { releaseMax } = offer
  const details: Partial<Record<OptionalExtension, string>> =
    (releaseMax && {
      FUTURERELEASE: ` ${releaseMax.afterSec} ${formatTimestamp(releaseMax.until)}`,
    }) ||
    {}
  return [
    'PIPELINING',
    `SIZE ${offer.sizeBytesMax}`,
    ...(offer.startTls ? ['STARTTLS'] : []),
    ...(offer.mechanisms.length > 0 ? [`AUTH ${offer.mechanisms.join(' ')}`] : []),
    'ENHANCEDSTATUSCODES',
    '8BITMIME',
    'CHUNKING',
    `LIMITS RCPTMAX=${offer.recipientsMax}`,
    // Not among the commands that every server has. RFC 5321 §4.5.1.
    'HELP',
    // RFC 5321 §3.5.2.
    ...(offer.expands ? ['EXPN'] : []),
    ...offer.extensions.map((extension) => extension + (details[extension] ?? '')),
  ]
}

/** How far off a release may be. RFC 4865. */
export interface ReleaseMax {
  readonly afterSec: number
  readonly until: WallMs
}

export function readExtensions(reply: Reply): Extensions {
  const lines = reply.lines.slice(1).map((line) => line.toUpperCase().split(' '))
  const offers = (keyword: string): boolean => lines.some(([first]) => first === keyword)
  const parameterOf = (keyword: string): string =>
    lines.find(([first]) => first === keyword)?.[1] ?? ''
  return {
    pipelining: offers('PIPELINING'),
    size: offers('SIZE'),
    sizeBytesMax: sizeOf(parameterOf('SIZE')),
    eightBitMime: offers('8BITMIME'),
    chunking: offers('CHUNKING'),
    startTls: offers('STARTTLS'),
    deliverBySecMin: Number(/^\d{1,9}(?=,|$)/.exec(parameterOf('DELIVERBY'))?.[0] ?? 0),
    recipientsMax: limitOf(lines, 'RCPTMAX'),
    mailsMax: limitOf(lines, 'MAILMAX'),
    optional: OPTIONAL_EXTENSIONS.filter(offers),
    mechanisms: lines.flatMap(([first, ...rest]) => (first === 'AUTH' ? rest : [])),
  }
}

function limitOf(lines: readonly (readonly string[])[], name: string): number | undefined {
  const limits = lines.find(([first]) => first === 'LIMITS') ?? []
  const [, digits] = limits.map((limit) => limit.split('=', 2)).find(([key]) => key === name) ?? []
  return digits !== undefined && /^[1-9]\d{0,5}$/.test(digits) ? Number(digits) : undefined
}

/** 0 means that there is no bound. RFC 1870 §3. */
function sizeOf(digits: string): number | undefined {
  return /^[1-9]\d{0,19}$/.test(digits) ? Number(digits) : undefined
}
