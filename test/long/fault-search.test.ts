/** The search for faults finds nothing in what there is, and what somebody has broken on purpose. */

import { afterAll, expect, test } from 'vitest'
import type { Scenario } from '../../src/config/scenario.ts'
import { PromptSettling } from '../../src/host/settle.ts'
import { drawTrial } from '../../src/lab/search/draw.ts'
import { type Failure, playTrial, search, shorten } from '../../src/lab/search/search.ts'
import { PLANTED_FAULTS } from '../support/planted-faults.ts'

const SEEDS = 200

const settling = new PromptSettling()
const { settle } = settling

afterAll(() => settling.end())

test(`${SEEDS} seeds break no promise`, async () => {
  const result = await search({ seedFirst: 1, seeds: SEEDS, settle, isOver: () => false })
  expect(result.failures).toEqual([])
  expect(result.seeds).toBe(SEEDS)
})

test.each(Object.entries(PLANTED_FAULTS))(
  'a host that %s is found',
  async (_, { rules, hardware = {}, told = same }) => {
    const options = { settle, hardware: () => hardware, told }
    const found = await firstFailure(options)
    expect(rules).toContain(found?.violation.rule)
    // What is left of it is little, and does it again.
    expect(found?.only.length).toBeLessThanOrEqual(6)
    const again = found && (await playTrial(found.trial, false, options))
    expect(again?.violation).toEqual(found?.violation)
    // A sound host keeps its promises in the same world.
    const sound = found && (await playTrial(found.trial, false, { settle }))
    expect(sound?.violation).toBeUndefined()
  },
)

const same = (scenario: Scenario): Scenario => scenario

async function firstFailure(
  options: Parameters<typeof playTrial>[2],
): Promise<Failure | undefined> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const trial = drawTrial(seed)
    const { violation } = await playTrial(trial, false, options)
    if (violation !== undefined) {
      return shorten(trial, violation, { ...options, isOver: () => false })
    }
  }
  return undefined
}
