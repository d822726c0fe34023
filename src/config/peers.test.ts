import { expect, test } from 'vitest'
import { parseNodeConfig } from './node-config.ts'
import { parseSecret } from './peers.ts'

const HOST = 'host: mail-1.a.com\nnode: ipn:2\ndirectory: var\nplans: []\n'

function problems(text: string): string {
  const parsed = parseNodeConfig(HOST + text, 'f')
  return parsed.ok ? '' : parsed.fault.message
}

test('peers are read, their secrets left to who reads files', () => {
  const text = 'peers:\n  - {name: Mail-2.a.com, secret: x.secret, senders: [a.com, .a.com]}\n'
  const parsed = parseNodeConfig(`${HOST}${text}transport: {b.com: carry:mail-2.A.com}\n`, 'f')
  if (!parsed.ok) throw parsed.fault
  expect(parsed.value.peers).toEqual([{ name: 'mail-2.a.com', senders: ['a.com', '.a.com'] }])
  expect(parsed.value.secretFiles).toEqual(new Map([['mail-2.a.com', 'x.secret']]))
})

test('each mistake is told at its place', () => {
  expect(problems('peers: [{name: mail-1.a.com}]\n')).toBe(
    'f:5:16: mail-1.a.com is this host itself: the name of another would be right',
  )
  expect(problems('peers: [{name: b.com}, {name: b.com}]\n')).toMatch(/^f:5:\d+: peer b\.com/)
  expect(problems('transport: {b.com: carry:mail-2.a.com}\n')).toBe(
    'f:5:20: b.com goes to carry:mail-2.a.com, but there is no peer mail-2.a.com: one under peers would be right',
  )
  expect(problems('peers: [{name: b.com}]\ntransport: {b.com: carry:c.com}\n')).toContain(
    'there is no peer c.com: b.com would be right',
  )
  expect(problems('peers: [{name: b.com, senders: [a_b]}]\n')).toContain('"a_b"')
})

test('a secret is a line of 16 characters or more, without blanks', () => {
  expect(parseSecret('0123456789abcdef\n')).toBe('0123456789abcdef')
  expect(parseSecret('0123456789abcdef\r\n')).toBe('0123456789abcdef')
  expect(parseSecret('0123456789abcde\n')).toBeUndefined()
  expect(parseSecret('0123456789 abcdef')).toBeUndefined()
  expect(parseSecret('0123456789abcdef\nmore\n')).toBeUndefined()
})
