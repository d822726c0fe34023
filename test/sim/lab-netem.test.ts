import { expect, test } from 'vitest'
import type { LabMachine } from '../../src/lab/machine.ts'
import { earthMoon, mailOf, TestLab } from '../support/lab.ts'

async function tc(lab: TestLab, host: LabMachine, words: string): Promise<string> {
  const process = host.exec(`tc ${words}`)
  const status = await lab.lab.perform(process.status)
  return `${process.output}${process.errors}${status}`
}

test("the note's commands of tc are answered as Linux answers them", async () => {
  const lab = await TestLab.start(earthMoon())
  const run = (words: string): Promise<string> => tc(lab, lab.mail1, words)
  expect(await run('qdisc del dev eth0 root')).toBe(
    'Error: Cannot delete qdisc with handle of zero.\n2',
  )
  expect(await run('qdisc add dev eth0 root netem delay 500ms')).toBe('0')
  expect(await run('qdisc show dev eth0')).toBe(
    'qdisc netem 8001: root refcnt 2 limit 1000 delay 500ms\n0',
  )
  expect(await run('qdisc add dev eth0 root netem delay 1s')).toBe(
    'Error: Exclusivity flag on, cannot modify.\n2',
  )
  expect(await run('qdisc replace dev eth0 root netem delay 0ms')).toBe('0')
  expect(await run('qdisc')).toBe(
    'qdisc noqueue 0: dev lo root refcnt 2 \nqdisc netem 8001: dev eth0 root refcnt 2 limit 1000\n0',
  )
  expect(await run('qdisc del dev eth0 root')).toBe('0')
  expect(await run('qdisc change dev eth0 root netem delay 1s')).toBe(
    'Error: Qdisc not found. To create specify NLM_F_CREATE flag.\n2',
  )
})

test.each([
  ['foo', 'Object "foo" is unknown, try "tc help".\n255'],
  ['qdisc foo', 'Command "foo" is unknown, try "tc qdisc help".\n255'],
  ['qdisc add dev eth9 root netem delay 1ms', 'Cannot find device "eth9"\n1'],
  ['qdisc add root netem delay 1ms', 'RTNETLINK answers: No such device\n2'],
  ['qdisc add dev eth0', 'Error: Handle cannot be zero.\n2'],
  ['qdisc add dev eth0 root netem delay', 'Command line is not complete. Try option "help"\n255'],
  ['qdisc add dev eth0 root netem delay x', 'Illegal "latency"\n1'],
  ['qdisc add dev lo root netem delay 1ms', 'Error: the lab shapes eth0 only.\n2'],
])('tc %s', async (words, answer) => {
  const lab = await TestLab.start(earthMoon())
  expect(await tc(lab, lab.mail1, words)).toBe(answer)
})

test('netem holds what its host sends, and nothing that it receives', async () => {
  const lab = await TestLab.start(earthMoon({ oneWayDelayMs: 0 }))
  await tc(lab, lab.mail1, 'qdisc add dev eth0 root netem delay 3s')
  const ping = async (host: LabMachine, words: string): Promise<string> => {
    const process = host.exec(`bping -c 1 -q 20 ${words}`)
    await lab.lab.perform(process.status)
    return /time=([\d.]+) s/.exec(process.output)?.[1] ?? process.output
  }
  // Once on the way there, or once on the way back.
  expect(Number(await ping(lab.mail1, 'ipn:2.5 ipn:3.7'))).toBeCloseTo(3, 1)
  expect(Number(await ping(lab.mail2, 'ipn:3.5 ipn:2.7'))).toBeCloseTo(3, 1)
  await tc(lab, lab.mail2, 'qdisc add dev eth0 root netem delay 2s')
  expect(Number(await ping(lab.mail1, 'ipn:2.5 ipn:3.7'))).toBeCloseTo(5, 1)
})

test('a qdisc that is deleted loses what it holds, one that is replaced does not', async () => {
  const lab = await TestLab.start(earthMoon({ oneWayDelayMs: 0 }))
  const sink = lab.mail2.exec('bpsink ipn:3.1')
  await tc(lab, lab.mail1, 'qdisc add dev eth0 root netem delay 5s')
  lab.mail1.exec('bpsource ipn:3.1 one')
  await lab.runFor(100)
  await tc(lab, lab.mail1, 'qdisc replace dev eth0 root netem delay 1s')
  lab.mail1.exec('bpsource ipn:3.1 two')
  await lab.runFor(1500)
  expect(sink.output).toMatch(/two/)
  expect(sink.output).not.toMatch(/one/)
  await lab.runFor(5000)
  expect(sink.output).toMatch(/one/)
  lab.mail1.exec('bpsource ipn:3.1 three')
  await lab.runFor(100)
  await tc(lab, lab.mail1, 'qdisc del dev eth0 root')
  await lab.runFor(10_000)
  expect(sink.output).not.toMatch(/three/)
})

test('netem holds no more packets than its limit, and is gone after a crash', async () => {
  const lab = await TestLab.start(earthMoon({ oneWayDelayMs: 0 }))
  await tc(lab, lab.mail1, 'qdisc add dev eth0 root netem delay 1s limit 2')
  const sink = lab.mail2.exec('bpsink ipn:3.1')
  for (const word of ['one', 'two', 'three', 'four']) lab.mail1.exec(`bpsource ipn:3.1 ${word}`)
  await lab.runFor(20_000)
  expect(sink.output.match(/'(?:one|two|three|four)'/g)).toEqual(["'one'", "'two'"])
  await lab.lab.perform(lab.mail1.crash())
  expect(await tc(lab, lab.mail1, 'qdisc show dev eth0')).toBe('qdisc noqueue 0: root refcnt 2 \n0')
  await lab.submitted(lab.mail1, mailOf('on its way at once'))
  await lab.until('mail-removed', 2)
})
