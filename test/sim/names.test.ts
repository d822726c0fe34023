/** Names that are asked for over the network of a scenario. */

import { expect, test } from 'vitest'
import type { Scenario } from '../../src/config/scenario.ts'
import { RECORD_TYPES } from '../../src/proto/dns/data.ts'
import { decodeDnsMessage } from '../../src/proto/dns/message.ts'
import { earthMoon, mailOf, TestLab } from '../support/lab.ts'

/** Mail goes by SMTP; both hosts ask mail-2 for names. */
function asking(oneWayDelayMs = 500): Scenario {
  const scenario = earthMoon({ oneWayDelayMs })
  return {
    ...scenario,
    hosts: scenario.hosts.map((host) => ({
      ...host,
      nameServer: '172.22.0.3',
      transport: [{ domain: '*', route: 'smtp:' }],
      outgoing: { tls: 'offered', oneWayDelayMs: 0, mtaSts: false, routes: [] },
    })),
  }
}

/** What mail-1 asked for across the link, and when. */
function questions({ lab }: TestLab): readonly string[] {
  const types = Object.entries(RECORD_TYPES)
  return lab.network.capture.packets.flatMap(({ local, target, payload }) => {
    const query = local || target.port !== 53 ? undefined : decodeDnsMessage(payload)
    const type = types.find(([, number]) => number === query?.question.type)?.[0]
    return query === undefined ? [] : [`${type} ${query.question.name}`]
  })
}

test('a mail costs a look-up for its mail server and its address, and a second mail none', async () => {
  const lab = await TestLab.start(asking())
  lab.lab.names.set('mail-2.a.com', {
    mx: [{ preference: 10, exchange: 'mx.a.com' }],
  })
  lab.lab.names.set('mx.a.com', { a: ['172.22.0.3'] })
  await lab.submitted(lab.mail1, mailOf('first'))
  await lab.until('mail-removed')
  expect(questions(lab)).toEqual(expect.arrayContaining(['MX mail-2.a.com', 'A mx.a.com']))
  const asked = questions(lab).length
  await lab.submitted(lab.mail1, mailOf('second'))
  await lab.until('mail-removed', 2)
  expect(questions(lab)).toHaveLength(asked)
  expect(await lab.mailbox(lab.mail2)).toHaveLength(2)
  await lab.lab.stop()
})

test('mail waits while the name server has no power, and goes once it has', async () => {
  const lab = await TestLab.start(asking())
  lab.mail2.kill()
  await lab.submitted(lab.mail1, mailOf('patience'))
  await lab.until('mail-deferred')
  await lab.lab.perform(lab.mail2.start())
  await lab.until('mail-removed')
  expect(await lab.mailbox(lab.mail2)).toEqual([expect.stringContaining('patience')])
  await lab.lab.stop()
})

test('mail waits for ever where names are further away than resolvers wait', async () => {
  const lab = await TestLab.start(asking(4000))
  await lab.submitted(lab.mail1, mailOf('nowhere'))
  await lab.until('mail-deferred', 3)
  expect(lab.events('mail-deferred')[0]?.reason).toContain('no answer')
  await lab.lab.stop()
})
