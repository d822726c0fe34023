/** What an SMTP server is told, what it asks, and the answers that it waits for. */

import type { TlsSession } from '../../base/tls.ts'
import type { SaslMechanism } from '../sasl/mechanism.ts'
import type { ScramKeys } from '../sasl/scram.ts'
import type { BareLineEnds } from './data.ts'
import type { Mailbox, MailFrom, RecipientParameters } from './envelope.ts'
import type { OptionalExtension, ReleaseMax } from './extension.ts'
import type { Reply } from './reply.ts'

export interface SmtpServerOptions {
  readonly hostname: string
  /**
   * `batch` reads the client's half of a dialogue that has arrived complete: no greeting, no
   * timeouts, EHLO may be missing, and after `ended` the rest is worked off until `close`. `lmtp`
   * (RFC 2033) answers the end of a message once for each recipient.
   */
  readonly role: 'transfer' | 'submission' | 'lmtp' | 'batch'
  readonly sizeBytesMax: number
  readonly recipientsMax: number
  /** None: AUTH is not offered. */
  readonly mechanisms: readonly SaslMechanism[]
  /** Whether AUTH may be used without TLS. Default: it may. */
  readonly plaintextAuth?: 'allow' | 'refuse'
  readonly requireAuthentication: boolean
  /** `offered`: by STARTTLS. `first`: before the greeting. Default: never. */
  readonly tls?: 'offered' | 'first'
  /** What becomes of a CR or LF alone in what comes by DATA. Default: it is refused. */
  readonly bareLineEnds?: BareLineEnds
  /** Beyond those that every server of ours has. Default: none; a batch may use all. */
  readonly extensions?: readonly OptionalExtension[]
  /** Lines for the reply to EHLO that this server alone has. Default: none. */
  readonly announced?: readonly string[]
  /** How far off a release may be, where FUTURERELEASE is offered. */
  readonly releaseMax?: ReleaseMax
  /** How VRFY is answered. Default: `252`, which tells nothing. RFC 5321 §7.3. */
  readonly vrfy?: LookUpPolicy | 'noncommittal'
  /** How EXPN is answered. Default: it is refused. */
  readonly expn?: LookUpPolicy
  /** Of the link to the clients: twice that is added to every time limit. Default: 0. */
  readonly oneWayDelayMs?: number
}

/** `answer`: what the address is or stands for is told to whoever asks. */
export type LookUpPolicy = 'answer' | 'refuse'

/** As in the `with` clause of a trace field: `S` for TLS, `A` for who is known. RFC 5321 §4.4. */
export type SmtpProtocol =
  | 'SMTP'
  | `${'ESMTP' | 'LMTP' | 'UTF8SMTP' | 'UTF8LMTP'}${'' | 'S'}${'' | 'A'}`

/**
 * The first seven are questions: each is answered once, `scram-keys` by `scram-keys`, `look-up` by
 * `looked-up` and all others by a `verdict`, and no further command is read until then.
 *
 * After a `mail` that was not refused comes exactly one of `end-of-data` and `reset`.
 */
export type SmtpQuestion =
  | {
      readonly type: 'authenticate'
      readonly mechanism: SaslMechanism
      readonly user: string
      /** A password, or whether the client has proven by the keys of SCRAM that it knows it. */
      readonly password: string | { readonly isProven: boolean }
    }
  | { readonly type: 'scram-keys'; readonly user: string }
  /** As the client wrote it: a user name, or an address with or without brackets. */
  | { readonly type: 'look-up'; readonly verb: 'VRFY' | 'EXPN'; readonly argument: string }
  | {
      readonly type: 'mail'
      readonly from: MailFrom
      /** As the client called itself; empty in a batch without EHLO. */
      readonly helo: string
      readonly user: string | undefined
      readonly protocol: SmtpProtocol
      /** What protects the session. */
      readonly tls: TlsSession | undefined
    }
  | {
      readonly type: 'recipient'
      readonly recipient: Mailbox
      readonly parameters: RecipientParameters
    }
  | { readonly type: 'data' }
  /** The message is complete; answer `ok` once it is durable. */
  | { readonly type: 'end-of-data'; readonly sizeBytes: number }
  /** The next bytes of the message, without transparency dots; its lines end in CRLF. */
  | { readonly type: 'body'; readonly bytes: Uint8Array }
  /** The transaction is abandoned. */
  | { readonly type: 'reset' }
  /** For the log: what this machine refused without asking. `command` holds no secrets. */
  | { readonly type: 'refused'; readonly command: string; readonly reply: Reply }

export type SmtpAnswer =
  | { readonly type: 'verdict'; readonly verdict: Verdict }
  | {
      readonly type: 'scram-keys'
      /** For a user that there is not, such as nobody can guess the password of. */
      readonly keys: ScramKeys
      /** Ours, unpredictable. RFC 5802 §5.1. */
      readonly nonce: string
    }
  | { readonly type: 'looked-up'; readonly reply: Reply }

/** Others wait for the place of this session: unless it is a user's, it is given less time. */
export interface HurryEvent {
  readonly type: 'hurry'
}

export type Verdict =
  | {
      readonly ok: true
      readonly queueId?: string
      /**
       * Of the end of a message by LMTP, where its recipients do not fare alike: a verdict for each that was
       * accepted, in their order. RFC 2033 §4.2.
       */
      readonly each?: readonly Verdict[]
    }
  | { readonly ok: false; readonly reply: Reply }

/** What is waited for. */
export type OpenQuestion = Extract<
  SmtpQuestion,
  {
    type: 'authenticate' | 'scram-keys' | 'look-up' | 'mail' | 'recipient' | 'data' | 'end-of-data'
  }
>

/** The kind of answer that a question waits for. */
export function answerTo({ type }: OpenQuestion): SmtpAnswer['type'] {
  if (type === 'scram-keys') return 'scram-keys'
  return type === 'look-up' ? 'looked-up' : 'verdict'
}
