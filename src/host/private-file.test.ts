import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { readPrivateFile, versionOf, writePrivateFile } from './private-file.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lightlag-private-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

it('is written for its owner alone, replaced as a whole, and leaves nothing beside it', () => {
  const file = join(folder, 'users')
  expect(readPrivateFile(file)).toBeUndefined()
  expect(versionOf(file)).toBeUndefined()
  writePrivateFile(file, 'ä longer text')
  const before = versionOf(file)
  writePrivateFile(file, 'short')
  expect(versionOf(file)).not.toBe(before)
  expect(readPrivateFile(file)).toBe('short')
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readdirSync(folder)).toEqual(['users'])
})

it('is refused where others can read it, and says what would be right', () => {
  const file = join(folder, 'users')
  writeFileSync(file, '')
  chmodSync(file, 0o640)
  expect(() => readPrivateFile(file)).toThrow(/\(mode 640\): mode 600 would be right/)
})

it('says that it cannot be read', () => {
  mkdirSync(join(folder, 'users'), { mode: 0o700 })
  expect(() => readPrivateFile(join(folder, 'users'))).toThrow(/users cannot be read: /)
})

it('is as it was where it cannot be written', () => {
  const file = join(folder, 'users')
  writePrivateFile(file, 'as it was')
  mkdirSync(`${file}.new`)
  expect(() => writePrivateFile(file, 'other')).toThrow(/cannot be written, and is as it was: /)
  expect(readPrivateFile(file)).toBe('as it was')
})

it.skipIf(!existsSync('/dev/full'))('is as it was where the disk is full', () => {
  const file = join(folder, 'users')
  writePrivateFile(file, 'as it was')
  symlinkSync('/dev/full', `${file}.new`)
  expect(() => writePrivateFile(file, 'other')).toThrow(/and is as it was: no space left$/)
  expect(readPrivateFile(file)).toBe('as it was')
  writePrivateFile(file, 'there is room again')
  expect(readPrivateFile(file)).toBe('there is room again')
})
