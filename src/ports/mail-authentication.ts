/**
 * What names and signatures say of where a mail is from: SPF (RFC 7208), DKIM (RFC 6376), ARC
 * (RFC 8617) and DMARC (RFC 7489), and signatures of our own. `host` has a library for it; a lab is
 * handed the same or has none.
 */

import type { WallMs } from '../base/time.ts'

export interface MailAuthentication {
  /** Of the client alone, before there is a message. Never rejects. */
  spf(client: MailClient): Promise<SpfResult>
  verifier(client: MailClient): MessageVerifier
  signer(): MessageSigner
}

export interface MailClient {
  readonly address: string
  readonly helo: string
  /** `local-part@domain`; undefined for the null reverse-path. */
  readonly sender: string | undefined
}

/** Sees one message as it comes, in memory that does not grow with it. */
export interface MessageVerifier {
  /** The next bytes, borrowed. Never throws. */
  push(bytes: Uint8Array): void
  /** Never rejects: what cannot be found out is an error in the results. */
  end(): Promise<Authentication>
  /**
   * After `end`: the three fields of a next instance of ARC, topmost first, without their last CRLF;
   * none where the chain is broken. `results` is what stands in `Authentication-Results`.
   */
  seal(key: SigningKey, results: string, now: WallMs): Promise<readonly string[]>
}

/** Sees one message as it comes, in memory that does not grow with it. */
export interface MessageSigner {
  /** The next bytes, borrowed. Never throws. */
  push(bytes: Uint8Array): void
  /** The addresses of the authors; none where the header does not say them. After `end`. */
  readonly authors: readonly string[]
  /** The message is complete. */
  end(): void
  /** A `DKIM-Signature` without its last CRLF for each key that can sign. After `end`. */
  sign(keys: readonly SigningKey[], now: WallMs): Promise<readonly string[]>
}

export interface SigningKey {
  readonly domain: string
  readonly selector: string
  readonly algorithm: 'rsa' | 'ed25519'
  /** PEM. */
  readonly privateKey: string
}

export interface DatedSigningKey extends SigningKey {
  /** It signs from then on; before that its record has to be published. */
  readonly from: WallMs
  /** Absent while nobody has retired it. */
  readonly until?: WallMs
}

/** What `Authentication-Results` says of each method. RFC 8601. */
export interface Authentication {
  readonly spf: SpfResult
  /** At least one; its result is `none` where there is no signature. */
  readonly dkim: readonly DkimResult[]
  readonly arc: ArcResult
  readonly dmarc: DmarcResult
}

export interface SpfResult {
  readonly result: 'none' | 'neutral' | 'pass' | 'fail' | 'softfail' | 'temperror' | 'permerror'
  readonly identity: 'mailfrom' | 'helo'
  readonly domain: string
}

export interface DkimResult {
  readonly result: 'none' | 'pass' | 'fail' | 'policy' | 'neutral' | 'temperror' | 'permerror'
  /** In a few words, for people. */
  readonly reason?: string
  readonly domain?: string
  readonly selector?: string
  readonly algorithm?: string
  /** The beginning of the signature, to tell it from others. */
  readonly signature?: string
}

export interface ArcResult {
  readonly result: 'none' | 'pass' | 'fail'
  readonly reason?: string
}

export interface DmarcResult {
  readonly result: 'none' | 'pass' | 'fail' | 'temperror' | 'permerror'
  /** Of the author. */
  readonly domain?: string
  /** What that domain asks for where the result is `fail`. */
  readonly policy?: DmarcPolicy
  readonly reason?: string
}

export type DmarcPolicy = 'none' | 'quarantine' | 'reject'
