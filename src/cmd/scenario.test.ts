import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseScenario } from '../config/scenario.ts'
import { endsOfKnowledge } from './scenario.ts'

const EARTH_MOON = 'scenarios/earth-moon.yaml'

function linesFor(contacts: string, beforeMs?: number): readonly string[] {
  const text = readFileSync(EARTH_MOON, 'utf8').replace('rate: off', `contacts: ${contacts}`)
  const parsed = parseScenario(text, EARTH_MOON)
  if (!parsed.ok) throw parsed.fault
  return endsOfKnowledge(parsed.value, beforeMs)
}

test.each([
  ['{from: +0s, for: 10min, every: 8h}', '333d'],
  ['{from: +0s, for: 1ms, every: 200ms}', '199s'],
])('of contacts %s nodes know those of %s', (contacts, until) => {
  expect(linesFor(`[${contacts}]`)).toEqual([
    `the nodes know the first 1000 contacts of earth and moon, for ${until}; what comes later waits until it expires`,
  ])
})

test('a run that ends before that has nothing to tell of it', () => {
  expect(linesFor('[{from: +0s, for: 1s, every: 2s}]', 1_999_000)).toEqual([])
  expect(linesFor('[{from: +0s, for: 1s, every: 2s}]', 1_999_001)).toHaveLength(1)
})

test('of contacts that end nodes know all', () => {
  expect(linesFor('[{from: +0s, for: 10min}, {from: +1h, for: 10min}]')).toEqual([])
})
