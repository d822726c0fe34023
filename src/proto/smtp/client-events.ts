/** What a client session is told, and what it tells. */

import type { Credentials } from '../sasl/mechanism.ts'
import type { OutgoingMail } from './client-envelope.ts'
import type { Extensions } from './extension.ts'
import type { SmtpFault } from './fault.ts'
import type { Reply } from './reply.ts'

export interface SmtpClientOptions {
  /** What we call ourselves in EHLO. */
  readonly hostname: string
  /** Given: the session fails where the server offers no AUTH that we speak. */
  readonly credentials?: Credentials
  /**
   * Unpredictable, of printable characters without a comma, for this session alone. Default: SCRAM
   * is not used.
   */
  readonly nonce?: string
  /** Default: SMTP. LMTP answers for each recipient apart. RFC 2033. */
  readonly protocol?: 'SMTP' | 'LMTP'
  /**
   * `offered`: STARTTLS where the server has it, else all goes unprotected, but for credentials.
   * `required`: nothing goes before it. `first`: it begins before the server has said anything, as
   * RFC 8314 has it. Default: never. What is asked of the server's certificate is
   * for whoever runs the machine to say.
   */
  readonly tls?: 'offered' | 'required' | 'first'
  /** Default: used where it is offered. Some servers offer it and lose count. RFC 2920. */
  readonly pipelining?: 'never'
  /**
   * Added to every time of RFC 5321 §4.5.3.2, each of which is for a link without delay to speak of;
   * to that of a handshake as often as it crosses the link. Default: 0.
   */
  readonly roundTripMs?: number
}

export type SmtpClientEvent =
  /** Only after `ready`. */
  | ({ readonly type: 'mail' } & OutgoingMail)
  /**
   * Only after `more-body`. Lines of the message end in CRLF. Borrowed. What is known to be last goes in one
   * step with the end of the message, unless `more-body` asks for that all the same.
   */
  | { readonly type: 'body'; readonly bytes: Uint8Array; readonly isLast?: boolean }
  /** Only after `more-body`: the message is complete. */
  | { readonly type: 'body-end' }
  /** Only after `ready`. */
  | { readonly type: 'quit' }

export type SmtpClientEffect =
  /**
   * Answer with `mail` or `quit`. Comes first when the session is open and then after each mail.
   * `offered`: what the server can do.
   */
  | { readonly type: 'ready'; readonly offered: Extensions }
  /** Answer with `body` or `body-end`. */
  | { readonly type: 'more-body' }
  /**
   * The mail is over: one reply for each recipient, in order; 2yz means taken over by the server.
   * Some refusals are our own, where the server lacks what the mail needs.
   */
  | { readonly type: 'settled'; readonly replies: readonly Reply[] }
  /**
   * The session is over, and with it the mail that was not settled: it may or may not have arrived.
   * `reply` is what the server said last, if that was the reason.
   */
  | { readonly type: 'failed'; readonly fault: SmtpFault; readonly reply: Reply | undefined }
  /** The session has ended as `quit` asked, or because that was the only way to take a mail back. */
  | { readonly type: 'finished' }
