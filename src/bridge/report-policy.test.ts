import { expect, test } from 'vitest'
import { parseNextHop } from '../mail/next-hop.ts'
import { Routes } from '../mail/route.ts'
import { ipnEndpoint } from '../proto/bpv7/endpoint-id.ts'
import { ReportPolicy } from './report-policy.ts'

const routes = new Routes(
  ['mail-2.a.com'],
  Object.entries({
    'mail-1.a.com': 'bp:ipn:2.129',
    'dtn.org': 'bp:dtn://earth/mail',
    'carried.org': 'carry:mail-3.a.com',
    'posted.org': 'https:mail-3.a.com',
    '*': 'smtp:',
  }).map(([domain, text]) => {
    const nextHop = parseNextHop(text)
    if (nextHop === undefined) throw new Error(text)
    return { domain, nextHop }
  }),
)
const policy = new ReportPolicy(
  {
    gateways: [
      { from: ipnEndpoint(2n, 2525n), senders: ['b.com', '.b.com'] },
      { from: ipnEndpoint(4n, 2525n), senders: ['*'] },
    ],
    peers: [{ name: 'mail-3.a.com', senders: ['c.com'] }, { name: 'mail-4.a.com' }],
  },
  routes,
)

test.each([
  ['ipn:2.2525', 'b.com', 'its gateway is named for the domain', true],
  ['ipn:2.2525', 'X.B.com', 'or for those below one', true],
  ['mail-3.a.com', 'c.com', 'so is a peer', true],
  ['ipn:4.2525', 'b.com', 'that is another gateway', false],
  ['ipn:4.2525', 'gmail.com', 'who may send as anybody knows nobody', false],
  ['mail-4.a.com', 'gmail.com', 'nor does a peer without a list', false],
  ['ipn:2.128', 'mail-1.a.com', 'it goes back to the node that it came from', true],
  ['ipn:3.2525', 'mail-1.a.com', 'it would go to another node', false],
  ['dtn://earth/out', 'dtn.org', 'nodes may have names', true],
  ['dtn:none', 'dtn.org', 'or none', false],
  ['mail-3.a.com', 'carried.org', 'back on a stick', true],
  ['mail-3.a.com', 'posted.org', 'back by HTTPS', true],
  ['mail-4.a.com', 'posted.org', 'by HTTPS to another', false],
  [
    'ipn:2.2525',
    'mail-2.a.com',
    'a user here, of whom somebody elsewhere says that he sent it',
    false,
  ],
])('mail of %s with a sender of %s: %s', (gateway, domain, _, expected) => {
  expect(policy.mayReport(gateway, { localPart: 'ann', domain })).toBe(expected)
})
