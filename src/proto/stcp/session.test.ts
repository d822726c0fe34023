import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  arbitraryCuts,
  Conversation,
  chunks,
  essence,
  sent,
  vectors,
} from '../../../test/support/bundle-session.ts'
import { concat, toHex } from '../../base/bytes.ts'
import { attempt } from '../../base/fault.ts'
import {
  PROMISED_BYTES_MAX,
  RECEPTIONS_MAX,
  ROOM_BYTES,
  SEND_WINDOW_BYTES,
} from '../bundle-session/limits.ts'
import { decodeFrameHead, encodeFrameHead, type Framing } from './framing.ts'
import { KEEPALIVE_MS } from './limits.ts'
import { StcpSession } from './session.ts'

const BUNDLE_BYTES_MAX = 1_000_000

function open(framing: Framing, role: 'active' | 'passive' = 'passive'): Conversation {
  const conversation = new Conversation(
    new StcpSession({ framing, role, bundleBytesMax: BUNDLE_BYTES_MAX }),
  )
  conversation.feed({ type: 'connected' })
  return conversation
}

function received(conversation: Conversation): readonly string[] {
  return conversation.effects.flatMap((effect) =>
    effect.type === 'received' ? [toHex(effect.bundle)] : [],
  )
}

const frame = (framing: Framing, bundle: Uint8Array): Uint8Array =>
  concat(encodeFrameHead(framing, bundle.length), bundle)

test('every frame that ION 4.1.3 sent is read, and written alike', () => {
  const cases = vectors('stcp/ion.valid.txt')
  expect(cases).toHaveLength(39)
  for (const { bytes, words } of cases) {
    const reader = open('stcp')
    reader.bytes(bytes)
    const isKeepalive = bytes.length === 4
    expect(received(reader), words[0]).toEqual(isKeepalive ? [] : [toHex(bytes.subarray(4))])
    const writer = open('stcp', 'active')
    if (isKeepalive) writer.wait(KEEPALIVE_MS)
    else writer.feed({ type: 'transmit', transmission: 1, bundle: bytes.slice(4) })
    expect(sent(writer.effects), words[0]).toBe(toHex(bytes))
  }
})

test('mtcp frames a bundle as a CBOR byte string, and takes heads longer than needed', () => {
  const heads = [3, 24, 256, 65_536].map((length) => toHex(encodeFrameHead('mtcp', length)))
  expect(heads).toEqual(['43', '5818', '590100', '5a00010000'])
  for (const head of ['43', '5803', '590003', '5a00000003', '5b0000000000000003']) {
    const reader = open('mtcp')
    reader.bytes('40', head, '9f00ff', '40')
    expect(received(reader)).toEqual(['9f00ff'])
  }
})

/** What so many bytes may take up: a buffer has room to grow, or that of a small bundle from its beginning. */
function heldBytesMax(bytes: number): number {
  return 2 * Math.max(256, bytes) + PROMISED_BYTES_MAX + ROOM_BYTES
}

test('what is held is counted as what it takes up, and given back', () => {
  const conversation = open('mtcp')
  conversation.bytes('5a000f0000')
  const part = new Uint8Array(100_000)
  for (let i = 0; i < 5; i++) conversation.bytes(part)
  const { heldBytes } = conversation.session
  expect(heldBytes).toBeGreaterThan(5 * part.length)
  expect(heldBytes).toBeLessThanOrEqual(heldBytesMax(5 * part.length))
  conversation.feed({ type: 'terminate', reason: 'resource-exhaustion' })
  expect(conversation.session.heldBytes).toBe(0)
})

describe.each(['stcp', 'mtcp'] as const)('%s', (framing) => {
  const arbitraryBundles = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), {
    maxLength: 8,
  })

  test('a head that is written is read as it was meant', () => {
    fc.assert(
      fc.property(fc.nat({ max: 0xffff_ffff }), (bundleBytes) => {
        const head = encodeFrameHead(framing, bundleBytes)
        expect(decodeFrameHead(framing, head, 0, 0xffff_ffff)).toEqual({
          bundleBytes,
          headBytes: head.length,
        })
      }),
    )
  })

  test('bundles come whole, in order, however the stream is cut', () => {
    fc.assert(
      fc.property(arbitraryBundles, arbitraryCuts, (bundles, cuts) => {
        const bytes = concat(...bundles.map((bundle) => frame(framing, bundle)))
        const whole = open(framing)
        whole.bytes(bytes)
        const cut = open(framing)
        for (const chunk of chunks(bytes, cuts)) cut.bytes(chunk)
        expect(essence(cut.effects)).toEqual(essence(whole.effects))
        expect(received(cut)).toEqual(bundles.map(toHex))
      }),
    )
  })

  test('no bytes make it throw, nor hold more than they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), arbitraryCuts, (bytes, cuts) => {
        attempt(() => decodeFrameHead(framing, bytes, 0, BUNDLE_BYTES_MAX))
        const conversation = open(framing)
        for (const chunk of chunks(bytes, cuts)) conversation.bytes(chunk)
        expect(conversation.session.heldBytes).toBeLessThanOrEqual(heldBytesMax(bytes.length))
      }),
    )
  })

  test('a length beyond the limit ends the session at once', () => {
    const heads =
      framing === 'stcp'
        ? ['ffffffff', '000f4241']
        : ['5b1000000000000000', '5bffffffffffffffff', '5a000f4241', '5f', '1a00000001', '83']
    for (const head of heads) {
      const conversation = open(framing)
      conversation.bytes(head)
      expect(conversation.types(), head).toEqual(['established', 'close', 'over'])
      conversation.bytes('00000001ff')
      expect(conversation.effects).toHaveLength(3)
      expect(conversation.session.heldBytes).toBe(0)
    }
  })

  test('a bundle is transmitted once it has left', () => {
    const conversation = open(framing, 'active')
    conversation.feed({ type: 'transmit', transmission: 7, bundle: new Uint8Array(3) })
    expect(conversation.types()).not.toContain('transmitted')
    expect(conversation.feed({ type: 'drained' })).toEqual([
      { type: 'transmitted', transmission: 7 },
    ])
  })

  test('what has not left when the stream ends is not transmitted, for now', () => {
    const conversation = open(framing, 'active')
    const bundle = new Uint8Array(SEND_WINDOW_BYTES)
    for (const transmission of [1, 2]) conversation.feed({ type: 'transmit', transmission, bundle })
    conversation.feed({ type: 'ended' })
    conversation.feed({ type: 'transmit', transmission: 3, bundle })
    const failed = conversation.effects.filter(({ type }) => type === 'not-transmitted')
    expect(failed).toMatchObject(
      [1, 2, 3].map((transmission) => ({ transmission, fault: { temporary: true } })),
    )
  })

  test('no more than a window is on its way out', () => {
    const conversation = open(framing, 'active')
    const bundle = new Uint8Array(SEND_WINDOW_BYTES)
    for (const transmission of [1, 2]) conversation.feed({ type: 'transmit', transmission, bundle })
    const sends = (): number => conversation.types().filter((type) => type === 'send').length
    expect(sends()).toBe(2)
    conversation.feed({ type: 'drained' })
    expect(sends()).toBe(4)
  })

  test('it pauses while too many bundles wait for an answer', () => {
    const conversation = open(framing)
    for (let i = 0; i < RECEPTIONS_MAX; i++) conversation.bytes(frame(framing, new Uint8Array(9)))
    expect(conversation.types().slice(-2)).toEqual(['received', 'pause'])
    expect(conversation.feed({ type: 'accepted', reception: 0 })).toEqual([{ type: 'resume' }])
    expect(conversation.feed({ type: 'accepted', reception: 0 })).toEqual([])
  })

  test('terminated, it closes when what it began has left', () => {
    const conversation = open(framing, 'active')
    const bundle = new Uint8Array(SEND_WINDOW_BYTES)
    for (const transmission of [1, 2]) conversation.feed({ type: 'transmit', transmission, bundle })
    conversation.feed({ type: 'terminate', reason: 'shutdown' })
    expect(conversation.types()).not.toContain('close')
    conversation.feed({ type: 'drained' })
    expect(conversation.effects.slice(-4)).toMatchObject([
      { type: 'not-transmitted', transmission: 2 },
      { type: 'transmitted', transmission: 1 },
      { type: 'close' },
      { type: 'over', fault: undefined },
    ])
  })

  test('out of resources, it closes at once', () => {
    const conversation = open(framing)
    conversation.bytes(frame(framing, new Uint8Array(9)).subarray(0, 8))
    conversation.feed({ type: 'terminate', reason: 'resource-exhaustion' })
    expect(conversation.types().slice(-2)).toEqual(['close', 'over'])
    expect(conversation.session.heldBytes).toBe(0)
  })

  test('a bundle beyond the limit is not transmitted for good', () => {
    const conversation = open(framing, 'active')
    const bundle = new Uint8Array(BUNDLE_BYTES_MAX + 1)
    expect(conversation.feed({ type: 'transmit', transmission: 1, bundle })).toMatchObject([
      { type: 'not-transmitted', fault: { code: 'stcp/too-large', temporary: false } },
    ])
  })
})

test('stcp says that it is alive when it has been silent, mtcp never', () => {
  const stcp = open('stcp', 'active')
  expect(sent(stcp.wait(KEEPALIVE_MS - 1))).toBe('')
  stcp.feed({ type: 'transmit', transmission: 1, bundle: new Uint8Array(1) })
  expect(sent(stcp.wait(KEEPALIVE_MS - 1))).toBe('')
  expect(sent(stcp.wait(2 * KEEPALIVE_MS))).toBe('0000000000000000')
  expect(open('mtcp', 'active').session.deadline).toBeUndefined()
  expect(open('stcp', 'passive').session.deadline).toBeUndefined()
})
