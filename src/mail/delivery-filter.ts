/** Where a filter says that a mail for one user goes. */

import type { HeaderField } from '../proto/message/header.ts'
import type { Mailbox, ReversePath } from '../proto/smtp/envelope.ts'
import type { SystemFlag } from './mailbox/mailbox.ts'

/** What a filter is told: the envelope of one recipient, and the header. */
export interface FilteredMail {
  readonly from: ReversePath
  readonly recipient: Mailbox
  /** The user whose mailbox it is. */
  readonly account: string
  readonly header: readonly HeaderField[]
  readonly sizeBytes: number
}

export type Disposition =
  /** Into mailboxes, a copy each; one that is not there stands for INBOX. */
  | { readonly type: 'file'; readonly into: readonly Filing[] }
  /** On to others in place of it, from the same sender; `keep`: and it stays here as well. */
  | { readonly type: 'redirect'; readonly to: readonly Mailbox[]; readonly keep: boolean }
  /** Its sender hears nothing. */
  | { readonly type: 'discard' }
  /** Its sender hears `reason`. */
  | { readonly type: 'reject'; readonly reason: string }

export interface Filing {
  readonly mailbox: string
  readonly flags: readonly SystemFlag[]
}

/** May be asked about the same mail again. What it rejects with is told as a mailbox's own trouble. */
export type DeliveryFilter = (mail: FilteredMail) => Promise<Disposition>
