/** What travels around a message: who it is from, who it is for, and how. RFC 5321 §2.3.1. */

/** A Mailbox, `local-part@domain`; the domain in lower case, the local part as it was given. */
export interface Mailbox {
  readonly localPart: string
  readonly domain: string
}

/** undefined is the null reverse-path `<>`. */
export type ReversePath = Mailbox | undefined

/** Parameters of MAIL that we offer. */
export interface MailParameters {
  /** RFC 1870. */
  readonly sizeBytes?: number
  /** RFC 6152. */
  readonly body?: '7BIT' | '8BITMIME'
}

/** `MAIL FROM` with its parameters. */
export interface MailFrom {
  readonly reversePath: ReversePath
  readonly parameters: MailParameters
}
