/** What VRFY and EXPN tell of an address, where they tell anything. RFC 5321 §3.5. */

import { asFault } from '../base/fault.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import { formatMailbox, isAscii, parseMailbox } from '../proto/smtp/path.ts'
import { CANNOT_VERIFY, noSuchUser, type Reply } from '../proto/smtp/reply.ts'
import type { LocalTarget } from './local-target.ts'
import type { Routes } from './route.ts'

export interface AddressLookup {
  readonly hostname: string
  readonly routes: Routes
  readonly local: LocalTarget
}

/** `argument` is as the client wrote it: `user`, `user@a.com` or `<user@a.com>`. */
export function lookUpAddress(
  verb: 'VRFY' | 'EXPN',
  argument: string,
  { hostname, routes, local }: AddressLookup,
): Reply {
  const mailbox = mailboxNamed(argument, hostname)
  if (mailbox === undefined) return NO_ADDRESS
  // Whether there is such a user elsewhere, only that server knows. RFC 5321 §3.5.3.
  if (routes.of(mailbox)?.transport !== 'local') return CANNOT_VERIFY
  if (!local.knows(mailbox)) return noSuchUser(formatMailbox(mailbox))
  if (verb === 'VRFY') return addresses([mailbox])
  try {
    return addresses(local.expand(mailbox))
  } catch (error) {
    asFault(error)
    return LIST_LEADS_NOWHERE
  }
}

/** One on each line. RFC 5321 §3.5.1. */
function addresses(mailboxes: readonly Mailbox[]): Reply {
  if (!mailboxes.every(isAscii)) return NOT_ASCII
  const lines = mailboxes.map((mailbox) => `<${formatMailbox(mailbox)}>`)
  return { code: 250, enhanced: '2.1.5', lines }
}

function mailboxNamed(argument: string, hostname: string): Mailbox | undefined {
  const name = argument.replace(/ +SMTPUTF8$/i, '')
  const text = /^<(.*)>$/.exec(name)?.[1] ?? name
  return parseMailbox(text.includes('@') ? text : `${text}@${hostname}`)
}

const NO_ADDRESS: Reply = {
  code: 501,
  enhanced: '5.1.3',
  lines: ['Error: a user or an address is expected'],
}

/** Whether or not the client would take more: all replies of ours are ASCII. RFC 6531 §3.7.4.2. */
const NOT_ASCII: Reply = { ...CANNOT_VERIFY, enhanced: '2.6.8' }

const LIST_LEADS_NOWHERE: Reply = {
  code: 550,
  enhanced: '5.1.1',
  lines: ['Error: this list leads back to itself'],
}
