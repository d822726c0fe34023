/**
 * One mail on its way to one place, as a transaction: start → addRecipient → write → commit | abort.
 * The queue, the mailboxes and the bundle transport are all targets of this shape.
 */

import type { Fault } from '../base/fault.ts'
import type { WallMs } from '../base/time.ts'
import type { Mailbox, MailFrom, RecipientParameters } from '../proto/smtp/envelope.ts'

export interface DeliveryTarget {
  start(mail: MailStart): Promise<Delivery>
}

export interface MailStart {
  /** As in the log and in the `Received` field. */
  readonly queueId: string
  readonly from: MailFrom
  /** Of the message that will be written, where that is known. */
  readonly sizeBytes?: number
  /** When trying ends for good; the queue sets it for its attempts, to what its give-up says. */
  readonly expiresAt?: WallMs
  /** The message from its beginning, for whoever must know all of it before it goes; as often as wanted. */
  readonly read?: () => Iterable<Uint8Array>
  /** To be called when the way to its next hop is open and it begins to go, for the log. */
  readonly onReady?: () => void
}

export interface Delivery {
  /** Rejects with a Fault where this recipient cannot be taken; the others go on. */
  addRecipient(recipient: Mailbox, parameters?: RecipientParameters): Promise<void>
  /** The next bytes of the message, taken over; resolves when more are wanted. */
  write(bytes: Uint8Array): Promise<void>
  /**
   * Resolves when every recipient is settled for this attempt, one outcome each in the order of
   * addRecipient. What is delivered is durable. Never rejects with a Fault.
   */
  commit(): Promise<readonly Outcome[]>
  /** Leaves nothing behind; without effect once committed or aborted. Never rejects with a Fault. */
  abort(): Promise<void>
}

export type Outcome =
  /** Where it went, for the log: a Maildir path, an EID. */
  | {
      readonly type: 'delivered'
      readonly detail: string
      /** The host that took it, as the log names it; default: its next hop. */
      readonly relay?: string
      /**
       * Of one that goes on from there: whether the next host reports what becomes of it, or nobody
       * will. Absent where it is in the mailbox. RFC 3461 §5.2.1, §5.2.2.
       */
      readonly reports?: 'by-next-host' | 'by-nobody'
    }
  /** `fault.temporary` decides between trying again and giving up. */
  | { readonly type: 'refused'; readonly fault: Fault }

/** Whether it may be tried again. */
export function isDeferral(outcome: Outcome): boolean {
  return outcome.type === 'refused' && outcome.fault.temporary
}
