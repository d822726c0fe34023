/** How a command is carried out: pieces of its answer, each taken when there is room for it, and its end. */

import { Fault } from '../../base/fault.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Modes } from '../../proto/imap/capability.ts'
import type { Completion } from '../../proto/imap/response.ts'
import type { MailboxAccount } from '../mailbox/mailbox.ts'

export interface Finished {
  readonly completion: Completion
  readonly selected?: boolean | undefined
}

export type Run = AsyncGenerator<Uint8Array, Finished>

/** What a command is carried out with. */
export interface Place {
  readonly mailboxes: MailboxAccount
  readonly clock: Clock
  readonly modes: Modes
  /** Of the command. */
  readonly tag: string
  readonly messageBytesMax: number
}

export type ImapServiceFaultCode =
  /** A number beyond the last message. */
  | 'imap/no-such-message'
  /** The client may CREATE the mailbox. RFC 9051 §7.1. */
  | 'imap/try-create'
  | 'imap/message-too-large'
  /** RFC 3516 §4.3. */
  | 'imap/unknown-encoding'
  /** A part of it is sent, and the rest cannot be. */
  | 'imap/broken-answer'
  /** RFC 9208 §4.2. */
  | 'imap/no-such-quota-root'

export function serviceFault(code: ImapServiceFaultCode, message: string): Fault {
  return new Fault(code, message, { temporary: false })
}
