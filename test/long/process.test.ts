/** Real programs, started as `pipe:` routes start them. */

import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { hostProcesses } from '../../src/host/process.ts'
import { describeProcesses, type ProgramName } from '../conformance/process.ts'

/** Nobody starts programs for mail with all rights. */
const isRoot = userInfo().uid === 0
const user = isRoot ? { user: 'nobody' } : {}

const SCRIPTS: Readonly<Record<ProgramName, string>> = {
  echo: 'for x in "$@"; do printf "[%s]" "$x"; done; cat',
  fail: 'echo failed; exit "$1"',
  environment: 'unset PWD OLDPWD SHLVL _; env',
  flood: 'head -c 100000 /dev/zero',
  hang: 'sleep 1000',
}

describeProcesses('Node', async () => ({
  run: (action) => action(),
  close: async () => {},
  processes: hostProcesses,
  program: (name) => ['/bin/sh', '-c', SCRIPTS[name], 'sh'],
  ...user,
}))

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lightlag-process-'))
  chmodSync(directory, 0o777)
})

afterEach(() => rmSync(directory, { recursive: true }))

function start(script: string, as = user) {
  return hostProcesses.start({
    argv: ['/bin/sh', '-c', script],
    environment: { PATH: '/usr/bin:/bin' },
    outputBytesMax: 1000,
    ...as,
  })
}

test('what it has started in its group ends with it when it is killed', async () => {
  const file = join(directory, 'child')
  const process = await start(`sleep 1000 & echo $! >${file}.new; mv ${file}.new ${file}; wait`)
  while (!existsSync(file)) await setImmediate()
  process.kill()
  await process.ended
  const child = Number(readFileSync(file, 'utf8'))
  expect(child).toBeGreaterThan(1)
  // A process that is over may wait for a moment until it is reaped.
  const state = (): string => {
    try {
      return readFileSync(`/proc/${child}/stat`, 'utf8').split(' ')[2] ?? ''
    } catch {
      return 'gone'
    }
  }
  expect(['gone', 'Z', 'X']).toContain(state())
})

test('what works on behind it does not hold it up', async () => {
  const process = await start('sleep 5 & echo done')
  const { by, output } = await process.ended
  expect(by).toBe(0)
  expect(Buffer.from(output).toString()).toBe('done\n')
  process.kill()
})

test.skipIf(!isRoot && 'skipped: only the superuser gives rights away')(
  'it has the rights of whom it was started for, and never all of them',
  async () => {
    const { output } = await (await start('id -un; id -G')).ended
    expect(Buffer.from(output).toString()).toMatch(/^nobody\n\d+\n$/)
    for (const as of [{}, { user: 'root' }, { user: 'no-such-user' }]) {
      await expect(start('true', as)).rejects.toMatchObject({ code: 'process/not-started' })
    }
  },
)
