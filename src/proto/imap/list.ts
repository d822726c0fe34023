/** LIST with all that RFC 5258, RFC 5819 and RFC 6154 add, and LSUB. RFC 9051 §6.3.9. */

import type { Cursor } from './cursor.ts'
import { imapFault } from './fault.ts'
import { LIST_PATTERNS_MAX } from './limits.ts'
import { decodePattern } from './mailbox-name.ts'
import { parseStatusItems, type StatusItem } from './status.ts'

export interface ListRequest {
  readonly selection: readonly ListSelection[]
  readonly reference: string
  readonly patterns: readonly string[]
  readonly returns: readonly ListReturn[]
  /** RETURN (STATUS (…)). */
  readonly status: readonly StatusItem[] | undefined
  /** Whether any of the extended syntax was used: a plain LIST is told of children anyway. */
  readonly isExtended: boolean
}

export type ListSelection = (typeof SELECTIONS)[number]
export type ListReturn = (typeof RETURNS)[number]

const SELECTIONS = ['SUBSCRIBED', 'REMOTE', 'RECURSIVEMATCH', 'SPECIAL-USE'] as const
const RETURNS = ['SUBSCRIBED', 'CHILDREN', 'SPECIAL-USE'] as const

export function parseList(cursor: Cursor, utf8: boolean): ListRequest {
  cursor.space()
  const isSelective = cursor.next === '('
  const selection: ListSelection[] = []
  if (isSelective) {
    selection.push(...cursor.list(() => oneOf(cursor, SELECTIONS), SELECTIONS.length))
    cursor.space()
  }
  const reference = decodePattern(cursor.astring(), utf8)
  cursor.space()
  const isMultiple = cursor.next === '('
  const pattern = (): string => decodePattern(cursor.listMailbox(), utf8)
  const patterns = isMultiple ? cursor.list(pattern, LIST_PATTERNS_MAX) : [pattern()]
  let status: readonly StatusItem[] | undefined
  const returns: ListReturn[] = []
  const hasReturn = cursor.tries(' RETURN ')
  if (hasReturn) {
    cursor.list(() => {
      if (cursor.tries('STATUS ')) status = parseStatusItems(cursor)
      else returns.push(oneOf(cursor, RETURNS))
    }, RETURNS.length + 1)
  }
  // It says nothing of which children. RFC 5258 §3.1.
  if (selection.includes('RECURSIVEMATCH') && !selection.some((one) => CHOOSING.includes(one))) {
    throw imapFault('imap/bad-syntax', 'RECURSIVEMATCH with another selection would be right')
  }
  const isExtended = isSelective || isMultiple || hasReturn
  return { selection, reference, patterns, returns, status, isExtended }
}

const CHOOSING: readonly ListSelection[] = ['SUBSCRIBED', 'SPECIAL-USE']

function oneOf<Word extends string>(cursor: Cursor, words: readonly Word[]): Word {
  const word = cursor.word(`one of ${words.join(', ')}`)
  const known = words.find((one) => one === word)
  if (known === undefined) throw cursor.expected(`one of ${words.join(', ')} before this`)
  return known
}
