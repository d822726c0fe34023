import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { arbitraryCuts, chunks } from '../../test/support/bundle-session.ts'
import { concat, fromLatin1, NO_BYTES, toHex } from '../base/bytes.ts'
import { wallMs } from '../base/time.ts'
import type { TlsSettings } from '../config/tls-settings.ts'
import type { TlsOptions } from '../ports/tls.ts'
import { decodeCertificate, encodeCertificate, labIdentity, labTrust } from './certificate.ts'
import { TLS_SESSIONS_MAX, TLS_TICKET_MS } from './limits.ts'
import { LabTls, type TlsOutcome } from './tls.ts'
import { TlsSessions } from './tls-sessions.ts'

const names = { dns: ['mail-2.a.com'], ip: [], nodeIds: ['ipn:3.0'] }
const validity = { from: wallMs(0), until: wallMs(1e12) }
const identity = labIdentity('authority', names, validity)
const both = { identity, trust: labTrust('authority'), peerCertificate: 'required' } as const
const serverOnly = {
  client: { role: 'client', trust: both.trust, peerCertificate: 'required' },
  server: { role: 'server', identity, peerCertificate: 'ignored' },
} as const

/** Two hosts, of which one is a client of the other. */
class Pair {
  readonly #sessions = { near: new TlsSessions(), far: new TlsSessions() }
  readonly #near: TlsSettings
  readonly #far: TlsSettings
  now = 500
  #count = 0

  constructor(near: Partial<TlsSettings> = {}, far: Partial<TlsSettings> = near) {
    const usual = { version: 'TLSv1.3', resumption: false } as const
    this.#near = { ...usual, ...near }
    this.#far = { ...usual, ...far }
  }

  client(tls: TlsOptions = { role: 'client', ...both }): LabTls {
    return this.#end(tls, this.#near, this.#sessions.near)
  }

  server(tls: TlsOptions = { role: 'server', ...both }): LabTls {
    return this.#end(tls, this.#far, this.#sessions.far)
  }

  #end(tls: TlsOptions, settings: TlsSettings, sessions: TlsSessions): LabTls {
    const nonce = String(this.#count++)
    const now = (): ReturnType<typeof wallMs> => wallMs(this.now)
    return new LabTls({ tls, nonce, now, settings, sessions, peer: '172.22.0.3:25' })
  }

  /** The flights of one handshake, the client's first; and what each end says of it. */
  shake(
    clientTls?: TlsOptions,
    serverTls?: TlsOptions,
  ): {
    readonly flights: readonly Uint8Array[]
    readonly near: LabTls
    readonly far: LabTls
    readonly outcomes: readonly TlsOutcome[]
  } {
    const [near, far] = [this.client(clientTls), this.server(serverTls)]
    const flights: Uint8Array[] = []
    const outcomes: TlsOutcome[] = []
    let [from, to] = [near, far]
    for (let next = [...from.start()]; next.length > 0; ) {
      outcomes.push(...next.filter(({ type }) => type !== 'send'))
      const flight = sent(next)
      if (flight.length === 0) break
      flights.push(flight)
      next = [...to.receive(flight)]
      ;[from, to] = [to, from]
    }
    return { flights, near, far, outcomes }
  }
}

function sent(outcomes: readonly TlsOutcome[]): Uint8Array {
  return concat(...outcomes.map((each) => (each.type === 'send' ? each.bytes : NO_BYTES)))
}

/** The types of the records, and how long each is with its head. */
function recordsIn(flight: Uint8Array): readonly (readonly [number, number])[] {
  const records: [number, number][] = []
  for (let at = 0; at < flight.length; ) {
    const length = 5 + (((flight[at + 3] ?? 0) << 8) | (flight[at + 4] ?? 0))
    records.push([flight[at] ?? 0, length])
    at += length
  }
  return records
}

function flightSizes(pair: Pair): readonly number[] {
  return pair.shake(serverOnly.client, serverOnly.server).flights.map(({ length }) => length)
}

const CERTIFICATE_BYTES = encodeCertificate({
  names,
  authority: 'authority',
  from: 0,
  until: 1e12,
}).length

describe('a handshake of TLS 1.3 (RFC 8446 §2)', () => {
  it('takes one round trip: a hello, an answer with all, and what the client says with its first word', () => {
    const { flights, outcomes } = new Pair().shake(serverOnly.client, serverOnly.server)
    // The fourth is the server's tickets, for which nobody waits.
    expect(flights).toHaveLength(4)
    expect(outcomes.filter(({ type }) => type === 'secured')).toHaveLength(2)
    expect(flights.map((flight) => recordsIn(flight).map(([type]) => type))).toEqual([
      [22],
      // ServerHello, ChangeCipherSpec; then sealed: extensions, certificate, verification, Finished.
      [22, 20, 23, 23, 23, 23],
      [20, 23],
      [23, 23],
    ])
  })

  it('has the sizes of OpenSSL 3: a hello of 127 octets, a Finished of 74, tickets of 255 each', () => {
    const { flights } = new Pair().shake(serverOnly.client, serverOnly.server)
    const [, answer = NO_BYTES, finished = NO_BYTES, tickets = NO_BYTES] = flights
    expect(recordsIn(answer)).toEqual([
      [22, 127],
      [20, 6],
      [23, 28],
      [23, CERTIFICATE_BYTES + 13 + 22],
      [23, 79 + 22],
      [23, 74],
    ])
    expect(recordsIn(finished)).toEqual([
      [20, 6],
      [23, 74],
    ])
    expect(recordsIn(tickets)).toEqual([
      [23, 255],
      [23, 255],
    ])
  })

  it('has certificates of both ends where the server asks for one', () => {
    const { flights, outcomes } = new Pair().shake()
    expect(recordsIn(flights[1] ?? NO_BYTES)).toHaveLength(7)
    expect(recordsIn(flights[2] ?? NO_BYTES)).toHaveLength(4)
    const sessions = outcomes.flatMap((each) => (each.type === 'secured' ? [each.session] : []))
    expect(sessions.map(({ peer }) => peer?.names)).toEqual([names, names])
  })

  it('goes on with a session without certificates, in one round trip as well', () => {
    const pair = new Pair({ resumption: true })
    const [, first = 0] = flightSizes(pair)
    const again = pair.shake(serverOnly.client, serverOnly.server)
    const [hello = NO_BYTES, answer = NO_BYTES] = again.flights
    expect(answer.length).toBe(first - (CERTIFICATE_BYTES + 13 + 22) - (79 + 22) + 6)
    expect(hello.length).toBeGreaterThan(208)
    const sessions = again.outcomes.flatMap((each) =>
      each.type === 'secured' ? [each.session] : [],
    )
    expect(sessions[0]?.peer ?? sessions[1]?.peer).toMatchObject({ names, standing: 'trusted' })
    pair.now += TLS_TICKET_MS
    expect(flightSizes(pair)[1]).toBe(first)
  })
})

describe('a handshake of TLS 1.2 (RFC 5246 §7.3)', () => {
  it('takes two round trips', () => {
    const { flights, outcomes } = new Pair({ version: 'TLSv1.2' }).shake(
      serverOnly.client,
      serverOnly.server,
    )
    expect(flights.map((flight) => recordsIn(flight).map(([type]) => type))).toEqual([
      [22],
      // ServerHello, Certificate, ServerKeyExchange, ServerHelloDone.
      [22, 22, 22, 22],
      // ClientKeyExchange, ChangeCipherSpec, Finished; the server's answer has a ticket.
      [22, 20, 22],
      [22, 20, 22],
    ])
    expect(outcomes).toMatchObject([
      {
        type: 'secured',
        session: { version: 'TLSv1.2', channelBinding: { tlsExporter: undefined } },
      },
      { type: 'secured', session: { version: 'TLSv1.2' } },
    ])
  })

  it('goes on with a session in one (RFC 5077 §3.1)', () => {
    const pair = new Pair({ version: 'TLSv1.2', resumption: true })
    flightSizes(pair)
    const { flights, outcomes } = pair.shake(serverOnly.client, serverOnly.server)
    expect(flights.map((flight) => recordsIn(flight).map(([type]) => type))).toEqual([
      [22],
      [22, 20, 22],
      [20, 22],
    ])
    expect(outcomes.filter(({ type }) => type === 'secured')).toHaveLength(2)
  })

  it('is what a newer end has with one that can do no better', () => {
    for (const [near, far] of [
      ['TLSv1.2', 'TLSv1.3'],
      ['TLSv1.3', 'TLSv1.2'],
    ] as const) {
      const { outcomes } = new Pair({ version: near }, { version: far }).shake()
      expect(outcomes).toMatchObject([
        { type: 'secured', session: { version: 'TLSv1.2', peer: { names } } },
        { type: 'secured', session: { version: 'TLSv1.2', peer: { names } } },
      ])
    }
  })
})

describe('sessions', () => {
  const session = { version: 'TLSv1.3', peerCertificate: NO_BYTES, issuedAt: wallMs(0) } as const

  it('are kept up to the bound: the oldest goes', () => {
    const sessions = new TlsSessions()
    const tickets = Array.from({ length: TLS_SESSIONS_MAX + 1 }, () =>
      sessions.give(session, new Uint8Array(32)),
    )
    const [first = NO_BYTES, second = NO_BYTES] = tickets
    expect(sessions.recall(first, wallMs(0))).toBeUndefined()
    expect(sessions.recall(second, wallMs(0))).toEqual(session)
  })
})

describe('content', () => {
  it.each([
    ['TLSv1.3', 22],
    ['TLSv1.2', 29],
  ] as const)('of %s costs %i octets a record of 16 KiB, and is marked', (version, extra) => {
    const { near } = new Pair({ version }).shake()
    expect(near.seal(new Uint8Array(100)).length).toBe(100 + extra)
    expect(near.seal(new Uint8Array(16_385)).length).toBe(16_385 + 2 * extra)
    expect(String.fromCharCode(...near.seal(fromLatin1('secret')))).toContain('secret')
    expect(String.fromCharCode(...near.seal(fromLatin1('secret')))).toContain('not encrypted!')
  })
})

test('a certificate is X.509, and says what it was made of', () => {
  const certificate = { names, authority: 'authority', from: 5, until: 2 ** 50 }
  const bytes = encodeCertificate(certificate)
  expect(decodeCertificate(bytes)).toEqual(certificate)
  expect(bytes[0]).toBe(0x30)
  expect(((bytes[2] ?? 0) << 8) + (bytes[3] ?? 0) + 4).toBe(bytes.length)
})

/** All that a client sends to a server: handshake and content. */
function conversation(
  settings: Partial<TlsSettings>,
  content: Uint8Array,
): { readonly received: Uint8Array; readonly far: () => LabTls } {
  const pair = new Pair(settings)
  const { flights, near } = pair.shake()
  const said = flights.filter((_, index) => index % 2 === 0)
  return {
    received: concat(...said, near.seal(content), near.closeNotify()),
    far: () => new Pair(settings).server(),
  }
}

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('properties of %s', (version) => {
  it('what is sealed is understood, wherever it is cut', () => {
    const { received, far } = conversation({ version }, fromLatin1('x'.repeat(20_000)))
    const understood = (pieces: readonly Uint8Array[]): readonly string[] => {
      const end = far()
      const outcomes = pieces.flatMap((piece) => end.receive(piece))
      const told = outcomes.filter(({ type }) => type !== 'send')
      return told.map((each) => (each.type === 'content' ? toHex(each.bytes) : each.type))
    }
    const whole = understood([received])
    expect(whole[0]).toBe('secured')
    expect(whole.slice(1).join('')).toBe('78'.repeat(20_000))
    fc.assert(
      fc.property(arbitraryCuts, (cuts) => {
        expect(understood(chunks(received, cuts))).toEqual(whole)
      }),
    )
  })

  it('no bytes make either end throw, nor any octet of a handshake that is changed', () => {
    const pair = new Pair({ version, resumption: true })
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        pair.server().receive(bytes)
        const near = pair.client()
        near.start()
        near.receive(bytes)
      }),
    )
    const { flights } = pair.shake()
    fc.assert(
      fc.property(fc.nat(), fc.nat(255), fc.boolean(), (at, octet, toServer) => {
        const bytes = concat(...flights.filter((_, index) => (index % 2 === 0) === toServer))
        bytes[at % bytes.length] = octet
        const end = toServer ? pair.server() : pair.client()
        end.start()
        const outcomes = end.receive(bytes)
        const failed = outcomes.findIndex(({ type }) => type === 'failed')
        expect(failed === -1 || failed === outcomes.length - 1).toBe(true)
      }),
    )
  })
})
