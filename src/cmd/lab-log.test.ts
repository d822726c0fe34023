import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { boundedLog, logsOf } from './lab-log.ts'

test('a log that is full begins anew, and what was in it is kept until it is full again', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lightlag-log-'))
  const file = join(folder, 'lab.log')
  const descriptor = openSync(file, 'a', 0o600)
  try {
    const print = boundedLog(file, 10, descriptor)
    const texts = (): readonly string[] =>
      logsOf(file).map((each) => readFileSync(each, 'utf8').replaceAll('\n', ' '))
    for (const line of ['1234', '5678']) print(line)
    print('9')
    expect(texts()).toEqual(['9 ', '1234 5678 '])
    print('longer than all of it')
    expect(texts()).toEqual(['longer than all of it ', '9 '])
    print('a')
    expect(texts()).toEqual(['a ', 'longer than all of it '])
  } finally {
    closeSync(descriptor)
    rmSync(folder, { recursive: true })
  }
})
