/** What is offered, and when. RFC 9051 §6.1.1. */

import type { SaslMechanism } from '../sasl/mechanism.ts'

/** What a client may have turned on. RFC 5161. */
export interface Modes {
  /** Names and quoted strings are in UTF-8: IMAP4rev2, or UTF8=ACCEPT. */
  readonly utf8: boolean
  readonly rev2: boolean
  readonly condstore: boolean
  readonly qresync: boolean
}

export const NO_MODES: Modes = { utf8: false, rev2: false, condstore: false, qresync: false }

export interface Offer {
  readonly isSecured: boolean
  readonly canSecure: boolean
  readonly isLoggedIn: boolean
  readonly mechanisms: readonly SaslMechanism[]
  readonly canLogIn: boolean
  readonly messageBytesMax: number
  readonly isCompressed: boolean
}

/** At every moment. */
const ALWAYS = ['IMAP4rev1', 'IMAP4rev2', 'SASL-IR', 'LITERAL+', 'ID', 'ENABLE']

const LOGGED_IN = [
  'IDLE',
  'NAMESPACE',
  'CHILDREN',
  'UNSELECT',
  'UIDPLUS',
  'MOVE',
  'CONDSTORE',
  'QRESYNC',
  'ESEARCH',
  'SEARCHRES',
  'WITHIN',
  'SORT',
  'THREAD=ORDEREDSUBJECT',
  'THREAD=REFERENCES',
  'LIST-EXTENDED',
  'LIST-STATUS',
  'SPECIAL-USE',
  'CREATE-SPECIAL-USE',
  'STATUS=SIZE',
  'BINARY',
  'MULTIAPPEND',
  'OBJECTID',
  'QUOTA',
  'QUOTA=RES-STORAGE',
  'UTF8=ACCEPT',
]

/**
 * LITERAL+ stands alone: nobody has both names (RFC 7888 §5). What needs a login is told before it
 * too: a client far away need not ask again.
 */
export function capabilities(offer: Offer): string {
  const names = [...ALWAYS]
  if (!offer.isLoggedIn) {
    if (offer.canSecure && !offer.isSecured) names.push('STARTTLS')
    if (!offer.canLogIn) names.push('LOGINDISABLED')
    names.push(...offer.mechanisms.map((mechanism) => `AUTH=${mechanism}`))
  }
  names.push(...LOGGED_IN, `APPENDLIMIT=${offer.messageBytesMax}`)
  if (!offer.isCompressed) names.push('COMPRESS=DEFLATE')
  return names.join(' ')
}

const ENABLED_BY: Readonly<Record<string, Partial<Modes>>> = {
  IMAP4REV2: { rev2: true, utf8: true },
  'UTF8=ACCEPT': { utf8: true },
  CONDSTORE: { condstore: true },
  // It brings the other. RFC 7162 §3.2.3.
  QRESYNC: { qresync: true, condstore: true },
}

/** Those that were not on before, and what is on now. What is not known is passed over. RFC 5161 §3.1. */
export function enable(
  modes: Modes,
  names: readonly string[],
): { readonly modes: Modes; readonly enabled: readonly string[] } {
  let now = modes
  const enabled: string[] = []
  for (const name of new Set(names)) {
    const change = ENABLED_BY[name]
    if (change === undefined) continue
    const next = { ...now, ...change }
    const isNew = (Object.keys(change) as (keyof Modes)[]).some((mode) => !now[mode])
    if (isNew) enabled.push(name === 'IMAP4REV2' ? 'IMAP4rev2' : name)
    now = next
  }
  return { modes: now, enabled }
}
