import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { toLatin1 } from '../base/bytes.ts'
import { hostDisk } from './disk.ts'

const directory = mkdtempSync(join(tmpdir(), 'lightlag-bulk-'))
afterAll(() => rmSync(directory, { recursive: true }))

it('goes on behind a pipe that nobody writes to', async () => {
  const pipe = join(directory, 'pipe')
  const file = join(directory, 'file')
  execFileSync('mkfifo', [pipe])
  writeFileSync(file, 'abc')
  const answers = await hostDisk.readStarts([pipe, file].map((path) => ({ path, length: 10 })))
  expect(answers.map((one) => one.ok && toLatin1(one.value))).toEqual([false, 'abc'])
})

it('opens no pipe, and does not wait for somebody who writes to it', async () => {
  const pipe = join(directory, 'opened')
  execFileSync('mkfifo', [pipe])
  await expect(hostDisk.open(pipe)).rejects.toMatchObject({ message: `not a file: ${pipe}` })
})

it('renames what is asked for in one turn together, and tells each what became of it', async () => {
  const path = (name: string): string => join(directory, name)
  const names = Array.from({ length: 40 }, (_, i) => `m${i}`)
  for (const name of names) if (name !== 'm7') writeFileSync(path(name), name)
  const renames = names.map((name) => hostDisk.rename(path(name), path(`to-${name}`)))
  const outcomes = await Promise.allSettled(renames)
  const failed = outcomes.flatMap((one, i) => (one.status === 'rejected' ? [[i, one.reason]] : []))
  expect(failed).toEqual([[7, expect.objectContaining({ code: 'disk/not-found' })]])
  const there = (await hostDisk.list(directory)).filter((name) => name.startsWith('to-m'))
  expect(there).toHaveLength(39)
  expect(toLatin1(await (await hostDisk.open(path('to-m8'))).read(0, 9))).toBe('m8')
})
