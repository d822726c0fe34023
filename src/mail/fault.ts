import { Fault, type FaultOptions } from '../base/fault.ts'

export type MailFaultCode =
  /** The domain is ours, the user is not known. */
  | 'mail/unknown-user'
  /** Nobody told us where this domain is. */
  | 'mail/no-route'
  | 'mail/spool-full'
  /** The store has lost a part of a message. */
  | 'mail/spool-damaged'
  /** Only mailboxes had its text, and none of them still does where it waited. */
  | 'mail/not-waiting'
  /** The queue is not open. */
  | 'mail/stopped'
  /** An alias leads round in circles, or to too many. */
  | 'mail/alias-loop'
  /** It has been tried for as long as its route allows. */
  | 'mail/gave-up'
  /** Its sender wanted it delivered by now. RFC 2852. */
  | 'mail/too-late'
  /** The operator took it out of the queue. */
  | 'mail/deleted'
  /** The operator had it returned to its sender. */
  | 'mail/returned'
  /** The filter of a mailbox does not want it; the message says why. */
  | 'mail/rejected'
  /** The user has no room for it. */
  | 'mail/over-quota'

export function mailFault(
  code: MailFaultCode,
  message: string,
  options: FaultOptions,
): Fault<MailFaultCode> {
  return new Fault(code, message, options)
}
