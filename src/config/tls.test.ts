import { expect, test } from 'vitest'
import { parseNodeConfig } from './node-config.ts'

function parse(tcp: string, more = ''): ReturnType<typeof parseNodeConfig> {
  const text = `host: mail-1.a.com\ndirectory: d\nnode: ipn:2\nusers: []\ntcp: ${tcp}\n${more}`
  return parseNodeConfig(text, 'node.yaml')
}

function problemsOf(tcp: string, more = ''): string | undefined {
  const parsed = parse(tcp, more)
  return parsed.ok ? undefined : parsed.fault.message
}

test.each([
  ['{}', { policy: 'offer', authentication: 'none' }],
  ['{tls: require}', { policy: 'require', authentication: 'node-id' }],
  ['{tls: require, authentication: address}', { policy: 'require', authentication: 'address' }],
  ['{tls: require, authentication: none}', { policy: 'require', authentication: 'none' }],
  ['{tls: never}', undefined],
])('tcp: %s becomes what TCPCL makes of TLS', (tcp, tls) => {
  const parsed = parse(tcp)
  expect(parsed.ok ? parsed.value.tcp?.tls : parsed.fault.message).toEqual(tls)
})

test('the files of a certificate are as they are written', () => {
  const tls = { certificate: 'a.pem', key: '/etc/a.key', authority: 'ca.pem' }
  const parsed = parse('{}', 'tls: {certificate: a.pem, key: /etc/a.key, authority: ca.pem}\n')
  expect(parsed.ok && parsed.value.tls).toEqual(tls)
  const fewer = parse('{}', 'tls: {authority: ca.pem}\n')
  expect(fewer.ok && fewer.value.tls).toEqual({ authority: 'ca.pem' })
})

test.each([
  ['{tls: yes}', '', 'node.yaml:5:12: tcp.tls is "yes": never or offer or require would be right'],
  [
    '{tls: require, authentication: name}',
    '',
    'node.yaml:5:37: tcp.authentication is "name": none or authority or address or node-id would be right',
  ],
  [
    '{authentication: node-id}',
    '',
    'node.yaml:5:23: authentication: node-id while tls is offer, so that a peer without TLS shows nothing: tls: require would be right',
  ],
  [
    '{tls: require, versions: [4, 3]}',
    '',
    'node.yaml:5:31: version 3 while tls is require, and that version has none: [4] would be right',
  ],
  ['{}', 'tls: {key: a.key}\n', 'node.yaml:6:12: key without certificate: both would be right'],
  ['{}', 'tls: {certificate: a}\n', 'node.yaml:6:20: certificate without key: both would be right'],
  [
    '{}',
    'tls: {keys: a.key}\n',
    'node.yaml:6:7: unknown key "keys" (did you mean key?): one of certificate, key, authority would be right',
  ],
])('tcp: %s and %s are refused with their place', (tcp, more, message) => {
  expect(problemsOf(tcp, more)).toContain(message)
})
