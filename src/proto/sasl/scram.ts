/**
 * SCRAM-SHA-256, with and without channel binding: neither side sends the password, and a server
 * need not know it. RFC 5802, RFC 7677.
 */

import {
  concat,
  equalBytes,
  fromBase64,
  fromUtf8,
  toBase64,
  toUtf8Strict,
} from '../../base/bytes.ts'
import { hmacSha256, sha256 } from '../../base/sha256.ts'
import type { ChannelBinding } from '../../base/tls.ts'
import { type SaslFault, saslFault } from './fault.ts'
import type { SaslMechanism } from './mechanism.ts'

/** What a server keeps of a password. RFC 5802 §3. */
export interface ScramKeys {
  readonly salt: Uint8Array
  readonly iterations: number
  readonly storedKey: Uint8Array
  readonly serverKey: Uint8Array
}

/** Of a client's message: far more than names, nonces and bindings need. */
const MESSAGE_MAX = 4096

export type ScramProof =
  | {
      readonly type: 'proof'
      readonly user: string
      readonly isProven: boolean
      /** What proves the server in turn. */
      readonly final: Uint8Array
    }
  | { readonly type: 'refused'; readonly fault: SaslFault }

interface First {
  readonly user: string
  readonly nonce: string
  readonly header: string
  readonly bare: string
  readonly bound: Uint8Array
}

/** The server's side. */
export class ScramServer {
  readonly #binding: ChannelBinding | undefined
  readonly #isPlus: boolean
  #first: First | undefined
  #keys: ScramKeys | undefined
  #said = ''

  /** `binding`: what the stream offers; undefined without TLS. */
  constructor(isPlus: boolean, binding: ChannelBinding | undefined) {
    this.#isPlus = isPlus
    this.#binding = binding
  }

  /** Whose keys are needed; undefined where it is no first message that can be answered. */
  first(message: Uint8Array): string | undefined {
    const text = textOf(message)
    const match =
      /^((?:n|y|p=([A-Za-z0-9.-]+)),(?:a=([^,]*))?,)(n=([^,]+),r=([!-+\--~]+)(?:,.*)?)$/.exec(
        text ?? '',
      )
    if (match === null) return undefined
    const [, header = '', binding, authorization, bare = '', name = '', nonce = ''] = match
    const user = fromSaslName(name)
    const bound = this.#boundBy(header, binding)
    if (user === undefined || bound === undefined) return undefined
    if (authorization !== undefined && fromSaslName(authorization) !== user) return undefined
    this.#first = { user, nonce, header, bare, bound }
    return user
  }

  /** `nonce` is unpredictable, of printable characters without a comma. */
  challenge(keys: ScramKeys, nonce: string): Uint8Array {
    this.#keys = keys
    this.#said = `r=${this.#first?.nonce}${nonce},s=${toBase64(keys.salt)},i=${keys.iterations}`
    return fromUtf8(this.#said)
  }

  final(message: Uint8Array): ScramProof {
    const text = textOf(message) ?? ''
    const match = /^(c=([A-Za-z0-9+/=]+),r=([^,]+)(?:,.*)?),p=([A-Za-z0-9+/=]+)$/.exec(text)
    const [, withoutProof = '', binding = '', nonce, proof64 = ''] = match ?? []
    const [first, keys] = [this.#first, this.#keys]
    const proof = fromBase64(proof64)
    const given = fromBase64(binding)
    const isWhole = match !== null && `r=${nonce}` === this.#said.split(',')[0]
    if (!isWhole || first === undefined || keys === undefined || proof?.length !== 32) {
      return refused('not a final SCRAM message')
    }
    const expected = concat(fromUtf8(first.header), first.bound)
    if (given === undefined || !equalBytes(given, expected)) {
      return refused('the channel binding is of another channel')
    }
    const signed = fromUtf8(`${first.bare},${this.#said},${withoutProof}`)
    const signature = hmacSha256(keys.storedKey, signed)
    const clientKey = proof.map((byte, i) => byte ^ (signature[i] as number))
    // Of hashes: how long the comparison takes tells nothing that helps.
    const isProven = equalBytes(sha256(clientKey), keys.storedKey)
    const final = fromUtf8(`v=${toBase64(hmacSha256(keys.serverKey, signed))}`)
    return { type: 'proof', user: first.user, isProven, final }
  }

  /**
   * The octets that the client must repeat; undefined where it asks for what there is not, or says
   * that we offered no binding when we did: somebody has stood between. RFC 5802 §6.
   */
  #boundBy(header: string, name: string | undefined): Uint8Array | undefined {
    if (name === undefined) {
      const isDowngraded = header.startsWith('y') && offersBinding(this.#binding)
      return this.#isPlus || isDowngraded ? undefined : new Uint8Array(0)
    }
    if (!this.#isPlus) return undefined
    if (name === 'tls-exporter') return this.#binding?.tlsExporter
    return name === 'tls-server-end-point' ? this.#binding?.tlsServerEndPoint : undefined
  }
}

/** Those of `mechanisms` that a client can log in by on this stream. */
export function usableMechanisms(
  mechanisms: readonly SaslMechanism[],
  stream: {
    readonly binding: ChannelBinding | undefined
    readonly mayShowPassword: boolean
  },
): readonly SaslMechanism[] {
  const binds = offersBinding(stream.binding)
  return mechanisms.filter((mechanism) => {
    if (mechanism === 'SCRAM-SHA-256-PLUS') return binds
    return stream.mayShowPassword || (mechanism !== 'PLAIN' && mechanism !== 'LOGIN')
  })
}

function offersBinding(binding: ChannelBinding | undefined): boolean {
  return binding?.tlsExporter !== undefined || binding?.tlsServerEndPoint !== undefined
}

/** `=2C` is a comma and `=3D` an equals sign. RFC 5802 §5.1. */
function fromSaslName(name: string): string | undefined {
  if (/=(?!2C|3D)/.test(name)) return undefined
  return name.replaceAll('=2C', ',').replaceAll('=3D', '=')
}

function textOf(message: Uint8Array): string | undefined {
  const text = message.length > MESSAGE_MAX ? undefined : toUtf8Strict(message)
  return text === undefined || text.includes('\0') ? undefined : text
}

function refused(message: string): ScramProof {
  return { type: 'refused', fault: saslFault('sasl/bad-message', message) }
}
