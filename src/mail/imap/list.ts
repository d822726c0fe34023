/** LIST and LSUB. RFC 9051 §6.3.9, RFC 5258, RFC 5819, RFC 6154 §2, RFC 3501 §6.3.9. */

import { Fault } from '../../base/fault.ts'
import type { AccountCommand } from '../../proto/imap/command.ts'
import { PIECE_BYTES } from '../../proto/imap/limits.ts'
import type { ListRequest } from '../../proto/imap/list.ts'
import { matchesPattern, SEPARATOR } from '../../proto/imap/mailbox-name.ts'
import { formatName, fromOctets, ok, Pieces } from '../../proto/imap/response.ts'
import type { MailboxListing } from '../mailbox/mailbox.ts'
import type { Place, Run } from './run.ts'
import { formatStatus } from './status.ts'

export async function* list(
  request: Extract<AccountCommand, { readonly verb: 'LIST' }>,
  place: Place,
): Run {
  const { mailboxes, modes } = place
  const done = { completion: ok('LIST done') }
  if (!request.isExtended && request.patterns[0] === '') {
    // What stands between the levels. RFC 9051 §6.3.9.
    yield fromOctets('* LIST (\\Noselect) "/" ""\r\n')
    return done
  }
  const patterns = request.patterns.map((pattern) => wholePattern(request.reference, pattern))
  const all = await mailboxes.list()
  const parents = request.selection.includes('RECURSIVEMATCH')
    ? parentsOf(all.filter((one) => isSelected(one, request)))
    : new Set<string>()
  const pieces = new Pieces()
  for (const one of all) {
    const isParent = parents.has(one.name)
    if (!isSelected(one, request) && !isParent) continue
    if (!patterns.some((pattern) => matchesPattern(one.name, pattern))) continue
    const info = isParent ? ' ("CHILDINFO" ("SUBSCRIBED"))' : ''
    const name = formatName(one.name, modes.utf8)
    pieces.text(`* LIST (${attributesOf(one, request).join(' ')}) "/" ${name}${info}\r\n`)
    if (request.status !== undefined && one.exists) pieces.text(await statusOf(one, request, place))
    if (pieces.length >= PIECE_BYTES) yield pieces.take()
  }
  if (pieces.length > 0) yield pieces.take()
  return done
}

/** RFC 3501 §6.3.9: `%` shows those above too that are not subscribed to. */
export async function* lsub(
  { reference, pattern }: Extract<AccountCommand, { readonly verb: 'LSUB' }>,
  { mailboxes, modes }: Place,
): Run {
  const wanted = wholePattern(reference, pattern)
  const subscribed = (await mailboxes.list()).filter((one) => one.isSubscribed)
  const lines = new Map<string, string>()
  if (wanted.endsWith('%')) {
    for (const name of parentsOf(subscribed)) lines.set(name, '\\Noselect')
  }
  for (const { name, exists } of subscribed) lines.set(name, exists ? '' : '\\Noselect')
  const told = [...lines]
    .filter(([name]) => matchesPattern(name, wanted))
    .map(([name, flags]) => `* LSUB (${flags}) "/" ${formatName(name, modes.utf8)}\r\n`)
  if (told.length > 0) yield fromOctets(told.join(''))
  return { completion: ok('LSUB done') }
}

/** INBOX is one in any case, also as the beginning of a name. */
function wholePattern(reference: string, pattern: string): string {
  return (reference + pattern).replace(/^inbox(?=\/)/i, 'INBOX')
}

function isSelected(one: MailboxListing, { selection }: ListRequest): boolean {
  if (selection.includes('SPECIAL-USE') && one.specialUse.length === 0) return false
  if (selection.includes('SUBSCRIBED')) return one.isSubscribed
  return one.exists || one.hasChildren
}

function parentsOf(some: readonly MailboxListing[]): Set<string> {
  const parents = new Set<string>()
  for (const { name } of some) {
    for (let at = name.indexOf(SEPARATOR); at >= 0; at = name.indexOf(SEPARATOR, at + 1)) {
      parents.add(name.slice(0, at))
    }
  }
  return parents
}

function attributesOf(one: MailboxListing, request: ListRequest): readonly string[] {
  const { selection, returns } = request
  const tellsSubscribed = selection.includes('SUBSCRIBED') || returns.includes('SUBSCRIBED')
  return [
    // Who knows the extension is told more exactly. RFC 5258 §3.
    ...(one.exists ? [] : [request.isExtended ? '\\NonExistent' : '\\Noselect']),
    one.hasChildren ? '\\HasChildren' : '\\HasNoChildren',
    ...(tellsSubscribed && one.isSubscribed ? ['\\Subscribed'] : []),
    ...one.specialUse,
  ]
}

async function statusOf(one: MailboxListing, request: ListRequest, place: Place): Promise<string> {
  try {
    const found = await place.mailboxes.status(one.name)
    return formatStatus(one.name, request.status ?? [], found, place)
  } catch (error) {
    // It has gone meanwhile. RFC 5819 §2.
    if (error instanceof Fault && error.code === 'mailbox/not-found') return ''
    throw error
  }
}
