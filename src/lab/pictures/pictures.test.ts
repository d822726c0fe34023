import { expect, test } from 'vitest'
import { capturedDatagram } from '../../../test/support/captured.ts'
import { earthMoon } from '../../../test/support/lab.ts'
import { expectWellFormed } from '../../../test/support/svg.ts'
import { monoMs, wallMs } from '../../base/time.ts'
import { encodeAcknowledgement } from '../../bridge/adu.ts'
import type { LinkQuality } from '../../config/link-quality.ts'
import type { HostEvent } from '../../ports/events.ts'
import { encodeBundle } from '../../proto/bpv7/codec.ts'
import { ipnEndpoint, NULL_ENDPOINT } from '../../proto/bpv7/endpoint-id.ts'
import { Happenings } from '../happenings.ts'
import type { Happening } from '../lab.ts'
import { lineChart, POINTS_MAX, ROWS_MAX } from './charts.ts'
import { CHARTS, DETAILS, SEQUENCE_FORMS } from './choices.ts'
import { namesOfMail } from './journeys.ts'
import { drawChart, drawSequence, type Recording } from './pictures.ts'
import { SEQUENCE_ITEMS_MAX } from './sequences.ts'
import { FLIGHTS_MAX } from './space-time.ts'

const [EARTH, MOON] = ['mail-1.a.com', 'mail-2.a.com'] as const
const TRANSACTION = '0123456789ab.1'

const ACKNOWLEDGEMENT = encodeBundle({
  primary: {
    flags: 0n,
    crcType: 1,
    destination: ipnEndpoint(2n, 2525n),
    source: ipnEndpoint(3n, 2525n),
    reportTo: NULL_ENDPOINT,
    creationTimestamp: { time: 844_214_400_000n, sequence: 7n },
    lifetimeMs: 3_600_000n,
  },
  blocks: [],
  payload: {
    type: 1,
    number: 1,
    flags: 0n,
    crcType: 0,
    data: encodeAcknowledgement({
      packings: [0],
      answers: [{ transaction: TRANSACTION, refusals: [] }],
    }),
  },
})

function told(at: number, host: string, event: HostEvent): Happening {
  return { at: monoMs(at), host, event }
}

const HAPPENINGS: readonly Happening[] = [
  told(0, EARTH, {
    type: 'mail-accepted',
    queueId: 'Q1',
    via: 'submission',
    from: '<a@b>',
    recipients: ['c@d'],
    sizeBytes: 9,
    messageId: '<m@b>',
    client: { service: 'submission', session: 's', peer: '172.21.0.3', user: 'a' },
  }),
  told(1, EARTH, {
    type: 'transaction-sent',
    queueId: 'Q1',
    transaction: TRANSACTION,
    object: 'o',
    to: 'ipn:3.2525',
    bundle: 'b',
    arrivalAt: wallMs(0),
  }),
  told(500, MOON, {
    type: 'transaction-taken',
    transaction: TRANSACTION,
    from: 'ipn:2',
    queueId: 'Q2',
  }),
  told(501, MOON, {
    type: 'mail-delivered',
    queueId: 'Q2',
    recipient: 'c@d',
    route: 'local',
    detail: '/home/c',
  }),
  told(900, EARTH, { type: 'mail-removed', queueId: 'Q1' }),
  told(901, EARTH, {
    type: 'mail-failed',
    queueId: 'Q9',
    recipient: 'x@y',
    reason: 'another mail',
  }),
]

const there = { from: EARTH, to: MOON, link: ['earth', 'moon'] as const, leavesAt: monoMs(100) }
const back = { from: MOON, to: EARTH, link: ['moon', 'earth'] as const, sentAt: monoMs(400) }
const PACKETS = [
  capturedDatagram({ ...there, arrivesAt: 'lost', payload: new Uint8Array(40), wireBytes: 68 }),
  capturedDatagram({ ...back, arrivesAt: monoMs(900), payload: ACKNOWLEDGEMENT }),
  capturedDatagram({ from: EARTH, to: EARTH, local: true }),
]

function recording(change: Partial<Recording> = {}): Recording {
  return {
    scenario: earthMoon(),
    startsAt: wallMs(1_795_420_800_000),
    until: monoMs(1000),
    packets: PACKETS,
    cutPackets: 0,
    happenings: HAPPENINGS,
    cutHappenings: 0,
    ...change,
  }
}

test('every picture in SVG is well-formed, also of nothing, and says what a full capture left out', () => {
  for (const change of [{}, { packets: [], happenings: [] }]) {
    for (const chart of CHARTS) expectWellFormed(drawChart(recording(change), chart))
    for (const detail of DETAILS) expectWellFormed(drawSequence(recording(change), detail, 'svg'))
  }
  const cut = recording({ cutPackets: 7 })
  for (const chart of CHARTS)
    expect(drawChart(cut, chart)).toContain('7 later packets are not in it')
  for (const form of SEQUENCE_FORMS) {
    expect(drawSequence(cut, 'packets', form)).toContain('7 later packets are not in it')
  }
})

test('a diagram in which nothing is says so', () => {
  for (const form of SEQUENCE_FORMS) {
    for (const detail of DETAILS) {
      const text = 'Nothing was seen of what was asked for.'
      expect(drawSequence(recording(), detail, form, { mail: 'NOSUCHMAIL' })).toContain(text)
      expect(drawSequence(recording(), detail, form)).not.toContain(text)
    }
  }
})

test('pictures of what hosts told say how much of that is not kept, and no others do', () => {
  const happenings = new Happenings(HAPPENINGS.length)
  for (const one of [...HAPPENINGS, ...HAPPENINGS.slice(0, 2)]) happenings.add(one)
  expect(happenings.kept).toEqual(HAPPENINGS)
  const cut = recording({ happenings: happenings.kept, cutHappenings: happenings.cut })
  const text = '2 later events of hosts are not in it'
  for (const form of SEQUENCE_FORMS) {
    expect(drawSequence(cut, 'journeys', form)).toContain(text)
    expect(drawSequence(cut, 'messages', form)).not.toContain(text)
  }
  expect(drawChart(cut, 'queues')).toContain(text)
  expect(drawChart(cut, 'link-use')).not.toContain(text)
})

test('one mail is known by all of its names', () => {
  const names = ['Q1', 'Q2', TRANSACTION, '<m@b>']
  for (const name of [...names, 'm@b']) {
    expect(namesOfMail(name, HAPPENINGS)).toEqual(expect.arrayContaining(names))
  }
  expect(namesOfMail('Q9', HAPPENINGS)).not.toContain('Q1')
})

test('a journey is what hosts told of a mail, and what carried it between them', () => {
  const text = drawSequence(recording(), 'journeys', 'mermaid', { mail: 'm@b' })
  expect(text.split('\n').slice(4)).toEqual([
    '  user_on_mail_1_a_com->>mail_1_a_com: Q1<br/>from #60;a@b#62;<br/>to c@d, 9 B (t=0s)',
    expect.stringMatching(
      /^ {2}mail_2_a_com->>mail_1_a_com: BPv7 .*acknowledgement 0123456789ab\.1/,
    ),
    '  note right of mail_2_a_com: Q2 is in the mailbox of c@d',
    '',
  ])
  expect(drawSequence(recording(), 'journeys', 'mermaid')).toContain('another mail')
})

test('pictures show the hosts, the protocols and the mail that are asked for', () => {
  const arrows = (asked: Parameters<typeof drawSequence>[3], detail = 'packets' as const): number =>
    drawSequence(recording(), detail, 'mermaid', asked).split(/->>|-x/).length - 1
  expect(arrows({})).toBe(3)
  expect(arrows({ hosts: [MOON] })).toBe(2)
  expect(arrows({ protocols: ['bp'] })).toBe(1)
  expect(arrows({ mail: 'Q1' })).toBe(1)
  expect(arrows({ mail: 'Q9' })).toBe(0)
  expect(arrows({ across: true })).toBe(2)
  expect(drawChart(recording(), 'space-time', { mail: 'Q1' }).split('<polygon')).toHaveLength(2)
})

test('in space and time what crossed a link is slanted, and what got lost ends in a cross', () => {
  const svg = drawChart(recording(), 'space-time')
  // The way of the acknowledgement, which arrived; of the other one nobody knows when it would have.
  const [, y1, y2] =
    /y1="([\d.]+)" x2="[\d.]+" y2="([\d.]+)" class="s-c\d"\/><polygon/.exec(svg) ?? []
  expect(Number(y2) - Number(y1)).toBeGreaterThan(100)
  expect(svg.split('class="s-bad"')).toHaveLength(4)
})

test('queues hold mails from their acceptance to their removal, and links what waits for them', () => {
  const svg = drawChart(recording(), 'queues')
  expect(svg).toContain('queue of mail-1.a.com (mails)')
  expect(svg).toContain('waiting for earth → moon (B)')
  expect(svg).not.toContain('waiting for moon')
})

test('contacts of links and of plans are bars', () => {
  const { scenario } = recording()
  const contacts: LinkQuality['contacts'] = [{ fromMs: 100, untilMs: 200, everyMs: 300 }]
  const links = scenario.links.map((link) => ({ ...link, contacts }))
  const svg = drawChart(recording({ scenario: { ...scenario, links } }), 'contacts')
  // At 100, 400 and 700 ms, both ways; the window that begins at the end of the picture is not in it.
  expect(svg.match(/<rect[^>]*class="f-/g)).toHaveLength(6)
  expect(svg).toContain('earth → moon: 0.1 s to 0.2 s')
})

test('what would be too much to look at is cut, and it is said', () => {
  const packets = Array.from({ length: FLIGHTS_MAX + 1 }, () => PACKETS[1] ?? capturedDatagram({}))
  expect(drawSequence(recording({ packets }), 'packets', 'text')).toContain(
    `Only the first ${SEQUENCE_ITEMS_MAX} of ${packets.length} are drawn.`,
  )
  expect(drawChart(recording({ packets }), 'space-time')).toContain(
    `Only the first ${FLIGHTS_MAX} of ${packets.length} packets are drawn.`,
  )
  const points = Array.from({ length: 3 * POINTS_MAX }, (_, i) => ({ at: monoMs(i), value: i % 7 }))
  const series = Array.from({ length: ROWS_MAX + 1 }, (_, i) => ({
    name: `s${i}`,
    unit: 'B',
    points: i === 0 ? points : [],
  }))
  const svg = lineChart({ title: 't', span: { from: monoMs(0), until: monoMs(9) }, series })
  expect(svg).toContain(`Only the first ${ROWS_MAX} of ${ROWS_MAX + 1} are drawn.`)
  expect((/<path d="([^"]*)"/.exec(svg)?.[1] ?? '').split('L').length).toBeLessThan(
    2 * POINTS_MAX + 2,
  )
})
