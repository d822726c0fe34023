import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseNodeConfig } from '../src/config/node-config.ts'
import { parseScenario } from '../src/config/scenario.ts'
import { scenarioReference } from '../src/config/scenario-reference.ts'

test.each(readdirSync('etc').map((name) => join('etc', name)))('%s is read', (path) => {
  const parsed = parseNodeConfig(readFileSync(path, 'utf8'), path)
  expect(parsed.ok ? '' : parsed.fault.message).toBe('')
})

test.each(readdirSync('scenarios').map((name) => join('scenarios', name)))('%s is read', (path) => {
  const parsed = parseScenario(readFileSync(path, 'utf8'), path)
  expect(parsed.ok ? '' : parsed.fault.message).toBe('')
})

test('docs/scenario.md is the reference that the schema of scenarios makes', () => {
  expect(readFileSync('docs/scenario.md', 'utf8')).toBe(scenarioReference())
})

test('every key that a file may have is in docs/configuration.md, and no other', () => {
  const documented: string[] = []
  let prefixes = ['']
  for (const line of readFileSync('docs/configuration.md', 'utf8').split('\n')) {
    // What several services have in common is told once.
    const common = /^Each of (.*) also has:$/.exec(line)?.[1]
    if (common !== undefined)
      prefixes = [...common.matchAll(/`(\w+)`/g)].map(([, name]) => `${name}.`)
    if (line.startsWith('#')) prefixes = ['']
    const [, keys = ''] = /^\| ((?:`[\w.]+`(?:, )?)+) \|/.exec(line) ?? []
    for (const key of keys.match(/[\w.]+/g) ?? []) {
      documented.push(...prefixes.map((prefix) => prefix + key))
    }
  }
  const known = new Set<string>()
  // An unknown key is answered with those that are known.
  const ask = (text: string, parse: typeof parseNodeConfig): void => {
    const parsed = parse(text, 'f')
    for (const line of parsed.ok ? [] : parsed.fault.message.split('\n')) {
      const [, path = '', keys = ''] =
        /unknown key "x([\w.]*)": one of (.*) would be right/.exec(line) ?? []
      for (const key of keys.split(', ')) if (key !== '') known.add(path + key)
    }
  }
  ask('x: 1', parseNodeConfig)
  for (const part of [...known]) {
    const before = known.size
    ask(`${part}: {x${part}.: 1}`, parseNodeConfig)
    if (known.size > before) known.delete(part)
  }
  for (const list of ['plans', 'groups', 'contacts', 'ranges'])
    ask(`${list}: [{x: 1}]`, parseNodeConfig)
  // Lists of small mappings are told in a line: users.
  expect(new Set(documented)).toEqual(new Set([...known, 'statusReports']))
})
