/**
 * The walls, tried: into a copy of the sources go the mistakes that compiler, linter and tidy checks
 * are there for, and each must be seen. A check that passes on everything is worse than none.
 */

import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CHECKS, readTree } from './support/tidy.ts'

const PURE = ['base', 'ports', 'drive', 'proto/smtp', 'mail', 'dtn', 'bridge', 'config', 'lab']

/** What no pure folder may hold, and how each of the three walls says so. */
const PLANTED = `import { readFileSync } from 'node:fs'
import { PLANTED_TARGET } from '<up>/cmd/planted-target.ts'

export function planted(): number {
  setTimeout(() => {}, PLANTED_TARGET)
  return Date.now() + readFileSync('x').length
}
`

/** Imports between folders that stand beside each other, or one above the other. */
const SIDEWAYS = [
  ['ports', "import '../drive/run.ts'"],
  ['drive', "import '../proto/smtp/envelope.ts'"],
  ['mail', "import '../dtn/convergence-layer.ts'"],
  ['dtn', "import '../mail/delivery.ts'"],
  ['host', "import '../drive/run.ts'"],
] as const

interface Findings {
  readonly compiler: string
  readonly linter: string
  readonly tidy: readonly string[]
}

function check(root: string): Findings {
  const run = (program: string, ...args: readonly string[]): string => {
    const done = spawnSync(join(root, 'node_modules', '.bin', program), args, {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 64 * 1_048_576,
    })
    return done.status === 0 ? '' : `${done.stdout}${done.stderr}`
  }
  const tree = readTree(root)
  return {
    compiler: run('tsc', '-b'),
    linter: run('biome', 'lint', '--reporter=github', '--max-diagnostics=none', 'src'),
    tidy: ['imports point downwards', 'pure folders have no hidden inputs'].flatMap(
      (name) => CHECKS[name]?.(tree) ?? [`there is no check "${name}"`],
    ),
  }
}

function linesOf(output: string, path: string): string {
  return output
    .split('\n')
    .filter((line) => line.includes(path))
    .join('\n')
}

describe('with mistakes planted in every pure folder', () => {
  let root: string
  let before: Findings
  let after: Findings

  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'lightlag-walls-'))
    for (const name of ['package.json', 'biome.json', 'tsconfig.json', 'tsconfig.base.json']) {
      cpSync(name, join(root, name))
    }
    const isShipped = (path: string): boolean => !path.endsWith('.test.ts')
    cpSync('src', join(root, 'src'), { recursive: true, filter: isShipped })
    symlinkSync(resolve('node_modules'), join(root, 'node_modules'))
    before = check(root)
    const plant = (path: string, text: string): void => writeFileSync(join(root, 'src', path), text)
    plant('cmd/planted-target.ts', 'export const PLANTED_TARGET: number = 1\n')
    for (const folder of PURE) {
      plant(`${folder}/planted.ts`, PLANTED.replace('<up>', folder.replaceAll(/\w+/g, '..')))
    }
    for (const [folder, text] of SIDEWAYS) plant(`${folder}/sideways.ts`, `${text}\n`)
    after = check(root)
  })

  afterAll(() => rmSync(root, { recursive: true, force: true }))

  test('compiler, linter and tidy checks find nothing before', () => {
    expect(before).toEqual({ compiler: '', linter: '', tidy: [] })
  })

  test.each(PURE)('in %s the compiler refuses the import, node:fs and setTimeout', (folder) => {
    const said = linesOf(after.compiler, `src/${folder}/planted.ts`)
    expect(said).toMatch(/\(1,\d+\): error TS2591: Cannot find name 'node:fs'/)
    expect(said).toMatch(/\(2,\d+\): error TS6307: File .*planted-target/)
    expect(said).toMatch(/\(5,\d+\): error TS2304: Cannot find name 'setTimeout'/)
  })

  test.each(PURE)('in %s the linter refuses Date', (folder) => {
    const said = linesOf(after.linter, `src/${folder}/planted.ts`)
    expect(said).toMatch(/noRestrictedGlobals,file=.*,line=6,.*Date/)
  })

  test.each(PURE)('in %s the tidy checks refuse both imports and Date', (folder) => {
    const [layer] = folder.split('/')
    expect(after.tidy).toContain(`src/${folder}/planted.ts:1: ${layer} may not import node:fs`)
    expect(after.tidy).toContain(`src/${folder}/planted.ts:2: ${layer} may not import cmd`)
    expect(after.tidy).toContain(
      `src/${folder}/planted.ts:6: "Date.": take the time as an argument`,
    )
  })

  test.each(SIDEWAYS)('%s may not say: %s', (folder, text) => {
    const [, target] = /'\.\.\/(\w+)/.exec(text) ?? []
    expect(linesOf(after.compiler, `src/${folder}/sideways.ts`)).toMatch(/\(1,8\): error TS6307/)
    expect(after.tidy).toContain(`src/${folder}/sideways.ts:1: ${folder} may not import ${target}`)
  })
})

/** What one check says of a tree of these files. */
function findings(check: string, files: Readonly<Record<string, string>>): readonly string[] {
  const tree = {
    root: '.',
    files: Object.entries(files).map(([path, text]) => ({ path, text })),
  }
  return CHECKS[check]?.(tree) ?? [`there is no check "${check}"`]
}

test('a protocol imports those of its siblings that are listed', () => {
  const check = 'imports point downwards'
  const text = "import type { X } from '../smtp/x.ts'\n"
  expect(findings(check, { 'src/proto/pop3/a.ts': text })).toEqual([
    'src/proto/pop3/a.ts:1: proto/pop3 may not import proto/smtp',
  ])
  expect(findings(check, { 'src/proto/smtp/a.ts': "export * from '../sasl/a.ts'\n" })).toEqual([])
})

test('config does not import ports, which the compiler lets through behind the bridge', () => {
  const files = { 'src/config/a.ts': "import type { Clock } from '../ports/clock.ts'\n" }
  expect(findings('imports point downwards', files)).toEqual([
    'src/config/a.ts:1: config may not import ports',
  ])
})

test('config imports types of the services, and nothing that runs', () => {
  const check = 'imports point downwards'
  const path = 'src/config/a.ts'
  expect(findings(check, { [path]: "import type { Q } from '../mail/queue.ts'\n" })).toEqual([])
  expect(findings(check, { [path]: "import {\n  Q,\n} from '../mail/queue.ts'\n" })).toEqual([
    `${path}:1: config may import only types of mail`,
  ])
})

test.each([
  ["const later = await import('../host/disk.ts')", 'lab may not import host'],
  ["export { x } from 'lmdb'", 'lab may not import lmdb'],
  ["import x, { type Y } from '../../test/x.ts'", 'lab may not import test/x.ts'],
])('an import is seen in any form: %s', (text, message) => {
  const found = findings('imports point downwards', { 'src/lab/a.ts': `\n${text}\n` })
  expect(found).toEqual([`src/lab/a.ts:2: ${message}`])
})

test.each([
  'const x = Math.random()',
  'const x = new Date',
  'const x = Date()',
  'const x = globalThis',
  "const x = a.localeCompare('b')",
  'const x = n.toLocaleString()',
  'const x = new Intl.NumberFormat()',
  'declare const process: { env: object }',
  'declare function setTimeout(): void',
])('a pure folder has no hidden input: %s', (text) => {
  const check = 'pure folders have no hidden inputs'
  expect(findings(check, { 'src/mail/a.ts': `${text}\n` })).toHaveLength(1)
  expect(findings(check, { 'src/host/a.ts': `${text}\n` })).toEqual([])
})

test.each([
  'let count = 0',
  'export let count = 0',
  'var count = 0',
  'const seen = new Map<string, number>()',
  'export const seen: Set<string> = new Set()',
  'const seen: string[] = []',
  'const seen: Record<string, string> = {}',
  'class A {\n  static readonly seen = new Map<string, string>()\n}',
  'const s = { n: 0 }\nexport const next = (): number => s.n++\n',
  'const s = { n: 0 }\nexport const set = (n: number): void => {\n  s.n = n\n}\n',
  'const s = { n: 0 }\nexport const add = (): void => {\n  s.n += 1\n}\n',
  'export const s: { n?: number } = { n: 0 }\nexport const end = (): boolean => delete s.n\n',
  "const s = { a: ['x'] }\nexport const add = (): number => s.a.push('y')\n",
  "const s = ['x']\nexport const set = (i: number): void => {\n  s[i] = 'y'\n}\n",
])('a module holds no state: %s', (text) => {
  const check = 'no module outside cmd and bench holds state'
  expect(findings(check, { 'src/host/a.ts': `${text}\n` })).toHaveLength(1)
  expect(findings(check, { 'src/cmd/a.ts': `${text}\n` })).toEqual([])
})

test.each([
  'const TABLE = { a: 1 }',
  'const TABLE = { a: 1 }\nconst isA = (n: number): boolean => TABLE.a === n\n',
  'const TABLE = [2, 1]\nexport const sorted = TABLE.toSorted()\n',
  'const TABLE = [1]\nconst f = (x: { TABLE: number }): void => {\n  x.TABLE = 2\n}\n',
  'const NO_BYTES = new Uint8Array(0)',
  '  let inner = 0',
])('what is no state may stay: %s', (text) => {
  const check = 'no module outside cmd and bench holds state'
  expect(findings(check, { 'src/base/a.ts': `${text}\n` })).toEqual([])
})

test.each([
  'const f = async () => 1',
  'async function f() {}',
  'export async function f() {}',
  'class A {\n  async f() {}\n}',
  'class A {\n  async #f() {}\n}',
  'const f = (g) => {\n  await g()\n}',
  'for await (const x of y) {}',
  'const p = new Promise<void>(() => {})',
  'const p = Promise.resolve()',
])('a core never waits: %s', (text) => {
  const check = 'a core never waits'
  expect(findings(check, { 'src/drive/a.ts': `${text}\n` })).toHaveLength(1)
  expect(findings(check, { 'src/mail/a.ts': `${text}\n` })).toEqual([])
})

test.each([
  '// what they await is async too',
  ' * async functions await',
  'this.#await({ await: 1 })',
  'export interface P {\n  f(): Promise<void>\n}',
])('what does not wait may stay: %s', (text) => {
  expect(findings('a core never waits', { 'src/ports/a.ts': `${text}\n` })).toEqual([])
})

test.each(['// FIXME', '// XXX later', '// TODO: write', '// TODO RFC 5321: which section?'])(
  'what is unfinished names its section: %s',
  (text) => {
    const check = 'nothing is left unfinished without its section'
    expect(findings(check, { 'src/base/a.ts': `${text}\n` })).toHaveLength(1)
    expect(findings(check, { 'src/base/a.ts': '// TODO RFC 5321 §4.5.2: …\n' })).toEqual([])
  },
)

test.each(['RFC5321', 'rfc 5321', 'RFC-5321', 'RFC 5321, section 4', 'Rfc5321'])(
  'an RFC has one form: %s',
  (text) => {
    const check = 'references to RFCs have the one form that tools can follow'
    expect(findings(check, { 'src/base/a.ts': `// ${text}\n` })).toHaveLength(1)
    expect(findings(check, { 'A.md': 'RFC 5321 §4.5.2, message/rfc822\n' })).toEqual([])
  },
)

test('a file that only its own test needs is dead', () => {
  const check = 'every file is reached from a program or a test of the whole'
  const files = {
    'package.json': '{"scripts":{"demo":"node dist/cmd/main.js"}}',
    'src/cmd/main.ts': "import { a } from '../base/a.ts'\n",
    'src/base/a.ts': "export { b } from './b.ts'\n",
    'src/base/b.ts': '',
    'src/base/tried.ts': '',
    'src/base/tried.test.ts': "import './tried.ts'\n",
    'src/cmd/other.ts': '',
    'src/lab/whole.ts': '',
    'test/sim/whole.test.ts': "import '../../src/lab/whole.ts'\n",
  }
  expect(findings(check, files)).toEqual([
    'src/base/tried.ts: no program and no test of the whole needs it',
    'src/cmd/other.ts: no program and no test of the whole needs it',
  ])
})

test('a command is loaded when it is run', () => {
  const files = {
    'src/cmd/lightlag.ts': "await import('./program.ts')\n",
    'src/cmd/program.ts': "import { COMMANDS } from './commands.ts'\nimport 'zod'\n",
    'src/cmd/commands.ts': "import type { A } from './a.ts'\nimport './b.ts'\nimport('./c.ts')\n",
  }
  expect(findings('the program loads no command but the one that is run', files)).toEqual([
    'src/cmd/program.ts:2: zod is loaded for every command',
    'src/cmd/commands.ts:2: ./b.ts is loaded for every command',
  ])
})

test('a project refers to what its folder may import, and a pure one knows no Node', () => {
  const project = (folder: string, ...references: string[]): string =>
    JSON.stringify({
      compilerOptions: { types: ['node'] },
      references: references.map((name) => ({ path: `../${name}` })),
      folder,
    })
  expect(
    findings('the compiler is told the same table', {
      'src/host/a.ts': '',
      'src/host/tsconfig.json': project('host', 'base', 'ports', 'drive'),
      'src/mail/a.ts': '',
      'src/mail/tsconfig.json': project('mail', 'base'),
      'src/other/a.ts': '',
    }),
  ).toEqual([
    'src/host/tsconfig.json: host may not refer to drive',
    'src/mail/tsconfig.json: a pure folder has no types of its host',
    'src/other/tsconfig.json: every folder of src is a project',
  ])
})

test('a link in a document needs its file', () => {
  const check = 'links in documents point to files that exist'
  const text = '[a](package.json) [b](https://a.com/x)\n[c](missing.md#part) [d](#here)\n'
  expect(findings(check, { 'A.md': text })).toEqual(['A.md:2: there is no missing.md'])
})

test('a place outside this repository is not named', () => {
  const outside = ['..', 'shared', 'x'].join('/')
  const check = 'nothing outside this repository is named'
  expect(findings(check, { 'README.md': `see ${outside}\n` })).toHaveLength(1)
})
