import { describe, expect, it } from 'vitest'
import { fromLatin1, fromUtf8 } from '../base/bytes.ts'
import { monoMs } from '../base/time.ts'
import { encodeBundle } from '../proto/bpv7/codec.ts'
import { ipnEndpoint, NULL_ENDPOINT } from '../proto/bpv7/endpoint-id.ts'
import type { CapturedPacket } from './capture.ts'
import { describeBundle, describeBytes, describePacket } from './describe.ts'
import { type DiagramStep, packetSteps, sequenceDiagram } from './diagram.ts'

function message(text: string, from = 'mail-1', to = 'mail-2', lost = false): DiagramStep {
  return { at: monoMs(1500), from, to, text, lost }
}

function packet(change: Partial<CapturedPacket>): CapturedPacket {
  return {
    sentAt: monoMs(0),
    arrivesAt: monoMs(500),
    local: false,
    from: 'mail-1',
    to: 'mail-2',
    source: { host: '172.21.0.3', port: 49_152 },
    target: { host: '172.22.0.3', port: 25 },
    protocol: 'tcp',
    segment: 'data',
    tcp: undefined,
    fragment: undefined,
    retransmitted: false,
    payload: fromLatin1('EHLO mail-1.a.com\r\n'),
    wireBytes: 59,
    ...change,
  }
}

const BUNDLE = encodeBundle({
  primary: {
    flags: 0n,
    crcType: 1,
    destination: ipnEndpoint(3n, 2525n),
    source: ipnEndpoint(2n, 2525n),
    reportTo: NULL_ENDPOINT,
    creationTimestamp: { time: 844_214_400_000n, sequence: 7n },
    lifetimeMs: 3_600_000n,
  },
  blocks: [],
  payload: { type: 1, number: 1, flags: 0n, crcType: 0, data: fromLatin1('hello') },
})

describe('a sequence diagram', () => {
  it('names hosts with ids that Mermaid takes, and tells what got lost and when', () => {
    const steps = [message('EHLO mail-1.a.com'), message('250 ok', 'mail-2', 'mail-1', true)]
    expect(sequenceDiagram(steps, ['user', 'mail-1'])).toBe(
      [
        'sequenceDiagram',
        '  participant h_user as user',
        '  participant mail_1 as mail-1',
        '  participant mail_2 as mail-2',
        '  mail_1->>mail_2: EHLO mail-1.a.com (t=1.5s)',
        '  mail_2-xmail_1: 250 ok (t=1.5s)',
        '',
      ].join('\n'),
    )
  })

  it('keeps apart names that differ only in what an id cannot have, and no name is a word of Mermaid', () => {
    const text = sequenceDiagram([message('x', 'a-1', 'a.1'), message('y', 'end', '1')])
    const ids = [...text.matchAll(/participant (\S+) as/g)].map(([, id]) => id)
    expect(ids).toEqual(['a_1', 'a_1_2', 'h_end', 'h_1'])
  })

  it('escapes what Mermaid would read as its own', () => {
    const text = sequenceDiagram([message('MAIL FROM:<a@b>; #1\r\nnext\u0007')])
    expect(text).toContain(': MAIL FROM:#60;a@b#62;#59; #35;1<br/>next\ufffd (t=1.5s)\n')
    expect(text.split('\n')).toHaveLength(5)
  })

  it('leaves out bare acknowledgements', () => {
    const packets = (['syn', 'ack', 'data', 'fin'] as const).map((segment) => packet({ segment }))
    const steps = packetSteps([...packets, packet({ arrivesAt: 'lost' })])
    expect(steps).toMatchObject([
      { text: 'SYN', lost: false },
      { text: 'EHLO mail-1.a.com' },
      { text: 'FIN' },
      { text: 'EHLO mail-1.a.com', lost: true },
    ])
  })
})

describe('a packet in words', () => {
  it('is the first line of a protocol of lines, and how many more there are', () => {
    expect(describeBytes(fromLatin1('250-mail-2\r\n250-SIZE\r\n250 ok\r\n'))).toBe(
      '250-mail-2 … 2 more',
    )
    expect(describeBytes(fromUtf8('+OK gr\u00fc\u00df dich\r\n'))).toBe('+OK gr\u00fc\u00df dich')
    expect(describeBytes(fromLatin1(`${'x'.repeat(500)}\r\n`))).toBe(`${'x'.repeat(100)}…`)
  })

  it('is a number of bytes where there are no lines', () => {
    expect(describeBytes(fromLatin1('half a li'))).toBe('9 bytes')
    expect(describeBytes(Uint8Array.of(0, 1, 0x0a))).toBe('3 bytes')
    expect(describeBytes(Uint8Array.of(0xff, 0x0a))).toBe('2 bytes')
    expect(describeBytes(new Uint8Array(0))).toBe('0 bytes')
  })

  it('is a bundle where it is one', () => {
    const text = `BPv7 ipn:2.2525 → ipn:3.2525 #7, ${BUNDLE.length} B`
    expect(describeBundle(BUNDLE)).toBe(text)
    expect(describeBundle(BUNDLE.slice(1))).toBeUndefined()
    const datagram = { protocol: 'udp', segment: undefined, payload: BUNDLE } as const
    expect(describePacket(packet(datagram))).toBe(text)
    expect(describePacket(packet({ ...datagram, payload: Uint8Array.of(1) }))).toBe('1 bytes')
  })

  it('says that it was sent before', () => {
    expect(describePacket(packet({ segment: 'syn', retransmitted: true }))).toBe('SYN (again)')
  })
})
