import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CapturedStream, capturedDatagram } from '../../../test/support/captured.ts'
import { concat, fromLatin1 } from '../../base/bytes.ts'
import { monoMs } from '../../base/time.ts'
import { encodeAcknowledgement } from '../../bridge/adu.ts'
import type { Bundle } from '../../proto/bpv7/bundle.ts'
import { encodeBundle } from '../../proto/bpv7/codec.ts'
import { ipnEndpoint, NULL_ENDPOINT } from '../../proto/bpv7/endpoint-id.ts'
import { encodeStatusReport } from '../../proto/bpv7/status-report.ts'
import { type DnsMessage, encodeDnsMessage } from '../../proto/dns/message.ts'
import { encodeFrameHead } from '../../proto/stcp/framing.ts'
import { encodeMessage } from '../../proto/tcpcl/codec.ts'
import { encodeContactHeader } from '../../proto/tcpcl/contact-header.ts'
import type { CapturedPacket } from '../capture.ts'
import { type Message, messagesIn } from './messages.ts'

function bundle(data: Uint8Array, change: Partial<Bundle['primary']> = {}): Uint8Array {
  return encodeBundle({
    primary: {
      flags: 0n,
      crcType: 1,
      destination: ipnEndpoint(3n, 2525n),
      source: ipnEndpoint(2n, 2525n),
      reportTo: NULL_ENDPOINT,
      creationTimestamp: { time: 844_214_400_000n, sequence: 7n },
      lifetimeMs: 3_600_000n,
      ...change,
    },
    blocks: [],
    payload: { type: 1, number: 1, flags: 0n, crcType: 0, data },
  })
}

const BUNDLE = bundle(fromLatin1('hello'))
const BUNDLE_TEXT = `BPv7 ipn:2.2525 → ipn:3.2525 #7, ${BUNDLE.length} B`

/** `C text` or `S text` for what the client or the server said. */
function talk(packets: readonly CapturedPacket[]): readonly string[] {
  return messagesIn(packets).map(({ from, text }) => `${from === 'mail-1' ? 'C' : 'S'} ${text}`)
}

function phases(messages: readonly Message[]): readonly string[] {
  return messages.flatMap(({ stream }) => (stream?.phase === undefined ? [] : [stream.phase]))
}

describe('a TCP connection', () => {
  it('opens with three messages, and a reset ends it', () => {
    const { packets } = new CapturedStream().open()
    expect(talk(packets)).toEqual(['C SYN', 'S SYN-ACK', 'C ACK'])
    const [syn] = packets as [CapturedPacket]
    expect(talk([...packets, { ...syn, segment: 'reset' }]).at(-1)).toBe('C RST')
  })

  it('is heard although the capture began in its middle', () => {
    const { packets } = new CapturedStream().client('NOOP\r\n').server('250 2.0.0 Ok\r\n')
    expect(talk(packets)).toEqual(['C 6 B', 'S 14 B'])
    expect(messagesIn(packets)[0]?.stream).toMatchObject({ client: 'mail-1', server: 'mail-2' })
  })

  it('has what was sent again once, and says so', () => {
    const { packets } = new CapturedStream().open().server('220 mail-2 ESMTP\r\n').again()
    expect(talk(packets).slice(3)).toEqual([
      'S 220 mail-2 ESMTP\n(lost on its way, and sent again)',
    ])
  })

  it('on one host is between it and a user there', () => {
    const { packets } = new CapturedStream().open()
    const local = packets.map((packet) => ({
      ...packet,
      from: 'mail-1',
      to: 'mail-1',
      local: true,
    }))
    expect(messagesIn(local)[0]).toMatchObject({ from: 'user on mail-1', to: 'mail-1' })
    expect(messagesIn(local)[1]).toMatchObject({ from: 'mail-1', to: 'user on mail-1' })
  })

  it('that takes the ports of an old one is another', () => {
    const first = new CapturedStream().open().server('220 a ESMTP\r\n').packets
    const second = new CapturedStream().open().server('+OK ready\r\n').packets
    const found = messagesIn([...first, ...second])
    expect(new Set(found.map(({ stream }) => stream?.number)).size).toBe(2)
    expect(found.map(({ protocol }) => protocol)).toEqual([
      ...['TCP', 'TCP', 'TCP', 'SMTP'],
      ...['TCP', 'TCP', 'TCP', 'POP3'],
    ])
  })
})

describe('an SMTP session', () => {
  const { packets } = new CapturedStream()
    .open()
    .server('220 mail-2 ESMTP\r\n')
    .client('EHLO mail-1\r\n')
    .server('250-mail-2\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n')
    .client('AUTH PLAIN AHVzZXIAc2VjcmV0\r\n')
    .server('235 2.7.0 Ok\r\n')
    .client('MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n')
    .server('250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 go on\r\n')
    .client('Subject: Hi\r\nMessage-ID: <x@y>\r\n\r\nMAIL FROM:<not@one>\r\n..\r\n.\r\nQUIT\r\n')
    .server('250 2.0.0 Ok: queued as 1\r\n221 2.0.0 Bye\r\n')

  it('is its commands, replies and mails, without passwords', () => {
    expect(talk(packets).slice(3)).toEqual([
      'S 220 mail-2 ESMTP',
      'C EHLO mail-1',
      'S 250-mail-2\n250-STARTTLS\n250 AUTH PLAIN',
      'C AUTH PLAIN ****',
      'S 235 2.7.0 Ok',
      'C MAIL FROM:<a@b>',
      'C RCPT TO:<c@d>',
      'C DATA',
      'S 250 2.1.0 Ok',
      'S 250 2.1.5 Ok',
      'S 354 go on',
      'C Subject: Hi\n… 6 lines, 62 B …\n.',
      'C QUIT',
      'S 250 2.0.0 Ok: queued as 1',
      'S 221 2.0.0 Bye',
    ])
  })

  it('goes through phases, and its mail is known by its name', () => {
    const messages = messagesIn(packets)
    expect(phases(messages)).toEqual([
      'TCP connection',
      'SMTP greeting and capabilities',
      'the user logs in',
      'mail transaction',
      'mail data',
      'end of the session',
    ])
    expect(messages.filter(({ mails }) => mails.includes('<x@y>'))).toHaveLength(1)
  })

  it('property: reads the same wherever the bytes are cut into packets', () => {
    const whole = talk(packets)
    fc.assert(
      fc.property(fc.array(fc.nat(100), { maxLength: 20 }), (cuts) => {
        const stream = new CapturedStream().open()
        for (const packet of packets.slice(3)) {
          const say = packet.from === 'mail-1' ? stream.client : stream.server
          let at = 0
          for (const cut of cuts) {
            if (cut >= packet.payload.length - at) break
            say.call(stream, packet.payload.subarray(at, at + cut))
            at += cut
          }
          say.call(stream, packet.payload.subarray(at))
        }
        expect(talk(stream.packets)).toEqual(whole)
      }),
    )
  })

  it('hides the answers to a challenge', () => {
    const { packets } = new CapturedStream()
      .server('220 a ESMTP\r\n')
      .client('AUTH LOGIN\r\n')
      .server('334 VXNlcm5hbWU6\r\n')
      .client('c2VjcmV0\r\n')
    expect(talk(packets).at(-1)).toBe('C ****')
  })

  it('takes a chunk for what it is (RFC 3030)', () => {
    const { packets } = new CapturedStream()
      .server('220 a ESMTP\r\n')
      .client('BDAT 14 LAST\r\nSubject: x\r\n\r\nQUIT\r\n')
    expect(talk(packets).slice(1)).toEqual([
      'C BDAT 14 LAST',
      'C Subject: x\n… 2 lines, 14 B …',
      'C QUIT',
    ])
  })
})

describe('a POP3 session', () => {
  it('has long answers as one, with their size', () => {
    const { packets } = new CapturedStream()
      .server('+OK ready\r\n')
      .client('USER a\r\nPASS secret\r\nRETR 1\r\nLIST 1\r\n')
      .server('+OK\r\n+OK\r\n+OK 5 octets\r\nSubject: Hi\r\n\r\n+OK\r\n.\r\n+OK 1 5\r\n')
    expect(talk(packets)).toEqual([
      'S +OK ready',
      'C USER a',
      'C PASS ****',
      'C RETR 1',
      'C LIST 1',
      'S +OK',
      'S +OK',
      'S +OK 5 octets\nSubject: Hi\n… 4 lines, 23 B …',
      'S +OK 1 5',
    ])
  })
})

describe('an IMAP session', () => {
  it('has literals within their line, runs of untagged responses as one, and no passwords', () => {
    const { packets } = new CapturedStream()
      .server('* OK ready\r\n')
      .client('a1 LOGIN user secret\r\n')
      .server('a1 OK in\r\n')
      .client('a2 FETCH 1:2 BODY[]\r\n')
      .server(
        '* 1 FETCH (BODY[] {5}\r\na\r\nb\n)\r\n* 2 FETCH (BODY[] {2}\r\nab)\r\na2 OK done\r\n',
      )
      .client('a3 APPEND INBOX {3+}\r\nabc\r\n')
    expect(talk(packets)).toEqual([
      'S * OK ready',
      'C a1 LOGIN user ****',
      'S a1 OK in',
      'C a2 FETCH 1:2 BODY[]',
      'S * 1 FETCH (BODY[] {5})\n… 1 more',
      'S a2 OK done',
      'C a3 APPEND INBOX {3+}',
    ])
  })

  it('hides what answers a challenge', () => {
    const { packets } = new CapturedStream()
      .server('* OK ready\r\n')
      .client('a1 AUTHENTICATE PLAIN\r\n')
      .server('+ \r\n')
      .client('AHVzZXIAc2VjcmV0\r\n')
    expect(talk(packets).at(-1)).toBe('C ****')
  })
})

describe('sessions of bundles', () => {
  it('TCPCL: headers, session, segments and what the bundle is (RFC 9174)', () => {
    const half = BUNDLE.length >> 1
    const segment = (flags: number, data: Uint8Array): Uint8Array =>
      concat(
        encodeMessage({
          type: 'xfer-segment',
          flags,
          transferId: 0n,
          extensions: new Uint8Array(0),
          dataLength: BigInt(data.length),
        }),
        data,
      )
    const { packets } = new CapturedStream()
      .client(encodeContactHeader({ version: 4, flags: 1 }))
      .server(encodeContactHeader({ version: 4, flags: 0 }))
      .client(segment(2, BUNDLE.subarray(0, half)))
      .client(segment(1, BUNDLE.subarray(half)))
      .server(encodeMessage({ type: 'xfer-ack', flags: 1, transferId: 0n, acknowledgedLength: 9n }))
      .client(Uint8Array.of(0xee, 1, 2))
    expect(talk(packets)).toEqual([
      'C contact header, TLS can be used, version 4',
      'S contact header, version 4',
      `C XFER_SEGMENT 0, ${half} B, more follow`,
      `C XFER_SEGMENT 0: ${BUNDLE_TEXT}`,
      'S XFER_ACK 0, 9 B',
      'C 3 B',
    ])
  })

  it.each(['stcp', 'mtcp'] as const)('%s: frames with bundles', (framing) => {
    const frame = concat(encodeFrameHead(framing, BUNDLE.length), BUNDLE)
    const { packets } = new CapturedStream().client(concat(frame, encodeFrameHead(framing, 0)))
    expect(talk(packets)).toEqual([`C ${BUNDLE_TEXT}`, 'C keepalive'])
    expect(messagesIn(packets)[0]?.protocol).toBe(framing.toUpperCase())
  })
})

describe('a datagram', () => {
  it('is a bundle where it is one, and otherwise its size', () => {
    const [first, second] = messagesIn([
      capturedDatagram({ payload: BUNDLE }),
      capturedDatagram({ payload: BUNDLE.subarray(1), arrivesAt: 'lost' }),
    ])
    expect(first).toMatchObject({ protocol: 'BP', text: BUNDLE_TEXT, lost: false })
    expect(second).toMatchObject({ protocol: 'UDP', text: `${BUNDLE.length - 1} B`, lost: true })
  })

  it('is a question of DNS or its answer where it goes to or from port 53 (RFC 1035)', () => {
    const question = { name: 'a.com', type: 15 }
    const asked = {
      id: 1,
      isResponse: false,
      isTruncated: false,
      code: 0,
      question,
      udpBytesMax: 1232,
    }
    const record = {
      name: 'a.com',
      ttlSec: 60,
      data: { type: 'MX', preference: 10, exchange: 'mail.a.com' },
    } as const
    const server = { host: '172.22.0.3', port: 53 }
    const packetOf = (message: DnsMessage): CapturedPacket =>
      capturedDatagram({
        payload: encodeDnsMessage(message) ?? new Uint8Array(0),
        [message.isResponse ? 'source' : 'target']: server,
      })
    const found = messagesIn([
      packetOf({ ...asked, answers: [] }),
      packetOf({ ...asked, isResponse: true, answers: [record] }),
      packetOf({ ...asked, isResponse: true, code: 3, answers: [] }),
    ])
    expect(found.map(({ text }) => text)).toEqual([
      'DNS MX a.com?',
      'DNS MX a.com: 10 mail.a.com',
      'DNS MX a.com: nameError',
    ])
    expect(found[0]?.protocol).toBe('DNS')
  })

  it('tells acknowledgements and status reports', () => {
    const answers = [{ transaction: '0123456789ab.1', refusals: [] }]
    const report = encodeStatusReport({
      received: { asserted: true },
      forwarded: { asserted: false },
      delivered: { asserted: true },
      deleted: { asserted: false },
      reason: 1,
      source: ipnEndpoint(2n, 1n),
      creationTimestamp: { time: 0n, sequence: 5n },
    })
    const [acknowledged, reported] = messagesIn([
      capturedDatagram({ payload: bundle(encodeAcknowledgement({ packings: [0], answers })) }),
      capturedDatagram({ payload: bundle(report, { flags: 2n }) }),
    ])
    expect(acknowledged?.text).toMatch(/, acknowledgement 0123456789ab\.1$/)
    expect(acknowledged?.mails).toEqual(['0123456789ab.1'])
    expect(reported?.text).toMatch(
      /, status report on ipn:2\.1 #5: received, delivered: lifetime expired$/,
    )
  })

  it('in IP fragments is one, and lost with any of them', () => {
    const piece = (offset: number, change: Partial<CapturedPacket> = {}): CapturedPacket =>
      capturedDatagram({
        payload: BUNDLE.subarray(offset),
        fragment: { identification: 1, offset, isLast: offset > 0, datagram: BUNDLE },
        ...change,
      })
    expect(messagesIn([piece(0), piece(8)])).toMatchObject([{ text: BUNDLE_TEXT, lost: false }])
    expect(messagesIn([piece(0), piece(8, { arrivesAt: 'lost' })])).toMatchObject([{ lost: true }])
  })

  it('that goes over several links is one, from its first host to its last', () => {
    const payload = BUNDLE
    const [message, ...others] = messagesIn([
      capturedDatagram({ payload, to: 'relay' }),
      capturedDatagram({ payload, from: 'relay', isOnward: true, arrivesAt: 'lost' }),
    ])
    expect(message).toMatchObject({ from: 'mail-1', to: 'mail-2', lost: true, places: [0, 1] })
    expect(others).toEqual([])
  })
})

it('property: no bytes make reading throw', () => {
  const start = fc.constantFrom(
    '',
    '220 a\r\n',
    '* OK\r\n',
    '+OK\r\n',
    'dtn!\u0004\u0000',
    '\u0016\u0003\u0003\u0000\u0004',
  )
  const piece = fc.tuple(fc.boolean(), fc.uint8Array({ maxLength: 40 }))
  fc.assert(
    fc.property(start, fc.boolean(), fc.array(piece, { maxLength: 8 }), (first, server, pieces) => {
      const stream = new CapturedStream()
      for (const [isServer, bytes] of [[server, fromLatin1(first)] as const, ...pieces]) {
        if (isServer) stream.server(bytes)
        else stream.client(bytes)
      }
      stream.packets.push(capturedDatagram({ payload: stream.packets[0]?.payload ?? BUNDLE }))
      const told = messagesIn(stream.packets)
      expect(told.every(({ at }) => at >= monoMs(0))).toBe(true)
    }),
  )
})
