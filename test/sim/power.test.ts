import { expect, test } from 'vitest'
import { earthMoon, mailOf, TestLab } from '../support/lab.ts'

test('a host without power does nothing, and goes on with what was durable once it is started', async () => {
  const lab = await TestLab.start(earthMoon())
  await lab.submitted(lab.mail1, mailOf('one'))
  lab.mail1.kill()
  lab.mail1.kill()
  expect(lab.mail1.isOn).toBe(false)
  await lab.runFor(60_000)
  expect(lab.events('mail-delivered')).toEqual([])
  await lab.lab.perform(lab.mail1.start())
  expect(lab.mail1.isOn).toBe(true)
  await lab.until('mail-removed')
  expect(await lab.mailbox(lab.mail2)).toHaveLength(1)
})

test('a host whose disk is wiped starts with an empty one', async () => {
  const lab = await TestLab.start(earthMoon())
  await lab.submitted(lab.mail1, mailOf('one'), ['user@mail-1.a.com'])
  await lab.until('mail-delivered')
  expect(await lab.mailbox(lab.mail1)).toHaveLength(1)
  lab.mail1.wipe()
  expect(lab.mail1.isOn).toBe(false)
  await lab.lab.perform(lab.mail1.start())
  expect(await lab.mailbox(lab.mail1)).toEqual([])
})

test('a lab in which a host has no power can be stopped', async () => {
  const lab = await TestLab.start(earthMoon())
  lab.mail2.kill()
  await lab.lab.stop()
  const stopped = lab.happenings.filter(({ event }) => event.type === 'stopped')
  expect(stopped.map(({ host }) => host).sort()).toEqual(['mail-1.a.com', 'mail-3.a.com'])
})
