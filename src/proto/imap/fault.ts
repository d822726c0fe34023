import { Fault } from '../../base/fault.ts'

export type ImapFaultCode =
  /** Not what the grammar says; the message tells what was expected. */
  | 'imap/bad-syntax'
  | 'imap/unknown-command'
  /** A name of a mailbox that no mailbox can have. */
  | 'imap/bad-name'
  /** A character set that we do not read. */
  | 'imap/bad-charset'
  /** More than a bound allows. */
  | 'imap/too-large'

export type ImapFault = Fault<ImapFaultCode>

/** A permanent one: what a client said stays wrong. */
export function imapFault(code: ImapFaultCode, message: string): ImapFault {
  return new Fault(code, message, { temporary: false })
}
