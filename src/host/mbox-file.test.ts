import {
  existsSync,
  linkSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fromUtf8 } from '../base/bytes.ts'
import { appendToMbox, STALE_LOCK_MS } from './mbox-file.ts'

let directory: string
let file: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mbox-file-'))
  file = join(directory, 'ann')
})

afterEach(() => rmSync(directory, { recursive: true }))

const append = (text: string, waitMs = 60_000) => appendToMbox(file, fromUtf8(text), waitMs)

test('the file is made for its owner only, and what lacks its empty line is given it', async () => {
  await append('one\n\n')
  await append('two\n')
  await append('three')
  await append('four\n\n')
  expect(readFileSync(file, 'utf8')).toBe('one\n\ntwo\n\nthree\n\nfour\n\n')
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(existsSync(`${file}.lock`)).toBe(false)
})

test('many at once write one behind the other', async () => {
  const texts = Array.from({ length: 8 }, (_, i) => `message ${i}\n\n`)
  await Promise.all(texts.map((text) => append(text)))
  const found = readFileSync(file, 'utf8').split('\n\n').slice(0, -1)
  expect(found.map((text) => `${text}\n\n`).sort()).toEqual(texts)
})

test('a lock that somebody holds is waited for, and given up after a while', async () => {
  writeFileSync(`${file}.lock`, `${process.pid}\n`)
  await expect(append('a', 0)).rejects.toMatchObject({ code: 'mbox-file/locked', temporary: true })
  expect(existsSync(file)).toBe(false)
  const appended = append('a\n\n')
  rmSync(`${file}.lock`)
  await appended
  expect(readFileSync(file, 'utf8')).toBe('a\n\n')
})

test('a lock is taken away whose maker is no more, or that is too old', async () => {
  writeFileSync(`${file}.lock`, '999999999\n')
  await append('a\n\n', 0)
  writeFileSync(`${file}.lock`, '')
  await expect(append('b', 0)).rejects.toMatchObject({ code: 'mbox-file/locked' })
  const old = (Date.now() - STALE_LOCK_MS - 1000) / 1000
  utimesSync(`${file}.lock`, old, old)
  await append('b\n\n', 0)
  expect(readFileSync(file, 'utf8')).toBe('a\n\nb\n\n')
})

test("nothing is written into another's file by a second name, nor where no lock can be made", async () => {
  const other = join(directory, 'other')
  writeFileSync(other, 'secret\n')
  symlinkSync(other, file)
  await expect(append('a', 0)).rejects.toMatchObject({ code: 'mbox-file/not-written' })
  rmSync(file)
  linkSync(other, file)
  await expect(append('a', 0)).rejects.toMatchObject({ code: 'mbox-file/not-written' })
  expect(readFileSync(other, 'utf8')).toBe('secret\n')
  const nowhere = appendToMbox(join(directory, 'none', 'ann'), fromUtf8('a'), 0)
  await expect(nowhere).rejects.toMatchObject({ code: 'mbox-file/not-written', temporary: true })
})
