/** One SMTP session, server side: transfer, submission and batch SMTP. RFC 5321 §3, RFC 2442. */

import type { Machine, StreamEffect, StreamEvent } from '../../base/machine.ts'
import type { MonoMs } from '../../base/time.ts'
import type { SaslMechanism } from '../sasl/mechanism.ts'
import type { Mailbox, MailFrom } from './envelope.ts'
import type { Reply } from './reply.ts'

export interface SmtpServerOptions {
  readonly hostname: string
  /**
   * `batch` reads the client's half of a dialogue that has arrived complete: no greeting, no
   * timeouts, EHLO may be missing, and after `ended` the rest is worked off until `close`.
   */
  readonly role: 'transfer' | 'submission' | 'batch'
  readonly sizeBytesMax: number
  readonly recipientsMax: number
  /** None: AUTH is not offered. */
  readonly mechanisms: readonly SaslMechanism[]
  readonly requireAuthentication: boolean
}

export type SmtpProtocol = 'SMTP' | 'ESMTP' | 'ESMTPA'

/**
 * The first five are questions: each is answered by one `verdict`, and no further command is read
 * until then.
 *
 * After a `mail` that was not refused comes exactly one of `end-of-data` and `reset`.
 */
export type SmtpQuestion =
  | {
      readonly type: 'authenticate'
      readonly mechanism: SaslMechanism
      readonly user: string
      readonly password: string
    }
  | {
      readonly type: 'mail'
      readonly from: MailFrom
      /** As the client called itself; empty in a batch without EHLO. */
      readonly helo: string
      readonly user: string | undefined
      readonly protocol: SmtpProtocol
    }
  | { readonly type: 'recipient'; readonly recipient: Mailbox }
  | { readonly type: 'data' }
  /** The message is complete; answer `ok` once it is durable. */
  | { readonly type: 'end-of-data'; readonly sizeBytes: number }
  /** The next bytes of the message, without transparency dots; its lines end in CRLF. */
  | { readonly type: 'body'; readonly bytes: Uint8Array }
  /** The transaction is abandoned. */
  | { readonly type: 'reset' }
  /** For the log: what this machine refused without asking. `command` holds no secrets. */
  | { readonly type: 'refused'; readonly command: string; readonly reply: Reply }

export interface SmtpAnswer {
  readonly type: 'verdict'
  readonly verdict: Verdict
}

export type Verdict =
  | { readonly ok: true; readonly queueId?: string }
  | { readonly ok: false; readonly reply: Reply }

export class SmtpServer implements Machine<StreamEvent | SmtpAnswer, StreamEffect | SmtpQuestion> {
  readonly #options: SmtpServerOptions

  constructor(options: SmtpServerOptions) {
    this.#options = options
  }

  get deadline(): MonoMs | undefined {
    return undefined
  }

  handle(_event: StreamEvent | SmtpAnswer, _now: MonoMs): readonly (StreamEffect | SmtpQuestion)[] {
    return this.#options.role === 'batch' ? [] : []
  }
}
