/** ION's tools as commands on the hosts of a scenario, over a link of five seconds. */

import { expect, test } from 'vitest'
import { PROCESS_OUTPUT_BYTES_MAX } from '../../src/lab/limits.ts'
import { earthMoon, mailOf, TestLab } from '../support/lab.ts'

function start(): Promise<TestLab> {
  return TestLab.start(earthMoon({ oneWayDelayMs: 5000 }))
}

test('what is typed into bpsource comes out of bpsink five seconds later', async () => {
  const lab = await start()
  const sink = lab.mail2.exec('bpsink ipn:3.1')
  const source = lab.mail1.exec('bpsource ipn:3.1')
  source.type('hello\nand ')
  await lab.runFor(1000)
  source.type('more\n')
  source.endInput()
  expect(await lab.lab.perform(source.status)).toBe(0)
  await lab.runFor(3990)
  expect(sink.output).toBe('')
  await lab.runFor(100)
  expect(sink.output).toContain("'hello'")
  expect(sink.output).not.toContain("'and more'")
  await lab.runFor(1000)
  expect(sink.output).toContain("'and more'")
  const one = lab.mail1.exec(['bpsource', 'ipn:3.1', 'with a space'])
  expect(await lab.lab.perform(one.status)).toBe(0)
  await lab.runFor(5100)
  expect(sink.output).toContain("'with a space'")
  sink.interrupt()
  expect(await lab.lab.perform(sink.status)).toBe(0)
})

test('bpdriver and bpcounter measure in virtual time', async () => {
  const lab = await start()
  const counter = lab.mail2.exec('bpcounter ipn:3.2 3')
  const driver = lab.mail1.exec('bpdriver 3 ipn:2.2 ipn:3.2 -10000')
  expect(await lab.lab.perform(driver.status)).toBe(0)
  expect(await lab.lab.perform(counter.status)).toBe(0)
  expect(lab.lab.world.now()).toBeGreaterThan(5000)
  expect(driver.output).toMatch(/Total bundles: 3\n.*\nTotal bytes: 30000\n/)
  expect(counter.output).toMatch(/bundles received: 3\n.*\nTotal bytes: 30000\n/)
})

test('bping hears the echo service of the other host after ten seconds', async () => {
  const lab = await start()
  const ping = lab.mail1.exec('bping -c 2 -q 15 ipn:2.5 ipn:3.7')
  expect(await lab.lab.perform(ping.status)).toBe(0)
  expect(ping.output).toMatch(/^64 bytes from ipn:3\.7 {2}seq=0 time=10\.0\d+ s$/m)
  expect(ping.output).toContain('2 bundles transmitted, 2 bundles received, 0.00% bundle loss')
})

test('tools and mail use one node beside each other', async () => {
  const lab = await start()
  const sink = lab.mail2.exec('bpsink ipn:3.1')
  lab.mail1.exec('bpsource ipn:3.1 hello')
  await lab.submitted(lab.mail1, mailOf('Hello'))
  await lab.until('mail-removed', 2)
  expect(await lab.maildrop(lab.mail2)).toHaveLength(1)
  expect(sink.output).toContain("'hello'")
  const taken = lab.mail2.exec('bpsink ipn:3.2525')
  expect(await lab.lab.perform(taken.status)).toBe(1)
  expect(taken.errors).toBe('bpsink: Endpoint is already open: ipn:3.2525\n')
})

test('a host that loses power loses its processes, and nothing that was sent to them', async () => {
  const lab = await start()
  const sink = lab.mail2.exec('bpsink ipn:3.1')
  await lab.runFor(100)
  await lab.lab.perform(lab.mail1.exec('bpsource ipn:3.1 hello').status)
  await lab.lab.perform(lab.mail2.crash())
  expect(await lab.lab.perform(sink.status)).toBe(137)
  await lab.runFor(6000)
  expect(sink.output).toBe('')
  const again = lab.mail2.exec('bpsink ipn:3.1')
  await lab.runFor(100)
  expect(again.output).toContain("'hello'")
})

test('of what a process writes no more is kept than its bound', async () => {
  const lab = await start()
  const source = lab.mail1.exec('bpsource ipn:3.1')
  source.type('\n'.repeat(PROCESS_OUTPUT_BYTES_MAX / 2 + 10))
  source.endInput()
  expect(await lab.lab.perform(source.status)).toBe(0)
  expect(source.output).toHaveLength(PROCESS_OUTPUT_BYTES_MAX)
})
