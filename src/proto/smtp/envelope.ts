/** What travels around a message: who it is from, who it is for, and how. RFC 5321 §2.3.1. */

import type { WallMs } from '../../base/time.ts'

/** A Mailbox, `local-part@domain`; the domain in lower case, the local part as it was given. */
export interface Mailbox {
  readonly localPart: string
  readonly domain: string
}

/** undefined is the null reverse-path `<>`. */
export type ReversePath = Mailbox | undefined

/** Parameters of MAIL. */
export interface MailParameters {
  /** RFC 1870. */
  readonly sizeBytes?: number
  /** RFC 6152, RFC 3030. */
  readonly body?: '7BIT' | '8BITMIME' | 'BINARYMIME'
  /** RFC 6531. */
  readonly smtpUtf8?: true
  /** How much of the message a report of failure returns. RFC 3461 §4.3. */
  readonly ret?: 'FULL' | 'HDRS'
  /** ENVID, out of its xtext. RFC 3461 §4.4. */
  readonly envelopeId?: string
  /** RFC 2852. */
  readonly deliverBy?: DeliverBy
  /** Not to be given on before then: `HOLDFOR` in seconds or `HOLDUNTIL`. RFC 4865. */
  readonly hold?: { readonly forSec: number } | { readonly until: WallMs }
  /** -9 to 9; default 0. RFC 6710. */
  readonly priority?: number
  /** RFC 8689. */
  readonly requireTls?: true
}

export interface DeliverBy {
  /** From its acceptance here; not above 0 where the time has passed already. */
  readonly seconds: number
  /** Whether it is returned then, or its sender only told. */
  readonly mode: 'return' | 'notify'
  readonly trace: boolean
}

/** Parameters of RCPT. RFC 3461. */
export interface RecipientParameters {
  /** `never` stands alone. Undefined: the default, failures. RFC 3461 §4.1. */
  readonly notify?: readonly NotifyKind[]
  /** ORCPT, out of its xtext. RFC 3461 §4.2. */
  readonly originalRecipient?: { readonly type: string; readonly address: string }
}

export type NotifyKind = 'never' | 'success' | 'failure' | 'delay'

/** `MAIL FROM` with its parameters. */
export interface MailFrom {
  readonly reversePath: ReversePath
  readonly parameters: MailParameters
}
