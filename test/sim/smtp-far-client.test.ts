/** A client whose every word takes ten minutes to the server, and every reply ten minutes back. */

import { expect, test } from 'vitest'
import { ANSWER_ROUND_TRIPS } from '../../src/base/round-trips.ts'
import type { Scenario } from '../../src/config/scenario.ts'
import { PATIENT_TCP } from '../support/gap.ts'
import { earthMoon, TestLab } from '../support/lab.ts'
import { Typist } from '../support/typist.ts'

const ONE_WAY_DELAY_MS = 600_000
const SUBMISSION = { host: '172.21.0.3', port: 587 }

/** mail-1 takes mail of its users, who are as far away as mail-2. */
function farAway(oneWayDelayMs: number): Scenario {
  const scenario = earthMoon({ oneWayDelayMs: ONE_WAY_DELAY_MS })
  const submission = { listen: SUBMISSION, plaintextAuth: 'refuse' as const, oneWayDelayMs }
  return {
    ...scenario,
    tcp: PATIENT_TCP,
    hosts: scenario.hosts.map((host, index) => (index === 0 ? { ...host, submission } : host)),
  }
}

async function farClient(lab: TestLab): Promise<Typist> {
  return Typist.to(lab.lab, lab.mail2.machine.network, SUBMISSION)
}

test('a listener that knows how far they are takes their mail, by STARTTLS and AUTH, one reply after the other', async () => {
  const lab = await TestLab.start(farAway(ONE_WAY_DELAY_MS))
  const typist = await farClient(lab)
  expect(await typist.reply()).toBe('220 mail-1.a.com ESMTP Lightlag')
  await typist.say('EHLO client.a.com', 'STARTTLS')
  await typist.secure()
  const said = await typist.say(
    'EHLO client.a.com',
    'AUTH LOGIN',
    'dXNlcg==',
    'MTIzNDU2',
    'MAIL FROM:<user@mail-1.a.com>',
    'RCPT TO:<user@mail-1.a.com>',
    'DATA',
    ...['Subject: from afar\r\n\r\nHello\r\n.', 'QUIT'],
  )
  expect(said.map((reply) => reply.slice(0, 3)).join(' ')).toBe(
    '250 334 334 235 250 250 354 250 221',
  )
  expect(await lab.mailbox(lab.mail1)).toEqual([expect.stringContaining('from afar')])
  // It took more than a dozen round trips.
  expect(typist.now).toBeGreaterThan(12 * 2 * ONE_WAY_DELAY_MS)
  await lab.lab.stop()
})

test('one that does not know cuts them off after five minutes, and says so', async () => {
  const lab = await TestLab.start(farAway(0))
  const typist = await farClient(lab)
  await typist.reply()
  // Its answer to the greeting comes twenty minutes after that.
  typist.type('EHLO client.a.com\r\n')
  expect(await typist.rest()).toBe('421 4.4.2 mail-1.a.com Error: timeout exceeded\r\n')
  await lab.lab.stop()
})

test('a handshake and a silence end when the round trips and the patience are over', async () => {
  const lab = await TestLab.start(farAway(ONE_WAY_DELAY_MS))
  const silent = await farClient(lab)
  const opened = silent.now
  expect(await silent.rest()).toMatch(/\r\n421 4\.4\.2 /)
  // The server hears of the connection one delay later, and its farewell takes another.
  const roundTrips = ANSWER_ROUND_TRIPS + 1
  expect(silent.now - opened).toBe(300_000 + roundTrips * 2 * ONE_WAY_DELAY_MS)
  const shaking = await farClient(lab)
  await shaking.reply()
  await shaking.say('EHLO client.a.com', 'STARTTLS')
  const begun = shaking.now
  await shaking.rest()
  expect(shaking.isClosed).toBe(true)
  // Its clock ran from one delay before.
  expect(shaking.now - begun).toBe(60_000 + 3 * 2 * ONE_WAY_DELAY_MS)
  await lab.lab.stop()
})
