/** A mail program whose every word takes ten minutes to the server, and every answer ten minutes back. */

import { expect, test } from 'vitest'
import type { Scenario } from '../../src/config/scenario.ts'
import { PATIENT_TCP } from '../support/gap.ts'
import { earthMoon, TestLab } from '../support/lab.ts'
import { Typist } from '../support/typist.ts'

const ONE_WAY_DELAY_MS = 600_000
const IMAP = { host: '172.21.0.3', port: 1143 }
const POP3 = { host: '172.21.0.3', port: 1110 }

/** mail-1 has users who are as far away as mail-2. */
function farAway(oneWayDelayMs: number): Scenario {
  const scenario = earthMoon({ oneWayDelayMs: ONE_WAY_DELAY_MS })
  const common = { plaintextAuth: 'refuse' as const, oneWayDelayMs }
  const services = { imap: { listen: IMAP, ...common }, pop3: { listen: POP3, ...common } }
  return {
    ...scenario,
    tcp: PATIENT_TCP,
    hosts: scenario.hosts.map((host, index) => (index === 0 ? { ...host, ...services } : host)),
  }
}

test('a port that knows how far they are is read by STARTTLS, one answer after the other, and by IDLE for hours', async () => {
  const lab = await TestLab.start(farAway(ONE_WAY_DELAY_MS))
  const typist = await Typist.to(lab.lab, lab.mail2.machine.network, IMAP)
  expect(await typist.line(/^\* OK /)).toContain('LOGINDISABLED')
  typist.type('a STARTTLS\r\n')
  await typist.line(/^a OK /)
  await typist.secure()
  const say = (tag: string, text: string): Promise<string> => {
    typist.type(`${tag} ${text}\r\n`)
    return typist.line(new RegExp(`^(${tag} (OK|NO|BAD)|\\* BYE|\\+) `))
  }
  expect(await say('b', 'LOGIN user {6}')).toMatch(/^\+/)
  typist.type('123456\r\n')
  expect(await typist.line(/^b /)).toMatch(/^b OK/)
  expect(await say('c', 'SELECT INBOX')).toMatch(/^c OK/)
  expect(await say('d', 'IDLE')).toMatch(/^\+/)
  // As RFC 9051 §6.3.13 has them: again before half an hour is over.
  await typist.runFor(29 * 60_000)
  typist.type('DONE\r\ne IDLE\r\n')
  expect(await typist.line(/^d /)).toMatch(/^d OK/)
  typist.type('DONE\r\n')
  expect(await typist.line(/^e /)).toMatch(/^e OK/)
  expect(await say('f', 'APPEND INBOX {5}')).toMatch(/^\+/)
  typist.type('x: y\n\r\n')
  expect(await typist.line(/^f /)).toMatch(/^f OK/)
  expect(await say('g', 'LOGOUT')).toMatch(/^\* BYE/)
  await lab.lab.stop()
})

test('the same of POP3', async () => {
  const lab = await TestLab.start(farAway(ONE_WAY_DELAY_MS))
  const typist = await Typist.to(lab.lab, lab.mail2.machine.network, POP3)
  await typist.line(/^\+OK/)
  typist.type('STLS\r\n')
  await typist.line(/^\+OK/)
  await typist.secure()
  for (const line of ['USER user', 'PASS 123456', 'STAT', 'QUIT']) {
    typist.type(`${line}\r\n`)
    expect(await typist.line(/^[+-]/)).toMatch(/^\+OK/)
  }
  await lab.lab.stop()
})

test('one that does not know cuts them off, and says so', async () => {
  const lab = await TestLab.start(farAway(0))
  const typist = await Typist.to(lab.lab, lab.mail2.machine.network, IMAP)
  await typist.line(/^\* OK /)
  typist.type('a STARTTLS\r\n')
  expect(await typist.rest()).toBe('* BYE idle for too long\r\n')
  await lab.lab.stop()
})
