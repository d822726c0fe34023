/** Names of mailboxes: `/` stands between the levels, and INBOX is one in any case. RFC 9051 §5.1. */

import { fromUtf8 } from '../../base/bytes.ts'
import { utf8Of } from './cursor.ts'
import { imapFault } from './fault.ts'
import { NAME_BYTES_MAX } from './limits.ts'
import { decodeUtf7, encodeUtf7, isWellFormed } from './utf7.ts'

export const SEPARATOR = '/'

/** The name as people read it; throws `imap/bad-name`. */
export function decodeName(octets: string, utf8: boolean): string {
  const name = decodePattern(octets, utf8)
  if (name.toUpperCase() === 'INBOX') return 'INBOX'
  if (/^inbox\//i.test(name)) return `INBOX${name.slice(5)}`
  return name
}

/** The octets by which a client that has, or has not, said that it knows UTF-8 calls it. */
export function encodeName(name: string, utf8: boolean): string {
  return utf8 ? name : encodeUtf7(name)
}

/** A reference or a pattern. */
export function decodePattern(octets: string, utf8: boolean): string {
  const name = utf8 ? utf8Of(octets) : decodeUtf7(octets)
  if (name === undefined || !isWellFormed(name)) {
    throw imapFault(
      'imap/bad-name',
      `a name in ${utf8 ? 'UTF-8' : 'modified UTF-7'} would be right`,
    )
  }
  return name
}

/** Why no mailbox can be called so; undefined where one can. */
export function objectionToName(name: string): string | undefined {
  if (name === '') return 'a name is not empty'
  if (fromUtf8(name).length > NAME_BYTES_MAX) return `a name has at most ${NAME_BYTES_MAX} octets`
  if (/[\p{Cc}\u2028\u2029]/u.test(name)) return 'a name has no control characters'
  if (/[*%]/.test(name)) return 'a name has no wildcards'
  if (name.split(SEPARATOR).some((level) => level === '' || level === '.' || level === '..')) {
    return 'a name has something between its separators'
  }
  return undefined
}

/**
 * Whether `name` matches `pattern`, in which `*` is any characters and `%` any but the separator.
 * However long the pattern, the time is bounded by the name's length.
 */
export function matchesPattern(name: string, pattern: string): boolean {
  // INBOX is one in any case. RFC 9051 §6.3.9.
  const wanted = collapse(name === 'INBOX' ? pattern.toUpperCase() : pattern)
  if (wanted.replace(/[*%]/g, '').length > name.length) return false
  let reached = new Set([0])
  for (const char of wanted) {
    const after = new Set<number>()
    for (const at of reached) {
      if (char === '*' || char === '%') {
        for (let to = at; to <= name.length; to++) {
          if (after.has(to) && char === '*') break
          after.add(to)
          if (char === '%' && name.charAt(to) === SEPARATOR) break
        }
      } else if (name.startsWith(char, at) && at < name.length) after.add(at + char.length)
    }
    if (after.size === 0) return false
    reached = after
  }
  return reached.has(name.length)
}

function collapse(pattern: string): string {
  return pattern.replace(/[*%]*\*[*%]*/g, '*').replace(/%+/g, '%')
}
