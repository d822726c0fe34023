/** `lightlag/control`: a running mail host, for programs and tests in JavaScript. */

import { MailClient } from '../bridge/mail-client.ts'
import { attach } from './ion/attach.ts'
import { openPickup } from './pickup-client.ts'

export { MailClient } from '../bridge/mail-client.ts'
export type { QueueAction, QueueEntry, QueueSelection } from '../bridge/mail-requests.ts'
export type { InjectedFault, InjectedFaultView } from '../mail/policy/injected-faults.ts'

/**
 * `host` is the number of its node, or the path of its control socket; without it, the only one that
 * runs here. Rejects with an Error that says why where there is none.
 */
export async function connectHost(host?: string): Promise<MailClient> {
  return new MailClient(await attach(host, undefined))
}

export interface SubmittedEnvelope {
  /** An address, or a user of the host; empty for the null reverse-path. */
  readonly from: string
  readonly to: readonly string[]
}

/**
 * Hands in a mail, whose lines end with CRLF, for all of its recipients or none; resolves with its queue
 * id once it is durable. `host` as for `connectHost`. Rejects with an Error that says why.
 */
export async function submitMail(
  { from, to }: SubmittedEnvelope,
  message: AsyncIterable<Uint8Array>,
  host?: string,
): Promise<string> {
  const session = await openPickup(host)
  try {
    const envelope = session.envelopeOf(from, to, {})
    const queueId = await session.handIn({ ...envelope, recipientParameters: {} }, message)
    session.close()
    return queueId
  } catch (error) {
    session.stream.abort()
    throw error
  }
}
