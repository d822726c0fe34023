import { concat, toHex } from '../base/bytes.ts'
import type { WallMs } from '../base/time.ts'
import { TLS_SESSIONS_MAX, TLS_TICKET_MS } from './limits.ts'
import type { TlsVersion } from './tls-messages.ts'

/** What both ends have to know again when a session goes on. */
export interface KnownSession {
  readonly version: TlsVersion
  /** As it was shown to whoever keeps this; empty where there was none. */
  readonly peerCertificate: Uint8Array
  readonly issuedAt: WallMs
}

/** What OpenSSL's have. */
const TICKET_BYTES: Readonly<Record<TlsVersion, number>> = { 'TLSv1.2': 176, 'TLSv1.3': 208 }

/** Sessions of one run of a host that may go on: those it has given tickets for, and those it has tickets of. */
export class TlsSessions {
  readonly #given = new Map<string, KnownSession>()
  readonly #held = new Map<
    string,
    { readonly ticket: Uint8Array; readonly session: KnownSession }
  >()
  #count = 0

  /** A new ticket of a server that other hosts cannot have: `nonce` is the connection's. */
  give(session: KnownSession, nonce: Uint8Array): Uint8Array {
    this.#count++
    const number = Uint8Array.of(
      this.#count >>> 24,
      this.#count >>> 16,
      this.#count >>> 8,
      this.#count,
    )
    const head = concat(nonce, number)
    const ticket = concat(head, new Uint8Array(TICKET_BYTES[session.version] - head.length))
    keep(this.#given, toHex(head), session)
    return ticket
  }

  /** What the ticket is for; undefined where it is too old, or none of this host's. */
  recall(ticket: Uint8Array, now: WallMs): KnownSession | undefined {
    return fresh(this.#given.get(toHex(ticket.subarray(0, HEAD_BYTES))), now)
  }

  /** A client keeps the last one of each server. */
  hold(server: string, ticket: Uint8Array, session: KnownSession): void {
    keep(this.#held, server, { ticket, session })
  }

  heldFor(
    server: string,
    now: WallMs,
  ): { readonly ticket: Uint8Array; readonly session: KnownSession } | undefined {
    const held = this.#held.get(server)
    return held && fresh(held.session, now) && held
  }
}

/** The nonce of a connection and the number of the ticket. */
const HEAD_BYTES = 36

function fresh(session: KnownSession | undefined, now: WallMs): KnownSession | undefined {
  return session !== undefined && now - session.issuedAt < TLS_TICKET_MS ? session : undefined
}

/** The oldest goes where there are too many. */
function keep<Value>(kept: Map<string, Value>, key: string, value: Value): void {
  kept.delete(key)
  kept.set(key, value)
  if (kept.size <= TLS_SESSIONS_MAX) return
  const [oldest] = kept.keys()
  if (oldest !== undefined) kept.delete(oldest)
}
