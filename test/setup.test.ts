import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
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
    compilerOptions: { outDir: 'dist/cmd', types: ['node'] },
    files: ['lightlag.ts'],
  }
  writeFileSync(join(clone, 'tsconfig.json'), JSON.stringify(project))
  writeFileSync(join(clone, 'lightlag.ts'), program)
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
  expect([isThere('dist/.setup-lock'), isThere('dist/.setup-done')]).toEqual([false, false])
})

test('several at the same time wait for each other', async () => {
  const ended = await Promise.all([1, 2, 3].map(() => node('scripts/setup.js')))
  expect(ended.map(({ status }) => status)).toEqual([0, 0, 0])
  expect(isThere('dist/.setup-lock')).toBe(false)
})

test('a lock whose process is gone does not hold anyone', async () => {
  await node('scripts/setup.js')
  const gone = await node('--eval', 'console.log(process.pid)')
  writeFileSync(join(clone, 'dist', '.setup-lock'), gone.stdout.trim())
  expect(await node('scripts/setup.js')).toMatchObject({ status: 0, stderr: '' })
  expect(isThere('dist/.setup-lock')).toBe(false)
})
