import fc from 'fast-check'
import { expect, test } from 'vitest'
import { arbitraryCuts, chunks } from '../../test/support/bundle-session.ts'
import { concat, fromLatin1, toHex } from '../base/bytes.ts'
import { wallMs } from '../base/time.ts'
import type { TlsOptions } from '../ports/tls.ts'
import { labIdentity, labTrust } from './certificate.ts'
import { LabTls, type TlsOutcome } from './tls.ts'

const names = { dns: ['mail-2.a.com'], ip: [], nodeIds: ['ipn:3.0'] }
const validity = { from: wallMs(0), until: wallMs(1000) }
const identity = labIdentity('authority', names, validity)
const both = { identity, trust: labTrust('authority'), peerCertificate: 'required' } as const

function end(tls: TlsOptions, nonce: string): LabTls {
  return new LabTls({ tls, nonce, now: () => wallMs(500) })
}
const client = (): LabTls => end({ role: 'client', ...both }, 'near')
const server = (): LabTls => end({ role: 'server', ...both }, 'far')

function sent(outcomes: readonly TlsOutcome[]): Uint8Array {
  return concat(...outcomes.map((each) => (each.type === 'send' ? each.bytes : fromLatin1(''))))
}

/** All that a client sends to a server: handshake and content. */
function conversation(content: Uint8Array): { hello: Uint8Array; rest: Uint8Array } {
  const near = client()
  const hello = sent(near.start())
  const finished = sent(near.receive(sent(server().receive(hello))))
  return { hello, rest: concat(finished, near.seal(content), near.closeNotify()) }
}

test('a handshake takes one round trip, in flights of the size that OpenSSL sends (RFC 8446)', () => {
  const [near, far] = [client(), server()]
  const hello = sent(near.start())
  const flight = sent(far.receive(hello))
  const answer = near.receive(flight)
  expect([hello, flight, sent(answer)].map(({ length }) => length)).toEqual([278, 1307, 1056])
  expect(answer.map(({ type }) => type)).toEqual(['send', 'secured'])
  expect(far.receive(sent(answer)).map(({ type }) => type)).toEqual(['secured'])
})

test('content costs 22 octets a record of 16 KiB (RFC 8446), and is marked', () => {
  const near = client()
  expect(near.seal(new Uint8Array(100)).length).toBe(122)
  expect(near.seal(new Uint8Array(16_385)).length).toBe(16_385 + 44)
  expect(String.fromCharCode(...near.seal(fromLatin1('secret')))).toContain('not encrypted')
})

test('property: what is sealed is understood, wherever it is cut', () => {
  const { hello, rest } = conversation(fromLatin1('x'.repeat(20_000)))
  const understood = (pieces: readonly Uint8Array[]): readonly string[] => {
    const far = server()
    far.receive(hello)
    const outcomes = pieces.flatMap((piece) => far.receive(piece))
    return outcomes.map((each) => (each.type === 'content' ? toHex(each.bytes) : each.type))
  }
  const whole = understood([rest])
  expect(whole[0]).toBe('secured')
  expect(whole.slice(1).join('')).toBe('78'.repeat(20_000))
  fc.assert(
    fc.property(arbitraryCuts, (cuts) => {
      expect(understood(chunks(rest, cuts))).toEqual(whole)
    }),
  )
})

test('property: no bytes make either end throw, nor any octet of a handshake that is changed', () => {
  const { hello, rest } = conversation(fromLatin1('x'))
  const all = concat(hello, rest)
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      server().receive(bytes)
      const near = client()
      near.start()
      near.receive(bytes)
    }),
  )
  fc.assert(
    fc.property(fc.nat(all.length - 1), fc.nat(255), (at, octet) => {
      const bytes = all.slice()
      bytes[at] = octet
      const outcomes = server().receive(bytes)
      const failed = outcomes.findIndex(({ type }) => type === 'failed')
      expect(failed === -1 || failed === outcomes.length - 1).toBe(true)
    }),
  )
})
