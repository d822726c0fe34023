import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, fromUtf8, NO_BYTES, toUtf8 } from '../../base/bytes.ts'
import { Fault } from '../../base/fault.ts'
import { wallMs } from '../../base/time.ts'
import { type EndpointId, ipnEndpoint, NULL_ENDPOINT } from '../../proto/bpv7/endpoint-id.ts'
import { STATUS_KINDS } from '../../proto/bpv7/status-report.ts'
import { ControlClient, type ControlHearing } from './client.ts'
import { type Frame, FrameReader } from './frame.ts'
import { BODY_BYTES_MAX, LINE_BYTES_MAX, UNANSWERED_BYTES_MAX, UNANSWERED_MAX } from './limits.ts'
import {
  ADMIN_PROGRAMS,
  type ControlReply,
  type ControlRequest,
  decodeReply,
  decodeRequest,
  encodeReply,
  encodeRequest,
} from './message.ts'
import { ControlServer } from './server.ts'

const endpoint: fc.Arbitrary<EndpointId> = fc.oneof(
  fc.constant(NULL_ENDPOINT),
  fc
    .tuple(fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
    .map(([node, service]) => ipnEndpoint(node, service)),
)
const body = fc.uint8Array({ maxLength: 300 })
const id = fc.nat()

const request: fc.Arbitrary<ControlRequest> = fc.oneof(
  fc.record({ type: fc.constant('open' as const), id, endpoint }),
  fc.record({
    type: fc.constant('send-adu' as const),
    id,
    adu: fc.record(
      {
        source: endpoint,
        destination: endpoint,
        payload: body,
        lifetimeMs: fc.integer({ min: 1, max: 1e12 }),
        reportTo: endpoint,
        reports: fc.subarray([...STATUS_KINDS]),
      },
      { requiredKeys: ['source', 'destination', 'payload', 'lifetimeMs', 'reports'] },
    ),
  }),
  fc.record({ type: fc.constant('open-topic' as const), id, topic: fc.nat() }),
  fc.record({
    type: fc.constant('send-item' as const),
    id,
    item: fc.record({ destination: endpoint, profile: fc.nat(), topic: fc.nat(), bytes: body }),
  }),
  fc.record({ type: fc.constant('take' as const), delivery: fc.nat() }),
  fc.record({ type: fc.constant('status' as const), id }),
  fc.constant({ type: 'leave' as const }),
  fc.record({
    type: fc.constant('bundles' as const),
    id,
    after: fc.option(fc.nat(), { nil: undefined }),
  }),
  fc.record({
    type: fc.constant('admin' as const),
    id,
    line: fc.record({
      program: fc.constantFrom(...ADMIN_PROGRAMS),
      file: fc.string(),
      number: fc.nat(),
      text: fc.string({ unit: 'grapheme' }),
    }),
  }),
)

const fault = fc
  .record({ message: fc.string({ maxLength: 1000 }), temporary: fc.boolean() })
  .map(({ message, temporary }) => new Fault('dtn/store-full', message, { temporary }))

const reply: fc.Arbitrary<ControlReply> = fc.oneof(
  fc.record({
    type: fc.constant('welcome' as const),
    protocol: fc.nat(),
    node: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  }),
  fc.record({ type: fc.constant('done' as const), id, body }),
  fc.record({ type: fc.constant('failed' as const), id, fault }),
  fc.record({ type: fc.constant('refused' as const), fault }),
  fc.record({
    type: fc.constant('deliver-item' as const),
    delivery: fc.nat(),
    item: fc.record({ topic: fc.nat(), source: endpoint, bytes: body }),
  }),
  fc.record({
    type: fc.constant('deliver' as const),
    delivery: fc.nat(),
    adu: fc.record({
      bundle: fc.string(),
      source: endpoint,
      destination: endpoint,
      payload: body,
      administrative: fc.boolean(),
      expiresAt: fc.nat().map(wallMs),
    }),
  }),
)

function framesOf(bytes: Uint8Array, cuts: readonly number[] = []): readonly Frame[] {
  const reader = new FrameReader()
  const frames: Frame[] = []
  let from = 0
  for (const cut of [...cuts.map((c) => c % (bytes.length + 1)), bytes.length].sort(
    (a, b) => a - b,
  )) {
    reader.append(bytes.subarray(from, cut))
    from = cut
    for (let next = reader.next(); next.ok && next.value !== undefined; next = reader.next()) {
      frames.push(next.value)
    }
  }
  return frames
}

describe('messages of the control socket', () => {
  test('property: what is written is read, wherever the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(request), fc.array(fc.nat(), { maxLength: 9 }), (requests, cuts) => {
        const frames = framesOf(concat(NO_BYTES, ...requests.map(encodeRequest)), cuts)
        const read = frames.map((frame) => decodeRequest(frame))
        expect(read).toEqual(requests.map((value) => ({ ok: true, value })))
      }),
    )
    fc.assert(
      fc.property(fc.array(reply), fc.array(fc.nat(), { maxLength: 9 }), (replies, cuts) => {
        const frames = framesOf(concat(NO_BYTES, ...replies.map(encodeReply)), cuts)
        expect(frames.map((f) => decodeReply(f))).toEqual(
          replies.map((value) => ({ ok: true, value })),
        )
      }),
    )
  })

  test('property: no JSON makes the reading throw', () => {
    const words = fc.constantFrom('open', 'send-adu', 'take', 'admin', 'deliver', 'done', 'failed')
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), words, body, (header, type, b) => {
        const frame = { header: { id: 1, ...header, type }, body: b }
        decodeRequest(frame)
        decodeReply(frame)
      }),
    )
  })

  test('property: no bytes make either side throw', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 })), (chunks) => {
        for (const machine of [new ControlServer({ node: 2n }), new ControlClient()]) {
          machine.handle({ type: 'connected' })
          for (const bytes of chunks) machine.handle({ type: 'bytes', bytes })
          machine.handle({ type: 'ended' })
        }
      }),
    )
  })

  test('a line that is too long, and a body that is promised too long, are refused at once', () => {
    const reader = new FrameReader()
    reader.append(new Uint8Array(LINE_BYTES_MAX).fill(0x20))
    expect(reader.next()).toEqual({ ok: true, value: undefined })
    reader.append(new Uint8Array(1))
    expect(reader.next()).toMatchObject({ ok: false, fault: { code: 'control/bad-message' } })
    for (const bytes of [BODY_BYTES_MAX + 1, 2 ** 60, -1, 1.5, '7']) {
      const greedy = new FrameReader()
      greedy.append(fromUtf8(`${JSON.stringify({ type: 'done', bytes })}\n`))
      expect(greedy.next()).toMatchObject({ ok: false, fault: { code: 'control/bad-message' } })
    }
  })
})

describe("the node's side", () => {
  function opened(): ControlServer {
    const server = new ControlServer({ node: 2n })
    expect(said(server.handle({ type: 'connected' }))).toEqual([
      '{"type":"welcome","protocol":1,"node":"2"}\n',
    ])
    return server
  }
  const status = (number: number): Uint8Array => encodeRequest({ type: 'status', id: number })

  test('asks what it is asked, and answers under the same id', () => {
    const server = opened()
    expect(server.handle({ type: 'bytes', bytes: status(7) })).toEqual([{ type: 'status', id: 7 }])
    const answer = server.handle({ type: 'done', id: 7, body: fromUtf8('{}') })
    expect(said(answer)).toEqual(['{"type":"done","id":7,"bytes":2}\n{}'])
  })

  test('more requests at once than the window has end the session', () => {
    const server = opened()
    for (let i = 0; i < UNANSWERED_MAX; i++) {
      expect(server.handle({ type: 'bytes', bytes: status(i) })).toHaveLength(1)
    }
    const effects = server.handle({ type: 'bytes', bytes: status(UNANSWERED_MAX) })
    expect(effects.map(({ type }) => type)).toEqual(['send', 'close', 'leave'])
    expect(said(effects)[0]).toContain('"code":"control/bad-message"')
    expect(server.handle({ type: 'bytes', bytes: status(99) })).toEqual([])
  })

  test('more bytes at once than the window has end the session, a single large ADU does not', () => {
    const adu = {
      source: NULL_ENDPOINT,
      destination: ipnEndpoint(3n, 1n),
      payload: new Uint8Array(UNANSWERED_BYTES_MAX + 1),
      lifetimeMs: 1000,
      reports: [],
    }
    const server = opened()
    const large = encodeRequest({ type: 'send-adu', id: 1, adu })
    expect(server.handle({ type: 'bytes', bytes: large })).toMatchObject([{ type: 'send-adu' }])
    const small = { ...adu, payload: new Uint8Array(1) }
    const bytes = encodeRequest({ type: 'send-adu', id: 2, adu: small })
    expect(server.handle({ type: 'bytes', bytes }).map(({ type }) => type)).toContain('close')
  })

  test.each([
    ['an id twice', concat(status(1), status(1))],
    ['a delivery that was none', encodeRequest({ type: 'take', delivery: 0 })],
    ['another protocol', fromUtf8('GET / HTTP/1.1\r\n')],
    ['an unknown request', fromUtf8('{"type":"format","id":1}\n')],
  ])('%s ends the session', (_, bytes) => {
    const effects = opened().handle({ type: 'bytes', bytes })
    expect(effects.slice(-3).map(({ type }) => type)).toEqual(['send', 'close', 'leave'])
  })

  test('a program that cannot be served is told why', () => {
    const refusal = new Fault('control/too-many-clients', 'full', { temporary: true })
    const effects = new ControlServer({ node: 2n, refusal }).handle({ type: 'connected' })
    expect(effects.map(({ type }) => type)).toEqual(['send', 'close', 'leave'])
  })
})

describe("a program's side", () => {
  const welcome = encodeReply({ type: 'welcome', protocol: 1, node: 2n })

  test('keeps to the window, and goes on as answers come', () => {
    const client = new ControlClient()
    expect(client.handle({ type: 'request', request: { type: 'status', id: 0 } })).toEqual([])
    expect(client.handle({ type: 'bytes', bytes: welcome })).toMatchObject([
      { type: 'welcomed', node: 2n },
      { type: 'send' },
    ])
    for (let i = 1; i <= UNANSWERED_MAX; i++) {
      const effects = client.handle({ type: 'request', request: { type: 'status', id: i } })
      expect(effects).toHaveLength(i < UNANSWERED_MAX ? 1 : 0)
    }
    const answer = encodeReply({ type: 'done', id: 3, body: NO_BYTES })
    expect(client.handle({ type: 'bytes', bytes: answer })).toMatchObject([
      { type: 'done', id: 3 },
      { type: 'send' },
    ])
  })

  test('everything unanswered fails when the node goes', () => {
    const client = new ControlClient()
    client.handle({ type: 'bytes', bytes: welcome })
    for (let i = 0; i <= UNANSWERED_MAX; i++) {
      client.handle({ type: 'request', request: { type: 'status', id: i } })
    }
    const effects = client.handle({ type: 'ended' }) as readonly ControlHearing[]
    expect(effects.filter(({ type }) => type === 'failed')).toHaveLength(UNANSWERED_MAX + 1)
    expect(effects.at(-1)).toMatchObject({ type: 'over', fault: { code: 'control/ended' } })
  })

  test('another version of the protocol is not spoken', () => {
    const bytes = encodeReply({ type: 'welcome', protocol: 2, node: 2n })
    expect(new ControlClient().handle({ type: 'bytes', bytes })).toMatchObject([
      { type: 'close' },
      { type: 'over', fault: { message: expect.stringContaining('version 2') } },
    ])
  })
})

function said(effects: readonly { readonly type: string }[]): readonly string[] {
  return effects.flatMap((effect) =>
    effect.type === 'send' && 'bytes' in effect ? [toUtf8(effect.bytes as Uint8Array)] : [],
  )
}
