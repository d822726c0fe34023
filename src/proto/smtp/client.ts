/** One SMTP session, client side: any number of mails, one after another. RFC 5321 §3, RFC 2920. */

import type { Fault } from '../../base/fault.ts'
import type { Machine, StreamEffect, StreamEvent } from '../../base/machine.ts'
import type { MonoMs } from '../../base/time.ts'
import type { Credentials } from '../sasl/mechanism.ts'
import type { Mailbox, MailFrom } from './envelope.ts'
import type { Reply } from './reply.ts'

export interface SmtpClientOptions {
  /** What we call ourselves in EHLO. */
  readonly hostname: string
  /** Given: the session fails where the server offers no AUTH that we speak. */
  readonly credentials?: Credentials
  /**
   * How long to wait for each reply and for each block of data to leave, instead of the times of
   * RFC 5321 §4.5.3.2. Must exceed the round trip.
   */
  readonly timeoutMs?: number
}

export type SmtpClientEvent =
  /** Only after `ready`. At least one recipient. */
  | { readonly type: 'mail'; readonly from: MailFrom; readonly recipients: readonly Mailbox[] }
  /** Only after `more-body`. Lines of the message end in CRLF. Borrowed. */
  | { readonly type: 'body'; readonly bytes: Uint8Array }
  /** Only after `more-body`: the message is complete. */
  | { readonly type: 'body-end' }
  /** Only after `ready`. */
  | { readonly type: 'quit' }

export type SmtpClientEffect =
  /** Answer with `mail` or `quit`. Comes first when the session is open and then after each mail. */
  | { readonly type: 'ready' }
  /** Answer with `body` or `body-end`. */
  | { readonly type: 'more-body' }
  /** The mail is over: one reply for each recipient, in order; 2xx means taken over by the server. */
  | { readonly type: 'settled'; readonly replies: readonly Reply[] }
  /** The session is over, and with it the mail that was not settled. Last effect but `close`. */
  | { readonly type: 'failed'; readonly fault: Fault; readonly reply: Reply | undefined }
  /** The session has ended as `quit` asked. Last effect but `close`. */
  | { readonly type: 'finished' }

export class SmtpClient
  implements Machine<StreamEvent | SmtpClientEvent, StreamEffect | SmtpClientEffect>
{
  readonly #options: SmtpClientOptions

  constructor(options: SmtpClientOptions) {
    this.#options = options
  }

  get deadline(): MonoMs | undefined {
    return undefined
  }

  handle(
    _event: StreamEvent | SmtpClientEvent,
    _now: MonoMs,
  ): readonly (StreamEffect | SmtpClientEffect)[] {
    return this.#options.timeoutMs === 0 ? [] : []
  }
}
