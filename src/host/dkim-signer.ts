/** Signs one message while it comes: DKIM, relaxed in header and body. RFC 6376, RFC 8463. */

import { DkimSigner } from 'mailauth/lib/dkim/dkim-signer.js'
import { DkimVerifier } from 'mailauth/lib/dkim/dkim-verifier.js'
import type { ParsedHeaders } from 'mailauth/lib/tools.js'
import type { WallMs } from '../base/time.ts'
import type { MessageSigner, SigningKey } from '../ports/mail-authentication.ts'
import { type BodyHashName, MessageParts } from './message-parts.ts'

const BODY: BodyHashName = 'relaxed:sha256'

export class DkimMessageSigner implements MessageSigner {
  readonly #parts: MessageParts
  #header: ParsedHeaders | undefined
  #bodyHash: string | undefined
  #authors: readonly string[] = []

  constructor() {
    this.#parts = new MessageParts((header) => {
      this.#header = header
      this.#authors = authorsOf(header)
      return [BODY]
    })
  }

  get authors(): readonly string[] {
    return this.#authors
  }

  push(bytes: Uint8Array): void {
    this.#parts.push(bytes)
  }

  end(): void {
    this.#bodyHash = this.#parts.end().get(BODY)
  }

  async sign(keys: readonly SigningKey[], now: WallMs): Promise<readonly string[]> {
    if (this.#header === undefined || this.#bodyHash === undefined || keys.length === 0) return []
    const signer = new DkimSigner({
      headers: this.#header,
      bodyHash: this.#bodyHash,
      signTime: new Date(now),
      signatureData: keys.map(({ domain, selector, privateKey }) => ({
        signingDomain: domain,
        selector,
        privateKey,
      })),
    })
    await signer.finalize()
    return signer.signatureHeaders
  }
}

/** As the verifier of the far side reads them. */
function authorsOf(header: ParsedHeaders): readonly string[] {
  const reader = new DkimVerifier({
    resolver: () => Promise.resolve([]),
    sender: 'nobody@invalid',
    minBitLength: 0,
    curTime: new Date(0),
  })
  // All of it happens at once, though a promise tells of it.
  reader.messageHeaders(header).catch(() => {})
  return reader.headerFrom
}
