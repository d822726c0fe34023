/** The names of Maildir's files and, as Maildir++ has them, of its folders. */

import { decodeUtf7, encodeUtf7, isWellFormed } from '../../proto/imap/utf7.ts'
import { mailboxFault } from './fault.ts'
import { DIRECTORY_NAME_MAX } from './limits.ts'
import { HIERARCHY_DELIMITER } from './mailbox.ts'

/** The system flags as bits; keywords follow from KEYWORD_BIT on, in the order of the mailbox's list. */
export const ANSWERED = 1
export const FLAGGED = 2
export const DELETED = 4
export const SEEN = 8
export const DRAFT = 16
export const KEYWORD_BIT = 5

/** Letters in the order in which they stand in a name, with their bits. */
const LETTERS: readonly (readonly [letter: string, bit: number])[] = [
  ['D', DRAFT],
  ['F', FLAGGED],
  ['R', ANSWERED],
  ['S', SEEN],
  ['T', DELETED],
]

const LETTER_A = 97

export interface FileName {
  /** What no reader changes, without the marks of its size: what makes it this message. */
  readonly unique: string
  /** All before the colon. */
  readonly base: string
  readonly flags: number
  /** Letters that mean nothing to us, such as `P`; kept. */
  readonly otherLetters: string
}

export function parseFileName(name: string): FileName {
  const colon = name.indexOf(':')
  const base = colon < 0 ? name : name.slice(0, colon)
  const comma = base.indexOf(',')
  const unique = comma < 0 ? base : base.slice(0, comma)
  const letters = colon >= 0 && name.startsWith(':2,', colon) ? name.slice(colon + 3) : ''
  let flags = 0
  let otherLetters = ''
  for (const letter of letters) {
    const known = LETTERS.find(([one]) => one === letter)
    if (known !== undefined) flags |= known[1]
    else if (letter >= 'a' && letter <= 'z') {
      flags |= 1 << (KEYWORD_BIT + letter.charCodeAt(0) - LETTER_A)
    } else otherLetters += letter
  }
  return { unique, base, flags, otherLetters }
}

/** In `cur`; letters in the order of ASCII. */
export function formatFileName(base: string, flags: number, otherLetters: string): string {
  let letters = ''
  for (const [letter, bit] of LETTERS) if ((flags & bit) !== 0) letters += letter
  for (let rest = flags >> KEYWORD_BIT, i = 0; rest !== 0; rest >>= 1, i++) {
    if ((rest & 1) !== 0) letters += String.fromCharCode(LETTER_A + i)
  }
  // In order by themselves, as the most have them.
  if (otherLetters !== '') letters = [...letters, ...otherLetters].sort().join('')
  return `${base}:2,${letters}`
}

/** Octets as sent, where the name tells them. */
export function sizeInBase(base: string): number | undefined {
  const digits = /,W=(\d{1,15})(?:,|$)/.exec(base)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** The second in which a message came, by which names begin; undefined where this one does not. */
export function secondInBase(base: string): number | undefined {
  const digits = /^(\d{1,11})\./.exec(base)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** `.A.B` for `A/B`. Throws `mailbox/bad-name`. */
export function directoryOf(mailbox: string): string {
  const levels = mailbox.split(HIERARCHY_DELIMITER)
  if (levels.includes('')) throw badName(mailbox, 'a level of it is empty')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
  if (/[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd]/.test(mailbox) || !isWellFormed(mailbox)) {
    throw badName(mailbox, 'it has characters that no name has')
  }
  const directory = levels.map((level) => `.${encodeLevel(level)}`).join('')
  if (directory.length > DIRECTORY_NAME_MAX) throw badName(mailbox, 'it is too long')
  return directory
}

/** Undefined where it is no folder's. */
export function mailboxOf(directory: string): string | undefined {
  if (!/^\.[^.]/.test(directory)) return undefined
  const levels = directory.slice(1).split('.').map(decodeLevel)
  return levels.some((level) => level === undefined || level === '')
    ? undefined
    : levels.join(HIERARCHY_DELIMITER)
}

/** The dot parts levels on the disk, so one within a level is encoded. */
function encodeLevel(level: string): string {
  return encodeUtf7(level).replaceAll('.', DOT)
}

function decodeLevel(level: string): string | undefined {
  return decodeUtf7(level.replaceAll(DOT, '.')) ?? decodeUtf7(level.replaceAll('&', '&-'))
}

/** What modified UTF-7 would write for a dot if it wrote dots so. */
const DOT = '&AC4-'

function badName(mailbox: string, why: string): Error {
  return mailboxFault('mailbox/bad-name', `${JSON.stringify(mailbox)} is no mailbox's name: ${why}`)
}
