/** Somebody sets the clock of a machine while mail goes through it. */

import { afterEach, describe, expect, test } from 'vitest'
import { earthMoon, TestLab } from '../support/lab.ts'
import { mailStage, pass, refusal, submit } from '../support/mail-stage.ts'
import { Typist } from '../support/typist.ts'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const JUMPS = [
  ['forward by a year', 366 * DAY_MS],
  ['back by a year', -366 * DAY_MS],
  ['back to 1970', -1_795_420_800_000],
] as const

let lab: TestLab | undefined

afterEach(() => lab?.lab.stop())

describe.each(JUMPS)('a clock that is set %s', (_, jumpMs) => {
  test('cuts no session, prolongs none, and dates are of the new time', async () => {
    lab = await TestLab.start(earthMoon({ oneWayDelayMs: 5 }))
    const { machine, options } = lab.mail1
    const [smtp, submission] = [options.smtp?.listen, options.submission?.listen]
    if (smtp === undefined || submission === undefined) throw new Error('no services')
    const typist = await Typist.to(lab.lab, machine.network, submission)
    const idle = await Typist.to(lab.lab, machine.network, smtp)
    await typist.reply()
    await typist.say('EHLO client.a.com', 'AUTH PLAIN AHVzZXIAMTIzNDU2')
    await typist.say('MAIL FROM:<user@mail-1.a.com>', 'RCPT TO:<user@mail-1.a.com>')
    machine.setClock(jumpMs)
    await typist.runFor(60_000)
    const said = await typist.say('DATA', 'Subject: x\r\n\r\nx\r\n.', 'NOOP')
    expect(said.map((reply) => reply.slice(0, 3))).toEqual(['354', '250', '250'])
    const [mail = ''] = await lab.mailbox(lab.mail1)
    const then = new Date(machine.clock.wall()).getUTCFullYear()
    expect(/^Date: \w+, \d+ \w+ (\d+)/m.exec(mail)?.[1]).toBe(`${then}`)
    expect(/;\s+\w+, \d+ \w+ (\d+)/.exec(mail)?.[1]).toBe(`${then}`)
    await typist.runFor(239_000)
    expect([idle.isClosed, typist.isClosed]).toEqual([false, false])
    await typist.runFor(2000)
    expect([idle.isClosed, typist.isClosed]).toEqual([true, false])
  })

  test('puts off no retry and gives nothing up early', async () => {
    let isDown = true
    const stage = mailStage({
      remote: async () =>
        isDown ? refusal('temporary') : { type: 'delivered', detail: 'ipn:3.2525' },
    })
    await stage.queue.open()
    stage.queue.resume()
    await submit(stage, ['user@mail-2.a.com'])
    await pass(stage, 1000)
    stage.clock.aheadMs = jumpMs
    await pass(stage, 61_000)
    expect(stage.sent).toHaveLength(2)
    isDown = false
    await pass(stage, 121_000)
    expect(stage.sent).toHaveLength(3)
    expect(stage.events.map(({ type }) => type)).not.toContain('mail-failed')
    expect(stage.events.at(-1)).toMatchObject({ type: 'mail-removed' })
  })

  test('while the host is down puts off no retry', async () => {
    const first = mailStage({ remote: async () => refusal('temporary') })
    await first.queue.open()
    first.queue.resume()
    await submit(first, ['user@mail-2.a.com'])
    await pass(first, 1000)
    const { world } = first
    const second = mailStage({ ...first.crash(), world, seed: 2, clockAheadMs: jumpMs })
    await second.queue.open()
    second.queue.resume()
    // The longest wait between two attempts.
    await pass(second, 600_000)
    expect(second.sent).toHaveLength(1)
  })
})

test('a mail from the future is not waited for until then, once the clock is right again', async () => {
  const first = mailStage({ remote: async () => refusal('temporary'), clockAheadMs: 3650 * DAY_MS })
  await first.queue.open()
  first.queue.resume()
  await submit(first, ['user@mail-2.a.com'])
  await pass(first, 1000)
  const { world } = first
  const second = mailStage({
    ...first.crash(),
    world,
    seed: 2,
    remote: async () => refusal('temporary'),
  })
  await second.queue.open()
  second.queue.resume()
  await pass(second, 2 * HOUR_MS)
  expect(second.events).toContainEqual(
    expect.objectContaining({
      type: 'mail-failed',
      reason: expect.stringContaining('gave up after 1h'),
    }),
  )
  expect(await second.inbox('user')).toHaveLength(1)
})
