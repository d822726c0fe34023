/** The client's side of SCRAM-SHA-256, with and without channel binding. RFC 5802 §3, RFC 7677. */

import {
  concat,
  equalBytes,
  fromBase64,
  fromUtf8,
  toBase64,
  toUtf8Strict,
} from '../../base/bytes.ts'
import { hmacSha256, pbkdf2Sha256, sha256 } from '../../base/sha256.ts'
import type { ChannelBinding } from '../../base/tls.ts'
import { saslFault } from './fault.ts'
import { SCRAM_ITERATIONS_MAX, SCRAM_ITERATIONS_MIN } from './limits.ts'
import type { Credentials } from './mechanism.ts'

export interface ScramClientOptions {
  readonly credentials: Credentials
  /** Unpredictable, of printable characters without a comma; for this exchange alone. */
  readonly nonce: string
  readonly isPlus: boolean
  /** What the stream offers; undefined without TLS. */
  readonly binding: ChannelBinding | undefined
}

export class ScramClient {
  readonly #password: Uint8Array
  readonly #nonce: string
  readonly #header: string
  readonly #bound: Uint8Array
  readonly #bare: string
  #serverSignature: Uint8Array | undefined
  #isProven = false

  constructor({ credentials, nonce, isPlus, binding }: ScramClientOptions) {
    this.#password = fromUtf8(prepared(credentials.password))
    this.#nonce = nonce
    const chosen = chooseBinding(binding)
    this.#bound = (isPlus && chosen?.octets) || new Uint8Array(0)
    // `y` tells a server that could bind that somebody has taken its -PLUS away. RFC 5802 §6.
    this.#header = isPlus ? `p=${chosen?.type},,` : chosen === undefined ? 'n,,' : 'y,,'
    this.#bare = `n=${saslName(prepared(credentials.user))},r=${nonce}`
  }

  /** The server has shown that it knows the password's keys as well. */
  get isServerProven(): boolean {
    return this.#isProven
  }

  first(): Uint8Array {
    return fromUtf8(this.#header + this.#bare)
  }

  /** The answer to what the server says next; throws a Fault for what it must not say. */
  respond(message: Uint8Array): Uint8Array {
    const text = toUtf8Strict(message) ?? ''
    return this.#serverSignature === undefined
      ? this.#final(text)
      : this.#verify(text, this.#serverSignature)
  }

  #final(challenge: string): Uint8Array {
    const match = /^r=([!-+\--~]+),s=([A-Za-z0-9+/=]+),i=(\d{1,9})(?:,.*)?$/.exec(challenge)
    const [, nonce = '', salt64 = '', digits] = match ?? []
    const salt = fromBase64(salt64)
    const iterations = Number(digits)
    if (match === null || salt === undefined || !nonce.startsWith(this.#nonce)) {
      throw saslFault('sasl/bad-message', 'not a first message of a SCRAM server')
    }
    if (iterations < SCRAM_ITERATIONS_MIN || iterations > SCRAM_ITERATIONS_MAX) {
      const bounds = `${SCRAM_ITERATIONS_MIN} to ${SCRAM_ITERATIONS_MAX} would be right`
      throw saslFault('sasl/bad-message', `${iterations} iterations of SCRAM: ${bounds}`)
    }
    const binding = toBase64(concat(fromUtf8(this.#header), this.#bound))
    const withoutProof = `c=${binding},r=${nonce}`
    const signed = fromUtf8(`${this.#bare},${challenge},${withoutProof}`)
    const salted = pbkdf2Sha256(this.#password, salt, iterations)
    const clientKey = hmacSha256(salted, fromUtf8('Client Key'))
    const signature = hmacSha256(sha256(clientKey), signed)
    const proof = clientKey.map((byte, i) => byte ^ (signature[i] as number))
    this.#serverSignature = hmacSha256(hmacSha256(salted, fromUtf8('Server Key')), signed)
    return fromUtf8(`${withoutProof},p=${toBase64(proof)}`)
  }

  #verify(text: string, expected: Uint8Array): Uint8Array {
    const given = fromBase64(/^v=([A-Za-z0-9+/=]+)(?:,.*)?$/.exec(text)?.[1] ?? '')
    if (this.#isProven || given === undefined || !equalBytes(given, expected)) {
      throw saslFault('sasl/server-not-proven', 'the server does not know the password itself')
    }
    this.#isProven = true
    return new Uint8Array(0)
  }
}

/** Whether a client has what -PLUS takes. */
export function canBind(binding: ChannelBinding | undefined): boolean {
  return chooseBinding(binding) !== undefined
}

function chooseBinding(
  binding: ChannelBinding | undefined,
): { readonly type: string; readonly octets: Uint8Array } | undefined {
  if (binding?.tlsExporter) return { type: 'tls-exporter', octets: binding.tlsExporter }
  if (binding?.tlsServerEndPoint === undefined) return undefined
  return { type: 'tls-server-end-point', octets: binding.tlsServerEndPoint }
}

/** A comma and an equals sign have other uses there. RFC 5802 §5.1. */
function saslName(name: string): string {
  return name.replaceAll('=', '=3D').replaceAll(',', '=2C')
}

/** As a server compares it, whatever way it was typed. RFC 4013 §2.1, §2.2. */
function prepared(text: string): string {
  return text.replace(/[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g, ' ').normalize('NFKC')
}
