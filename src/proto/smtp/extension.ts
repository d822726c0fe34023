/** Service extensions, as the reply to EHLO lists them. RFC 5321 §4.1.1.1. */

import type { SaslMechanism } from '../sasl/mechanism.ts'
import type { Reply } from './reply.ts'

export interface Extensions {
  /** RFC 2920. */
  readonly pipelining: boolean
  /** RFC 1870: SIZE is understood; how much is accepted the server says where it matters. */
  readonly size: boolean
  /** RFC 1652. */
  readonly eightBitMime: boolean
  /** RFC 2554, in the server's order and in upper case. */
  readonly mechanisms: readonly string[]
}

/** What a server knows that answers only to HELO. */
export const NO_EXTENSIONS: Extensions = {
  pipelining: false,
  size: false,
  eightBitMime: false,
  mechanisms: [],
}

/** The lines after the first in our own reply to EHLO. */
export function offeredExtensions(
  sizeBytesMax: number,
  mechanisms: readonly SaslMechanism[],
): readonly string[] {
  return [
    'PIPELINING',
    `SIZE ${sizeBytesMax}`,
    ...(mechanisms.length > 0 ? [`AUTH ${mechanisms.join(' ')}`] : []),
    'ENHANCEDSTATUSCODES',
    '8BITMIME',
    // Not among the commands that every server has. RFC 5321 §4.5.1.
    'HELP',
  ]
}

export function readExtensions(reply: Reply): Extensions {
  const lines = reply.lines.slice(1).map((line) => line.toUpperCase().split(' '))
  const offers = (keyword: string): boolean => lines.some(([first]) => first === keyword)
  return {
    pipelining: offers('PIPELINING'),
    size: offers('SIZE'),
    eightBitMime: offers('8BITMIME'),
    mechanisms: lines.flatMap(([first, ...rest]) => (first === 'AUTH' ? rest : [])),
  }
}
