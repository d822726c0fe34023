/** SEARCH, SORT and THREAD. RFC 9051 §6.4.4, RFC 4731, RFC 5182, RFC 5256, RFC 7162 §3.1.5. */

import { addMs } from '../../base/time.ts'
import type { MailboxCommand } from '../../proto/imap/command.ts'
import { asksForModseq } from '../../proto/imap/condstore.ts'
import { PIECE_BYTES } from '../../proto/imap/limits.ts'
import { fromOctets, ok } from '../../proto/imap/response.ts'
import type {
  SearchKey as ProtocolKey,
  SearchResultOption,
  SortCriterion,
} from '../../proto/imap/search.ts'
import {
  formatRanges,
  type NumberRange,
  rangesOf,
  type SavedSet,
  type SequenceSet,
  toRanges,
} from '../../proto/imap/sequence-set.ts'
import type { SearchKey, SortKey, ThreadNode } from '../mailbox/search.ts'
import type { Place, Run } from './run.ts'
import type { Selected } from './selected.ts'

type Command<Verb extends MailboxCommand['verb']> = Extract<MailboxCommand, { readonly verb: Verb }>

const ALL: SearchKey = { type: 'all' }

export async function* search(command: Command<'SEARCH'>, selected: Selected, place: Place): Run {
  const saves = command.results?.includes('SAVE') ?? false
  // A search that fails leaves nothing. RFC 5182 §2.1.
  const key = toKey(command.key, selected, place)
  if (saves) selected.saved = []
  const uids = await found(key, selected)
  const results = command.results ?? (place.modes.rev2 ? (['ALL'] as const) : undefined)
  if (saves) selected.saved = rangesOf(toSave(uids, command.results ?? []))
  const named = command.uid ? uids : uids.map((uid) => selected.view.numberOf(uid) as number)
  if (results === undefined) {
    const modseq = asksForModseq(command.key) ? modseqOf(uids, selected) : undefined
    const end = modseq === undefined ? '' : ` (MODSEQ ${modseq})`
    yield* line('* SEARCH', named, end)
  } else if (results.some((one) => one !== 'SAVE')) {
    yield fromOctets(formatExtended(command, place.tag, named, uids, results, selected))
  }
  return { completion: ok(`SEARCH done, ${uids.length} found`) }
}

export async function* sort(command: Command<'SORT'>, selected: Selected, place: Place): Run {
  const uids = await found(toKey(command.key, selected, place), selected)
  const sorted = await selected.mailbox.sort(uids, command.criteria.map(toSortKey))
  const named = sorted.flatMap((uid) => {
    const number = selected.view.numberOf(uid)
    return number === undefined ? [] : [command.uid ? uid : number]
  })
  const modseq = asksForModseq(command.key) ? modseqOf(uids, selected) : undefined
  yield* line('* SORT', named, modseq === undefined ? '' : ` (MODSEQ ${modseq})`)
  return { completion: ok(`SORT done, ${uids.length} found`) }
}

export async function* thread(command: Command<'THREAD'>, selected: Selected, place: Place): Run {
  const uids = await found(toKey(command.key, selected, place), selected)
  const algorithm = command.algorithm === 'REFERENCES' ? 'references' : 'orderedsubject'
  const threads = await selected.mailbox.thread(uids, algorithm)
  const nameOf = (uid: number): number | undefined =>
    command.uid ? uid : selected.view.numberOf(uid)
  const text = formatThreads(threads, nameOf)
  yield fromOctets(text === '' ? '* THREAD\r\n' : `* THREAD ${text}\r\n`)
  return { completion: ok(`THREAD done, ${uids.length} found`) }
}

/** Those that the client knows, ascending. */
async function found(key: SearchKey, { mailbox, view }: Selected): Promise<readonly number[]> {
  return (await mailbox.search(key)).filter((uid) => view.numberOf(uid) !== undefined)
}

/** With the first and the last alone, only these are kept. RFC 5182 §2.4. */
function toSave(
  uids: readonly number[],
  results: readonly SearchResultOption[],
): readonly number[] {
  const takesAll = results.includes('ALL') || results.includes('COUNT')
  const [min, max] = [results.includes('MIN'), results.includes('MAX')]
  const [first] = uids
  const last = uids.at(-1)
  if (takesAll || (!min && !max) || first === undefined || last === undefined) return uids
  return [...new Set([...(min ? [first] : []), ...(max ? [last] : [])])]
}

/** RFC 4731 §3.1; of nothing only the COUNT is told. */
function formatExtended(
  { uid, key }: Command<'SEARCH'>,
  tag: string,
  named: readonly number[],
  uids: readonly number[],
  results: readonly SearchResultOption[],
  selected: Selected,
): string {
  const [first] = named
  const last = named.at(-1)
  const parts = [`* ESEARCH (TAG "${tag}")`, ...(uid ? ['UID'] : [])]
  if (first !== undefined && last !== undefined) {
    if (results.includes('MIN')) parts.push(`MIN ${first}`)
    if (results.includes('MAX')) parts.push(`MAX ${last}`)
    if (results.includes('ALL')) parts.push(`ALL ${formatRanges(rangesOf(named))}`)
  }
  if (results.includes('COUNT')) parts.push(`COUNT ${named.length}`)
  if (asksForModseq(key)) {
    const modseq = modseqOf(toSave(uids, results), selected)
    if (modseq !== undefined) parts.push(`MODSEQ ${modseq}`)
  }
  return `${parts.join(' ')}\r\n`
}

/** The highest of theirs. RFC 7162 §3.1.5. */
function modseqOf(uids: readonly number[], { mailbox }: Selected): number | undefined {
  let highest: number | undefined
  for (const uid of uids) {
    const modseq = mailbox.state(uid)?.modSeq ?? 0
    if (highest === undefined || modseq > highest) highest = modseq
  }
  return highest
}

/** Of up to seven digits each. */
const NUMBERS_PER_PIECE = PIECE_BYTES / 8

function* line(head: string, numbers: readonly number[], end: string): Generator<Uint8Array> {
  for (let at = 0; at < numbers.length || at === 0; at += NUMBERS_PER_PIECE) {
    const some = numbers.slice(at, at + NUMBERS_PER_PIECE)
    const text = some.length === 0 ? '' : ` ${some.join(' ')}`
    const isLast = at + NUMBERS_PER_PIECE >= numbers.length
    yield fromOctets(`${at === 0 ? head : ''}${text}${isLast ? `${end}\r\n` : ''}`)
  }
}

function toKey(key: ProtocolKey, selected: Selected, place: Place): SearchKey {
  const within = (one: ProtocolKey): SearchKey => toKey(one, selected, place)
  switch (key.type) {
    case 'all':
      return ALL
    case 'recent':
      return { type: 'uids', ranges: selected.recent }
    case 'and':
      return { type: 'and', keys: key.keys.map(within) }
    case 'or':
      return { type: 'or', keys: [within(key.left), within(key.right)] }
    case 'not':
      return { type: 'not', key: within(key.key) }
    case 'flag':
      return key
    case 'date': {
      const of = key.of === 'arrival' ? 'internal-date' : 'sent-date'
      return { type: key.is, of, day: key.date }
    }
    case 'header':
      return { type: 'header', field: key.field, text: key.value }
    case 'body':
    case 'text':
      return { type: key.type, text: key.value }
    case 'larger':
    case 'smaller':
      return { type: key.type, sizeBytes: key.bytes }
    case 'older':
    case 'younger':
      return { type: key.type, than: addMs(place.clock.wall(), -key.seconds * 1000) }
    case 'numbers':
    case 'uids':
      return { type: 'uids', ranges: uidsOf(key.set, key.type === 'uids', selected) }
    case 'modseq':
      return { type: 'modseq', modSeq: key.atLeast }
    case 'emailid':
      return { type: 'email-id', emailId: key.id }
    case 'threadid':
      // Messages have none. RFC 8474 §5.2.
      return { type: 'not', key: ALL }
  }
}

/** Numbers that there are not are those of no message. */
function uidsOf(
  set: SequenceSet | SavedSet,
  uid: boolean,
  { view, saved }: Selected,
): readonly NumberRange[] {
  if (set.type === 'saved') return saved
  if (uid) return toRanges(set, view.lastUid)
  return toRanges(set, view.count).flatMap(([from, to]): NumberRange[] => {
    const [first, last] = [Math.max(from, 1), Math.min(to, view.count)]
    return first <= last ? [[view.uidAt(first), view.uidAt(last)]] : []
  })
}

function toSortKey({ by, reverse }: SortCriterion): SortKey {
  return { by: by.toLowerCase() as SortKey['by'], isReverse: reverse }
}

/** RFC 5256 §4: one that answers the one before stands beside it, several each in parentheses. */
function formatThreads(
  threads: readonly ThreadNode[],
  nameOf: (uid: number) => number | undefined,
): string {
  const parts: string[] = []
  // What is still to be written, the next last.
  const left: (ThreadNode | ')')[] = [...threads].reverse()
  while (left.length > 0) {
    const next = left.pop() as ThreadNode | ')'
    if (next === ')') {
      parts.push(')')
      continue
    }
    parts.push('(')
    left.push(')')
    const chain: number[] = []
    for (let node: ThreadNode | undefined = next; node !== undefined; ) {
      const name = node.uid === undefined ? undefined : nameOf(node.uid)
      if (name !== undefined) chain.push(name)
      const { children }: ThreadNode = node
      node = children.length === 1 ? children[0] : undefined
      if (children.length < 2) continue
      for (let at = children.length - 1; at >= 0; at--) left.push(children[at] as ThreadNode)
      parts.push(chain.length === 0 ? '' : `${chain.join(' ')} `)
      chain.length = 0
    }
    parts.push(chain.join(' '))
  }
  return parts.join('')
}
