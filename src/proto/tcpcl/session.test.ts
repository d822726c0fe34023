import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  arbitraryCuts,
  Conversation,
  chunks,
  essence,
  join,
  sent,
  vectors,
} from '../../../test/support/bundle-session.ts'
import { concat, toHex } from '../../base/bytes.ts'
import type { Piece } from '../../base/slab.ts'
import { RECEPTIONS_MAX, ROOM_BYTES, SEND_WINDOW_BYTES } from '../bundle-session/limits.ts'
import type { BundleSessionEffect } from '../bundle-session/session.ts'
import { encodeExtensionItems, encodeMessage, transferLengthItem } from './codec.ts'
import { encodeContactHeader } from './contact-header.ts'
import {
  ACKNOWLEDGEMENT_MS,
  ANSWERS_MAX,
  CONTACT_MS,
  ENDING_MS,
  REJECTIONS_MAX,
  SEGMENT_BYTES_MAX,
  SILENCE_MS,
} from './limits.ts'
import type { Message } from './message.ts'
import type { TcpclOptions } from './options.ts'
import { TcpclSession } from './session.ts'
import { encodeMessage3, type Message3 } from './version3.ts'

const TRANSFER_BYTES_MAX = 1_000_000
const HEADER_4 = '64746e210400'

function open(options: Partial<TcpclOptions> = {}): Conversation {
  const conversation = new Conversation(
    new TcpclSession({
      role: 'passive',
      versions: [4, 3],
      nodeId: 'ipn:3.0',
      keepaliveSec: 0,
      transferBytesMax: TRANSFER_BYTES_MAX,
      ...options,
    }),
  )
  conversation.feed({ type: 'connected' })
  return conversation
}

const initOf = (change: object = {}): Uint8Array =>
  encodeMessage({
    type: 'sess-init',
    keepaliveSec: 0,
    segmentMru: 1000n,
    transferMru: 100_000n,
    nodeId: 'ipn:2.0',
    extensions: new Uint8Array(0),
    ...change,
  })

/** Established in version 4, with what was said until then left out. */
function established(options: Partial<TcpclOptions> = {}, init: object = {}): Conversation {
  const conversation = open(options)
  conversation.bytes(HEADER_4, initOf(init))
  conversation.effects.splice(0)
  return conversation
}

const header3 = (flags = 5, keepaliveSec = 0): Uint8Array =>
  encodeContactHeader({ version: 3, flags, keepaliveSec, nodeId: 'ipn:2.0' })

function established3(options: Partial<TcpclOptions> = {}, flags = 5, keepaliveSec = 0) {
  const conversation = open({ versions: [3, 4], ...options })
  conversation.bytes(header3(flags, keepaliveSec))
  conversation.effects.splice(0)
  return conversation
}

function segment(
  transferId: bigint,
  flags: number,
  data: Uint8Array,
  extensions: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const dataLength = BigInt(data.length)
  const head: Message = { type: 'xfer-segment', flags, transferId, extensions, dataLength }
  return concat(encodeMessage(head), data)
}

function segment3(flags: number, data: Uint8Array): Uint8Array {
  return concat(
    encodeMessage3({ type: 'data-segment', flags, dataLength: BigInt(data.length) }),
    data,
  )
}

const hex = (...messages: readonly Message[]): string => toHex(join(messages.map(encodeMessage)))
const hex3 = (...messages: readonly Message3[]): string => toHex(join(messages.map(encodeMessage3)))
const ack = (transferId: bigint, length: number, flags = 3): Message => ({
  type: 'xfer-ack',
  flags,
  transferId,
  acknowledgedLength: BigInt(length),
})
const refuse = (transferId: bigint, reason: number): Message => ({
  type: 'xfer-refuse',
  reason,
  transferId,
})
const term = (reason: number, flags = 0): Message => ({ type: 'sess-term', flags, reason })
const reject = (reason: number, rejectedHeader: number): Message => ({
  type: 'msg-reject',
  reason,
  rejectedHeader,
})
const three = Uint8Array.of(1, 2, 3)
const over = (effects: readonly BundleSessionEffect[]): string | undefined =>
  effects.flatMap((effect) => (effect.type === 'over' ? [effect.fault?.code ?? 'none'] : []))[0]

describe('contact (RFC 9174 §4.1 to §4.3)', () => {
  test('the active side sends its header at once, and SESS_INIT after the answer', () => {
    const active = open({ role: 'active' })
    expect(sent(active.effects)).toBe(HEADER_4)
    expect(sent(active.bytes(HEADER_4))).toMatch(/^07/)
  })

  test('the passive side waits for the header and for SESS_INIT, and answers each', () => {
    const passive = open()
    expect(passive.effects).toEqual([])
    expect(sent(passive.bytes(HEADER_4))).toBe(HEADER_4)
    expect(sent(passive.bytes(initOf()))).toMatch(/^07/)
    expect(passive.types()).toContain('established')
  })

  test('CAN_TLS of the peer is heard and not taken up: ours is never set', () => {
    const passive = open()
    expect(sent(passive.bytes('64746e210401'))).toBe(HEADER_4)
    passive.bytes(initOf())
    expect(passive.types()).toContain('established')
  })

  test('whoever does not say "dtn!" is closed without a word', () => {
    const effects = open().bytes('474554202f')
    expect(sent(effects)).toBe('')
    expect(over(effects)).toBe('tcpcl/bad-magic')
  })

  test('a version that is unknown is answered with ours and SESS_TERM 2', () => {
    for (const version of ['05', '02']) {
      const effects = open().bytes('64746e21', version)
      expect(sent(effects)).toBe(`${HEADER_4}${hex(term(2))}`)
      expect(effects.map(({ type }) => type)).toContain('close')
    }
  })

  test('version 3 is spoken with whoever speaks it, unless it is not wanted', () => {
    const both = open()
    both.bytes(header3())
    expect(sent(both.effects)).toMatch(/^64746e2103/)
    expect(both.types()).toContain('established')
    const effects = open({ versions: [4] }).bytes(header3())
    expect(sent(effects)).toBe(`${HEADER_4}${hex(term(2))}`)
  })

  test('a version 3 that does not want version 4 says so with SHUTDOWN', () => {
    const effects = open({ versions: [3] }).bytes(HEADER_4)
    expect(sent(effects)).toBe(`64746e2103050000${'07'}${toHex(join(['69706e3a332e30']))}5201`)
  })

  test('an answer in another version than ours ends the session, for now', () => {
    const cases: readonly (readonly [TcpclOptions['versions'], Uint8Array | string])[] = [
      [[4, 3], header3()],
      [[3, 4], HEADER_4],
    ]
    for (const [versions, answer] of cases) {
      const active = open({ role: 'active', versions })
      active.feed({ type: 'transmit', transmission: 1, bundle: three })
      expect(active.bytes(answer)).toMatchObject([
        { type: 'close' },
        { type: 'not-transmitted', fault: { temporary: true } },
        { type: 'over', fault: { code: 'tcpcl/unsupported-version' } },
      ])
    }
  })

  test('who does not introduce himself within a minute is closed', () => {
    expect(over(open().wait(CONTACT_MS))).toBe('tcpcl/timed-out')
    const initiating = open()
    initiating.wait(CONTACT_MS - 1)
    initiating.bytes(HEADER_4)
    expect(over(initiating.wait(CONTACT_MS - 1))).toBeUndefined()
    const effects = initiating.wait(1)
    expect(sent(effects)).toBe(hex(term(4)))
    expect(over(effects)).toBe('tcpcl/timed-out')
  })
})

describe('session parameters (RFC 9174 §4.6 to §4.8)', () => {
  test('what cannot be worked with is answered with SESS_TERM 4', () => {
    const critical = encodeExtensionItems([{ flags: 1, type: 0x8000, value: three }])
    for (const change of [
      { segmentMru: 0n },
      { segmentMru: 63n },
      { extensions: critical },
      { extensions: critical.subarray(1) },
    ]) {
      const passive = open()
      passive.bytes(HEADER_4)
      const effects = passive.bytes(initOf(change))
      expect(sent(effects)).toBe(hex(term(4)))
      expect(over(effects)).toBe('tcpcl/unacceptable')
    }
  })

  test('an extension that is unknown and not critical is skipped', () => {
    const passive = open()
    const item = { flags: 0xfe, type: 0x8000, value: three }
    passive.bytes(HEADER_4, initOf({ extensions: encodeExtensionItems([item]) }))
    expect(passive.types()).toContain('established')
  })

  test('a node ID that is no text is answered with SESS_TERM 4', () => {
    const init = initOf({ nodeId: 'xx' })
    init[21] = 0xff
    expect(sent(open().bytes(HEADER_4, init))).toBe(`${HEADER_4}${hex(term(4))}`)
  })

  test('the node ID is handed on, and its absence', () => {
    const named = open().bytes(HEADER_4, initOf())
    expect(named).toContainEqual({ type: 'established', node: 'ipn:2.0', isProven: false })
    const silent = open().bytes(HEADER_4, initOf({ nodeId: '' }))
    expect(silent).toContainEqual({ type: 'established', node: undefined, isProven: false })
  })

  test('anything but SESS_INIT is rejected before it, and ends the session', () => {
    const effects = open().bytes(HEADER_4, segment(0n, 3, three))
    expect(sent(effects)).toBe(`${HEADER_4}${hex(reject(3, 1))}`)
    expect(over(effects)).toBe('tcpcl/unexpected-message')
  })

  test('a session that is refused with SESS_TERM is over, for now', () => {
    const active = open({ role: 'active' })
    active.feed({ type: 'transmit', transmission: 1, bundle: three })
    const effects = active.bytes(HEADER_4, encodeMessage(term(3)))
    expect(sent(effects)).toContain(hex(term(3, 1)))
    expect(effects).toContainEqual(
      expect.objectContaining({
        type: 'not-transmitted',
        fault: expect.objectContaining({ code: 'tcpcl/terminated', temporary: true }),
      }),
    )
  })
})

describe('sending (RFC 9174 §5.2)', () => {
  test('a bundle is cut into segments that the peer takes, the first with the total length', () => {
    const session = established()
    const bundle = Uint8Array.from({ length: 2500 }, (_, i) => i)
    const extensions = encodeExtensionItems([transferLengthItem(2500n)])
    expect(sent(session.feed({ type: 'transmit', transmission: 1, bundle }))).toBe(
      toHex(
        concat(
          segment(0n, 2, bundle.subarray(0, 1000), extensions),
          segment(0n, 0, bundle.subarray(1000, 2000)),
          segment(0n, 1, bundle.subarray(2000)),
        ),
      ),
    )
  })

  test('one segment needs no total length, and bundles do not wait for each other', () => {
    const session = established()
    const effects = [1, 2].flatMap((transmission) =>
      session.feed({ type: 'transmit', transmission, bundle: three }),
    )
    expect(sent(effects)).toBe(toHex(concat(segment(0n, 3, three), segment(1n, 3, three))))
  })

  test('a bundle is transmitted when all of it is acknowledged', () => {
    const session = established()
    session.feed({ type: 'transmit', transmission: 7, bundle: new Uint8Array(1500) })
    expect(session.bytes(encodeMessage(ack(0n, 1000, 2)))).toEqual([])
    expect(session.bytes(encodeMessage(ack(0n, 1500, 1)))).toEqual([
      { type: 'transmitted', transmission: 7 },
    ])
  })

  test('segments are at most 64 KiB, whatever the peer takes', () => {
    const session = established({}, { segmentMru: 2n ** 64n - 1n })
    const effects = session.feed({
      type: 'transmit',
      transmission: 1,
      bundle: new Uint8Array(SEGMENT_BYTES_MAX + 1),
    })
    const sizes = effects.map((effect) => (effect.type === 'send' ? effect.bytes.length : 0))
    expect(sizes).toEqual([35, SEGMENT_BYTES_MAX, 18, 1])
  })

  test('no more than a window is on its way out', () => {
    const session = established({}, { segmentMru: 2n ** 40n, transferMru: 2n ** 40n })
    const bundle = new Uint8Array(2 * SEND_WINDOW_BYTES)
    const first = sent(session.feed({ type: 'transmit', transmission: 1, bundle })).length / 2
    expect(first).toBeLessThan(SEND_WINDOW_BYTES + 2 * SEGMENT_BYTES_MAX)
    expect(sent(session.feed({ type: 'drained' })).length / 2).toBeGreaterThan(0)
  })

  test('a bundle beyond the peer’s Transfer MRU is not sent, and the limit is told', () => {
    const waiting = open({ role: 'active' })
    const bundle = new Uint8Array(100_001)
    waiting.feed({ type: 'transmit', transmission: 1, bundle })
    const expected = {
      type: 'not-transmitted',
      fault: { code: 'tcpcl/too-large', temporary: true, detail: { bundleBytesMax: 100_000 } },
    }
    expect(waiting.bytes(HEADER_4, initOf()).at(-1)).toMatchObject(expected)
    expect(waiting.feed({ type: 'transmit', transmission: 2, bundle })).toMatchObject([expected])
  })

  test('refused: 1 counts as transmitted, 4 is for good, all others are for now (§5.2.4)', () => {
    for (const [reason, outcome] of [
      [0, { type: 'not-transmitted', fault: { temporary: true } }],
      [1, { type: 'transmitted' }],
      [2, { type: 'not-transmitted', fault: { temporary: true } }],
      [3, { type: 'not-transmitted', fault: { temporary: true } }],
      [4, { type: 'not-transmitted', fault: { temporary: false } }],
      [5, { type: 'not-transmitted', fault: { temporary: true } }],
      [6, { type: 'not-transmitted', fault: { temporary: true } }],
      [0xf0, { type: 'not-transmitted', fault: { temporary: true } }],
    ] as const) {
      const session = established()
      session.feed({ type: 'transmit', transmission: 1, bundle: three })
      expect(session.bytes(encodeMessage(refuse(0n, reason)))).toMatchObject([outcome])
      expect(session.bytes(encodeMessage(refuse(0n, reason)))).toEqual([])
    }
  })

  test('no segment of a refused bundle is begun any more (§5.2.4)', () => {
    const session = established({}, { segmentMru: 2n ** 40n, transferMru: 2n ** 40n })
    const bundle = new Uint8Array(2 * SEND_WINDOW_BYTES)
    session.feed({ type: 'transmit', transmission: 1, bundle })
    session.bytes(encodeMessage(refuse(0n, 2)))
    session.feed({ type: 'transmit', transmission: 2, bundle: three })
    expect(sent(session.feed({ type: 'drained' }))).toBe(toHex(segment(1n, 3, three)))
  })

  test('an acknowledgement or refusal of what was not sent is rejected (§5.1.2)', () => {
    const session = established()
    session.feed({ type: 'transmit', transmission: 1, bundle: three })
    for (const message of [ack(1n, 3), ack(0n, 4), refuse(1n, 0)]) {
      const effects = session.bytes(encodeMessage(message))
      const header = message.type === 'xfer-ack' ? 2 : 3
      expect(sent(effects)).toBe(hex(reject(3, header)))
    }
    expect(session.bytes(encodeMessage(ack(0n, 3)))).toEqual([
      { type: 'transmitted', transmission: 1 },
    ])
  })

  test('a peer that acknowledges nothing for half an hour is given up', () => {
    const session = established({ keepaliveSec: 60 }, { keepaliveSec: 60 })
    session.feed({ type: 'transmit', transmission: 1, bundle: three })
    for (let i = 0; i < ACKNOWLEDGEMENT_MS; i += 60_000) {
      session.bytes(encodeMessage({ type: 'keepalive' }))
      session.wait(60_000)
    }
    expect(over(session.effects)).toBe('tcpcl/timed-out')
  })

  test('our message that the peer rejects ends the session', () => {
    const session = established()
    session.feed({ type: 'transmit', transmission: 1, bundle: three })
    const effects = session.bytes(encodeMessage(reject(2, 1)))
    expect(over(effects)).toBe('tcpcl/rejected')
  })

  test('what is under way when the stream ends is not transmitted, for now', () => {
    const session = established()
    for (const transmission of [1, 2]) {
      session.feed({ type: 'transmit', transmission, bundle: three })
    }
    session.feed({ type: 'ended' })
    session.feed({ type: 'transmit', transmission: 3, bundle: three })
    const failed = session.effects.filter(({ type }) => type === 'not-transmitted')
    expect(failed).toMatchObject(
      [1, 2, 3].map((transmission) => ({ transmission, fault: { temporary: true } })),
    )
  })
})

describe('receiving (RFC 9174 §5.2)', () => {
  const room = new Uint8Array(ROOM_BYTES)
  const piece = { bytes: concat(three, room) } as Piece
  const reception = {
    type: 'received',
    reception: 0,
    bundle: three,
    piece,
    mayRefuse: true,
  } as const

  test('the last segment is acknowledged when the bundle is accepted, not before', () => {
    const session = established()
    expect(session.bytes(segment(9n, 3, three))).toEqual([reception])
    expect(sent(session.feed({ type: 'accepted', reception: 0 }))).toBe(hex(ack(9n, 3)))
  })

  test('other segments are acknowledged at once, with their flags, unknown ones too (§5.2.3)', () => {
    const session = established()
    expect(sent(session.bytes(segment(0n, 0xf2, three)))).toBe(hex(ack(0n, 3, 0xf2)))
    expect(sent(session.bytes(segment(0n, 0x80, three)))).toBe(hex(ack(0n, 6, 0x80)))
    session.bytes(segment(0n, 0x41, three))
    expect(sent(session.feed({ type: 'accepted', reception: 0 }))).toBe(hex(ack(0n, 9, 0x41)))
  })

  test('a refusal for now is No Resources, one for good is Not Acceptable', () => {
    const session = established()
    session.bytes(segment(0n, 3, three), segment(1n, 3, three))
    expect(sent(session.feed({ type: 'refused', reception: 0, isTemporary: true }))).toBe(
      hex(refuse(0n, 2)),
    )
    expect(sent(session.feed({ type: 'refused', reception: 1, isTemporary: false }))).toBe(
      hex(refuse(1n, 4)),
    )
  })

  test('answers keep the order of the transfers (§5.2.4)', () => {
    const session = established()
    session.bytes(segment(0n, 3, three), segment(1n, 3, three), segment(2n, 2, three))
    expect(sent(session.feed({ type: 'refused', reception: 1, isTemporary: true }))).toBe('')
    expect(sent(session.feed({ type: 'accepted', reception: 0 }))).toBe(
      hex(ack(0n, 3), refuse(1n, 2), ack(2n, 3, 2)),
    )
  })

  test('more than our Transfer MRU is refused, and so is the rest that still comes', () => {
    const session = established()
    const half = new Uint8Array(TRANSFER_BYTES_MAX / 2 + 1)
    session.bytes(segment(0n, 2, half))
    expect(session.session.heldBytes).toBeGreaterThanOrEqual(half.length)
    const effects = session.bytes(segment(0n, 0, half), segment(0n, 0, three))
    expect(sent(effects)).toBe(hex(refuse(0n, 2), refuse(0n, 2)))
    expect(session.session.heldBytes).toBe(0)
    expect(sent(session.bytes(segment(0n, 1, three)))).toBe(hex(refuse(0n, 2)))
    expect(session.bytes(segment(1n, 3, three))).toMatchObject([{ type: 'received' }])
  })

  test('a transfer that announces too much is refused with its first segment (§5.2.5.1)', () => {
    const session = established()
    const extensions = encodeExtensionItems([transferLengthItem(2n ** 60n)])
    expect(sent(session.bytes(segment(0n, 2, three, extensions)))).toBe(hex(refuse(0n, 2)))
  })

  test('the total length is authoritative: more or less is Not Acceptable (§5.2.5.1)', () => {
    const extensions = encodeExtensionItems([transferLengthItem(5n)])
    for (const flags of [1, 0]) {
      const session = established()
      session.bytes(segment(0n, 2, three, extensions))
      expect(sent(session.bytes(segment(0n, flags, three)))).toBe(hex(refuse(0n, 4)))
    }
    const short = established().bytes(segment(0n, 3, three, extensions))
    expect(sent(short)).toBe(hex(refuse(0n, 4)))
  })

  test('extension items that are broken, doubled or critical and unknown: reason 5 (§5.2.5)', () => {
    const total = transferLengthItem(3n)
    for (const items of [
      encodeExtensionItems([total]).subarray(1),
      encodeExtensionItems([total, total]),
      encodeExtensionItems([{ ...total, value: three }]),
      encodeExtensionItems([{ flags: 1, type: 2, value: three }]),
    ]) {
      expect(sent(established().bytes(segment(0n, 3, three, items)))).toBe(hex(refuse(0n, 5)))
    }
    const skipped = encodeExtensionItems([{ flags: 0, type: 2, value: three }, total])
    expect(established().bytes(segment(0n, 3, three, skipped))).toEqual([reception])
  })

  test('segments out of sequence are rejected and dropped; the transfer goes on (§5.1.2)', () => {
    const session = established()
    expect(sent(session.bytes(segment(0n, 1, three)))).toBe(hex(reject(3, 1)))
    session.bytes(segment(4n, 2, three))
    expect(sent(session.bytes(segment(5n, 2, three)))).toBe(hex(reject(3, 1)))
    expect(sent(session.bytes(segment(4n, 2, three)))).toBe(hex(reject(3, 1)))
    expect(sent(session.bytes(segment(5n, 0, three)))).toBe(hex(reject(3, 1)))
    const effects = session.bytes(segment(4n, 1, three))
    const bundle = concat(three, three)
    expect(effects).toEqual([{ ...reception, bundle, piece: { bytes: concat(bundle, room) } }])
  })

  test('who does so again and again is closed', () => {
    const session = established()
    for (let i = 0; i < REJECTIONS_MAX; i++) session.bytes(segment(0n, 1, three))
    expect(over(session.effects)).toBe('tcpcl/unexpected-message')
  })

  test('a segment of 2^60 octets ends the session at once', () => {
    const head = { type: 'xfer-segment', flags: 3, transferId: 0n } as const
    const extensions = new Uint8Array(0)
    for (const dataLength of [2n ** 60n, 2n ** 64n - 1n, BigInt(TRANSFER_BYTES_MAX + 1)]) {
      const effects = established().bytes(encodeMessage({ ...head, extensions, dataLength }))
      expect(sent(effects)).toBe(hex(reject(2, 1)))
      expect(over(effects)).toBe('tcpcl/too-large')
    }
  })

  test('a message type that is unknown is rejected, and the session is over (§5.1.2)', () => {
    const effects = established().bytes('08')
    expect(sent(effects)).toBe(hex(reject(1, 8)))
    expect(over(effects)).toBe('tcpcl/unknown-message')
  })

  test('a second SESS_INIT is rejected (§5.1.2)', () => {
    const effects = established().bytes(initOf())
    expect(sent(effects)).toBe(hex(reject(3, 7)))
    expect(effects.at(-1)).toMatchObject({
      type: 'violation',
      fault: { code: 'tcpcl/unexpected-message' },
    })
  })

  test('it pauses while too many bundles, or answers, wait', () => {
    const many = established()
    for (let i = 0; i < RECEPTIONS_MAX; i++) many.bytes(segment(BigInt(i), 3, three))
    expect(many.types().at(-1)).toBe('pause')
    expect(many.feed({ type: 'accepted', reception: 0 }).map(({ type }) => type)).toEqual([
      'send',
      'resume',
    ])
    const empty = established()
    empty.bytes(segment(0n, 3, three), segment(1n, 2, new Uint8Array(0)))
    for (let i = 2; i < ANSWERS_MAX; i++) empty.bytes(segment(1n, 0, new Uint8Array(0)))
    expect(empty.types().at(-1)).toBe('pause')
  })
})

describe('keepalives and silence (RFC 9174 §5.1.1, §6.2)', () => {
  test('the lesser interval counts, and any message is as good as a KEEPALIVE', () => {
    const session = established({ keepaliveSec: 60 }, { keepaliveSec: 30 })
    expect(sent(session.wait(29_999))).toBe('')
    expect(sent(session.wait(1))).toBe('04')
    session.wait(10_000)
    session.feed({ type: 'transmit', transmission: 1, bundle: three })
    session.bytes(encodeMessage({ type: 'keepalive' }))
    expect(sent(session.wait(29_999))).toBe('')
    expect(sent(session.wait(1))).toBe('04')
  })

  test('twice the interval without a word: SESS_TERM 1 and the end', () => {
    const session = established({ keepaliveSec: 30 }, { keepaliveSec: 30 })
    session.wait(59_999)
    const effects = session.wait(1)
    expect(sent(effects)).toContain(hex(term(1)))
    expect(over(effects)).toBe('tcpcl/timed-out')
  })

  test('without keepalives silence may be longer, but not endless', () => {
    for (const session of [established({ keepaliveSec: 30 }), established3()]) {
      expect(sent(session.wait(SILENCE_MS - 1))).toBe('')
      expect(over(session.wait(1))).toBe('tcpcl/timed-out')
    }
  })

  test('who is not read from is not called silent', () => {
    const session = established()
    for (let i = 0; i < RECEPTIONS_MAX; i++) session.bytes(segment(BigInt(i), 3, three))
    session.wait(10 * SILENCE_MS)
    expect(over(session.effects)).toBeUndefined()
    session.feed({ type: 'accepted', reception: 0 })
    expect(over(session.wait(SILENCE_MS))).toBe('tcpcl/timed-out')
  })

  test('a session without transfers ends where that is wanted, keepalives or not', () => {
    const session = established({ keepaliveSec: 30, idleMs: 100_000 }, { keepaliveSec: 30 })
    for (let i = 0; i < 4; i++) {
      session.wait(24_000)
      session.bytes(encodeMessage({ type: 'keepalive' }))
    }
    expect(sent(session.wait(4_000))).toContain(hex(term(1)))
    expect(over(session.bytes(encodeMessage(term(1, 1))))).toBe('none')
  })

  test('a session whose bundle waits for its acknowledgement is not idle', () => {
    const session = established({ idleMs: 100_000 })
    session.feed({ type: 'transmit', transmission: 1, bundle: three })
    expect(sent(session.wait(300_000))).toBe('')
    session.bytes(encodeMessage(ack(0n, 3)))
    expect(sent(session.wait(100_000))).toBe(hex(term(1)))
  })
})

describe('termination (RFC 9174 §6.1)', () => {
  test('ours: what has begun is finished, the rest is not begun, then the stream is closed', () => {
    const session = established()
    session.feed({ type: 'transmit', transmission: 1, bundle: three })
    expect(sent(session.feed({ type: 'terminate', reason: 'shutdown' }))).toBe(hex(term(0)))
    expect(session.feed({ type: 'transmit', transmission: 2, bundle: three })).toMatchObject([
      { type: 'not-transmitted', fault: { code: 'tcpcl/terminated', temporary: true } },
    ])
    expect(session.bytes(encodeMessage(term(0, 1)))).toEqual([])
    expect(session.bytes(encodeMessage(ack(0n, 3)))).toEqual([
      { type: 'transmitted', transmission: 1 },
      { type: 'close' },
      { type: 'over', fault: undefined },
    ])
  })

  test('theirs: answered with the same reason, and transfers that begin then are refused', () => {
    const session = established()
    session.bytes(segment(0n, 2, three))
    expect(sent(session.bytes(encodeMessage(term(5))))).toBe(hex(term(5, 1)))
    session.bytes(segment(0n, 1, three), segment(1n, 3, three))
    const effects = session.feed({ type: 'accepted', reception: 0 })
    expect(sent(effects)).toBe(hex(ack(0n, 6, 1), refuse(1n, 6)))
    expect(effects.slice(-2).map(({ type }) => type)).toEqual(['close', 'over'])
  })

  test('both at once: each takes the other’s for the answer', () => {
    const session = established()
    session.feed({ type: 'terminate', reason: 'shutdown' })
    const effects = session.bytes(encodeMessage(term(0)))
    expect(sent(effects)).toBe('')
    expect(over(effects)).toBe('none')
  })

  test('a peer that does not answer is not waited for longer than a minute', () => {
    const session = established()
    session.feed({ type: 'terminate', reason: 'shutdown' })
    expect(over(session.wait(ENDING_MS - 1))).toBeUndefined()
    expect(over(session.wait(1))).toBe('tcpcl/timed-out')
  })

  test('out of resources: said, and closed at once', () => {
    const session = established()
    session.bytes(segment(0n, 2, three))
    const effects = session.feed({ type: 'terminate', reason: 'resource-exhaustion' })
    expect(sent(effects)).toBe(hex(term(5)))
    expect(over(effects)).toBe('tcpcl/terminated')
  })

  test('before the session is established there is nothing to wait for', () => {
    expect(over(open().feed({ type: 'terminate', reason: 'shutdown' }))).toBe('tcpcl/terminated')
  })
})

describe('version 3 (RFC 7242)', () => {
  test('what ION sent in its capture is taken, and answered as ION did', () => {
    const cases = vectors('tcpcl/ion-v3.valid.txt')
    const toPeer = (wanted: string) =>
      cases.filter(({ words }) => words[1]?.startsWith(`{"message":"${wanted}"`))
    const session = established3({}, 1)
    for (const { bytes } of toPeer('data-segment')) session.bytes(bytes)
    const receptions = session.effects.filter(({ type }) => type === 'received').length
    for (let i = 0; i < receptions; i++) session.feed({ type: 'accepted', reception: i })
    const ours = sent(session.effects)
    const theirs = toPeer('ack-segment').map(({ bytes }) => toHex(bytes))
    expect(theirs).toHaveLength(30)
    // ION acknowledges in the order in which it receives; the capture holds both directions.
    for (const one of theirs) expect(ours).toContain(one)
    expect(ours).toHaveLength(theirs.join('').length)
  })

  test('a header of both sides is enough; acknowledgements and refusals are agreed on', () => {
    const active = open({ role: 'active', versions: [3] })
    expect(sent(active.effects)).toBe('64746e21030500000769706e3a332e30')
    expect(active.bytes(header3())).toEqual([
      { type: 'established', node: 'ipn:2.0', isProven: false },
    ])
  })

  test('a bundle is cut into segments, and transmitted when the last is acknowledged', () => {
    const session = established3()
    const bundle = new Uint8Array(SEGMENT_BYTES_MAX + 3)
    expect(sent(session.feed({ type: 'transmit', transmission: 1, bundle }))).toBe(
      toHex(
        concat(
          segment3(2, bundle.subarray(0, SEGMENT_BYTES_MAX)),
          segment3(1, bundle.subarray(SEGMENT_BYTES_MAX)),
        ),
      ),
    )
    session.bytes(hexOfAck(SEGMENT_BYTES_MAX))
    expect(session.bytes(hexOfAck(bundle.length))).toEqual([
      { type: 'transmitted', transmission: 1 },
    ])
  })

  test('acknowledgements and refusals are for the oldest bundle', () => {
    const session = established3()
    for (const transmission of [1, 2, 3]) {
      session.feed({ type: 'transmit', transmission, bundle: three })
    }
    const answers = session.bytes(
      hexOfAck(3),
      hex3({ type: 'refuse-bundle', reason: 2 }),
      hexOfAck(3),
    )
    expect(answers).toMatchObject([
      { type: 'transmitted', transmission: 1 },
      { type: 'not-transmitted', transmission: 2, fault: { temporary: true } },
      { type: 'transmitted', transmission: 3 },
    ])
  })

  test('where acknowledgements are not wanted, a bundle is transmitted once it has left', () => {
    const session = established3({}, 0)
    session.feed({ type: 'transmit', transmission: 1, bundle: three })
    expect(session.feed({ type: 'drained' })).toEqual([{ type: 'transmitted', transmission: 1 }])
    session.bytes(segment3(3, three))
    expect(sent(session.feed({ type: 'accepted', reception: 0 }))).toBe('')
  })

  test('a bundle is refused where that was agreed on, and else the session is ended', () => {
    const agreed = established3()
    agreed.bytes(segment3(3, three))
    expect(sent(agreed.feed({ type: 'refused', reception: 0, isTemporary: true }))).toBe('32')
    agreed.bytes(segment3(3, three))
    expect(sent(agreed.feed({ type: 'refused', reception: 1, isTemporary: false }))).toBe('2003')
    const half = new Uint8Array(TRANSFER_BYTES_MAX / 2 + 1)
    agreed.bytes(segment3(2, half), segment3(0, half), segment3(1, half))
    expect(sent(agreed.effects)).toContain('32')
    expect(agreed.bytes(segment3(3, three)).map(({ type }) => type)).toEqual(['received'])
    const not = established3({}, 1)
    expect(not.bytes(segment3(3, three))).toMatchObject([{ type: 'received', mayRefuse: false }])
    not.bytes(segment3(2, half))
    expect(over(not.bytes(segment3(0, half)))).toBe('tcpcl/too-large')
  })

  test('LENGTH is understood and not needed, a segment of 2^60 octets ends the session', () => {
    const session = established3()
    session.bytes(hex3({ type: 'length', totalLength: 2n ** 60n }))
    expect(over(session.effects)).toBeUndefined()
    const head: Message3 = { type: 'data-segment', flags: 3, dataLength: 2n ** 60n }
    expect(over(session.bytes(hex3(head)))).toBe('tcpcl/too-large')
    expect(over(established3().bytes('70'))).toBe('tcpcl/unknown-message')
    expect(over(established3().bytes(segment3(1, three)))).toBe('tcpcl/unexpected-message')
  })

  test('SHUTDOWN is said last, and needs no answer', () => {
    const ours = established3()
    ours.feed({ type: 'transmit', transmission: 1, bundle: three })
    expect(sent(ours.feed({ type: 'terminate', reason: 'shutdown' }))).toBe('')
    const effects = ours.bytes(hexOfAck(3))
    expect(sent(effects)).toBe('50')
    expect(over(effects)).toBe('none')
    const theirs = established3().bytes('50')
    expect(sent(theirs)).toBe('')
    expect(over(theirs)).toBe('none')
  })

  test('keepalives at the lesser interval of the two headers', () => {
    const session = established3({ keepaliveSec: 30 }, 5, 15)
    expect(sent(session.wait(15_000))).toBe('40')
    const effects = session.wait(15_000)
    expect(sent(effects)).toContain('5200')
    expect(over(effects)).toBe('tcpcl/timed-out')
  })
})

const hexOfAck = (length: number): string =>
  hex3({ type: 'ack-segment', acknowledgedLength: BigInt(length) })

describe.each([
  [4, established, segment] as const,
  [
    3,
    established3,
    (_id: bigint, flags: number, data: Uint8Array) => segment3(flags, data),
  ] as const,
])('version %i, any stream', (version, begin, piece) => {
  /** Transfers in segments, and a few other messages between them. */
  const arbitraryTalk = fc
    .array(fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 4 }), {
      maxLength: 6,
    })
    .map((transfers) =>
      concat(
        ...transfers.flatMap((pieces, id) =>
          pieces.map((data, i) =>
            piece(BigInt(id), (i === 0 ? 2 : 0) | (i === pieces.length - 1 ? 1 : 0), data),
          ),
        ),
        ...(version === 4 ? [encodeMessage(ack(5n, 1)), encodeMessage(term(1))] : []),
      ),
    )

  test('says and does the same, however the stream is cut', () => {
    const anything = fc.oneof(arbitraryTalk, fc.uint8Array({ maxLength: 80 }))
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 3 }), arbitraryCuts, (parts, cuts) => {
        const bytes = concat(new Uint8Array(0), ...parts)
        const whole = begin()
        whole.bytes(bytes)
        const cut = begin()
        for (const chunk of chunks(bytes, cuts)) cut.bytes(chunk)
        expect(essence(cut.effects)).toEqual(essence(whole.effects))
      }),
    )
  })

  test('the handshake too', () => {
    const hello = version === 4 ? join([HEADER_4, initOf()]) : header3()
    fc.assert(
      fc.property(arbitraryTalk, arbitraryCuts, (talk, cuts) => {
        const whole = open()
        whole.bytes(hello, talk)
        const cut = open()
        for (const chunk of chunks(join([hello, talk]), cuts)) cut.bytes(chunk)
        expect(essence(cut.effects)).toEqual(essence(whole.effects))
      }),
    )
  })

  test('no bytes make it throw, nor hold more than they are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.uint8Array({ maxLength: 60 }), arbitraryTalk), { maxLength: 4 }),
        fc.boolean(),
        (parts, isEstablished) => {
          const session = isEstablished ? begin() : open()
          let given = 0
          for (const part of parts) {
            session.bytes(part)
            given += part.length
          }
          session.wait(10_000_000)
          // The input's buffer, which doubles from 256, and what it gave to a bundle that is not whole.
          expect(session.session.heldBytes).toBeLessThanOrEqual(2 * Math.max(256, given) + given)
        },
      ),
    )
  })

  test('two sessions carry every bundle both ways, each answered once, refused or not', () => {
    const plan = fc.record({
      bundles: fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 10 }),
      refused: fc.array(fc.boolean(), { maxLength: 10 }),
      cuts: arbitraryCuts,
    })
    fc.assert(
      fc.property(plan, plan, (here, there) => {
        const sides = [here, there].map(({ bundles, refused, cuts }, i) => {
          const role = i === 0 ? 'active' : 'passive'
          const session = open({ role, versions: [version], keepaliveSec: 30 })
          for (const [transmission, bundle] of bundles.entries()) {
            session.feed({ type: 'transmit', transmission, bundle })
          }
          return { session, refused, cuts, done: 0 }
        })
        for (let round = 0; round < 60; round++) {
          for (const [i, side] of sides.entries()) {
            const other = sides[1 - i]?.session as Conversation
            const fresh = side.session.effects.slice(side.done)
            side.done = side.session.effects.length
            for (const chunk of chunks(join([sent(fresh)]), side.cuts)) other.bytes(chunk)
            for (const effect of fresh) {
              if (effect.type !== 'received') continue
              const { reception } = effect
              if (side.refused[reception] === true) {
                side.session.feed({ type: 'refused', reception, isTemporary: true })
              } else side.session.feed({ type: 'accepted', reception })
            }
          }
        }
        for (const [i, plan] of [here, there].entries()) {
          const [mine, theirs] = [sides[i], sides[1 - i]]
          const received = theirs?.session.effects.flatMap((effect) =>
            effect.type === 'received' ? [toHex(effect.bundle)] : [],
          )
          expect(received).toEqual(plan.bundles.map(toHex))
          const answers = mine?.session.effects.flatMap((effect) =>
            effect.type === 'transmitted' || effect.type === 'not-transmitted'
              ? [[effect.transmission, effect.type === 'transmitted']]
              : [],
          )
          const refused = (i === 0 ? there : here).refused
          expect(answers).toEqual(plan.bundles.map((_, n) => [n, refused[n] !== true]))
        }
      }),
      { numRuns: 50 },
    )
  })
})
