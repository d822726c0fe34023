import { expect, test } from 'vitest'
import { ipnEndpoint } from '../proto/bpv7/endpoint-id.ts'
import { parseIpnRecords } from './map-file.ts'
import { type NodeConfig, parseNodeConfig } from './node-config.ts'

function parsed(text: string): ReturnType<typeof parseNodeConfig> {
  return parseNodeConfig(`host: m.a.com\ndirectory: d\nnode: ipn:3\n${text}\n`, 'node.yaml')
}

function configOf(text: string): NodeConfig {
  const result = parsed(text)
  if (!result.ok) throw result.fault
  return result.value
}

function problems(text: string): string {
  const result = parsed(text)
  return result.ok ? '' : result.fault.message
}

test('gateways and their domains are read, and nobody is named by default', () => {
  expect(
    configOf('gateways: [{from: ipn:2.2525, senders: [A.com, .b.com, "*"]}]').gateways,
  ).toEqual([{ from: ipnEndpoint(2n, 2525n), senders: ['a.com', '.b.com', '*'] }])
  expect(configOf('').gateways).toBeUndefined()
  expect(configOf('ipn: {check: warn, file: ipn.map}')).toMatchObject({
    ipn: 'warn',
    ipnFile: 'ipn.map',
  })
})

test('neighbours are nodes, of use only where TCPCL has TLS', () => {
  const gateways = 'gateways: [{from: ipn:2.2525, senders: [], neighbours: [ipn:2]}]'
  const tcp = (tls: string): string => `tcp: {listen: "127.0.0.1:4556", tls: ${tls}}`
  for (const tls of ['require', 'offer']) {
    expect(configOf(`${gateways}\n${tcp(tls)}`).gateways?.[0]?.neighbours).toEqual([2n])
  }
  const version3 = 'tcp: {listen: "127.0.0.1:4556", tls: offer, versions: [3]}'
  for (const without of [gateways, `${gateways}\n${tcp('never')}`, `${gateways}\n${version3}`]) {
    expect(problems(without)).toMatch(
      /^node\.yaml:4:\d+: neighbours without TLS .*require\} would be right$/,
    )
  }
  expect(problems(gateways.replace('[ipn:2]', '[ipn:2.0]'))).toMatch(/a node such as ipn:2 would/)
})

test('what is wrong is told with its place', () => {
  expect(problems('gateways: [{from: ipn:2, senders: []}]')).toMatch(
    /^node\.yaml:4:19: .*such as ipn:2\.2525 would be right$/,
  )
  expect(problems('gateways: [{from: ipn:2.1, senders: [x@a.com]}]')).toMatch(/a domain such as/)
  expect(
    problems('gateways: [{from: ipn:2.1, senders: []}, {from: ipn:2.1, senders: []}]'),
  ).toMatch(/gateway ipn:2\.1 appears again/)
  expect(problems('ipn: {check: maybe}')).toMatch(/none or warn or reject would be right$/)
})

test('a file of IPN records has the nodes of each domain', () => {
  const text = '# ours\nMail-1.a.com 2 7\nb.com  3\n'
  expect(parseIpnRecords(text, 'ipn')).toEqual({
    ok: true,
    value: [
      ['mail-1.a.com', [2n, 7n]],
      ['b.com', [3n]],
    ],
  })
  const wrong = parseIpnRecords('a.com ipn:2\nb.com\n', 'ipn')
  expect(wrong.ok ? '' : wrong.fault.message).toMatch(
    /^ipn:1:7: "ipn:2": the number of a node such as 2 would be right\nipn:2:6: nothing behind b\.com/,
  )
})
