/**
 * Every malformed message of every convergence layer, to a node that serves them all: it answers as
 * the layer's rules say, counts what was wrong by its reason, and goes on serving.
 */

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { concat, fromHex, fromUtf8, toUtf8 } from '../../src/base/bytes.ts'
import type { Counts } from '../../src/dtn/counters.ts'
import { SESSIONS_PER_ADDRESS_MAX } from '../../src/dtn/limits.ts'
import { ipnEndpoint } from '../../src/proto/bpv7/endpoint-id.ts'
import { encodeExtensionItems, encodeMessage } from '../../src/proto/tcpcl/codec.ts'
import { CONTACT_MS, REJECTIONS_MAX, SILENCE_MS } from '../../src/proto/tcpcl/limits.ts'
import type { Message, SessInit } from '../../src/proto/tcpcl/message.ts'
import { bundleFor } from '../support/bundle-lab.ts'
import { HostileLab, type HostilePeer } from '../support/hostile-lab.ts'

const NONE = new Uint8Array(0)
const HEADER_4 = hex('64746e210400')
const HEADER_3 = hex('64746e210305000000')
const MAX = 'ffffffffffffffff'
/** 2^60 in eight octets, and as an SDNV. */
const HUGE = '1000000000000000'
const HUGE_SDNV = '908080808080808000'
const ENDLESS_SDNV = 'ff'.repeat(11)
const here = ipnEndpoint(2n, 1n)
let lab: HostileLab
let sequence: bigint

beforeEach(async () => {
  lab = await HostileLab.start()
  sequence = 0n
})

/** Whatever was done to it, it takes a bundle over every layer, and has kept nothing. */
afterEach(async () => {
  const before = lab.delivered.length
  const tcp4 = await session4()
  expect(await tcp4.say(segment(0, 3, good()))).toMatch(/^0203/)
  const tcp3 = await session3()
  expect(await tcp3.say(segment3(3, good()))).toMatch(/^20/)
  const stcp = await lab.connect('stcp')
  const frame = good()
  await stcp.say(hex('000000'), Uint8Array.of(frame.length), frame)
  const mtcp = await lab.connect('mtcp')
  const other = good()
  await mtcp.say(Uint8Array.of(0x58, other.length), other)
  await lab.datagram(good())
  expect(lab.delivered.slice(before).map(toUtf8)).toEqual(Array(5).fill('good'))
  expect(lab.node.status().store.bundles).toBe(0)
})

function hex(text: string): Uint8Array {
  return fromHex(text.replaceAll(' ', '')) as Uint8Array
}

function good(): Uint8Array {
  const creationTimestamp = { time: 848_736_000_000n, sequence: sequence++ }
  return bundleFor(here, { primary: { creationTimestamp }, data: fromUtf8('good') })
}

function init(more: Partial<SessInit> = {}): Uint8Array {
  const mru = 1_000_000n
  return encodeMessage({
    type: 'sess-init',
    keepaliveSec: 0,
    segmentMru: mru,
    transferMru: mru,
    nodeId: 'ipn:9.0',
    extensions: NONE,
    ...more,
  })
}

function segment(
  id: number,
  flags: number,
  data: Uint8Array,
  extensions: Uint8Array = NONE,
): Uint8Array {
  const dataLength = BigInt(data.length)
  const head: Message = {
    type: 'xfer-segment',
    flags,
    transferId: BigInt(id),
    extensions,
    dataLength,
  }
  return concat(encodeMessage(head), data)
}

/** Of fewer than 128 octets. */
function segment3(flags: number, data: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(0x10 | flags, data.length), data)
}

async function session4(): Promise<HostilePeer> {
  const peer = await lab.connect('tcp')
  await peer.say(HEADER_4, init())
  return peer
}

async function session3(): Promise<HostilePeer> {
  const peer = await lab.connect('tcp')
  await peer.say(HEADER_3)
  return peer
}

/** What is said; what the node says to it, in hex; whether it closes; and what it counts. */
type Case = readonly [
  name: string,
  said: Uint8Array | readonly Uint8Array[],
  answer: string | RegExp,
  after: 'open' | 'closed',
  wrongs: Counts,
]

async function expectAnswer(
  peer: HostilePeer,
  protocol: 'tcp' | 'stcp' | 'mtcp',
  [, said, answer, after, wrongs]: Case,
): Promise<void> {
  const heard = await peer.say(...(Array.isArray(said) ? said : [said as Uint8Array]))
  if (typeof answer === 'string') expect(heard).toBe(answer.replaceAll(' ', ''))
  else expect(heard).toMatch(answer)
  expect(peer.isClosed ? 'closed' : 'open').toBe(after)
  expect(lab.wrongs(protocol)).toEqual(wrongs)
}

describe('the beginning of a TCPCL connection (RFC 9174 §4.3)', () => {
  test.each<Case>([
    ['another protocol', fromUtf8('GET / HTTP/1.1'), '', 'closed', { 'tcpcl/bad-magic': 1 }],
    ['one wrong octet', hex('00'), '', 'closed', { 'tcpcl/bad-magic': 1 }],
    [
      'a version that nobody has',
      hex('64746e21ff00'),
      '64746e210400 050002',
      'closed',
      { 'tcpcl/unsupported-version': 1 },
    ],
    ['version 4 with flags that are reserved', hex('64746e2104fe'), '64746e210400', 'open', {}],
    [
      'version 3 with a name of 2^60 octets',
      hex(`64746e21030500 00${HUGE_SDNV}`),
      '',
      'closed',
      { 'tcpcl/bad-node-id': 1 },
    ],
    [
      'version 3 with a length without end',
      hex(`64746e2103050000${ENDLESS_SDNV}`),
      '',
      'closed',
      { 'sdnv/too-large': 1 },
    ],
    [
      'version 3 with a name that is no text',
      hex('64746e210305000002ff00'),
      '',
      'closed',
      { 'tcpcl/bad-node-id': 1 },
    ],
  ])('%s', async (...row) => expectAnswer(await lab.connect('tcp'), 'tcp', row))

  test.each([
    ['nothing', NONE, ''],
    ['half a header', hex('64746e'), ''],
    ['a header and no SESS_INIT', HEADER_4, '64746e210400050004'],
    ['half a SESS_INIT', concat(HEADER_4, hex('07001e')), '64746e210400050004'],
  ])('%s for a minute: closed (RFC 9174 §4.1)', async (_, said, answer) => {
    const peer = await lab.connect('tcp')
    await peer.say(said)
    await lab.runFor(CONTACT_MS)
    expect([peer.heard, peer.isClosed]).toEqual([answer, true])
    expect(lab.wrongs('tcp')).toEqual({ 'tcpcl/timed-out': 1 })
  })

  test('one octet every few seconds buys no more than the minute', async () => {
    const peer = await lab.connect('tcp')
    await peer.say(HEADER_4)
    for (const octet of init().subarray(0, 10)) {
      await peer.say(Uint8Array.of(octet))
      await lab.runFor(CONTACT_MS / 8)
    }
    expect(peer.isClosed).toBe(true)
    expect(lab.wrongs('tcp')).toEqual({ 'tcpcl/timed-out': 1 })
  })

  test('half-open connections take no more than the places that there are', async () => {
    const peers: HostilePeer[] = []
    for (let i = 0; i < SESSIONS_PER_ADDRESS_MAX + 10; i++) peers.push(await lab.connect('tcp'))
    await lab.runFor(100)
    expect(peers.filter(({ isClosed }) => !isClosed)).toHaveLength(SESSIONS_PER_ADDRESS_MAX)
    expect(lab.wrongs('tcp')).toMatchObject({ 'dtn/too-many-sessions': 10 })
    await lab.runFor(CONTACT_MS)
    expect(peers.every(({ isClosed }) => isClosed)).toBe(true)
  })
})

describe('SESS_INIT of TCPCL version 4 (RFC 9174 §4.6 to §4.8)', () => {
  const item = (flags: number) => encodeExtensionItems([{ flags, type: 0x8000, value: NONE }])
  test.each<Case>([
    [
      'data before it',
      segment(0, 3, fromUtf8('x')),
      '060301',
      'closed',
      { 'tcpcl/unexpected-message': 1 },
    ],
    ['an unknown message before it', hex('ff'), '0601ff', 'closed', { 'tcpcl/unknown-message': 1 }],
    [
      'a node ID of 65,535 octets',
      hex(`07 0000 ${MAX} ${MAX} ffff`),
      '050004',
      'closed',
      { 'tcpcl/bad-node-id': 1 },
    ],
    [
      'extension items of 2^32 - 1 octets',
      hex(`07 0000 ${MAX} ${MAX} 0000 ffffffff`),
      '050004',
      'closed',
      { 'tcpcl/too-large': 1 },
    ],
    [
      'an item that is longer than its list',
      init({ extensions: hex('00 8000 00ff 00') }),
      '050004',
      'closed',
      { 'tcpcl/unacceptable': 1 },
    ],
    [
      'an unknown item that is critical',
      init({ extensions: item(1) }),
      '050004',
      'closed',
      { 'tcpcl/unacceptable': 1 },
    ],
    ['an unknown item with reserved flags', init({ extensions: item(0xfe) }), /^07/, 'open', {}],
    [
      'segments of no octets',
      init({ segmentMru: 0n }),
      '050004',
      'closed',
      { 'tcpcl/unacceptable': 1 },
    ],
    ['SESS_TERM instead of it', hex('05 00 03'), '05 01 03', 'closed', { 'tcpcl/terminated': 1 }],
  ])('%s', async (...row) => {
    const peer = await lab.connect('tcp')
    await peer.say(HEADER_4)
    await expectAnswer(peer, 'tcp', row)
  })
})

describe('a session of TCPCL version 4 (RFC 9174 §5.1.2, §5.2)', () => {
  const x = fromUtf8('x')
  const total = (length: string) => hex(`00 0001 0008 ${length}`)
  test.each<Case>([
    ['message type 0', hex('00'), '060100', 'closed', { 'tcpcl/unknown-message': 1 }],
    ['message type 255', hex('ff'), '0601ff', 'closed', { 'tcpcl/unknown-message': 1 }],
    ['SESS_INIT again', init(), '060307', 'open', { 'tcpcl/unexpected-message': 1 }],
    [
      'a segment of 2^60 octets',
      hex(`01 03 0000000000000000 00000000 ${HUGE}`),
      '060201',
      'closed',
      { 'tcpcl/too-large': 1 },
    ],
    [
      'a segment of 2^64 - 1 octets',
      hex(`01 03 0000000000000000 00000000 ${MAX}`),
      '060201',
      'closed',
      { 'tcpcl/too-large': 1 },
    ],
    [
      'extension items of 2^32 - 1 octets',
      hex('01 03 0000000000000000 ffffffff'),
      '060201',
      'closed',
      { 'tcpcl/too-large': 1 },
    ],
    [
      'a segment without a beginning',
      segment(0, 0, x),
      '060301',
      'open',
      { 'tcpcl/unexpected-message': 1 },
    ],
    [
      'a beginning in the middle',
      [segment(0, 2, x), segment(0, 2, x)],
      `0202 ${'00'.repeat(15)}01 060301`,
      'open',
      { 'tcpcl/unexpected-message': 1 },
    ],
    [
      'a segment of another transfer in between',
      [segment(0, 2, x), segment(1, 0, x)],
      `0202 ${'00'.repeat(15)}01 060301`,
      'open',
      { 'tcpcl/unexpected-message': 1 },
    ],
    [
      'an acknowledgement of nothing',
      hex(`02 03 ${MAX} ${HUGE}`),
      '060302',
      'open',
      { 'tcpcl/unexpected-message': 1 },
    ],
    [
      'a refusal of nothing',
      hex(`03 02 ${MAX}`),
      '060303',
      'open',
      { 'tcpcl/unexpected-message': 1 },
    ],
    [
      'a transfer that announces 2^60 octets',
      segment(0, 2, x, total(HUGE)),
      '03 02 0000000000000000',
      'open',
      { 'tcpcl/too-large': 1 },
    ],
    [
      'a transfer that is shorter than announced',
      segment(0, 3, x, total('0000000000000002')),
      '03 04 0000000000000000',
      'open',
      { 'tcpcl/bad-length': 1 },
    ],
    [
      'a transfer that is longer than announced',
      segment(0, 3, x, total('0000000000000000')),
      '03 04 0000000000000000',
      'open',
      { 'tcpcl/bad-length': 1 },
    ],
    [
      'an extension item that is longer than its list',
      segment(0, 3, x, hex('00 8000 00ff')),
      '03 05 0000000000000000',
      'open',
      { 'tcpcl/bad-extension': 1 },
    ],
    [
      'an unknown extension that is critical',
      segment(0, 3, x, hex('01 8000 0000')),
      '03 05 0000000000000000',
      'open',
      { 'tcpcl/bad-extension': 1 },
    ],
    [
      'a bundle of no octets',
      segment(0, 3, NONE),
      '03 04 0000000000000000',
      'open',
      { 'cbor/truncated': 1 },
    ],
    [
      'what is no bundle, with reserved flags',
      segment(0, 0xff, x),
      '03 04 0000000000000000',
      'open',
      { 'cbor/unexpected-item': 1 },
    ],
    [
      'rejections of what we said',
      hex('06 03 07 06 03 07'),
      '050000',
      'closed',
      { 'tcpcl/rejected': 1 },
    ],
    ['SESS_TERM with an unknown reason and flags', hex('05 fe ff'), '05 01 ff', 'closed', {}],
    ['a reply to a SESS_TERM that was never sent', hex('05 01 00'), '', 'closed', {}],
    ['100,000 keepalives', new Uint8Array(100_000).fill(4), '', 'open', {}],
  ])('%s', async (...row) => expectAnswer(await session4(), 'tcp', row))

  test('who breaks the rules again and again is closed', async () => {
    const peer = await session4()
    for (let i = 0; i < REJECTIONS_MAX; i++) await peer.say(segment(0, 0, fromUtf8('x')))
    expect(peer.isClosed).toBe(true)
    expect(lab.wrongs('tcp')).toEqual({ 'tcpcl/unexpected-message': REJECTIONS_MAX })
  })

  test('a flood of segments of no octets is answered one by one, and is no bundle', async () => {
    const peer = await session4()
    await peer.say(segment(0, 2, NONE))
    const flood = concat(...Array.from({ length: 1000 }, () => segment(0, 0, NONE)))
    expect(await peer.say(flood)).toBe(`0200${'00'.repeat(16)}`.repeat(1000))
    expect(await peer.say(segment(0, 1, NONE))).toBe('030400000000000000'.padEnd(20, '0'))
  })

  test('a transfer that is never finished ends with the silence', async () => {
    const peer = await session4()
    await peer.say(hex(`01 03 0000000000000000 00000000 0000000000001000 9f`))
    await lab.runFor(SILENCE_MS)
    expect(peer.isClosed).toBe(true)
    expect(lab.wrongs('tcp')).toEqual({ 'tcpcl/timed-out': 1 })
  })

  test('a connection that is cut in the middle of a segment is counted', async () => {
    const peer = await session4()
    await peer.say(segment(0, 3, good()).subarray(0, 30))
    peer.abort()
    await lab.runFor(100)
    expect(lab.wrongs('tcp')).toEqual({ 'tcpcl/connection-lost': 1 })
  })
})

describe('a session of TCPCL version 3 (RFC 7242)', () => {
  const x = fromUtf8('x')
  const unexpected = { 'tcpcl/unexpected-message': 1 }
  test.each<Case>([
    ['message type 0', hex('00'), '', 'closed', { 'tcpcl/unknown-message': 1 }],
    ['message type 15', hex('f0'), '', 'closed', { 'tcpcl/unknown-message': 1 }],
    ['a segment of 2^60 octets', hex(`13${HUGE_SDNV}`), '', 'closed', { 'tcpcl/too-large': 1 }],
    ['a length without end', hex(`13${ENDLESS_SDNV}`), '', 'closed', { 'sdnv/too-large': 1 }],
    [
      'an acknowledgement without end',
      hex(`20${ENDLESS_SDNV}`),
      '',
      'closed',
      { 'sdnv/too-large': 1 },
    ],
    ['a segment without a beginning', segment3(0, x), '', 'closed', unexpected],
    ['a beginning in the middle', [segment3(2, x), segment3(2, x)], '2001', 'closed', unexpected],
    ['an acknowledgement of nothing', hex('2001'), '', 'closed', unexpected],
    ['a refusal of nothing', hex('30'), '', 'open', {}],
    ['a LENGTH of 2^60 octets', hex(`60${HUGE_SDNV}`), '', 'open', {}],
    ['what is no bundle', segment3(3, x), '2001', 'open', { 'cbor/unexpected-item': 1 }],
    ['a bundle of no octets', segment3(3, NONE), '2000', 'open', { 'cbor/truncated': 1 }],
    ['SHUTDOWN with all flags and an unknown reason', hex('5f ff 00'), '', 'closed', {}],
    [
      'SHUTDOWN with a delay without end',
      hex(`51${ENDLESS_SDNV}`),
      '',
      'closed',
      { 'sdnv/too-large': 1 },
    ],
    ['100,000 keepalives', new Uint8Array(100_000).fill(0x40), '', 'open', {}],
  ])('%s', async (...row) => expectAnswer(await session3(), 'tcp', row))
})

describe('STCP and MTCP', () => {
  test.each<Case>([
    ['a frame of 2^32 - 1 octets', hex('ffffffff'), '', 'closed', { 'stcp/too-large': 1 }],
    ['what is no bundle', hex('00000001 78'), '', 'open', { 'cbor/unexpected-item': 1 }],
    ['100,000 keepalives', new Uint8Array(400_000), '', 'open', {}],
  ])('stcp: %s', async (...row) => expectAnswer(await lab.connect('stcp'), 'stcp', row))

  test.each<Case>([
    ['what is no byte string', hex('80'), '', 'closed', { 'stcp/bad-frame': 1 }],
    ['a byte string without end', hex('5f'), '', 'closed', { 'stcp/bad-frame': 1 }],
    ['a reserved length', hex('5c'), '', 'closed', { 'stcp/bad-frame': 1 }],
    ['a byte string of 2^60 octets', hex(`5b${HUGE}`), '', 'closed', { 'stcp/too-large': 1 }],
    ['a byte string of 2^64 - 1 octets', hex(`5b${MAX}`), '', 'closed', { 'stcp/too-large': 1 }],
    ['what is no bundle', hex('41 78'), '', 'open', { 'cbor/unexpected-item': 1 }],
    ['100,000 keepalives', new Uint8Array(100_000).fill(0x40), '', 'open', {}],
  ])('mtcp: %s', async (...row) => expectAnswer(await lab.connect('mtcp'), 'mtcp', row))

  test('a fragment of an ADU that can never be put together does not keep back what follows it', async () => {
    const stcp = await lab.connect('stcp')
    const bytes = bundleFor(here, {
      primary: { flags: 1n, fragment: { offset: 0n, totalAduLength: 2n ** 50n } },
    })
    for (const frame of [bytes, good()]) {
      await stcp.say(hex('000000'), Uint8Array.of(frame.length), frame)
    }
    expect(lab.delivered.map(toUtf8)).toEqual(['good'])
    expect(lab.wrongs('stcp')).toEqual({ 'dtn/adu-too-large': 1 })
  })

  test.each(['stcp', 'mtcp'] as const)(
    '%s: frames that are never finished take no more than the places that there are',
    async (protocol) => {
      const part = hex(protocol === 'stcp' ? '00001000 9f' : '591000 9f')
      const peers: HostilePeer[] = []
      for (let i = 0; i < SESSIONS_PER_ADDRESS_MAX + 1; i++) {
        const peer = await lab.connect(protocol)
        await peer.say(part)
        peers.push(peer)
      }
      // Whoever has been silent longest gives way to the next.
      await lab.runFor(100)
      expect(peers.map(({ isClosed }) => isClosed).indexOf(true)).toBe(0)
      expect(lab.wrongs(protocol)).toMatchObject({ 'dtn/too-many-sessions': 1 })
    },
  )
})

test('UDP: datagrams of 0 and 1 octet, of zeros, and the longest one of nonsense', async () => {
  for (const bytes of [
    NONE,
    hex('00'),
    new Uint8Array(4),
    hex('9f'),
    new Uint8Array(65_507).fill(0xff),
  ]) {
    await lab.datagram(bytes)
  }
  expect(lab.wrongs('udp')).toEqual({ 'cbor/truncated': 2, 'cbor/unexpected-item': 1 })
})
