import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat, fromLatin1, toLatin1 } from '../../base/bytes.ts'
import { addMs, type MonoMs, monoMs } from '../../base/time.ts'
import { HttpClient, type HttpClientOptions } from './client.ts'
import { BODY_BYTES_PER_SEC_MIN, HEAD_BYTES_MAX, LINGER_MS, SILENCE_MS_MAX } from './limits.ts'
import { HttpReader } from './reader.ts'
import { HttpServer } from './server.ts'

const NOW = monoMs(0)

/** What comes of these pieces: the questions as text, each body answered with what came, and what is sent. */
function served(pieces: readonly Uint8Array[], bodyBytesMax = 1000): readonly string[] {
  const machine = new HttpServer({ bodyBytesMax, tls: false, oneWayDelayMs: 0 })
  const log: string[] = []
  const perform = (effects: ReturnType<HttpServer['handle']>): void => {
    for (const effect of effects) {
      if (effect.type === 'head') {
        log.push(`${effect.request.method} ${effect.request.target}`)
        perform(machine.handle({ type: 'go-on' }, NOW))
      } else if (effect.type === 'body') {
        log.push(`body ${toLatin1(effect.body)}`)
        const response = { status: 200, body: effect.body }
        perform(machine.handle({ type: 'respond', response }, NOW))
      } else log.push(effect.type === 'send' ? toLatin1(effect.bytes) : effect.type)
    }
  }
  perform(machine.handle({ type: 'connected' }, NOW))
  for (const bytes of pieces) perform(machine.handle({ type: 'bytes', bytes }, NOW))
  return log
}

function cut(bytes: Uint8Array, at: readonly number[]): readonly Uint8Array[] {
  const places = [...new Set([0, ...at.map((place) => place % (bytes.length + 1)), bytes.length])]
  places.sort((a, b) => a - b)
  return places.slice(1).map((end, i) => bytes.subarray(places[i], end))
}

const REQUESTS: readonly string[] = [
  'POST /mail HTTP/1.1\r\nHost: b.com\r\nContent-Length: 5\r\n\r\nHello',
  'POST /mail HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n5;x=y\r\nHello\r\n1\r\n!\r\n0\r\nX: y\r\n\r\n',
  '\r\nPOST / HTTP/1.0\r\nContent-Length: 0\r\n\r\n',
  'POST /m HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nHi',
  'GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n',
]

test('property: a request may be cut anywhere', () => {
  fc.assert(
    fc.property(fc.constantFrom(...REQUESTS), fc.array(fc.nat(), { maxLength: 8 }), (text, at) => {
      const bytes = fromLatin1(text)
      expect(served(cut(bytes, at))).toEqual(served([bytes]))
    }),
  )
})

test('property: no bytes make server or client throw, and each says one thing at the most', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc
      .stringMatching(
        /^(POST|HTTP\/1\.1 200|Content-Length|Transfer-Encoding|chunked|[: \r\n0-9a])*$/,
      )
      .map(fromLatin1),
  )
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 6 }), (pieces) => {
      expect(served(pieces).filter((line) => /^HTTP\/1\.1 [2-5]/.test(line)).length).toBeLessThan(2)
      const client = new HttpClient(POST)
      const said = pieces.flatMap((one) => client.handle({ type: 'bytes', bytes: one }, NOW))
      expect(
        said.filter(({ type }) => type === 'response' || type === 'failed').length,
      ).toBeLessThan(2)
    }),
  )
})

test('property: what a client asks a server reads, and what it answers comes back', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 500 }),
      fc.array(fc.nat(), { maxLength: 4 }),
      (body, at) => {
        const client = new HttpClient({ ...POST, body })
        const [request] = client.handle({ type: 'connected' }, NOW)
        if (request?.type !== 'send') throw new Error('nothing is asked')
        const [head, read, answer = ''] = served(cut(request.bytes, at))
        expect(head).toBe('POST /mail')
        expect(read).toBe(`body ${toLatin1(body)}`)
        const outcomes = cut(fromLatin1(answer), at).flatMap((bytes) =>
          client.handle({ type: 'bytes', bytes }, NOW),
        )
        expect(outcomes[0]).toMatchObject({ type: 'response', status: 200 })
        expect(outcomes[0]?.type === 'response' && toLatin1(outcomes[0].body)).toBe(toLatin1(body))
      },
    ),
  )
})

const POST: HttpClientOptions = {
  ...{ authority: 'b.com', path: '/mail', fields: { 'Content-Type': 'text/plain' } },
  ...{ body: fromLatin1('Hi'), bodyBytesMax: 1000, timeoutMs: 5000, tls: false },
}

test('each body has its end as its head says (RFC 9112 §6.3, RFC 9112 §7.1)', () => {
  expect(served([fromLatin1(REQUESTS[0] ?? '')])).toEqual([
    'POST /mail',
    'body Hello',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nHello',
    'close',
  ])
  expect(served([fromLatin1(REQUESTS[1] ?? '')])[1]).toBe('body Hello!')
  expect(served([fromLatin1(REQUESTS[3] ?? '')])).toEqual([
    'POST /m',
    'HTTP/1.1 100 Continue\r\n\r\n',
    'body Hi',
    expect.stringContaining('200 OK'),
    'close',
  ])
})

test.each([
  ['POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n', 400],
  ['POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n', 400],
  ['POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n', 400],
  ['POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n', 413],
  ['POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n', 501],
  ['POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n', 413],
  ['POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n', 400],
  ['POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n', 400],
  ['POST / HTTP/1.1\r\nName : x\r\n\r\n', 400],
  ['POST / HTTP/1.1\nHost: x\n\n', 400],
  ['POST / HTTP/2.0\r\n\r\n', 505],
  ['EHLO x\r\n\r\n', 400],
  [`POST / HTTP/1.1\r\nX: ${'x'.repeat(HEAD_BYTES_MAX)}`, 431],
])('%j is answered %d', (text, status) => {
  const said = served([fromLatin1(text)])
  expect(said.at(-1)).toContain(`HTTP/1.1 ${status} `)
})

test('a client that says nothing more is answered 408, and who reads its refusal has time for it', () => {
  const machine = new HttpServer({ bodyBytesMax: 10, tls: false, oneWayDelayMs: 500 })
  machine.handle({ type: 'connected' }, NOW)
  const at = (ms: number): MonoMs => addMs(NOW, ms)
  expect(machine.deadline).toBe(at(SILENCE_MS_MAX + 1000))
  const [said] = machine.handle({ type: 'tick' }, at(SILENCE_MS_MAX + 1000))
  expect(said?.type === 'send' && toLatin1(said.bytes)).toContain('408')
  expect(machine.handle({ type: 'bytes', bytes: fromLatin1('more') }, at(70_000))).toEqual([])
  expect(machine.deadline).toBe(at(SILENCE_MS_MAX + 1000 + LINGER_MS + 1000))
  expect(machine.handle({ type: 'tick' }, machine.deadline ?? NOW)).toEqual([{ type: 'close' }])
  expect(machine.deadline).toBeUndefined()
})

test('a client reads an answer without a length until the end, and passes over what is not final', () => {
  const client = new HttpClient(POST)
  client.handle({ type: 'connected' }, NOW)
  const text = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nServer: x\r\n\r\nHello'
  expect(client.handle({ type: 'bytes', bytes: fromLatin1(text) }, NOW)).toEqual([])
  const [answer] = client.handle({ type: 'ended', fault: undefined }, NOW)
  expect(answer).toMatchObject({ type: 'response', status: 200, body: fromLatin1('Hello') })
})

test('a client that gets no answer, or half of one, says so', () => {
  const half = new HttpClient(POST)
  half.handle({ type: 'connected' }, NOW)
  half.handle(
    { type: 'bytes', bytes: fromLatin1('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHel') },
    NOW,
  )
  expect(half.handle({ type: 'ended', fault: undefined }, NOW)).toMatchObject([
    { type: 'failed', fault: { code: 'http/ended' } },
  ])
  const silent = new HttpClient(POST)
  silent.handle({ type: 'connected' }, NOW)
  expect(silent.handle({ type: 'tick' }, silent.deadline ?? NOW)).toMatchObject([
    { type: 'failed', fault: { code: 'http/timed-out' } },
    { type: 'close' },
  ])
})

test('nothing is kept beyond the bounds', () => {
  const reader = new HttpReader({ bodyBytesMax: 10, role: 'response' })
  reader.append(concat(fromLatin1('HTTP/1.1 200 OK\r\n\r\n'), new Uint8Array(11)))
  expect(reader.next().ok).toBe(true)
  expect(reader.next()).toMatchObject({ ok: false, fault: { detail: { status: 413 } } })
  const trailers = `POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${'X: y\r\n'.repeat(65)}`
  expect(served([fromLatin1(trailers)]).at(-1)).toContain('HTTP/1.1 400 ')
})

test('a body of very many pieces is read', () => {
  const count = 600_000
  const reader = new HttpReader({ bodyBytesMax: count, role: 'response' })
  reader.append(fromLatin1(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n`))
  expect(reader.next().ok).toBe(true)
  reader.append(fromLatin1(`${'1\r\nx\r\n'.repeat(count)}0\r\n\r\n`))
  const read = reader.next()
  expect(read.ok && read.value?.type === 'body' && read.value.body.length).toBe(count)
})

test('a head that comes drop by drop has its end', () => {
  const machine = new HttpServer({ bodyBytesMax: 10, tls: false, oneWayDelayMs: 0 })
  machine.handle({ type: 'connected' }, NOW)
  machine.handle({ type: 'bytes', bytes: fromLatin1('P') }, addMs(NOW, SILENCE_MS_MAX - 1))
  const [said] = machine.handle({ type: 'tick' }, addMs(NOW, SILENCE_MS_MAX))
  expect(said?.type === 'send' && toLatin1(said.bytes)).toContain('408')
})

test('a body that comes drop by drop has its end, and one that comes slowly is read', () => {
  const machine = (): HttpServer => {
    const server = new HttpServer({ bodyBytesMax: 10_000_000, tls: false, oneWayDelayMs: 0 })
    server.handle({ type: 'connected' }, NOW)
    const head = 'POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n'
    server.handle({ type: 'bytes', bytes: fromLatin1(head) }, NOW)
    server.handle({ type: 'go-on' }, NOW)
    return server
  }
  const comes = (server: HttpServer, bytes: number, everyMs: number): number => {
    for (let sec = 0, sent = 0; ; sec++, sent += bytes) {
      const now = addMs(NOW, sec * everyMs)
      const said = [
        ...server.handle({ type: 'tick' }, now),
        ...server.handle({ type: 'bytes', bytes: new Uint8Array(bytes) }, now),
      ]
      if (said.length > 0) return sent
    }
  }
  const drops = comes(machine(), 1, SILENCE_MS_MAX / 2)
  expect(drops).toBeLessThan(10)
  expect(comes(machine(), BODY_BYTES_PER_SEC_MIN, 1000)).toBeGreaterThan(999_000)
})

test('a body has its end where what comes of it is mostly the framing of its chunks', () => {
  const server = new HttpServer({ bodyBytesMax: 10_000_000, tls: false, oneWayDelayMs: 0 })
  server.handle({ type: 'connected' }, NOW)
  const head = 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n'
  server.handle({ type: 'bytes', bytes: fromLatin1(head) }, NOW)
  server.handle({ type: 'go-on' }, NOW)
  const chunk = fromLatin1(`1;${'x'.repeat(1000)}\r\ny\r\n`)
  const goesOn = (sec: number): boolean => {
    const now = addMs(NOW, sec * 1000)
    const said = [...server.handle({ type: 'tick' }, now)]
    return said.length === 0 && server.handle({ type: 'bytes', bytes: chunk }, now).length === 0
  }
  let seconds = 0
  while (seconds < 1000 && goesOn(seconds)) seconds++
  expect(seconds).toBeLessThan(70)
})
