import { readFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { parseScenario } from '../../src/config/scenario.ts'
import { Lab } from '../../src/lab/lab.ts'

const FILE = 'scenarios/constellation.yaml'

test('a mail crosses a constellation of a thousand nodes by static plans', async () => {
  const parsed = parseScenario(readFileSync(FILE, 'utf8'), FILE)
  if (!parsed.ok) throw parsed.fault
  expect(parsed.value.hosts).toHaveLength(1000)
  const lab = new Lab(parsed.value, { settle: () => setImmediate(), onEvent: () => {} })
  await lab.start()
  await lab.world.run(() => lab.timeline.isOver)
  expect(lab.timeline.outcomes.filter(({ ok }) => !ok)).toEqual([])
  await lab.stop()
}, 300_000)
