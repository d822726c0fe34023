import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  arbitraryCuts,
  Conversation,
  chunks,
  essence,
  join,
  sent,
} from '../../../test/support/bundle-session.ts'
import { NO_BYTES, toHex } from '../../base/bytes.ts'
import type { CertificateNames, PeerCertificate, TlsSession } from '../../base/tls.ts'
import { tlsFault } from '../../ports/tls.ts'
import type { BundleSessionEffect } from '../bundle-session/session.ts'
import { encodeMessage } from './codec.ts'
import { encodeContactHeader } from './contact-header.ts'
import { CONTACT_MS } from './limits.ts'
import type { TcpclAuthentication, TcpclOptions } from './options.ts'
import { TcpclSession } from './session.ts'

const PLAIN = '64746e210400'
const CAN_TLS = '64746e210401'
const TERM_4 = toHex(encodeMessage({ type: 'sess-term', flags: 0, reason: 4 }))
const three = Uint8Array.of(1, 2, 3)

interface Offer {
  readonly role?: 'active' | 'passive'
  readonly policy?: 'offer' | 'require'
  readonly authentication?: TcpclAuthentication
  readonly versions?: TcpclOptions['versions']
}

function open(offer: Offer = {}): Conversation {
  const {
    role = 'passive',
    policy = 'offer',
    authentication = 'node-id',
    versions = [4, 3],
  } = offer
  const conversation = new Conversation(
    new TcpclSession({
      role,
      versions,
      nodeId: 'ipn:3.0',
      keepaliveSec: 0,
      transferBytesMax: 1_000_000,
      tls: { policy, authentication, peerAddress: '172.21.0.3' },
    }),
  )
  conversation.feed({ type: 'connected' })
  return conversation
}

const initOf = (nodeId: string): Uint8Array =>
  encodeMessage({
    type: 'sess-init',
    keepaliveSec: 0,
    segmentMru: 1000n,
    transferMru: 100_000n,
    nodeId,
    extensions: NO_BYTES,
  })

function certificate(
  names: Partial<CertificateNames>,
  standing: PeerCertificate['standing'] = 'trusted',
): PeerCertificate {
  return { der: NO_BYTES, names: { dns: [], ip: [], nodeIds: [], ...names }, standing }
}

function session(peer: PeerCertificate | undefined): TlsSession {
  return {
    version: 'TLSv1.3',
    cipher: 'TLS_AES_256_GCM_SHA384',
    alpn: undefined,
    serverName: undefined,
    peer,
    channelBinding: { tlsExporter: undefined, tlsServerEndPoint: undefined },
  }
}

const over = (effects: readonly BundleSessionEffect[]): string | undefined =>
  effects.flatMap((effect) => (effect.type === 'over' ? [effect.fault?.code ?? 'none'] : []))[0]

const types = (effects: readonly BundleSessionEffect[]): readonly string[] =>
  effects.map(({ type }) => type)

describe('TLS in the contact (RFC 9174 §4.2, §4.3)', () => {
  test('the handshake begins after both headers, and SESS_INIT of the active side after it', () => {
    const active = open({ role: 'active' })
    expect(sent(active.effects)).toBe(CAN_TLS)
    expect(types(active.bytes(CAN_TLS))).toEqual(['secure'])
    const peer = certificate({ nodeIds: ['ipn:2.0'] })
    expect(sent(active.feed({ type: 'secured', session: session(peer) }))).toMatch(/^07/)
    expect(types(active.bytes(initOf('ipn:2.0')))).toContain('established')
  })

  test('the passive side says that it can, begins the handshake, and waits for SESS_INIT', () => {
    const passive = open()
    const effects = passive.bytes(CAN_TLS)
    expect(sent(effects)).toBe(CAN_TLS)
    expect(types(effects)).toEqual(['send', 'secure'])
    const peer = certificate({ nodeIds: ['ipn:2.0'] })
    expect(passive.feed({ type: 'secured', session: session(peer) })).toEqual([])
    expect(sent(passive.bytes(initOf('ipn:2.0')))).toMatch(/^07/)
    expect(passive.types()).toContain('established')
  })

  test('what is only offered is done without where the peer cannot', () => {
    for (const role of ['active', 'passive'] as const) {
      const either = open({ role })
      either.bytes(PLAIN, initOf('ipn:2.0'))
      expect(either.types()).toContain('established')
      expect(either.types()).not.toContain('secure')
    }
  })

  test('what is required and cannot be had is refused with SESS_TERM 4', () => {
    for (const role of ['active', 'passive'] as const) {
      const either = open({ role, policy: 'require' })
      const effects = either.bytes(PLAIN)
      expect(sent(effects)).toBe(role === 'active' ? TERM_4 : `${CAN_TLS}${TERM_4}`)
      expect(over(effects)).toBe('tcpcl/tls-required')
    }
  })

  test('where it is required version 3, which has none, is neither spoken nor understood', () => {
    expect(sent(open({ role: 'active', policy: 'require', versions: [3, 4] }).effects)).toBe(
      CAN_TLS,
    )
    const header3 = encodeContactHeader({
      version: 3,
      flags: 5,
      keepaliveSec: 0,
      nodeId: 'ipn:2.0',
    })
    const effects = open({ policy: 'require' }).bytes(header3)
    expect(sent(effects)).toBe(
      `${CAN_TLS}${toHex(encodeMessage({ type: 'sess-term', flags: 0, reason: 2 }))}`,
    )
    expect(over(effects)).toBe('tcpcl/unsupported-version')
  })
})

describe('between header and handshake (RFC 9174 §4.4)', () => {
  test('property: plaintext ends the session without a word, wherever it is cut', () => {
    const bytes = join([CAN_TLS, initOf('ipn:2.0')])
    const whole = open()
    whole.bytes(bytes)
    expect(types(whole.effects)).toEqual(['send', 'secure', 'close', 'over'])
    expect(over(whole.effects)).toBe('tcpcl/unexpected-message')
    fc.assert(
      fc.property(arbitraryCuts, (cuts) => {
        const cut = open()
        for (const piece of chunks(bytes, cuts)) cut.bytes(piece)
        expect(essence(cut.effects)).toEqual(essence(whole.effects))
      }),
    )
  })

  test('nothing is said in plaintext, whatever happens meanwhile', () => {
    for (const happen of [
      (one: Conversation) => one.wait(CONTACT_MS),
      (one: Conversation) => one.feed({ type: 'terminate', reason: 'shutdown' }),
      (one: Conversation) => one.feed({ type: 'terminate', reason: 'resource-exhaustion' }),
    ]) {
      const passive = open()
      passive.bytes(CAN_TLS)
      passive.feed({ type: 'transmit', transmission: 1, bundle: three })
      const effects = happen(passive)
      expect(sent(effects)).toBe('')
      expect(types(effects)).toEqual(['close', 'not-transmitted', 'over'])
    }
  })

  test('a handshake that fails is told with its reason, and its bundles may be sent again', () => {
    const active = open({ role: 'active' })
    active.feed({ type: 'transmit', transmission: 1, bundle: three })
    active.bytes(CAN_TLS)
    const fault = tlsFault('network/tls-certificate-untrusted', 'of nobody that we know')
    expect(active.feed({ type: 'ended', fault })).toMatchObject([
      { type: 'not-transmitted', transmission: 1, fault: { temporary: true } },
      {
        type: 'over',
        fault: { code: 'tcpcl/tls-failed', message: 'of nobody that we know', temporary: false },
      },
    ])
  })
})

describe('authentication (RFC 9174 §4.4.4)', () => {
  const itself = certificate({ nodeIds: ['ipn:2.0'] })
  const nobody = certificate({})
  const other = certificate({ nodeIds: ['ipn:4.0'] })
  const address = certificate({ ip: ['172.21.0.3'] })
  const expired = certificate({ nodeIds: ['ipn:2.0'], ip: ['172.21.0.3'] }, 'out-of-date')
  const untrusted = certificate({ nodeIds: ['ipn:2.0'], ip: ['172.21.0.3'] }, 'untrusted')
  const cases: readonly {
    readonly authentication: TcpclAuthentication
    readonly good: readonly (PeerCertificate | undefined)[]
    readonly bad: readonly (PeerCertificate | undefined)[]
  }[] = [
    { authentication: 'none', good: [itself, other, expired, untrusted, undefined], bad: [] },
    {
      authentication: 'authority',
      good: [itself, nobody, address],
      bad: [other, expired, untrusted, undefined],
    },
    {
      authentication: 'address',
      good: [address],
      bad: [itself, nobody, other, expired, untrusted, undefined],
    },
    {
      authentication: 'node-id',
      good: [itself, certificate({ nodeIds: ['dtn://x/', 'ipn:0.2.0'] })],
      bad: [nobody, other, address, expired, untrusted, undefined],
    },
  ]
  for (const { authentication, good, bad } of cases) {
    for (const role of ['active', 'passive'] as const) {
      test(`${authentication}, ${role}: who shows what it takes is let in, all others get SESS_TERM 4`, () => {
        const establish = (peer: PeerCertificate | undefined): Conversation => {
          const either = open({ role, authentication })
          either.bytes(CAN_TLS)
          either.effects.splice(0)
          either.feed({ type: 'secured', session: session(peer) })
          either.bytes(initOf('ipn:2.0'))
          return either
        }
        for (const peer of good) expect(establish(peer).types()).toContain('established')
        for (const peer of bad) {
          const either = establish(peer)
          expect(sent(either.effects).endsWith(TERM_4)).toBe(true)
          expect(over(either.effects)).toBe('tcpcl/not-authenticated')
          expect(either.types()).not.toContain('established')
        }
      })
    }
  }

  test('a peer that keeps its node ID to itself is not the one of a certificate', () => {
    const passive = open()
    passive.bytes(CAN_TLS)
    passive.feed({ type: 'secured', session: session(itself) })
    expect(over(passive.bytes(initOf('')))).toBe('tcpcl/not-authenticated')
  })

  test('without TLS there is nothing to look at: that is what the policy is for', () => {
    const passive = open({ policy: 'offer', authentication: 'node-id' })
    passive.bytes(PLAIN, initOf('ipn:9.0'))
    expect(passive.types()).toContain('established')
  })
})
