import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { earthMoon } from '../../test/support/lab.ts'
import { Lab } from '../lab/lab.ts'
import { after } from '../lab/world.ts'
import { LabDriver } from './lab-driver.ts'

async function start(): Promise<Lab> {
  const lab = new Lab(earthMoon(), { settle: () => setImmediate(), onEvent: () => {} })
  await lab.start()
  return lab
}

test('a lab that the machine is too slow for hears its commands, says how late it is, and ends', async () => {
  const lab = await start()
  let ticks = 0
  const tick = (): void => {
    ticks++
    after(lab.world, 1, tick)
  }
  tick()
  const ended: number[] = []
  const driver = new LabDriver({
    lab,
    // An event is due each nanosecond.
    speed: 1e9,
    hear: (output) => {
      if (output.type === 'ended') ended.push(output.status)
    },
  })
  const running = driver.run()
  while (ticks < 1000) await setImmediate()
  await driver.post({ type: 'exec', process: 0, host: 'mail-1.a.com', words: ['true'] })
  while (ended.length === 0) await setImmediate()
  expect(ended).toEqual([0])
  expect(driver.behindMs).toBeGreaterThan(0)
  expect(driver.now).toBeCloseTo(lab.world.now())
  driver.stop()
  await running
})

test('a lab in which nothing happens is on time, and its time passes', async () => {
  const lab = await start()
  const driver = new LabDriver({ lab, speed: 1e6, hear: () => {} })
  const running = driver.run()
  await driver.post({ type: 'exec', process: 0, host: 'mail-1.a.com', words: ['true'] })
  const before = driver.now
  while (driver.now === before) await setImmediate()
  expect(driver.now).toBeGreaterThan(before)
  driver.stop()
  await running
})
