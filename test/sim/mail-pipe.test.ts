/** Mail to programs, as `pipe:` routes give it to them. */

import { describe, expect, test } from 'vitest'
import { fromLatin1, toLatin1 } from '../../src/base/bytes.ts'
import type { Scenario } from '../../src/config/scenario.ts'
import type { LabProgram } from '../../src/lab/processes.ts'
import { earthMoon, mailOf, TestLab } from '../support/lab.ts'

/** All mail to b.com goes to a program on mail-1. */
async function piping(program: LabProgram, args = '$sender $recipient'): Promise<TestLab> {
  const scenario: Scenario = earthMoon()
  const transport = [{ domain: 'b.com', route: `pipe:/bin/program ${args}` }]
  const lab = await TestLab.start({
    ...scenario,
    hosts: scenario.hosts.map((host) => ({ ...host, transport, pipe: { timeLimitMs: 60_000 } })),
  })
  lab.mail1.programs.set('/bin/program', program)
  return lab
}

const RECIPIENTS = ['bob@b.com', 'eve@b.com']

test('a program reads the message with the line ends of its system, once for all recipients', async () => {
  const runs: string[] = []
  const lab = await piping(async ({ argv, environment, input }) => {
    runs.push(`${argv.join(' ')} ${Object.keys(environment)} ${toLatin1(await input)}`)
    return { status: 0, output: fromLatin1('all well\n') }
  })
  await lab.submitted(lab.mail1, mailOf('hello'), RECIPIENTS)
  await lab.until('mail-removed')
  expect(runs).toEqual([
    expect.stringMatching(
      /^\/bin\/program user@mail-1\.a\.com bob@b\.com eve@b\.com PATH Return-Path: <user@mail-1\.a\.com>\nReceived: .*\n\nhello\n$/s,
    ),
  ])
  expect(runs.join('')).not.toContain('\r')
  expect(lab.events('mail-delivered').slice(-1)).toMatchObject([
    { route: 'pipe', detail: 'delivered to command: /bin/program (all well)' },
  ])
  await lab.lab.stop()
})

test('an address that would be an option is refused, and the others are not', async () => {
  const runs: string[] = []
  const lab = await piping(async ({ argv }) => {
    runs.push(argv.slice(2).join(' '))
    return { status: 0 }
  })
  await lab.submitted(lab.mail1, mailOf('hello'), ['-oQ@b.com', 'eve@b.com'])
  expect((await lab.until('mail-failed')).event).toMatchObject({ recipient: '-oQ@b.com' })
  await lab.until('mail-removed')
  expect(runs).toEqual(['eve@b.com'])
  await lab.lab.stop()
})

describe('how a program ends says what becomes of the mail', () => {
  const ending =
    (status: number, words = ''): LabProgram =>
    async ({ input }) => {
      await input
      return { status, output: fromLatin1(words) }
    }

  test.each([
    [67, '', '5.1.1', 'user unknown'],
    [77, 'not for you\n', '5.7.0', 'permission denied. Command output: not for you'],
    [1, '', '5.3.0', 'Command died with status 1: "/bin/program"'],
    [1, '5.2.2 mailbox\0 full\n', '5.2.2', 'Command output: mailbox full'],
    [75, '5.1.1 nobody here', '5.1.1', 'Command output: nobody here'],
  ])('%d with %j returns it as %s', async (status, words, code, reason) => {
    const lab = await piping(ending(status, words))
    await lab.submitted(lab.mail1, mailOf('hello'), RECIPIENTS)
    expect((await lab.until('mail-failed')).event).toMatchObject({
      reason: expect.stringContaining(reason),
    })
    await lab.until('mail-removed', 2)
    const [report = ''] = await lab.mailbox(lab.mail1)
    expect(report).toContain(`Status: ${code}`)
    expect(report.replace(/\r\n /g, ' ')).toContain(reason)
    await lab.lab.stop()
  })

  test.each([
    [75, '', 'temporary failure'],
    [71, 'no disk', 'system resource problem. Command output: no disk'],
    [1, '4.2.0 not now', 'not now'],
  ])('%d with %j has it wait', async (status, words, reason) => {
    const lab = await piping(ending(status, words))
    await lab.submitted(lab.mail1, mailOf('hello'), RECIPIENTS)
    expect((await lab.until('mail-deferred')).event).toMatchObject({
      reason: expect.stringContaining(reason),
    })
    lab.mail1.programs.set('/bin/program', ending(0))
    await lab.until('mail-removed')
    await lab.lab.stop()
  })
})

test('a program that does not end is killed after its time, and the mail waits', async () => {
  const lab = await piping(() => new Promise(() => {}))
  await lab.submitted(lab.mail1, mailOf('hello'), RECIPIENTS)
  const { at, event } = await lab.until('mail-deferred')
  expect(event).toMatchObject({
    reason: expect.stringContaining('Command time limit exceeded: "/bin/program"'),
  })
  expect(at).toBeGreaterThanOrEqual(60_000)
  await lab.lab.stop()
})

test('a program that is not there has its mail wait until it is', async () => {
  const lab = await piping(async () => ({ status: 0 }))
  lab.mail1.programs.clear()
  await lab.submitted(lab.mail1, mailOf('hello'), RECIPIENTS)
  expect((await lab.until('mail-deferred')).event).toMatchObject({
    reason: 'cannot start /bin/program: ENOENT',
  })
  await lab.lab.stop()
})
