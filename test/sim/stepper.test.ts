import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type Happening, Lab } from '../../src/lab/lab.ts'
import { isOf, type Step, Stepper, stateText } from '../../src/lab/stepper.ts'
import { earthMoon } from '../support/lab.ts'

async function start(): Promise<{ readonly lab: Lab; readonly stepper: Stepper }> {
  let hear = (_: Happening): void => {}
  const lab = new Lab(earthMoon(), { settle: () => setImmediate(), onEvent: (one) => hear(one) })
  await lab.start()
  const stepper = new Stepper(lab, { lineOf: ({ type }) => type })
  hear = (happening) => stepper.hear(happening)
  return { lab, stepper }
}

test('a run is walked through event by event, with what is seen of each', async () => {
  const { lab, stepper } = await start()
  expect(await stepper.step()).toBeUndefined()
  lab.host('mail-1.a.com').exec('bpsource ipn:3.1 hello')
  const steps: Step[] = []
  for (;;) {
    const step = await stepper.step()
    if (step === undefined || step.at > 1000) break
    steps.push(step)
  }
  const numbers = steps.map(({ number }) => number)
  expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index))
  const sent = steps.find((step) => step.sent.some(({ local }) => !local))
  const arrived = steps.find((step) => step.arrived.some(({ local }) => !local))
  expect((arrived?.at ?? 0) - (sent?.at ?? 0)).toBe(500)
  expect(sent && stepper.text(sent)).toContain('mail-1.a.com sends to mail-2.a.com: ')
  expect(arrived && stepper.text(arrived)).toContain('arrives at mail-2.a.com: ')
  expect(arrived && isOf(arrived, 'mail-2') && !isOf(arrived, 'mail')).toBe(true)
  expect(steps.flatMap(({ told }) => told.map(({ event }) => event.type))).toContain(
    'bundle-received',
  )
})

test('the state counts what waits, what is under way, and who has no power', async () => {
  const { lab, stepper } = await start()
  const mail = lab.host('mail-1.a.com').exec('mail user@mail-2.a.com')
  mail.endInput()
  for (;;) {
    const step = await stepper.step()
    if (step?.sent.some(({ local }) => !local)) break
  }
  lab.host('mail-2.a.com').kill()
  const { packetsUnderWay, hosts } = stepper.state
  expect(packetsUnderWay).toBe(1)
  expect(hosts.slice(0, 2)).toMatchObject([
    { host: 'mail-1.a.com', isOn: true, mails: 1, bundles: 1 },
    { host: 'mail-2.a.com', isOn: false },
  ])
  expect(stateText(stepper.state)).toMatch(
    /1 packets under way\n {2}mail-1.a.com: 1 mails queued, 1 bundles held\n {2}mail-2.a.com: no power\n/,
  )
})
