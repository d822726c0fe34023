/** Whom a client may send mail to, as far as routes and mailboxes say. */

import { asFault } from '../base/fault.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import { formatMailbox } from '../proto/smtp/path.ts'
import {
  mailLoop,
  noSuchRelayUser,
  noSuchUser,
  type Reply,
  relayDenied,
} from '../proto/smtp/reply.ts'
import type { LocalTarget } from './local-target.ts'
import type { Routes } from './route.ts'

export interface Sender {
  /** By an address; undefined where that counts for nothing. */
  readonly peer: string | undefined
  /** Somebody of ours. */
  readonly isUser: boolean
}

/** Nobody relays through us who has not said who they are, but for what the relay rules allow. */
export function recipientObjection(
  recipient: Mailbox,
  { peer, isUser }: Sender,
  { routes, local }: { readonly routes: Routes; readonly local: LocalTarget },
): Reply | undefined {
  const name = formatMailbox(recipient)
  const hop = routes.of(recipient)
  if (hop?.transport === 'local') {
    if (!local.knows(recipient)) return noSuchUser(name)
    return leadsBack(local, recipient) ? mailLoop(name) : undefined
  }
  const mayRelay = isUser || (peer !== undefined && routes.mayRelay(peer))
  if (!mayRelay && !routes.isOpenTo(recipient)) return relayDenied(name)
  if (!routes.mayExist(recipient) && !local.isAlias(recipient)) return noSuchRelayUser(name)
  if (hop?.transport === 'error') return recipientRejected(name, hop.code, hop.text)
  return hop === undefined ? recipientRejected(name, '5.1.2', 'Domain not found') : undefined
}

/** Whether it is an alias that stands for nobody, told before it takes the others' mail with it. */
function leadsBack(local: LocalTarget, recipient: Mailbox): boolean {
  if (!local.isAlias(recipient)) return false
  try {
    local.expand(recipient)
    return false
  } catch (error) {
    asFault(error)
    return true
  }
}

/** For good; `enhanced` is the enhanced status code. RFC 3463 §2. */
function recipientRejected(recipient: string, enhanced: string, why: string): Reply {
  const text = `<${recipient}>: Recipient address rejected: ${why}`
  return { code: 550, enhanced, lines: [text] }
}
