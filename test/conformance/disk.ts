import { describe, expect, it } from 'vitest'
import { fromLatin1, toLatin1 } from '../../src/base/bytes.ts'
import { messageHead } from '../../src/mail/mailbox/digests.ts'
import { formatSummary } from '../../src/mail/mailbox/summary.ts'
import type { Disk } from '../../src/ports/disk.ts'
import { type World, within } from './world.ts'

export interface DiskWorld extends World {
  readonly disk: Disk
  /** An empty directory for the test, absolute. */
  readonly root: string
}

/** The contract of `src/ports/disk.ts`. */
export function describeDisk(name: string, make: () => Promise<DiskWorld>): void {
  const onDisk = (body: (disk: Disk, root: string) => Promise<void>) => () =>
    within(make, (world) => body(world.disk, world.root))

  describe(`the disk contract: ${name}`, () => {
    it(
      'writes a new file in pieces and reads any part of it',
      onDisk(async (disk, root) => {
        const path = `${root}/file`
        const writer = await disk.create(path)
        await writer.append(fromLatin1('Hello, '))
        await writer.append(new Uint8Array(0))
        await writer.append(fromLatin1('Mars'))
        await writer.sync()
        await writer.close()
        await disk.syncDirectory(root)

        const reader = await disk.open(path)
        expect(reader.sizeBytes).toBe(11)
        expect(toLatin1(await reader.read(0, 5))).toBe('Hello')
        expect(toLatin1(await reader.read(7, 100))).toBe('Mars')
        expect(await reader.read(11, 100)).toHaveLength(0)
        expect(await reader.read(500, 100)).toHaveLength(0)
        expect(await reader.read(0, 0)).toHaveLength(0)
        await reader.close()
      }),
    )

    it(
      'writes a new file at once, and none where the name is taken',
      onDisk(async (disk, root) => {
        await disk.writeNew(`${root}/file`, fromLatin1('Hello, Mars'))
        await disk.writeNew(`${root}/empty`, new Uint8Array(0))
        expect(await read(disk, `${root}/file`)).toBe('Hello, Mars')
        expect(await read(disk, `${root}/empty`)).toBe('')
        for (const name of ['file', 'empty']) {
          await expect(disk.writeNew(`${root}/${name}`, fromLatin1('x'))).rejects.toMatchObject({
            name: 'Fault',
            code: 'disk/exists',
            temporary: false,
          })
        }
        await expect(disk.writeNew(`${root}/nowhere/file`, fromLatin1('x'))).rejects.toMatchObject({
          code: 'disk/not-found',
          temporary: false,
        })
        expect(await read(disk, `${root}/file`)).toBe('Hello, Mars')
      }),
    )

    it(
      'writes many new files at the same time, each with its own answer',
      onDisk(async (disk, root) => {
        await disk.writeNew(`${root}/7`, fromLatin1('before'))
        const names = [...Array.from({ length: 80 }, (_, i) => String(i)), 'nowhere/file']
        const written = await Promise.allSettled(
          names.map((name) => disk.writeNew(`${root}/${name}`, fromLatin1(`file ${name}`))),
        )
        const refused = names.flatMap((name, i) => {
          const one = written[i]
          return one?.status === 'rejected' ? [[name, one.reason.code]] : []
        })
        expect(refused).toEqual([
          ['7', 'disk/exists'],
          ['nowhere/file', 'disk/not-found'],
        ])
        for (const name of names.slice(0, -1)) {
          expect(await read(disk, `${root}/${name}`)).toBe(name === '7' ? 'before' : `file ${name}`)
        }
      }),
    )

    it(
      'gives a file a second name, and keeps its content until the last is gone',
      onDisk(async (disk, root) => {
        await disk.makeDirectory(`${root}/other`)
        await disk.writeNew(`${root}/a`, fromLatin1('abc'))
        await disk.link(`${root}/a`, `${root}/other/b`)
        await expect(disk.link(`${root}/a`, `${root}/other/b`)).rejects.toMatchObject({
          code: 'disk/exists',
        })
        await expect(disk.link(`${root}/none`, `${root}/c`)).rejects.toMatchObject({
          code: 'disk/not-found',
        })
        await disk.remove(`${root}/a`)
        const reader = await disk.open(`${root}/other/b`)
        expect(toLatin1(await reader.read(0, 10))).toBe('abc')
        await reader.close()
      }),
    )

    it(
      'reads the beginnings of many files, or all of shorter ones, each with its own answer',
      onDisk(async (disk, root) => {
        await disk.writeNew(`${root}/a`, fromLatin1('abcdef'))
        await disk.writeNew(`${root}/empty`, fromLatin1(''))
        const answers = await disk.readStarts([
          { path: `${root}/a`, length: 3 },
          { path: `${root}/none`, length: 3 },
          { path: `${root}/a`, length: 100_000 },
          { path: root, length: 3 },
          { path: `${root}/empty`, length: 100 },
          { path: `${root}/a`, length: 0 },
        ])
        expect(answers.map((one) => (one.ok ? toLatin1(one.value) : one.fault.code))).toEqual([
          'abc',
          'disk/not-found',
          'abcdef',
          'disk/failed',
          '',
          '',
        ])
        expect(answers.flatMap((one) => (one.ok ? [] : [one.fault.temporary]))).toEqual([
          false,
          true,
        ])
        expect(await disk.readStarts([])).toEqual([])
      }),
    )

    it(
      'makes digests of the beginnings of many files, each with its own answer',
      onDisk(async (disk, root) => {
        await disk.writeNew(`${root}/whole`, fromLatin1('Subject: a\n\nb'))
        await disk.writeNew(`${root}/long`, fromLatin1('X: 1234567890\nY: 1234567890\n\n'))
        const files = ['whole', 'none', 'long'].map((name) => ({
          path: `${root}/${name}`,
          length: 20,
        }))
        const answers = await disk.digestStarts(files, messageHead)
        expect(answers.map((one) => (one.ok ? toLatin1(one.value) : one.fault.code))).toEqual([
          toLatin1(formatSummary({ subject: 'a' })),
          'disk/not-found',
          '',
        ])
        expect(await disk.digestStarts([], messageHead)).toEqual([])
        const many = Array.from({ length: 300 }, () => files[0] as (typeof files)[number])
        const all = await disk.digestStarts(many, messageHead)
        expect(new Set(all.map((one) => one.ok && toLatin1(one.value))).size).toBe(1)
        expect(all).toHaveLength(300)
      }),
    )

    it(
      'reads hundreds of files by one question, also by several at a time',
      onDisk(async (disk, root) => {
        const numbers = Array.from({ length: 300 }, (_, i) => i)
        for (const n of numbers) await write(disk, `${root}/${n}`, `file ${n}`)
        const files = numbers.map((n) => ({ path: `${root}/${n}`, length: 100 }))
        for (const read of await Promise.all([disk.readStarts(files), disk.readStarts(files)])) {
          expect(read.map((one) => one.ok && toLatin1(one.value))).toEqual(
            numbers.map((n) => `file ${n}`),
          )
        }
      }),
    )

    it(
      'renames and removes many files or few by one question, each with its own answer',
      onDisk(async (disk, root) => {
        const numbers = Array.from({ length: 100 }, (_, i) => i)
        for (const n of numbers) await write(disk, `${root}/${n}`, `file ${n}`)
        const moves = [...numbers, 'none', 'neither'].map((n) => ({
          from: `${root}/${n}`,
          to: `${root}/moved-${n}`,
        }))
        const moved = await disk.renameEach(moves)
        const codes = (results: typeof moved) =>
          results.flatMap((one) => (one.ok ? [] : [one.fault.code]))
        expect(moved.length).toBe(102)
        expect(codes(moved.slice(0, 100))).toEqual([])
        expect(codes(moved)).toEqual(['disk/not-found', 'disk/not-found'])
        expect(await disk.list(root)).toEqual(numbers.map((n) => `moved-${n}`).sort())
        await disk.makeDirectory(`${root}/directory`)
        const paths = ['directory', 'none', ...numbers.map((n) => `moved-${n}`)]
        const removed = await disk.removeEach(paths.map((path) => `${root}/${path}`))
        expect(codes(removed)).toEqual(['disk/failed', 'disk/not-found'])
        expect(await disk.list(root)).toEqual(['directory'])
        await write(disk, `${root}/one`, 'one')
        const few = [
          { from: `${root}/one`, to: `${root}/two` },
          { from: `${root}/one`, to: `${root}/x` },
        ]
        expect(codes(await disk.renameEach(few))).toEqual(['disk/not-found'])
        expect(codes(await disk.removeEach([`${root}/one`, `${root}/two`]))).toEqual([
          'disk/not-found',
        ])
        expect(await disk.list(root)).toEqual(['directory'])
        expect([await disk.renameEach([]), await disk.removeEach([])]).toEqual([[], []])
      }),
    )

    it(
      'removes an empty directory only',
      onDisk(async (disk, root) => {
        await disk.makeDirectory(`${root}/full`)
        await disk.writeNew(`${root}/full/a`, fromLatin1('abc'))
        await expect(disk.removeDirectory(`${root}/full`)).rejects.toMatchObject({
          code: 'disk/failed',
        })
        await disk.remove(`${root}/full/a`)
        await disk.removeDirectory(`${root}/full`)
        expect(await disk.stat(`${root}/full`)).toBeUndefined()
        await expect(disk.removeDirectory(`${root}/full`)).rejects.toMatchObject({
          code: 'disk/not-found',
        })
      }),
    )

    it(
      'gives the bytes read to the caller as its own, and keeps a copy of the bytes written',
      onDisk(async (disk, root) => {
        const bytes = fromLatin1('abc')
        const writer = await disk.create(`${root}/file`)
        await writer.append(bytes)
        bytes.fill(0)
        await writer.close()
        const reader = await disk.open(`${root}/file`)
        const first = await reader.read(0, 3)
        first.fill(0)
        expect(toLatin1(await reader.read(0, 3))).toBe('abc')
        await reader.close()
      }),
    )

    it(
      'carries megabytes in one append and one read',
      onDisk(async (disk, root) => {
        const bytes = Uint8Array.from({ length: 3_000_000 }, (_, i) => i * 7)
        const writer = await disk.create(`${root}/file`)
        await writer.append(bytes.slice())
        await writer.close()
        const reader = await disk.open(`${root}/file`)
        const read = await reader.read(0, bytes.length)
        expect(read.length === bytes.length && read.every((byte, i) => byte === bytes[i])).toBe(
          true,
        )
        await reader.close()
      }),
    )

    it(
      'creates exclusively: of two that want one name, one is told disk/exists',
      onDisk(async (disk, root) => {
        const outcomes = await Promise.allSettled([
          disk.create(`${root}/file`),
          disk.create(`${root}/file`),
        ])
        const writers = outcomes.flatMap((each) =>
          each.status === 'fulfilled' ? [each.value] : [],
        )
        const faults = outcomes.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []))
        expect(writers).toHaveLength(1)
        expect(faults).toMatchObject([{ name: 'Fault', code: 'disk/exists', temporary: false }])
        for (const writer of writers) await writer.close()
        await expect(disk.create(root)).rejects.toMatchObject({
          code: 'disk/exists',
          temporary: false,
        })
      }),
    )

    it(
      'answers disk/not-found for what is not there',
      onDisk(async (disk, root) => {
        const nowhere = `${root}/nowhere`
        const notFound = { name: 'Fault', code: 'disk/not-found', temporary: false }
        await expect(disk.open(nowhere)).rejects.toMatchObject(notFound)
        await expect(disk.remove(nowhere)).rejects.toMatchObject(notFound)
        await expect(disk.list(nowhere)).rejects.toMatchObject(notFound)
        await expect(disk.rename(nowhere, `${root}/else`)).rejects.toMatchObject(notFound)
        await expect(disk.create(`${nowhere}/file`)).rejects.toMatchObject(notFound)
        await expect(disk.syncDirectory(nowhere)).rejects.toMatchObject(notFound)
        expect(await disk.stat(nowhere)).toBeUndefined()
        expect(await disk.stat(`${nowhere}/file`)).toBeUndefined()
      }),
    )

    it(
      'renames within and between directories, and replaces what was there',
      onDisk(async (disk, root) => {
        await disk.makeDirectory(`${root}/tmp`)
        await disk.makeDirectory(`${root}/new`)
        await write(disk, `${root}/tmp/a`, 'new content')
        await write(disk, `${root}/new/a`, 'old')
        await disk.rename(`${root}/tmp/a`, `${root}/new/a`)
        await disk.syncDirectory(`${root}/new`)
        await disk.syncDirectory(`${root}/tmp`)
        expect(await disk.list(`${root}/tmp`)).toEqual([])
        expect(await read(disk, `${root}/new/a`)).toBe('new content')
        await expect(disk.rename(`${root}/tmp/a`, `${root}/new/a`)).rejects.toMatchObject({
          code: 'disk/not-found',
          temporary: false,
        })
        expect(await read(disk, `${root}/new/a`)).toBe('new content')
      }),
    )

    it(
      'lets a reader finish a file that has been removed or replaced',
      onDisk(async (disk, root) => {
        await write(disk, `${root}/a`, 'first')
        const reader = await disk.open(`${root}/a`)
        await write(disk, `${root}/b`, 'other')
        await disk.rename(`${root}/b`, `${root}/a`)
        expect(toLatin1(await reader.read(0, 10))).toBe('first')
        await disk.remove(`${root}/a`)
        expect(toLatin1(await reader.read(0, 10))).toBe('first')
        await reader.close()
        expect(await disk.stat(`${root}/a`)).toBeUndefined()
      }),
    )

    it(
      'makes a directory with its parents, and is content where it exists',
      onDisk(async (disk, root) => {
        await disk.makeDirectory(`${root}/a/b/c`)
        await disk.makeDirectory(`${root}/a/b/c`)
        await disk.makeDirectory(`${root}/a/b`)
        expect(await disk.list(`${root}/a`)).toEqual(['b'])
        expect(await disk.stat(`${root}/a/b/c`)).toMatchObject({ kind: 'directory' })
        await Promise.all([
          disk.makeDirectory(`${root}/x/y/z`),
          disk.makeDirectory(`${root}/x/y/w`),
          disk.makeDirectory(`${root}/x/y/z`),
        ])
        expect(await disk.list(`${root}/x/y`)).toEqual(['w', 'z'])
      }),
    )

    it(
      'answers disk/not-a-directory where a file stands in the way',
      onDisk(async (disk, root) => {
        await write(disk, `${root}/file`, 'x')
        const inTheWay = { name: 'Fault', code: 'disk/not-a-directory', temporary: true }
        await expect(disk.list(`${root}/file`)).rejects.toMatchObject(inTheWay)
        await expect(disk.create(`${root}/file/below`)).rejects.toMatchObject(inTheWay)
        await expect(disk.makeDirectory(`${root}/file`)).rejects.toMatchObject(inTheWay)
        await expect(disk.makeDirectory(`${root}/file/below`)).rejects.toMatchObject(inTheWay)
        await expect(disk.open(`${root}/file/below`)).rejects.toMatchObject(inTheWay)
        await expect(disk.remove(`${root}/file/below`)).rejects.toMatchObject(inTheWay)
        await expect(disk.rename(`${root}/file`, `${root}/file/a`)).rejects.toMatchObject(inTheWay)
        await expect(disk.syncDirectory(`${root}/file`)).rejects.toMatchObject(inTheWay)
        expect(await disk.stat(`${root}/file/below`)).toBeUndefined()
        expect(await read(disk, `${root}/file`)).toBe('x')
      }),
    )

    it(
      'answers disk/failed where a directory stands in the place of a file',
      onDisk(async (disk, root) => {
        await disk.makeDirectory(`${root}/directory/below`)
        await write(disk, `${root}/file`, 'x')
        const failed = { name: 'Fault', code: 'disk/failed', temporary: true }
        await expect(disk.open(`${root}/directory`)).rejects.toMatchObject(failed)
        await expect(disk.remove(`${root}/directory`)).rejects.toMatchObject(failed)
        await expect(disk.rename(`${root}/file`, `${root}/directory`)).rejects.toMatchObject(failed)
      }),
    )

    it(
      'renames a directory to where there is nothing or an empty one, and nowhere else',
      onDisk(async (disk, root) => {
        await disk.makeDirectory(`${root}/full/below`)
        await disk.makeDirectory(`${root}/empty`)
        await write(disk, `${root}/file`, 'x')
        await expect(disk.rename(`${root}/empty`, `${root}/file`)).rejects.toMatchObject({
          code: 'disk/not-a-directory',
          temporary: true,
        })
        const failed = { name: 'Fault', code: 'disk/failed', temporary: true }
        await expect(disk.rename(`${root}/empty`, `${root}/full`)).rejects.toMatchObject(failed)
        await expect(disk.rename(`${root}/full`, `${root}/full/a`)).rejects.toMatchObject(failed)
        await disk.rename(`${root}/full`, `${root}/empty`)
        await disk.rename(`${root}/empty`, `${root}/moved`)
        expect(await disk.list(root)).toEqual(['file', 'moved'])
        expect(await disk.list(`${root}/moved`)).toEqual(['below'])
      }),
    )

    it(
      'writes no more once closed, and bears a second close',
      onDisk(async (disk, root) => {
        const writer = await disk.create(`${root}/file`)
        await writer.close()
        await writer.close()
        const failed = { name: 'Fault', code: 'disk/failed', temporary: true }
        await expect(writer.append(fromLatin1('x'))).rejects.toMatchObject(failed)
        await expect(writer.sync()).rejects.toMatchObject(failed)
        expect(await read(disk, `${root}/file`)).toBe('')
      }),
    )

    it(
      'lists names sorted by code unit, files and directories alike',
      onDisk(async (disk, root) => {
        for (const name of ['b', 'B', 'a.2', 'a', '_']) await write(disk, `${root}/${name}`, '')
        await disk.makeDirectory(`${root}/C`)
        expect(await disk.list(root)).toEqual(['B', 'C', '_', 'a', 'a.2', 'b'])
        await disk.remove(`${root}/a`)
        expect(await disk.list(root)).toEqual(['B', 'C', '_', 'a.2', 'b'])
      }),
    )

    it(
      'tells kind, size and time of change',
      onDisk(async (disk, root) => {
        await write(disk, `${root}/file`, 'four')
        const status = await disk.stat(`${root}/file`)
        expect(status).toMatchObject({ kind: 'file', sizeBytes: 4 })
        expect(status?.modifiedMs).toBeGreaterThan(946_684_800_000)
        expect(await disk.stat(root)).toMatchObject({ kind: 'directory' })
      }),
    )
  })
}

async function write(disk: Disk, path: string, text: string): Promise<void> {
  const writer = await disk.create(path)
  await writer.append(fromLatin1(text))
  await writer.close()
}

async function read(disk: Disk, path: string): Promise<string> {
  const reader = await disk.open(path)
  const bytes = await reader.read(0, reader.sizeBytes)
  await reader.close()
  return toLatin1(bytes)
}
