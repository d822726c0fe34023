/** What a host does with mail that is on its way out when it is stopped. */

import { describe, expect, test } from 'vitest'
import { fromLatin1 } from '../../src/base/bytes.ts'
import { addMs } from '../../src/base/time.ts'
import type { LabProgram } from '../../src/lab/processes.ts'
import { STOP_WAIT_MS } from '../../src/mail/transport/limits.ts'
import { earthMoon, mailOf, TestLab } from '../support/lab.ts'
import {
  friendly,
  type Said,
  SCRIPTED_PORT,
  type Seen,
  scripted,
} from '../support/scripted-server.ts'

const TO = ['user@b.com']

/** All mail goes this way. */
async function routed(route: string): Promise<TestLab> {
  const scenario = earthMoon()
  const hosts = scenario.hosts.map((host) => ({ ...host, transport: [{ domain: '*', route }] }))
  return TestLab.start({ ...scenario, hosts })
}

/** Mail-1 alone, as an operator would stop it. */
async function stopped(lab: TestLab): Promise<number> {
  const before = lab.lab.world.now()
  await lab.lab.perform(lab.mail1.stop())
  return lab.lab.world.now() - before
}

async function restarted(lab: TestLab): Promise<void> {
  await lab.lab.perform(lab.mail1.crash())
  await lab.runFor(600_000)
}

function ends({ lines }: Seen): number {
  return lines.filter((line) => line.endsWith(' .')).length
}

describe.each(['smtp', 'lmtp'])('a server that has the whole message, by %s', (protocol) => {
  const route =
    protocol === 'smtp' ? `smtp:[172.22.0.3]:${SCRIPTED_PORT}` : `lmtp:172.22.0.3:${SCRIPTED_PORT}`

  async function serving(answer: Said): Promise<{ lab: TestLab; seen: Seen }> {
    const lab = await routed(route)
    const seen = await scripted(lab, (line) =>
      line === '.' ? answer : friendly(line.replace('LHLO', 'EHLO')),
    )
    await lab.submitted(lab.mail1, mailOf('hello'), TO)
    await lab.lab.world.run(() => ends(seen) === 1)
    return { lab, seen }
  }

  test('is waited for, so that the mail is not sent twice', async () => {
    const { lab, seen } = await serving({ words: '250 2.0.0 ok', afterMs: STOP_WAIT_MS / 2 })
    expect(await stopped(lab)).toBeLessThan(STOP_WAIT_MS)
    expect(lab.events('mail-removed')).toHaveLength(1)
    expect(seen.lines.at(-1)).toBe('1 QUIT')
    await restarted(lab)
    expect(ends(seen)).toBe(1)
    await lab.lab.stop()
  })

  test('may refuse it meanwhile, which is reported', async () => {
    const { lab, seen } = await serving({ words: '550 5.7.1 no', afterMs: 1000 })
    await stopped(lab)
    expect(lab.events('mail-failed')).toMatchObject([{ dsn: '5.7.1' }])
    await restarted(lab)
    expect(ends(seen)).toBe(1)
    await lab.lab.stop()
  })

  test.each([
    ['does not answer in time', ''],
    ['puts it off', { words: '451 4.3.0 later', afterMs: 1000 }],
  ])('and %s gets it again after the next start', async (_, answer) => {
    const { lab, seen } = await serving(answer)
    expect(await stopped(lab)).toBeLessThanOrEqual(STOP_WAIT_MS + 2000)
    expect(lab.events('mail-removed')).toEqual([])
    await restarted(lab)
    expect(ends(seen)).toBeGreaterThan(1)
    await lab.lab.stop()
  })
})

test.each(['(connected)', 'EHLO', 'DATA'])(
  'a server that keeps mail waiting at %s is not',
  async (at) => {
    const lab = await routed(`smtp:[172.22.0.3]:${SCRIPTED_PORT}`)
    const seen = await scripted(lab, (line) => (line.startsWith(at) ? '' : friendly(line)))
    await lab.submitted(lab.mail1, mailOf('hello'), TO)
    await lab.lab.world.run(() => seen.lines.some((line) => line.slice(2).startsWith(at)))
    expect(await stopped(lab)).toBeLessThan(2000)
    expect(seen.lines.filter((line) => line.endsWith('hello'))).toEqual([])
    await restarted(lab)
    expect(seen.count).toBeGreaterThan(1)
    await lab.lab.stop()
  },
)

describe('a program that has its whole mail', () => {
  async function running(program: LabProgram): Promise<{ lab: TestLab; runs: string[] }> {
    const lab = await routed('pipe:/bin/program $recipient')
    const runs: string[] = []
    lab.mail1.programs.set('/bin/program', (run) => {
      runs.push(run.argv.join(' '))
      return program(run)
    })
    await lab.submitted(lab.mail1, mailOf('hello'), TO)
    await lab.lab.world.run(() => runs.length === 1)
    await lab.runFor(100)
    return { lab, runs }
  }

  test('is waited for, so that it does not get it twice', async () => {
    const { lab, runs } = await running(async ({ clock, input }) => {
      await input
      await new Promise<void>((resolve) => clock.at(addMs(clock.now(), STOP_WAIT_MS / 2), resolve))
      return { status: 0, output: fromLatin1('done') }
    })
    await stopped(lab)
    expect(lab.events('mail-removed')).toHaveLength(1)
    await restarted(lab)
    expect(runs).toHaveLength(1)
    await lab.lab.stop()
  })

  test('and does not end in time gets it again after the next start', async () => {
    const { lab, runs } = await running(() => new Promise(() => {}))
    expect(await stopped(lab)).toBeLessThanOrEqual(STOP_WAIT_MS + 100)
    expect(lab.events('mail-removed')).toEqual([])
    await restarted(lab)
    expect(runs.length).toBeGreaterThan(1)
    await lab.lab.stop()
  })
})

test('a host that is stopped when it has just taken a mail answers for it at its next start', async () => {
  const lab = await TestLab.start(earthMoon())
  await lab.submitted(lab.mail1, mailOf('hello'))
  await lab.until('mail-delivered')
  await lab.lab.perform(lab.mail2.stop())
  await lab.lab.perform(lab.mail2.crash())
  await lab.until('mail-removed')
  await lab.runFor(60_000)
  expect(lab.events('transaction-resent')).toEqual([])
  expect(lab.events('mail-removed')).toHaveLength(2)
  await lab.lab.stop()
})

test('a host that has stopped tells nothing of mail in bundles that it would have sent again', async () => {
  const lab = await TestLab.start(earthMoon({ loss: 1 }))
  await lab.submitted(lab.mail1, mailOf('hello'))
  await lab.until('transaction-resent')
  await lab.lab.perform(lab.mail1.stop())
  const told = lab.events('transaction-resent').length
  await lab.runFor(86_400_000)
  expect(lab.events('transaction-resent')).toHaveLength(told)
  await lab.lab.stop()
})
