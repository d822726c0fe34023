import { Writable } from 'node:stream'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { fromCivil } from '../base/calendar.ts'
import { addMs, monoMs } from '../base/time.ts'
import type { HostEvent } from '../ports/events.ts'
import { formatEvent, formatEventAsJson, logSink } from './log.ts'

const wall = addMs(
  fromCivil({ year: 2026, month: 11, day: 23, hour: 8, minute: 0, second: 0 }),
  250,
)
const context = { wall, host: 'mail-1.a.com', pid: 123 }
const clock = { now: () => monoMs(0), wall: () => wall, at: () => () => {} }

describe('a log line', () => {
  it.each<[HostEvent, string]>([
    [
      { type: 'listening', service: 'smtp', address: '127.0.0.1:2025' },
      'master[123]: listening on 127.0.0.1:2025 for smtp',
    ],
    [{ type: 'stopped' }, 'master[123]: stopped'],
    [
      { type: 'session-opened', service: 'smtp', session: 's1', peer: '127.0.0.1:4711' },
      'smtpd[123]: connect from unknown[127.0.0.1]:4711, session=s1',
    ],
    [
      { type: 'authenticated', service: 'submission', session: 's1', user: 'user' },
      'submission/smtpd[123]: s1: user=<user>, authenticated',
    ],
    [
      {
        type: 'command-refused',
        service: 'smtp',
        session: 's1',
        peer: '::1',
        command: 'RCPT TO:<x@y>',
        reply: '550 5.1.1 no such user',
      },
      'smtpd[123]: NOQUEUE: reject: RCPT from unknown[::1]: 550 5.1.1 no such user; to=<x@y> session=s1',
    ],
    [
      {
        ...{ type: 'authentication-failed', service: 'submission', session: 's1' },
        ...{ peer: '10.0.0.1', user: 'ann' },
      },
      'submission/smtpd[123]: warning: unknown[10.0.0.1]: SASL authentication failed: sasl_username=ann, session=s1',
    ],
    [
      { type: 'session-closed', service: 'smtp', session: 's1', peer: '[::1]:4711' },
      'smtpd[123]: disconnect from unknown[::1]:4711, session=s1',
    ],
    [
      {
        type: 'mail-delivered',
        queueId: '4XkQ',
        recipient: 'user@mail-2.a.com',
        route: 'bp',
        detail: 'ipn:3.2525',
        relay: 'bp:ipn:3.2525',
        delayMs: 2345,
        delays: { receivingMs: 5, queuedMs: 1040, connectingMs: 300, sendingMs: 1000 },
      },
      'bp[123]: 4XkQ: to=<user@mail-2.a.com>, relay=bp:ipn:3.2525, delay=2.35, delays=0.005/1.04/0.3/1, dsn=2.0.0, status=sent (ipn:3.2525)',
    ],
    [
      {
        type: 'mail-deferred',
        queueId: '4XkQ',
        recipient: 'user@mail-2.a.com',
        reason: 'the disk is full',
        retryInMs: 300_000,
      },
      'qmgr[123]: 4XkQ: to=<user@mail-2.a.com>, relay=none, delay=0, delays=0/0/0/0, dsn=4.0.0, status=deferred (the disk is full), retry in 5min',
    ],
    [{ type: 'mail-removed', queueId: '4XkQ' }, 'qmgr[123]: 4XkQ: removed'],
    [
      {
        type: 'bundle-reported',
        bundle: 'ipn:2.2525/8-3',
        by: 'ipn:3.0',
        status: ['received', 'delivered'],
        reason: 'no additional information',
      },
      'bpa[123]: ipn:2.2525/8-3: received, delivered by ipn:3.0 (no additional information)',
    ],
    [
      {
        type: 'bundle-sent',
        bundle: 'ipn:2.2525/8-3',
        to: '172.22.0.3:2113',
        wireBytes: 900,
        fragments: 1,
      },
      'bpa[123]: ipn:2.2525/8-3: sent to 172.22.0.3:2113, size=900, fragments=1',
    ],
    [
      { type: 'transaction-acknowledged', queueId: '4XkQ', transaction: 't1', by: 'ipn:3.2525' },
      'bp[123]: 4XkQ: transaction=t1, acknowledged by ipn:3.2525',
    ],
    [
      { type: 'trouble', where: 'queue', reason: 'the store is full' },
      'master[123]: warning: queue: the store is full',
    ],
  ])('tells %o', (event, text) => {
    expect(formatEvent(event, context)).toEqual([`Nov 23 08:00:00 mail-1.a.com lightlag/${text}`])
  })

  const accepted: Omit<Extract<HostEvent, { type: 'mail-accepted' }>, 'via'> = {
    type: 'mail-accepted',
    queueId: '4XkQ',
    from: '<user@mail-1.a.com>',
    recipients: ['user@mail-2.a.com'],
    sizeBytes: 431,
  }
  const client = { service: 'submission', session: 's1', peer: '127.0.0.1', user: 'ann' } as const

  it.each<[HostEvent, readonly string[]]>([
    [
      { ...accepted, via: 'submission', client, messageId: '<1@a.com>' },
      [
        'submission/smtpd[123]: 4XkQ: client=unknown[127.0.0.1], sasl_username=ann, session=s1',
        'cleanup[123]: 4XkQ: message-id=<1@a.com>',
        'qmgr[123]: 4XkQ: from=<user@mail-1.a.com>, size=431, nrcpt=1 (queue active), via=submission',
      ],
    ],
    [
      { ...accepted, via: 'pickup' },
      [
        'pickup[123]: 4XkQ: sender=<user@mail-1.a.com>',
        'qmgr[123]: 4XkQ: from=<user@mail-1.a.com>, size=431, nrcpt=1 (queue active), via=pickup',
      ],
    ],
    [
      { ...accepted, via: 'report', from: '<>', reportOn: { queueId: '4XkP', kind: 'delay' } },
      [
        'bounce[123]: 4XkP: sender delay notification: 4XkQ',
        'qmgr[123]: 4XkQ: from=<>, size=431, nrcpt=1 (queue active), via=report',
      ],
    ],
    [
      { ...accepted, via: 'ipn:2.2525' },
      [
        'bp[123]: 4XkQ: client=ipn:2.2525',
        'qmgr[123]: 4XkQ: from=<user@mail-1.a.com>, size=431, nrcpt=1 (queue active), via=ipn:2.2525',
      ],
    ],
  ])('tells of a mail what smtpd, cleanup and qmgr of Postfix do: %o', (event, texts) => {
    expect(formatEvent(event, context)).toEqual(
      texts.map((text) => `Nov 23 08:00:00 mail-1.a.com lightlag/${text}`),
    )
  })

  it('shows what a peer wrote without letting it act on the reader', () => {
    const reply = 'a\nNov 23 forged\r\x1b[31m\u202egpj.exe\u2028\u{e0041}\ud800é'
    const event: HostEvent = {
      type: 'command-refused',
      service: 'smtp',
      session: 's1',
      peer: '::1',
      command: 'X',
      reply,
    }
    expect(formatEvent(event, context)[0]).toContain(
      'a\\u000aNov 23 forged\\u000d\\u001b[31m\\u202egpj.exe\\u2028\\udb40\\udc41\\ud800é',
    )
    expect(JSON.parse(formatEventAsJson(event, context)[0] ?? '')).toMatchObject({ reply })
  })

  it('property: is one printable line for any text of a peer, and JSON that reads back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (reason) => {
        const event: HostEvent = { type: 'bundle-refused', from: 'x', reason }
        const [json = ''] = formatEventAsJson(event, context)
        for (const line of [...formatEvent(event, context), json]) {
          expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
        }
        expect(JSON.parse(json)).toEqual({
          time: '2026-11-23T08:00:00.250Z',
          host: 'mail-1.a.com',
          pid: 123,
          ...event,
        })
      }),
    )
  })
})

describe('the log sink', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout'] }))
  afterEach(() => void vi.useRealTimers())

  it('writes one line per event, those of some milliseconds at once', async () => {
    const { output, written } = collector()
    const sink = logSink(output, { format: 'lines', host: 'h', pid: 1, clock })
    sink({ type: 'started' })
    sink({ type: 'stopped' })
    expect(written()).toBe('')
    vi.advanceTimersByTime(5)
    expect(written()).toBe(
      'Nov 23 08:00:00 h lightlag/master[1]: started\nNov 23 08:00:00 h lightlag/master[1]: stopped\n',
    )
  })

  it('writes JSON lines where asked to', async () => {
    const { output, written } = collector()
    logSink(output, { format: 'json', host: 'h', pid: 1, clock })({ type: 'started' })
    vi.advanceTimersByTime(5)
    expect(JSON.parse(written())).toMatchObject({ type: 'started', host: 'h' })
  })

  it('keeps a bounded number of lines for a reader that stands still, and counts the others', async () => {
    const { output, written, proceed } = collector({ stopped: true })
    const sink = logSink(output, { format: 'lines', host: 'h', pid: 1, clock })
    const event: HostEvent = { type: 'bundle-refused', from: 'x', reason: 'y'.repeat(1000) }
    for (let i = 0; i < 10_000; i++) sink(event)
    expect(output.writableLength).toBeLessThan(5_000_000)
    proceed()
    sink({ type: 'stopped' })
    vi.advanceTimersByTime(5)
    expect(output.writableLength).toBe(0)
    const lines = written().trimEnd().split('\n')
    const lost = 10_000 - (lines.length - 2)
    expect(lines.at(-2)).toContain(`log: too slow to take ${lost} lines`)
    expect(lines.at(-1)).toContain('stopped')
  })
})

function collector(options = { stopped: false }): {
  output: Writable
  written: () => string
  proceed: () => void
} {
  const chunks: string[] = []
  let { stopped } = options
  let resume = (): void => {}
  const output = new Writable({
    decodeStrings: false,
    write: (chunk: string, _encoding, done) => {
      chunks.push(chunk)
      if (stopped) resume = done
      else done()
    },
    writev: (parts, done) => {
      chunks.push(...parts.map(({ chunk }) => chunk as string))
      done()
    },
  })
  return {
    output,
    written: () => chunks.join(''),
    proceed: () => {
      stopped = false
      resume()
    },
  }
}
