/**
 * What decides over a mail besides the protocol itself: one function for each question of an SMTP
 * session. Filters, limits and checks each are one `Policy`; `policy-chain.ts` asks them in order.
 */

import { fromUtf8 } from '../../base/bytes.ts'
import type { Mailbox, MailFrom } from '../../proto/smtp/envelope.ts'
import type { Reply } from '../../proto/smtp/reply.ts'

export interface Policy {
  /** For the log: `limits`. */
  readonly name: string
  /** Somebody has logged in. */
  authenticated?(session: PolicySession): Asked
  /**
   * Each once in a session, and asked at its first MAIL: a client that is refused there has said who
   * it is and what it wants, for the log, and takes the answer to be meant for it.
   */
  connect?(session: PolicySession): Asked
  helo?(session: PolicySession): Asked
  mail?(session: PolicySession, mail: PolicyMail): Asked
  /** After our own objections: it is known here, or may be relayed. */
  recipient?(session: PolicySession, mail: PolicyMail, recipient: Mailbox): Asked
  data?(session: PolicySession, mail: PolicyMail): Asked
  endOfData?(session: PolicySession, mail: PolicyMail, message: PolicyMessage): Asked
  /** Before the first byte of a message: what it passes through before we add anything to it. */
  filter?(session: PolicySession, mail: PolicyMail): MessageFilter | undefined
  /** Before the first byte of a message, all of whose recipients are known: whoever wants to see it. */
  reader?(session: PolicySession, mail: PolicyMail): MessageReader | undefined
  /** The session is over; nothing more is asked of it. */
  ended?(session: PolicySession): void
}

/** The same object for all questions of a session. */
export interface PolicySession {
  readonly id: string
  /** `bundle`: a mail that came in one, asked as a session that has no more than it. */
  readonly service: 'smtp' | 'submission' | 'submissions' | 'lmtp' | 'pickup' | 'bundle'
  /**
   * The client's address; of `bundle` the far gateway's endpoint: `ipn:3.2525`; of `pickup` the path of
   * the socket, which all programs of the machine share.
   */
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
  /** As it is delivered, our `Received` on top. */
  readonly sizeBytes: number
}

/** Changes one message as it comes in, keeping no more of it than a bound. */
export interface MessageFilter {
  /** The next bytes, taken over; returns those that go on. Never throws. */
  push(bytes: Uint8Array): Uint8Array
  /** That was all; returns what is still to go on. */
  end(): Uint8Array
}

/** Sees one message as it is delivered, our `Received` on top; what it keeps of it has a bound. */
export interface MessageReader {
  /** The next bytes, borrowed. Never throws. */
  push(bytes: Uint8Array): void
  /** That was all of it, and nobody has refused it so far. */
  end(): Promise<PolicyAnswer>
}

export type PolicyAnswer =
  | {
      readonly type: 'accept'
      /** Whole header fields without their last CRLF, to stand above the message; of `data`, `endOfData` and `reader`. */
      readonly headers?: readonly string[]
    }
  /** For good: 5yz. */
  | { readonly type: 'reject'; readonly reply: Reply }
  /** Not now: 4yz. */
  | { readonly type: 'defer'; readonly reply: Reply }

/** Undefined where it has nothing to say. */
export type Asked = Promise<PolicyAnswer> | undefined

export const ACCEPT: PolicyAnswer = { type: 'accept' }

/** What stands above a message: header fields, each with its CRLF. */
export function headerText(fields: readonly string[]): Uint8Array {
  return fromUtf8(fields.map((field) => `${field}\r\n`).join(''))
}
