import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { LogFile } from './log-file.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lightlag-'))
})

afterEach(() => rmSync(folder, { recursive: true }))

function said(file: LogFile, line: string): Promise<void> {
  return new Promise((resolve) => {
    file.write(line, () => resolve())
  })
}

it('goes on at the end of a file, and in a new one when the old has been moved', async () => {
  const path = join(folder, 'events.json')
  for (const line of ['one\n', 'two\n']) {
    const file = new LogFile(path)
    await said(file, line)
    file.end()
  }
  const file = new LogFile(path)
  await said(file, 'three\n')
  renameSync(path, `${path}.1`)
  await said(file, 'four\n')
  file.reopen()
  await said(file, 'five\n')
  file.end()
  expect(readFileSync(`${path}.1`, 'utf8')).toBe('one\ntwo\nthree\nfour\n')
  expect(readFileSync(path, 'utf8')).toBe('five\n')
})

it('goes on where it was when it cannot be opened anew', async () => {
  const inner = join(folder, 'inner')
  expect(() => new LogFile(join(inner, 'x'))).toThrow(/cannot open .*inner\/x: ENOENT/)
  const file = new LogFile(join(folder, 'x'))
  renameSync(folder, `${folder}-moved`)
  file.reopen()
  await said(file, 'still\n')
  renameSync(`${folder}-moved`, folder)
  expect(readFileSync(join(folder, 'x'), 'utf8')).toBe('still\n')
  file.end()
})
