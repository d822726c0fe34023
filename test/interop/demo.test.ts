import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

function demo(args: readonly string[], input = ''): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, ['dist/cmd/lightlag.js', 'demo', ...args], {
    input,
    encoding: 'utf8',
  })
}

test('the demo shows both deliveries, the diagram and the table, and exits with 0', () => {
  const { status, stdout, stderr } = demo([])
  expect(stderr).toBe('')
  expect(status).toBe(0)
  expect(stdout.match(/delivered to <user@mail-[12]\.a\.com>: \//g)).toHaveLength(2)
  expect(stdout).toContain('sequenceDiagram')
  expect(stdout).toMatch(/\| bytes on the wire/)
})

test('a message from standard input crosses 20 minutes in one flight', () => {
  const { status, stdout } = demo(
    ['--message', '-', '--delay', '20min'],
    readFileSync('examples/hello.eml', 'latin1'),
  )
  expect(status).toBe(0)
  expect(stdout).toMatch(/1200\.0\d\d s {2}mail-2\.a\.com .* delivered to/)
})

test('a message with LF or CRLF, without a line end or without a header arrives as it is', () => {
  for (const text of [
    'Subject: x\n\nHi\n',
    'Subject: x\r\n\r\nHi\r\n',
    'no header at all',
    '\n',
    '',
  ]) {
    const { status, stderr } = demo(['--message', '-'], text)
    expect(stderr, text).toBe('')
    expect(status, text).toBe(0)
  }
})

test('a mail that cannot be sent is one line on stderr and exit status 1', () => {
  const { status, stderr } = demo(['--message', '-'], 'Subject: x\n\nbare \r inside\n')
  expect(status).toBe(1)
  expect(stderr).toMatch(/^lightlag demo: [^\n]*550[^\n]*\n$/)
})

test('a reader that stops reading is no error', () => {
  const { status, stderr } = spawnSync(
    'bash',
    ['-c', `set -o pipefail; "${process.execPath}" dist/cmd/lightlag.js demo | head -1`],
    { encoding: 'utf8' },
  )
  expect(stderr).toBe('')
  expect(status).toBe(0)
})
