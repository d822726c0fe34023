/** `Authentication-Results`, which says at the top of a message what was found out about it. RFC 8601. */

import type { Authentication, DkimResult } from '../../ports/mail-authentication.ts'
import { formatField } from '../../proto/message/header.ts'
import { FieldFilter } from '../policy/field-filter.ts'

const NAME = 'Authentication-Results'

/** Signatures that are told of; whoever adds more has them counted. */
const SIGNATURES_TOLD_MAX = 10

/** Without its last CRLF. `authority` is the name of this server. */
export function formatResults(authority: string, results: Authentication): string {
  return formatField(NAME, wordsOf(authority, results)).replace(/\r\n$/, '')
}

/** What stands in the field, in one line. */
export function resultsText(authority: string, results: Authentication): string {
  return wordsOf(authority, results).join(' ')
}

function wordsOf(authority: string, results: Authentication): readonly string[] {
  const { spf, dkim, arc, dmarc } = results
  const methods = [
    [`spf=${spf.result}`, property('smtp', spf.identity, spf.domain)],
    ...dkim.slice(0, SIGNATURES_TOLD_MAX).map(dkimWords),
    ...(arc.result === 'none' ? [] : [[`arc=${arc.result}`, reason(arc.reason)]]),
    [
      `dmarc=${dmarc.result}`,
      reason(dmarc.reason),
      property('policy', 'dmarc', dmarc.policy),
      property('header', 'from', dmarc.domain),
    ],
  ].map((words) => words.filter((word) => word !== undefined))
  return [
    `${authority};`,
    ...methods.flatMap((words, index) => {
      const last = words.length - 1
      const isEnd = index === methods.length - 1
      return words.map((word, at) => (at === last && !isEnd ? `${word};` : word))
    }),
  ]
}

function dkimWords(one: DkimResult): (string | undefined)[] {
  return [
    `dkim=${one.result}`,
    reason(one.reason),
    property('header', 'd', one.domain),
    property('header', 's', one.selector),
    property('header', 'a', one.algorithm),
    property('header', 'b', one.signature),
  ]
}

function reason(text: string | undefined): string | undefined {
  return text === undefined ? undefined : `reason=${value(text)}`
}

function property(type: string, name: string, text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : `${type}.${name}=${value(text)}`
}

/** Beyond it nobody reads. */
const VALUE_LENGTH_MAX = 200

/** What strangers said, kept from ending its value: a token, or quoted. */
function value(text: string): string {
  const clean = text.slice(0, VALUE_LENGTH_MAX).replace(/[^ -~]/g, '?')
  if (/^[A-Za-z0-9!#$%&'*+.^_`{|}~@-]+$/.test(clean)) return clean
  return `"${clean.replace(/["\\]/g, '\\$&')}"`
}

/**
 * Takes out of a message that comes from outside every field that claims to be of a server whose word
 * may not be taken for it, such as ours: only those that we add may be believed. RFC 8601 asks a border
 * for it. `isForged` is asked with a name in lower case.
 */
export function forgedResultsFilter(isForged: (authority: string) => boolean): FieldFilter {
  return new FieldFilter(NAME, (field) => {
    const authority = authorityOf(field)
    // One that cannot be read may be anybody's.
    return authority === undefined || isForged(authority)
  })
}

/** Whose the field is, in lower case: its first word; undefined where it has none. */
function authorityOf(field: string): string | undefined {
  const word = firstWord(field.slice(field.indexOf(':') + 1))
  return word?.toLowerCase().replace(/\.$/, '')
}

/** Past white space and comments; undefined where there is none. */
function firstWord(text: string): string | undefined {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string
    if (depth > 0 && char === '\\') at++
    else if (char === '(') depth++
    else if (char === ')') depth = Math.max(0, depth - 1)
    else if (depth > 0 || /\s/.test(char)) continue
    else if (char === '"')
      return /^"((?:[^"\\]|\\.)*)"/s.exec(text.slice(at))?.[1]?.replace(/\\(.)/gs, '$1')
    else return /^[^\s;()"]+/.exec(text.slice(at))?.[0]
  }
  return undefined
}
