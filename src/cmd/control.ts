/** `lightlag/control`: a running mail host, for programs and tests in JavaScript. */

import { MailClient } from '../bridge/mail-client.ts'
import { attach } from './ion/attach.ts'

export { MailClient, type SubmittedEnvelope } from '../bridge/mail-client.ts'
export type { QueueAction, QueueEntry, QueueSelection } from '../bridge/mail-requests.ts'
export type { InjectedFault, InjectedFaultView } from '../mail/policy/injected-faults.ts'

/**
 * `host` is the number of its node, or the path of its control socket; without it, the only one that
 * runs here. Rejects with an Error that says why where there is none.
 */
export async function connectHost(host?: string): Promise<MailClient> {
  return new MailClient(await attach(host, undefined))
}
