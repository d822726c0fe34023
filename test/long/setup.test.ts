import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

let clone: string

beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), 'lightlag-setup-'))
  for (const path of ['scripts', 'bin', 'package.json']) {
    cpSync(path, join(clone, path), { recursive: true })
  }
  // The packages are shared with the real tree, so nothing here may ever install any.
  cpSync('node_modules/.package-lock.json', join(clone, 'package-lock.json'))
  symlinkSync(resolve('node_modules'), join(clone, 'node_modules'))
  compileOnly("console.log('the program', ...process.argv.slice(2))\nexport {}\n")
})

afterEach(() => rmSync(clone, { recursive: true, force: true }))

function compileOnly(program: string): void {
  const project = {
    compilerOptions: { outDir: 'dist/cmd', rootDir: 'src', types: ['node'] },
    include: ['src'],
  }
  mkdirSync(join(clone, 'src'), { recursive: true })
  writeFileSync(join(clone, 'tsconfig.json'), JSON.stringify(project))
  writeFileSync(join(clone, 'src', 'lightlag.ts'), program)
}

interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

function node(...args: readonly string[]): Promise<Ended> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, args, {
      cwd: clone,
      env: { ...process.env, npm_execpath: join(clone, 'no-npm.js') },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text
    })
    child.on('error', fail).on('close', (status) => done({ status, stdout, stderr }))
  })
}

const isThere = (path: string): boolean => existsSync(join(clone, path))

test('the first time it says what it does, on stderr; then it is quiet', async () => {
  expect(await node('scripts/setup.js')).toEqual({
    status: 0,
    stdout: '',
    stderr: 'lightlag: compiling (tsc -b) …\n',
  })
  expect(await node('scripts/setup.js')).toEqual({ status: 0, stdout: '', stderr: '' })
})

test('the program sets itself up, keeps its arguments, and its output clean', async () => {
  expect(await node('bin/lightlag.js', '--help')).toMatchObject({
    status: 0,
    stdout: 'the program --help\n',
  })
})

test('an old Node is told in one line, before anything is touched', async () => {
  const older = `Object.defineProperty(process.versions, 'node', { value: '20.18.3' })`
  const told = await node('--import', `data:text/javascript,${older}`, 'scripts/setup.js')
  expect(told).toMatchObject({ status: 1, stdout: '' })
  expect(told.stderr).toMatch(
    /^lightlag: this needs Node 20\.19 or newer; .* is Node 20\.18\.3.*\n$/,
  )
  expect(isThere('dist')).toBe(false)
})

test('a mistake in the sources is shown, its exit status passed on, and nothing runs', async () => {
  compileOnly('const wrong: number = "text"\n')
  const { status, stdout, stderr } = await node('bin/lightlag.js')
  expect(status).not.toBe(0)
  expect(stdout).toBe('')
  expect(stderr).toContain('lightlag.ts(1,7): error TS2322')
  expect(stderr).toContain('lightlag: tsc -b failed')
  expect(isThere('dist/.setup-done')).toBe(false)
})

test('several at the same time wait for each other', async () => {
  const ended = await Promise.all([1, 2, 3].map(() => node('scripts/setup.js')))
  expect(ended.map(({ status }) => status)).toEqual([0, 0, 0])
  const said = ended.map(({ stderr }) => stderr).join('')
  expect(said.match(/compiling/g)).toHaveLength(1)
})

test('a set-up that was killed holds nobody', async () => {
  const killed = spawn(process.execPath, ['scripts/setup.js'], { cwd: clone })
  await once(killed.stderr, 'data')
  killed.kill('SIGKILL')
  await once(killed, 'close')
  expect(await node('scripts/setup.js')).toMatchObject({ status: 0 })
})

test('what has changed since is set up before the program runs, also what has gone', async () => {
  const source = join(clone, 'src', 'lightlag.ts')
  writeFileSync(join(clone, 'src', 'other.ts'), 'export const other: number = 1\n')
  expect(await node('bin/lightlag.js')).toMatchObject({ status: 0, stdout: 'the program\n' })
  writeFileSync(source, "import { other } from './other.js'\nconsole.log('changed', other)\n")
  expect(await node('bin/lightlag.js')).toMatchObject({ status: 0, stdout: 'changed 1\n' })
  unlinkSync(join(clone, 'src', 'other.ts'))
  expect(await node('bin/lightlag.js')).toMatchObject({ stdout: '' })
})

test('the compiler is not asked where nothing has changed', async () => {
  await node('scripts/setup.js')
  rmSync(join(clone, 'scripts', 'setup.js'))
  writeFileSync(join(clone, 'scripts', 'setup.js'), "console.log('set up again')\n")
  expect(await node('bin/lightlag.js')).toMatchObject({ stdout: 'set up again\nthe program\n' })
  await utimes(join(clone, 'scripts'), 0, 0)
  await utimes(join(clone, 'scripts', 'setup.js'), 0, 0)
  expect(await node('bin/lightlag.js')).toMatchObject({ status: 0, stdout: 'the program\n' })
})
