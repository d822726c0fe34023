import { expect, test } from 'vitest'
import { parseNodeConfig } from './node-config.ts'
import { parseHttpsUrl, parseSecret } from './peers.ts'

const HOST = 'host: mail-1.a.com\nnode: ipn:2\ndirectory: var\nplans: []\n'

function problems(text: string): string {
  const parsed = parseNodeConfig(HOST + text, 'f')
  return parsed.ok ? '' : parsed.fault.message
}

test('peers are read, their secrets left to who reads files', () => {
  const text = 'peers:\n  - {name: Mail-2.a.com, secret: x.secret, senders: [a.com, .a.com]}\n'
  const parsed = parseNodeConfig(`${HOST}${text}transport: {b.com: carry:mail-2.A.com}\n`, 'f')
  if (!parsed.ok) throw parsed.fault
  expect(parsed.value.peers).toEqual([
    {
      ...{ name: 'mail-2.a.com', senders: ['a.com', '.a.com'] },
      ...{ format: 'objects', oneWayDelayMs: 0 },
    },
  ])
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

test('where a peer is posted to, and who posts here, is checked', () => {
  expect(problems('peers: [{name: b.com}]\ntransport: {b.com: https:b.com}\n')).toContain(
    'b.com goes to https:b.com, but peer b.com has no url: one such as https://b.com/mail would be right',
  )
  expect(problems('peers: [{name: b.com}]\nhttps: {listen: 127.0.0.1:8443}\n')).toContain(
    'no peer has a secret or a certificate, so that nobody could post',
  )
  expect(problems('peers: [{name: b.com, url: http://b.com/}]\n')).toContain('"http://b.com/"')
})

test('a URL is read whole', () => {
  expect(parseHttpsUrl('https://Mail-2.a.com')).toEqual({
    host: 'mail-2.a.com',
    port: 443,
    path: '/',
  })
  expect(parseHttpsUrl('https://[::1]:8443/mail?to=moon')).toEqual({
    ...{ host: '::1', port: 8443, path: '/mail?to=moon' },
  })
  for (const text of [
    'https://',
    'https://a:b@c.com/',
    'https://b.com:0/',
    'https://b.com/#x',
    'https://b.com/ x',
  ]) {
    expect(parseHttpsUrl(text)).toBeUndefined()
  }
})

test('a secret is a line of 16 characters or more, without blanks', () => {
  expect(parseSecret('0123456789abcdef\n')).toBe('0123456789abcdef')
  expect(parseSecret('0123456789abcdef\r\n')).toBe('0123456789abcdef')
  expect(parseSecret('0123456789abcde\n')).toBeUndefined()
  expect(parseSecret('0123456789 abcdef')).toBeUndefined()
  expect(parseSecret('0123456789abcdef\nmore\n')).toBeUndefined()
})
