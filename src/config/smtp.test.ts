import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseNodeConfig } from './node-config.ts'

const SAMPLE = readFileSync('etc/mail-1.yaml', 'utf8')

function read(more: string): unknown {
  const parsed = parseNodeConfig(`${SAMPLE}${more}`, 'mail-1.yaml')
  return parsed.ok ? parsed.value : parsed.fault.message
}

test('every port of SMTP says how it takes mail', () => {
  expect(
    read(
      'lmtp: {listen: 127.0.0.1:24, bareLineEnds: repair, vrfy: answer, expn: answer, oneWayDelay: 10min, sessionsMax: 12000, sessionsPerPeerMax: 60, connectionsPerPeerMax: 30/min}',
    ),
  ).toMatchObject({
    lmtp: {
      bareLineEnds: 'repair',
      vrfy: 'answer',
      expn: 'answer',
      oneWayDelayMs: 600_000,
      sessionsMax: 12_000,
      sessionsPerPeerMax: 60,
      connectionsPerPeerMax: 30,
    },
  })
})

test.each([
  ['vrfy: yes', 'lmtp.vrfy is "yes": noncommittal or answer or refuse would be right'],
  ['expn: noncommittal', 'refuse or answer would be right'],
  ['oneWayDelay: soon', 'a duration such as 500ms, 20min, 5d or 0, up to 3650d would be right'],
  ['sessionsMax: 0', 'a whole number from 1 to 100000 would be right'],
  ['sessionsPerPeerMax: 100001', 'a whole number from 1 to 100000 would be right'],
  ['connectionsPerPeerMax: 30', 'a number a minute such as 60/min, or off for none would be right'],
])('%s is refused', (text, complaint) => {
  expect(read(`lmtp: {listen: 127.0.0.1:24, ${text}}`)).toContain(complaint)
})
