/**
 * What decides over a mail besides the protocol itself: one function for each question of an SMTP
 * session. Filters, limits and checks each are one `Policy`; `policy-chain.ts` asks them in order.
 */

import type { Mailbox, MailFrom } from '../../proto/smtp/envelope.ts'
import type { Reply } from '../../proto/smtp/reply.ts'

export interface Policy {
  /** For the log: `limits`. */
  readonly name: string
  /** Whether `endOfData` wants to see the message, which is then held back for it. */
  readonly readsMessage?: boolean
  /** Somebody has logged in. */
  authenticated?(session: PolicySession): Promise<PolicyAnswer>
  /**
   * Each once in a session, and asked at its first MAIL: a client that is refused there has said who
   * it is and what it wants, for the log, and takes the answer to be meant for it.
   */
  connect?(session: PolicySession): Promise<PolicyAnswer>
  helo?(session: PolicySession): Promise<PolicyAnswer>
  mail?(session: PolicySession, mail: PolicyMail): Promise<PolicyAnswer>
  /** After our own objections: it is known here, or may be relayed. */
  recipient?(session: PolicySession, mail: PolicyMail, recipient: Mailbox): Promise<PolicyAnswer>
  data?(session: PolicySession, mail: PolicyMail): Promise<PolicyAnswer>
  endOfData?(
    session: PolicySession,
    mail: PolicyMail,
    message: PolicyMessage,
  ): Promise<PolicyAnswer>
  /** The session is over; nothing more is asked of it. */
  ended?(session: PolicySession): void
}

/** The same object for all questions of a session. */
export interface PolicySession {
  readonly id: string
  readonly service: 'smtp' | 'submission' | 'submissions' | 'lmtp'
  /** The client's address. */
  readonly peer: string
  /** As the client calls itself; empty before it has. */
  readonly helo: string
  /** Who has logged in. */
  readonly user: string | undefined
}

export interface PolicyMail {
  readonly queueId: string
  readonly from: MailFrom
  /** Those that have been taken. */
  readonly recipients: readonly Mailbox[]
}

export interface PolicyMessage {
  readonly sizeBytes: number
  /** As it is delivered, our `Received` on top; undefined where it was too large to be held back. */
  readonly bytes: Uint8Array | undefined
}

export type PolicyAnswer =
  | {
      readonly type: 'accept'
      /** Whole header fields without their last CRLF, to stand above the message; of `data` and `endOfData`. */
      readonly headers?: readonly string[]
    }
  /** For good: 5yz. */
  | { readonly type: 'reject'; readonly reply: Reply }
  /** Not now: 4yz. */
  | { readonly type: 'defer'; readonly reply: Reply }

export const ACCEPT: PolicyAnswer = { type: 'accept' }
