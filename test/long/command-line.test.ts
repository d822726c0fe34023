/** What the commands say to arguments that they do not understand, and to folders that cannot be. */

import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { needsProc } from '../support/programs.ts'

function run(...args: readonly string[]): { status: number | null; errors: string } {
  const { status, stderr } = spawnSync(process.execPath, ['dist/cmd/lightlag.js', ...args], {
    encoding: 'utf8',
    timeout: 120_000,
  })
  return { status, errors: stderr }
}

test('a mistyped option is named, not the one that is missing for it', () => {
  for (const command of [
    ['serve'],
    ['rc', 'write'],
    ['rc', 'write', 'folder'],
    ['rc', 'check'],
    ['rc', 'run'],
    ['node', 'status'],
    ['demo'],
    ['certificate', 'authority'],
    ['certificate', 'issue', 'folder'],
  ]) {
    const { status, errors } = run(...command, '--confg', 'x.yaml')
    expect({ command, status, errors }).toEqual({
      command,
      status: 2,
      errors: expect.stringMatching(/^error: unknown option '--confg'\n/),
    })
  }
})

test('what the demo does not understand is one line on stderr, with a hint at most', () => {
  for (const args of [
    ['--dleay', '1s'],
    ['--delay', '3parsecs'],
    ['--delay', '-1s'],
    ['--delay', '99999999d'],
    ['--loss', '100%'],
    ['--loss', '101%'],
    ['--loss', 'half'],
    ['--seed', 'x'],
    ['--message', '/nowhere/at/all'],
    ['--message', '/tmp'],
    ['--message', ''],
    ['--scenario', 'package.json'],
    ['surplus'],
  ]) {
    const { status, errors } = run('demo', ...args)
    expect(status, args.join(' ')).toBe(2)
    if (args[0] !== '--scenario')
      expect(errors, args.join(' ')).toMatch(/^[^\n]+\n(\(Did you mean [^\n]+\?\)\n)?$/)
  }
})

test('what is mistyped is told with what it may have been', () => {
  expect(run('serve', '--confg', 'x.yaml').errors).toContain('(Did you mean --config?)')
  expect(run('queue', 'relase', '--all').errors).toContain('(Did you mean release?)')
})

test('a missing option is named where all others are understood', () => {
  for (const command of [['serve'], ['rc', 'write', 'folder']]) {
    expect(run(...command)).toEqual({
      status: 2,
      errors: "error: required option '--config <file>' not specified\n",
    })
  }
})

test.skipIf(needsProc())(
  'a folder that cannot be made, as in /proc, ends a command at once with a line',
  () => {
    const node = 'examples/ion/2.bench.udp/bench'
    const files = ['ionrc', 'bprc', 'ipnrc'].map((kind) => `${node}.${kind}`)
    for (const args of [
      ['rc', 'run', '--directory', '/proc/there/is/none', ...files],
      ['rc', 'write', '--config', 'etc/mail-1.yaml', '/proc/there/is/none'],
      ['certificate', 'authority', '/proc/there/is/none'],
    ]) {
      const { status, errors } = run(...args)
      expect({ status, last: errors.trimEnd().split('\n').at(-1) }).toEqual({
        status: 1,
        last: expect.stringMatching(
          /^cannot (make|write into) \/proc\/there\/is\/none: no such file or directory$/,
        ),
      })
    }
  },
)

test('a certificate needs a name, and names need their forms', () => {
  const cases: readonly (readonly [args: readonly string[], complaint: string])[] = [
    [[], 'a certificate for nobody: --dns, --node or --ip would be right'],
    [['--node', 'ipn:2.5'], 'A node is ipn:2 or dtn://mail-1/.'],
    [['--node', 'ipn:0'], 'A node is ipn:2 or dtn://mail-1/.'],
    [['--node', 'mail-1'], 'A node is ipn:2 or dtn://mail-1/.'],
    [['--dns', 'mail 1'], 'A DNS name is mail-1.a.com or *.a.com.'],
    [['--ip', '1.2.3'], 'An IP address is 172.21.0.3 or 2001:db8::1.'],
    [['--ip', '::1', '--days', '0'], 'Days are from 1 to 36500.'],
  ]
  for (const [args, complaint] of cases) {
    const { status, errors } = run('certificate', 'issue', 'folder', ...args)
    expect({ args, status }).toEqual({ args, status: 2 })
    expect(errors.trimEnd().endsWith(complaint)).toBe(true)
  }
})
