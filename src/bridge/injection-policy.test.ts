import { describe, expect, test } from 'vitest'
import { fromUtf8 } from '../base/bytes.ts'
import type { PolicyAnswer, PolicySession } from '../mail/policy/policy.ts'
import { dnsFault } from '../ports/dns.ts'
import type { HostEvent } from '../ports/events.ts'
import { ipnEndpoint } from '../proto/bpv7/endpoint-id.ts'
import { parseMailbox } from '../proto/smtp/path.ts'
import { type InjectionOptions, InjectionPolicy } from './injection-policy.ts'

const GATEWAYS = [
  { from: ipnEndpoint(2n, 2525n), senders: ['a.com', '.b.com'] },
  { from: ipnEndpoint(3n, 2525n), senders: ['*'] },
]

const RECORDS: Readonly<Record<string, readonly bigint[]>> = { 'a.com': [7n, 2n], 'c.org': [3n] }

interface Mail {
  readonly peer?: string
  readonly service?: PolicySession['service']
  /** Empty for the null reverse-path. */
  readonly sender?: string
  readonly header: string
}

function judge(
  options: InjectionOptions,
  events: HostEvent[] = [],
): (mail: Mail) => Promise<string> {
  const policy = new InjectionPolicy(options, {
    events: (event) => events.push(event),
    names: {
      resolveIpn: async (name) => {
        if (name === 'far.org') throw dnsFault('dns/timed-out', 'no answer')
        const records = RECORDS[name]
        if (records === undefined) throw dnsFault('dns/not-found', 'not found')
        return { records, ttlSec: 1 }
      },
    },
  })
  return async ({ peer = 'ipn:2.2525', service = 'bundle', sender = 'x@a.com', header }) => {
    const session = { id: 'T', service, peer, helo: '', user: undefined }
    const reversePath = sender === '' ? undefined : parseMailbox(sender)
    const mail = { queueId: 'Q', from: { reversePath, parameters: {} }, recipients: [] }
    const first = await policy.mail(session, mail)
    if (first !== undefined && first.type !== 'accept') return textOf(first)
    const reader = policy.reader(session, mail)
    if (reader === undefined) return 'unread'
    for (const byte of fromUtf8(`${header}\r\n\r\nhello`)) reader.push(Uint8Array.of(byte))
    return textOf(await reader.end())
  }
}

function textOf(answer: PolicyAnswer): string {
  if (answer.type === 'accept') return 'taken'
  const { code, enhanced, lines } = answer.reply
  return `${code} ${enhanced} ${lines.join(' ')}`
}

describe('the domains of a gateway', () => {
  const judged = judge({ gateways: GATEWAYS, ipn: 'none' })

  test('are those named, and the names below those that begin with a dot', async () => {
    expect(await judged({ header: 'From: X <x@A.com>' })).toBe('taken')
    const below = { sender: 'x@in.b.com', header: 'From: x@in.b.com' }
    expect(await judged(below)).toBe('taken')
    for (const sender of ['x@b.com', 'x@evilb.com', 'x@sub.a.com', 'x@a.com.evil.org']) {
      expect(await judged({ sender, header: 'From: x@a.com' })).toBe(
        `550 5.7.1 ipn:2.2525 may not send mail of ${sender.slice(2)}`,
      )
    }
  })

  test.each([
    ['another author', 'From: ceo@c.org'],
    ['a second author', 'From: x@a.com, ceo@c.org'],
    ['a second field', 'From: x@a.com\r\nSubject: x\r\nFROM : ceo@c.org'],
    ['a folded one', 'From:\r\n\tx@a.com,\r\n <ceo\r\n @c.org>'],
    ['one in a group', 'From: all: x@a.com, ceo@c.org;'],
    ['one behind its name', 'From: "x@a.com" <ceo@c.org>'],
  ])('hold for every author: %s', async (_, header) => {
    expect(await judged({ header })).toBe('550 5.7.1 ipn:2.2525 may not send mail of c.org')
  })

  test('hold for reports too, by their author', async () => {
    expect(await judged({ sender: '', header: 'From: daemon@a.com' })).toBe('taken')
    expect(await judged({ sender: '', header: 'From: ceo@c.org' })).toMatch(/may not send mail of/)
  })

  test.each(['Subject: none', 'From: nobody', 'no header at all', `X: ${'x'.repeat(200_000)}`])(
    'leave no mail through whose author cannot be told',
    async (header) => {
      expect(await judged({ header })).toBe('550 5.7.1 the author of this message cannot be told')
    },
  )

  test('are all where * is named, and the message is not read', async () => {
    expect(await judged({ peer: 'ipn:3.2525', sender: 'x@any.org', header: '' })).toBe('unread')
  })

  test('are none of a gateway that is not named, another service of its node among them', async () => {
    for (const peer of ['ipn:4.2525', 'ipn:2.99', 'ipn:2.25', 'ipn:22.2525']) {
      const header = 'From: x@a.com'
      expect(await judged({ peer, header })).toBe(`550 5.7.1 no gateway ${peer} is known here`)
      expect(await judged({ peer, sender: '', header })).toMatch(/^550/)
    }
  })

  test('are nobody’s business outside of bundles', async () => {
    const mail = { sender: 'x@c.org', header: 'From: x@c.org', peer: '192.0.2.1' }
    expect(await judged({ ...mail, service: 'smtp' })).toBe('unread')
  })
})

describe('the IPN records of a domain', () => {
  test('name the node, or the mail is refused, deferred where nobody answers', async () => {
    const judged = judge({ ipn: 'reject' })
    expect(await judged({ header: 'From: x@a.com' })).toBe('taken')
    expect(await judged({ header: 'From: x@a.com', sender: 'x@c.org' })).toBe(
      '550 5.7.1 could not verify IPN: node 2 is none of c.org',
    )
    expect(await judged({ header: 'From: x@none.org' })).toMatch(/^550 .* node 2 is none of none/)
    expect(await judged({ header: 'From: x@far.org' })).toBe('451 4.7.1 no answer')
    expect(await judged({ header: 'Subject: x' })).toMatch(/^550 .*no author, or too many/)
    const many = Array.from({ length: 11 }, (_, i) => `x@${i}.org`).join(', ')
    expect(await judged({ header: `From: ${many}` })).toMatch(/^550 .*no author, or too many/)
  })

  test('are only told of where that is asked for', async () => {
    const events: HostEvent[] = []
    const judged = judge({ ipn: 'warn' }, events)
    for (const domain of ['c.org', 'far.org']) {
      expect(await judged({ sender: '', header: `From: x@${domain}` })).toBe('taken')
    }
    expect(events).toMatchObject([
      { type: 'trouble', where: 'mail of ipn:2.2525', reason: /c\.org; it is taken all the same/ },
      { type: 'trouble' },
    ])
  })
})
