/** `lightlag experiment` as people and schedulers call it. */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

const SMALL = [
  '--ways',
  'smtp,bundles-udp',
  '--delays',
  '1s',
  '--losses',
  '0,10%',
  '--messages',
  '2',
]

let directory = ''
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'experiment-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function run(...args: readonly string[]): {
  readonly status: number | null
  readonly said: string
  readonly errors: string
} {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['dist/cmd/lightlag.js', 'experiment', ...args],
    { encoding: 'utf8', timeout: 120_000 },
  )
  return { status, said: stdout, errors: stderr }
}

test('three shards together are what one machine says, to the letter', () => {
  const file = (name: string): string => join(directory, name)
  const common = ['delivery', ...SMALL, '--seeds', '2']
  const whole = run(...common, '--csv', file('whole.csv'), '--svg', file('whole.svg'))
  expect(whole).toMatchObject({ status: 0, errors: '' })
  expect(whole.said.split('\n')).toHaveLength(2 + 4 + 1)
  const parts = [1, 2, 3].map((number) => {
    const part = file(`part-${number}.csv`)
    expect(run(...common, '--shard', `${number}/3`, '--csv', part).status).toBe(0)
    return part
  })
  const merged = run(
    'delivery',
    '--merge',
    ...parts,
    '--csv',
    file('m.csv'),
    '--svg',
    file('m.svg'),
  )
  expect(merged).toEqual(whole)
  for (const end of ['csv', 'svg']) {
    expect(readFileSync(file(`m.${end}`), 'utf8')).toBe(readFileSync(file(`whole.${end}`), 'utf8'))
  }
  const json = JSON.parse(run('delivery', '--merge', ...parts, '--json').said)
  expect(json.rows).toHaveLength(4)
  expect(json.rows[0].measures.all_s.count).toBe(2)
})

test('retrieval has the published figures beside its own', () => {
  const { status, said } = run('retrieval', '--delays', '1s', '--ways', 'imap-program', '--json')
  expect(status).toBe(0)
  const [row] = JSON.parse(said).rows
  expect(row.measures.published_s.mean).toBe(33)
  expect(row.measures.listed_s.mean).toBeGreaterThan(20)
  expect(row.measures.all_s.mean).toBeGreaterThan(row.measures.listed_s.mean)
})

test.each([
  [['delivery', '--ways', 'pigeon'], 'A list is of smtp,smtp-pipelined'],
  [['delivery', '--delays', '1 parsec'], 'A list is of durations such as 0,1s,20min'],
  [['delivery', '--losses', '-1'], 'A list is of shares such as 0,1%,0.3'],
  [['delivery', '--shard', '0/3'], 'A part is 1/8, 2/8'],
  [['delivery', '--messages', '0'], 'A whole number from 1 to 100000.'],
  [['delivery', '--merge', '/none.csv'], 'cannot read /none.csv: no such file or directory'],
  [['delivery', ...SMALL, '--csv', '/none/x.csv'], 'cannot write /none/x.csv'],
  [['contacts', '--contacts', '24', '--contact-length', '2h'], '24 contacts a day do not fit'],
  [['delivry'], '(Did you mean delivery?)'],
])('%j is refused', (args, message) => {
  const { status, errors } = run(...args)
  expect(errors).toContain(message)
  expect(status).toBeGreaterThan(0)
})

test('a file that is no part of an experiment is refused with its line', () => {
  const file = join(directory, 'wrong.csv')
  writeFileSync(file, 'x,y\n1,2\n')
  const { status, errors } = run('delivery', '--merge', file)
  expect({ status, errors }).toEqual({
    status: 2,
    errors: expect.stringContaining(`${file}:1: not runs of delivery`),
  })
})
