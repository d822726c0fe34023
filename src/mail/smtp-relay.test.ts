import { describe, expect, it } from 'vitest'
import { HOST, mailbox, type StageOptions } from '../../test/support/mail-stage.ts'
import { bench, FAR, LOGIN, NEAR } from '../../test/support/smtp-bench.ts'
import { parseIpPrefix } from '../base/ip-address.ts'

const RULES: StageOptions = {
  rules: [
    { domain: `list@${HOST}`, nextHop: { transport: 'pipe', argv: ['/usr/bin/list'] } },
    { domain: `gone@${HOST}`, nextHop: { transport: 'error', code: '5.1.6', text: 'on Mars' } },
    { domain: 'closed.org', nextHop: { transport: 'error', code: '5.1.2', text: 'closed' } },
  ],
}

/** What each recipient is answered with, who comes from `host`. */
async function answers(
  options: StageOptions,
  recipients: readonly string[],
  { host, login = false }: { readonly host?: string; readonly login?: boolean } = {},
): Promise<readonly string[]> {
  const { connect, say } = await bench(login ? 'submission' : 'smtp', {}, options)
  const stream = connect(host)
  await say(stream, 'EHLO c.a.com', ...(login ? [LOGIN] : []), 'MAIL FROM:<ann@b.com>')
  const replies: string[] = []
  for (const one of recipients) replies.push((await say(stream, `RCPT TO:<${one}>`)).trimEnd())
  return replies
}

const denied = (name: string): string => `554 5.7.1 <${name}>: Relay access denied`

describe('mail from outside', () => {
  it('is taken for addresses here that a rule sends elsewhere, with their extensions', async () => {
    const all = [`list@${HOST}`, `List+owner@${HOST}`, NEAR]
    expect(await answers(RULES, all)).toEqual(all.map(() => '250 2.1.5 Ok'))
  })

  it('is refused in the session with what an error route says', async () => {
    const gone = `gone@${HOST}`
    expect(await answers(RULES, [gone, 'x@closed.org'])).toEqual([
      `550 5.1.6 <${gone}>: Recipient address rejected: on Mars`,
      denied('x@closed.org'),
    ])
    expect(await answers(RULES, ['x@closed.org'], { login: true })).toEqual([
      '550 5.1.2 <x@closed.org>: Recipient address rejected: closed',
    ])
  })

  it('goes nowhere else, unless a domain or a network is relayed for', async () => {
    const all = [FAR, 'x@nowhere.org']
    expect(await answers({}, all)).toEqual(all.map(denied))
    const domains = { relay: { domains: ['mail-2.a.com', '.mars'], networks: [] } }
    const wanted = [
      FAR.toUpperCase(),
      'x@base.mars',
      'x@mars',
      'x@xmail-2.a.com',
      'x@b.mail-2.a.com',
    ]
    expect(await answers(domains, wanted)).toEqual([
      '250 2.1.5 Ok',
      '550 5.1.2 <x@base.mars>: Recipient address rejected: Domain not found',
      ...wanted.slice(2).map(denied),
    ])
    const network = parseIpPrefix('172.21.7.0/24')
    const networks = { relay: { domains: [], networks: network === undefined ? [] : [network] } }
    expect(await answers(networks, [FAR], { host: '172.21.7.9' })).toEqual(['250 2.1.5 Ok'])
    expect(await answers(networks, [FAR], { host: '172.21.8.9' })).toEqual([denied(FAR)])
  })

  it('has only the listed addresses where they are listed, for users too, and a postmaster (RFC 5321 §4.5.1)', async () => {
    const recipients = ['ann@mail-2.a.com', 'list+x@mail-2.a.com', '@base.mars']
    const relay = { domains: ['mail-2.a.com', '.mars'], networks: [], recipients }
    const aliases = [{ address: 'sales@mail-2.a.com', members: [mailbox('ann@mail-2.a.com')] }]
    const rules = [
      { domain: '.mars', nextHop: { transport: 'bp', nextHop: 'ipn:3.2525' } as const },
    ]
    const known = [
      'Ann+tag@mail-2.a.com',
      'list+x@mail-2.a.com',
      'sales@mail-2.a.com',
      'Postmaster@mail-2.a.com',
      'who@base.mars',
    ]
    const options = { relay, aliases, rules }
    expect(await answers(options, known)).toEqual(known.map(() => '250 2.1.5 Ok'))
    const unknown = ['bob@mail-2.a.com', 'list@mail-2.a.com', 'who@other.mars']
    const refusals = unknown.map(
      (name) =>
        `550 5.1.1 <${name}>: Recipient address rejected: User unknown in relay recipient table`,
    )
    expect(await answers(options, unknown)).toEqual(refusals)
    expect(await answers(options, unknown, { login: true })).toEqual(refusals)
  })

  it('is refused for an alias that leads back to itself, and taken for the others', async () => {
    const member = (localPart: string): { localPart: string; domain: string } => ({
      localPart,
      domain: HOST,
    })
    const aliases = [
      { address: `a@${HOST}`, members: [member('b')] },
      { address: `b@${HOST}`, members: [member('a')] },
    ]
    expect(await answers({ aliases }, [`a@${HOST}`, NEAR])).toEqual([
      `554 5.4.6 <a@${HOST}>: mail forwarding loop`,
      '250 2.1.5 Ok',
    ])
  })
})
