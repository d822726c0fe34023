/** The commands of IMAP, as a client writes them. RFC 9051 §6, RFC 3501 §6, and the extensions that each file names. */

import { attempt, type Result } from '../../base/fault.ts'
import { Cursor } from './cursor.ts'
import { type ImapFaultCode, imapFault } from './fault.ts'
import {
  type FetchItem,
  type FetchModifiers,
  parseFetchItems,
  parseFetchModifiers,
} from './fetch.ts'
import { parseStoreFlags } from './flag.ts'
import { FLAGS_MAX, SEARCH_KEYS_MAX, TAG_LENGTH_MAX } from './limits.ts'
import { type ListRequest, parseList } from './list.ts'
import { decodeName, decodePattern } from './mailbox-name.ts'
import {
  parseSearch,
  parseSort,
  parseThread,
  type SearchKey,
  type SearchProgram,
  type SortCriterion,
  type ThreadAlgorithm,
} from './search.ts'
import {
  parseSequenceSet,
  parseSetOrSaved,
  type SavedSet,
  type SequenceSet,
} from './sequence-set.ts'
import { parseStatusItems, type StatusItem } from './status.ts'

/** What needs no mailbox and no login, or what the session itself does. */
export type SessionCommand =
  | { readonly verb: 'CAPABILITY' | 'LOGOUT' | 'STARTTLS' }
  | { readonly verb: 'NOOP' | 'IDLE' }
  | { readonly verb: 'LOGIN'; readonly user: string; readonly password: string }
  | {
      readonly verb: 'AUTHENTICATE'
      readonly mechanism: string
      readonly initialResponse: string | undefined
    }
  | { readonly verb: 'ENABLE'; readonly capabilities: readonly string[] }
  | { readonly verb: 'COMPRESS'; readonly mechanism: string }
  | { readonly verb: 'ID' }

/** What needs a login. */
export type AccountCommand =
  | { readonly verb: 'NAMESPACE' }
  | ({ readonly verb: 'SELECT' | 'EXAMINE'; readonly mailbox: string } & SelectParameters)
  | {
      readonly verb: 'CREATE'
      readonly mailbox: string
      readonly uses: readonly string[]
    }
  | {
      readonly verb: 'DELETE' | 'SUBSCRIBE' | 'UNSUBSCRIBE' | 'GETQUOTAROOT'
      readonly mailbox: string
    }
  | { readonly verb: 'RENAME'; readonly mailbox: string; readonly to: string }
  | ({ readonly verb: 'LIST' } & ListRequest)
  | { readonly verb: 'LSUB'; readonly reference: string; readonly pattern: string }
  | { readonly verb: 'STATUS'; readonly mailbox: string; readonly items: readonly StatusItem[] }
  | { readonly verb: 'GETQUOTA'; readonly root: string }

/** What needs a selected mailbox; where `uid` is true, numbers are UIDs, and answers bear them. */
export type MailboxCommand =
  | { readonly verb: 'CHECK' | 'CLOSE' | 'UNSELECT' }
  /** Without `set`: all that are marked. RFC 4315 §2.1. */
  | { readonly verb: 'EXPUNGE'; readonly set: SequenceSet | SavedSet | undefined; uid: boolean }
  | ({ readonly verb: 'SEARCH'; readonly uid: boolean } & SearchProgram)
  | {
      readonly verb: 'SORT'
      readonly uid: boolean
      readonly criteria: readonly SortCriterion[]
      readonly key: SearchKey
    }
  | {
      readonly verb: 'THREAD'
      readonly uid: boolean
      readonly algorithm: ThreadAlgorithm
      readonly key: SearchKey
    }
  | ({
      readonly verb: 'FETCH'
      readonly uid: boolean
      readonly set: SequenceSet | SavedSet
      readonly items: readonly FetchItem[]
    } & FetchModifiers)
  | {
      readonly verb: 'STORE'
      readonly uid: boolean
      readonly set: SequenceSet | SavedSet
      readonly unchangedSince: number | undefined
      readonly operation: 'replace' | 'add' | 'remove'
      readonly silent: boolean
      readonly flags: readonly string[]
    }
  | {
      readonly verb: 'COPY' | 'MOVE'
      readonly uid: boolean
      readonly set: SequenceSet | SavedSet
      readonly mailbox: string
    }

export type ImapCommand = SessionCommand | AccountCommand | MailboxCommand

export interface SelectParameters {
  readonly condstore: boolean
  readonly qresync: ResyncParameters | undefined
}

/** What a client still knows of a mailbox. RFC 7162 §3.2.5. */
export interface ResyncParameters {
  readonly uidValidity: number
  readonly modseq: number
  readonly knownUids: SequenceSet | undefined
  readonly match: { readonly numbers: SequenceSet; readonly uids: SequenceSet } | undefined
}

const TAG = /[!#$&',-Z[\]^-z|-~]+/y

/** `+` ends no tag; undefined where the command has none that an answer could bear. */
export function parseTag(text: string): string | undefined {
  TAG.lastIndex = 0
  const tag = TAG.exec(text)?.[0]
  return tag !== undefined &&
    tag.length <= TAG_LENGTH_MAX &&
    /^( |$)/.test(text.slice(tag.length, tag.length + 1))
    ? tag
    : undefined
}

/** The word after the tag, in capitals, for the log and for decisions that come before the parsing. */
export function verbOf(text: string): string {
  return (
    /^[^ ]+ ((?:UID )?[A-Z]+)(?= |$)/i.exec(text.slice(0, TAG_LENGTH_MAX + 32))?.[1] ?? '?'
  ).toUpperCase()
}

/** `text` begins with its tag, and has no CRLF at its end; `utf8`: names are in UTF-8. */
export function parseCommand(text: string, utf8: boolean): Result<ImapCommand, ImapFaultCode> {
  return attempt(() => {
    const cursor = new Cursor(text, parseTag(text)?.length ?? 0)
    cursor.space()
    const word = cursor.word('a command')
    const parsed = word === 'UID' ? parseUid(cursor) : parseNamed(word, cursor, utf8)
    const command = typeof parsed === 'function' ? parsed(cursor, utf8) : parsed
    cursor.end()
    return command
  }) as Result<ImapCommand, ImapFaultCode>
}

type Parse = (cursor: Cursor, utf8: boolean) => ImapCommand

function parseUid(cursor: Cursor): Parse {
  cursor.space()
  const word = cursor.word('a command')
  switch (word) {
    case 'EXPUNGE':
      return parseUidExpunge
    case 'FETCH':
    case 'STORE':
    case 'SEARCH':
    case 'SORT':
    case 'THREAD':
    case 'COPY':
    case 'MOVE':
      return (at, utf8) => parseNumbered(word, at, true, utf8)
    default:
      throw imapFault('imap/unknown-command', `unknown command UID ${word}`)
  }
}

function parseUidExpunge(cursor: Cursor): ImapCommand {
  cursor.space()
  return { verb: 'EXPUNGE', set: parseSetOrSaved(cursor), uid: true }
}

function parseNamed(verb: string, cursor: Cursor, utf8: boolean): ImapCommand {
  switch (verb) {
    case 'CAPABILITY':
    case 'NOOP':
    case 'LOGOUT':
    case 'STARTTLS':
    case 'IDLE':
    case 'NAMESPACE':
    case 'CHECK':
    case 'CLOSE':
    case 'UNSELECT':
      return { verb }
    case 'EXPUNGE':
      return { verb, set: undefined, uid: false }
    case 'FETCH':
    case 'STORE':
    case 'SEARCH':
    case 'SORT':
    case 'THREAD':
    case 'COPY':
    case 'MOVE':
      return parseNumbered(verb, cursor, false, utf8)
    case 'LIST':
      return { verb, ...parseList(cursor, utf8) }
    default:
      cursor.space()
      return parseWithArguments(verb, cursor, utf8)
  }
}

function parseWithArguments(verb: string, cursor: Cursor, utf8: boolean): ImapCommand {
  switch (verb) {
    case 'LOGIN': {
      const user = cursor.text8()
      cursor.space()
      return { verb, user, password: cursor.text8() }
    }
    case 'AUTHENTICATE': {
      const mechanism = cursor.word('a mechanism')
      const initialResponse = cursor.tries(' ')
        ? cursor.matchOr(/=|[A-Za-z0-9+/]+={0,2}/y, 'an initial response')
        : undefined
      return { verb, mechanism, initialResponse }
    }
    case 'ENABLE': {
      const capabilities = [cursor.word('a capability')]
      while (capabilities.length < FLAGS_MAX && cursor.tries(' ')) {
        capabilities.push(cursor.word('a capability'))
      }
      return { verb, capabilities }
    }
    case 'COMPRESS':
      return { verb, mechanism: cursor.word('a mechanism') }
    case 'ID':
      return parseId(cursor)
    case 'SELECT':
    case 'EXAMINE': {
      const mailbox = decodeName(cursor.astring(), utf8)
      return { verb, mailbox, ...parseSelectParameters(cursor) }
    }
    case 'CREATE': {
      const mailbox = decodeName(cursor.astring().replace(/\/$/, ''), utf8)
      return { verb, mailbox, uses: parseUses(cursor) }
    }
    case 'DELETE':
    case 'SUBSCRIBE':
    case 'UNSUBSCRIBE':
    case 'GETQUOTAROOT':
      return { verb, mailbox: decodeName(cursor.astring(), utf8) }
    case 'RENAME': {
      const mailbox = decodeName(cursor.astring(), utf8)
      cursor.space()
      return { verb, mailbox, to: decodeName(cursor.astring().replace(/\/$/, ''), utf8) }
    }
    case 'LSUB': {
      const reference = decodePattern(cursor.astring(), utf8)
      cursor.space()
      return { verb, reference, pattern: decodePattern(cursor.listMailbox(), utf8) }
    }
    case 'STATUS': {
      const mailbox = decodeName(cursor.astring(), utf8)
      cursor.space()
      return { verb, mailbox, items: parseStatusItems(cursor) }
    }
    case 'GETQUOTA':
      return { verb, root: cursor.astring() }
    default:
      throw imapFault('imap/unknown-command', `unknown command ${verb}`)
  }
}

function parseNumbered(
  verb: 'FETCH' | 'STORE' | 'SEARCH' | 'SORT' | 'THREAD' | 'COPY' | 'MOVE',
  cursor: Cursor,
  uid: boolean,
  utf8: boolean,
): ImapCommand {
  switch (verb) {
    case 'SEARCH':
      return { verb, uid, ...parseSearch(cursor) }
    case 'SORT':
      return { verb, uid, ...parseSort(cursor) }
    case 'THREAD':
      return { verb, uid, ...parseThread(cursor) }
  }
  cursor.space()
  const set = parseSetOrSaved(cursor)
  cursor.space()
  switch (verb) {
    case 'FETCH': {
      const items = parseFetchItems(cursor)
      const modifiers = parseFetchModifiers(cursor)
      if (modifiers.vanished && !uid) throw cursor.expected('UID FETCH with VANISHED')
      return { verb, uid, set, items, ...modifiers }
    }
    case 'STORE':
      return parseStore(cursor, uid, set)
    case 'COPY':
    case 'MOVE':
      return { verb, uid, set, mailbox: decodeName(cursor.astring(), utf8) }
  }
}

function parseStore(cursor: Cursor, uid: boolean, set: SequenceSet | SavedSet): ImapCommand {
  let unchangedSince: number | undefined
  if (cursor.tries('(UNCHANGEDSINCE ')) {
    unchangedSince = cursor.number()
    cursor.takes(') ')
  }
  const found = cursor.match(/([+-]?)FLAGS(\.SILENT)? /iy)
  if (found === undefined) throw cursor.expected('FLAGS, +FLAGS or -FLAGS')
  const [, sign, dot] = found
  const operation = sign === '+' ? 'add' : sign === '-' ? 'remove' : 'replace'
  const flags = parseStoreFlags(cursor)
  return { verb: 'STORE', uid, set, unchangedSince, operation, silent: dot !== undefined, flags }
}

function parseId(cursor: Cursor): SessionCommand {
  if (cursor.next !== '(') {
    if (cursor.nstring() !== undefined) throw cursor.expected('NIL or a list')
    return { verb: 'ID' }
  }
  cursor.list(() => {
    const field = cursor.string()
    cursor.space()
    return [field, cursor.nstring()]
  }, 30)
  return { verb: 'ID' }
}

function parseSelectParameters(cursor: Cursor): SelectParameters {
  let condstore = false
  let qresync: ResyncParameters | undefined
  if (cursor.tries(' ')) {
    cursor.list(() => {
      const word = cursor.word('CONDSTORE or QRESYNC')
      if (word === 'CONDSTORE') condstore = true
      else if (word === 'QRESYNC') {
        cursor.space()
        qresync = parseResync(cursor)
      } else throw cursor.expected('CONDSTORE or QRESYNC before this')
    }, 2)
  }
  return { condstore, qresync }
}

function parseResync(cursor: Cursor): ResyncParameters {
  cursor.takes('(')
  const uidValidity = cursor.number32()
  cursor.space()
  const modseq = cursor.number()
  let knownUids: SequenceSet | undefined
  let match: ResyncParameters['match']
  if (cursor.tries(' ')) {
    if (cursor.next !== '(') {
      knownUids = parseSequenceSet(cursor)
      if (cursor.tries(' ')) match = parseMatch(cursor)
    } else match = parseMatch(cursor)
  }
  cursor.takes(')')
  return { uidValidity, modseq, knownUids, match }
}

function parseMatch(cursor: Cursor): ResyncParameters['match'] {
  cursor.takes('(')
  const numbers = parseSequenceSet(cursor)
  cursor.space()
  const uids = parseSequenceSet(cursor)
  cursor.takes(')')
  return { numbers, uids }
}

/** RFC 6154 §3. */
function parseUses(cursor: Cursor): readonly string[] {
  const uses: string[] = []
  if (cursor.tries(' ')) {
    cursor.takes('(USE ')
    uses.push(
      ...cursor.list(() => cursor.matchOr(/\\[A-Za-z]+/y, 'a use such as \\Sent'), SEARCH_KEYS_MAX),
    )
    cursor.takes(')')
  }
  return uses
}
