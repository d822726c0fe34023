import { readdirSync, readFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { parseScenario, type Scenario } from '../../src/config/scenario.ts'
import { Lab } from '../../src/lab/lab.ts'

function scenarioOf(file: string): Scenario {
  const parsed = parseScenario(readFileSync(file, 'utf8'), file)
  if (!parsed.ok) throw parsed.fault
  return parsed.value
}

// The constellation takes its time: test/long/constellation.test.ts.
const FILES = readdirSync('scenarios')
  .filter((name) => name.endsWith('.yaml') && name !== 'constellation.yaml')
  .map((name) => `scenarios/${name}`)

describe.each(FILES)('%s', (file) => {
  test('is played to its end, and everything comes about as its timeline says', async () => {
    const lab = new Lab(scenarioOf(file), { settle: () => setImmediate(), onEvent: () => {} })
    await lab.start()
    const { outcomes, stuck } = await lab.play()
    expect(outcomes.filter(({ ok }) => !ok)).toEqual([])
    expect(stuck).toEqual([])
    await lab.stop()
  })
})
