import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseNodeConfig } from '../src/config/node-config.ts'
import { parseScenario } from '../src/config/scenario.ts'

test.each(readdirSync('etc').map((name) => join('etc', name)))('%s is read', (path) => {
  const parsed = parseNodeConfig(readFileSync(path, 'utf8'), path)
  expect(parsed.ok ? '' : parsed.fault.message).toBe('')
})

test.each(readdirSync('scenarios').map((name) => join('scenarios', name)))('%s is read', (path) => {
  const parsed = parseScenario(readFileSync(path, 'utf8'), path)
  expect(parsed.ok ? '' : parsed.fault.message).toBe('')
})
