/** What a far gateway may put into a host. */

import { expect, test } from 'vitest'
import type { Scenario } from '../../src/config/scenario.ts'
import { ipnEndpoint } from '../../src/proto/bpv7/endpoint-id.ts'
import { earthMoon, mailOf, TestLab } from '../support/lab.ts'

type Change = Partial<Scenario['hosts'][number]>

/** The host on the Moon, with what its operator says of gateways. */
function guarded(change: Change): Scenario {
  const scenario = earthMoon()
  return {
    ...scenario,
    hosts: scenario.hosts.map((host) => (host.node === 3n ? { ...host, ...change } : host)),
  }
}

const EARTH = ipnEndpoint(2n, 2525n)

test('mail of a domain that its gateway may not send comes back to its sender, and no other', async () => {
  const lab = await TestLab.start(
    guarded({ gateways: [{ from: EARTH, senders: ['mail-1.a.com'] }] }),
  )
  await lab.submitted(lab.mail1, mailOf('mine'))
  await lab.submitted(
    lab.mail1,
    `From: ceo@b.com\r\n${mailOf('forged').replace(/^From:.*\r\n/m, '')}`,
  )
  const failed = await lab.until('mail-failed')
  expect(failed.event).toMatchObject({
    reason: expect.stringContaining('ipn:2.2525 may not send mail of b.com'),
  })
  await lab.runFor(60_000)
  expect(await lab.maildrop(lab.mail2)).toEqual([expect.stringContaining('mine')])
  const reports = await lab.maildrop(lab.mail1)
  expect(reports).toEqual([expect.stringMatching(/^Status: 5\.7\.1\r$/m)])
})

test('where gateways are named, those that are not send nothing, but are told', async () => {
  const lab = await TestLab.start(guarded({ gateways: [] }))
  await lab.submitted(lab.mail1, mailOf('Hello'))
  expect((await lab.until('mail-failed')).event).toMatchObject({
    reason: expect.stringContaining('no gateway ipn:2.2525 is known here'),
  })
})

test('mail of a domain waits until somebody says which nodes are its own', async () => {
  const lab = await TestLab.start(guarded({ ipn: 'reject' }))
  lab.lab.names.set('mail-1.a.com', {
    ...lab.lab.names.get('mail-1.a.com'),
    fault: 'dns/timed-out',
  })
  await lab.submitted(lab.mail1, mailOf('Hello'))
  await lab.runFor(60_000)
  expect(lab.events('transaction-taken')).toEqual([])
  expect(lab.events('mail-failed')).toEqual([])
  lab.lab.names.set('mail-1.a.com', { ipn: [2n] })
  await lab.until('mail-removed', 2)
  expect(await lab.maildrop(lab.mail2)).toHaveLength(1)
})
