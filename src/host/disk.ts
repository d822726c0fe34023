/**
 * Files on the machine's disk. What every mail needs goes by callbacks: a FileHandle and a promise for
 * each step would cost more than the steps. Many files are read by threads of our own.
 */

import * as fs from 'node:fs'
import { type FileHandle, mkdir, open, readdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Fault } from '../base/fault.ts'
import {
  type Disk,
  type DiskFaultCode,
  type DiskResult,
  digestEach,
  type FileReader,
  type FileStart,
  type FileStatus,
  type FileWriter,
  isTemporaryDiskFault,
  type Move,
} from '../ports/disk.ts'
import {
  digestInBulk,
  errorOf,
  type NewFile,
  readInBulk,
  removeInBulk,
  renameInBulk,
  writeInBulk,
} from './bulk.ts'
import type { BulkAnswer } from './bulk-worker.ts'
import { errnoOf } from './errno.ts'

const CODES: Readonly<Record<string, DiskFaultCode>> = {
  ENOENT: 'disk/not-found',
  EEXIST: 'disk/exists',
  ENOTDIR: 'disk/not-a-directory',
  EACCES: 'disk/permission-denied',
  EPERM: 'disk/permission-denied',
  EROFS: 'disk/permission-denied',
  ENOSPC: 'disk/full',
  EDQUOT: 'disk/full',
}

/** Mail is nobody else's business. */
const FILE_MODE = 0o600
const DIRECTORY_MODE = 0o700

/** From so many files of one turn on a wake of a thread of our own is cheaper than several of Node's for each. */
const BULK_MIN = 4

/** What is to be made in this turn of the loop, together. */
class NewFiles {
  #waiting: NewFile[] = []

  add(file: NewFile): void {
    if (this.#waiting.push(file) === 1) setImmediate(() => this.#make())
  }

  #make(): void {
    const files = this.#waiting
    this.#waiting = []
    if (files.length >= BULK_MIN) writeInBulk(files, FILE_MODE)
    else for (const { path, bytes, done } of files) writeNew(path, bytes, done)
  }
}

interface Rename extends Move {
  readonly done: Done
}

/** What is to have another name after this turn of the loop. */
class Renames {
  #waiting: Rename[] = []

  add(rename: Rename): void {
    if (this.#waiting.push(rename) === 1) setImmediate(() => this.#carryOut())
  }

  #carryOut(): void {
    const renames = this.#waiting
    this.#waiting = []
    if (renames.length >= BULK_MIN) void renameTogether(renames)
    else for (const { from, to, done } of renames) fs.rename(from, to, done)
  }
}

async function renameTogether(renames: readonly Rename[]): Promise<void> {
  const moves = renames.map(({ from, to }) => ({ from, to }))
  try {
    const outcomes = (await renameInBulk(moves)).flatMap((answer) => answer.outcomes)
    for (const [i, { done }] of renames.entries()) {
      const outcome = outcomes[i]
      done(typeof outcome === 'object' ? errorOf(outcome) : null)
    }
  } catch (error) {
    for (const { done } of renames) done(error as Error)
  }
}

const newFiles = new NewFiles()
const renames = new Renames()

export const hostDisk: Disk = {
  create: (path) => asFaults(async () => fileWriter(await open(path, 'wx', FILE_MODE))),
  writeNew: (path, bytes) => called((done) => newFiles.add({ path, bytes, done })),
  open: (path) =>
    new Promise((resolve, reject) => {
      openFile(path, (error, file) => (file === undefined ? reject(faultOf(error)) : resolve(file)))
    }),
  readStarts: (files) => asFaults(() => readStarts(files)),
  digestStarts: (files, digest) =>
    asFaults(async () => digestEach(files, await readStarts(files), digest)),
  rename: (from, to) => called((done) => renames.add({ from, to, done })),
  renameEach: (moves) =>
    doneEach(moves, ({ from, to }, done) => fs.rename(from, to, done), renameInBulk),
  link: (from, to) => called((done) => fs.link(from, to, done)),
  remove: (path) => called((done) => fs.unlink(path, done)),
  removeEach: (paths) => doneEach(paths, fs.unlink, removeInBulk),
  removeDirectory: (path) => called((done) => fs.rmdir(path, done)),
  syncDirectory: (path) => called((done) => syncDirectory(path, done)),
  makeDirectory: (path) => asFaults(() => makeDirectory(path)),
  list: (path) => asFaults(async () => (await readdir(path)).sort()),
  stat: (path) => asFaults(async () => fileStatus(path)),
}

/** The same, whose threads make the digests that `module` exports, compiled, by their names. */
export function diskWithDigests(module: URL): Disk {
  return {
    ...hostDisk,
    digestStarts: (files, { name }) =>
      asFaults(async () => partsOf(await digestInBulk(files, module, name))),
  }
}

/** What is asked about is asked about often, so it is in memory: a thread would be the longer wait. */
function fileStatus(path: string): FileStatus | undefined {
  try {
    const status = fs.statSync(path, { throwIfNoEntry: false })
    return (
      status && {
        kind: status.isDirectory() ? 'directory' : 'file',
        sizeBytes: status.size,
        modifiedMs: status.mtimeMs,
      }
    )
  } catch (error) {
    if (errnoOf(error) === 'ENOTDIR') return undefined
    throw error
  }
}

function fileWriter(file: FileHandle): FileWriter {
  return {
    append: (bytes) =>
      asFaults(async () => {
        for (let at = 0; at < bytes.length; ) {
          at += (await file.write(bytes, at, bytes.length - at)).bytesWritten
        }
      }),
    // The size is synchronised with the content; only the times of access and change are not.
    sync: () => asFaults(() => file.datasync()),
    close: () => asFaults(() => file.close()),
  }
}

/** A pipe is no file, but would be waited for until somebody writes to it. */
const READ_ONLY = fs.constants.O_RDONLY | fs.constants.O_NONBLOCK

function openFile(path: string, done: (error: Error | null, file?: FileReader) => void): void {
  fs.open(path, READ_ONLY, (error, file) => {
    if (error) {
      done(error)
      return
    }
    try {
      // Neither this nor closing it waits for the disk: it is open.
      const status = fs.fstatSync(file)
      if (status.isFile()) {
        done(null, fileReader(file, status.size))
        return
      }
      fs.closeSync(file)
      done(diskFault('disk/failed', `not a file: ${path}`))
    } catch (error) {
      done(error as Error)
    }
  })
}

async function readStarts(files: readonly FileStart[]): Promise<readonly DiskResult<Uint8Array>[]> {
  return partsOf(await readInBulk(files))
}

/** Of each file what is its own. */
function partsOf(answers: readonly BulkAnswer[]): readonly DiskResult<Uint8Array>[] {
  const results: DiskResult<Uint8Array>[] = []
  for (const { bytes, outcomes } of answers) {
    let at = 0
    for (const outcome of outcomes) {
      if (typeof outcome === 'number') {
        results.push({ ok: true, value: bytes.subarray(at, at + outcome) })
        at += outcome
      } else results.push({ ok: false, fault: faultOf(errorOf(outcome)) })
    }
  }
  return results
}

/** Few do not wait for a thread that may just be flushing what others write. */
const FEW = 16

function doneEach<T>(
  items: readonly T[],
  doOne: (item: T, done: Done) => void,
  doMany: (items: readonly T[]) => Promise<readonly BulkAnswer[]>,
): Promise<readonly DiskResult<void>[]> {
  if (items.length >= FEW) return asFaults(async () => resultsOf(await doMany(items)))
  return Promise.all(items.map((item) => resultOf((done) => doOne(item, done))))
}

function resultOf(start: (done: Done) => void): Promise<DiskResult<void>> {
  return new Promise((resolve) => {
    start((error) => resolve(error ? { ok: false, fault: faultOf(error) } : DONE))
  })
}

/** Of what has been done, and gives nothing. */
function resultsOf(answers: readonly BulkAnswer[]): readonly DiskResult<void>[] {
  return answers.flatMap(({ outcomes }) =>
    outcomes.map((outcome) =>
      typeof outcome === 'number' ? DONE : { ok: false, fault: faultOf(errorOf(outcome)) },
    ),
  )
}

const DONE: DiskResult<void> = { ok: true, value: undefined }

function fileReader(file: number, sizeBytes: number): FileReader {
  return {
    sizeBytes,
    read: (offset, length) =>
      new Promise((resolve, reject) => {
        const bytes = new Uint8Array(Math.max(0, Math.min(length, sizeBytes - offset)))
        const readOn = (at: number): void => {
          fs.read(file, bytes, at, bytes.length - at, offset + at, (error, count) => {
            if (error) reject(faultOf(error))
            else if (count === 0) resolve(bytes.slice(0, at))
            else if (at + count < bytes.length) readOn(at + count)
            else resolve(bytes)
          })
        }
        if (bytes.length === 0) resolve(bytes)
        else readOn(0)
      }),
    close: () => asFaults(async () => fs.closeSync(file)),
  }
}

type Done = (error: Error | null) => void

const NEW_FILE = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL
const DIRECTORY = fs.constants.O_RDONLY | fs.constants.O_DIRECTORY

function writeNew(path: string, bytes: Uint8Array, done: Done): void {
  // As if each write were followed by a flush, in one step with it.
  fs.open(path, NEW_FILE | fs.constants.O_DSYNC, FILE_MODE, (error, file) => {
    if (error) done(error)
    else writeOn(0)
    function writeOn(from: number): void {
      fs.write(file, bytes, from, bytes.length - from, null, (error, count) => {
        if (error) {
          fs.close(file, () => fs.unlink(path, () => done(error)))
        } else if (from + count < bytes.length) writeOn(from + count)
        else {
          closed(file)
          done(null)
        }
      })
    }
  })
}

/** What is on the disk is closed without a wait, and nothing is lost where that fails. */
function closed(file: number): void {
  try {
    fs.closeSync(file)
  } catch (error) {
    errnoOf(error)
  }
}

function syncDirectory(path: string, done: Done): void {
  let directory: number
  try {
    // Its names have just been changed, so it is in memory: opening it is no wait, a thread would be.
    directory = fs.openSync(path, DIRECTORY)
  } catch (error) {
    done(error as Error)
    return
  }
  fs.fsync(directory, (error) => {
    closed(directory)
    done(error)
  })
}

async function makeDirectory(path: string): Promise<void> {
  const parent = dirname(path)
  let isNew = true
  try {
    await mkdirWithParents(path)
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
    if (!(await stat(path)).isDirectory()) {
      throw diskFault('disk/not-a-directory', `not a directory: ${path}`)
    }
    isNew = false
  }
  // One that exists may have been made a moment ago, or before a crash, its name not yet durable.
  try {
    await new Promise<void>((resolve, reject) => {
      syncDirectory(parent, (error) => (error ? reject(error) : resolve()))
    })
  } catch (error) {
    // Not in a directory that we may not even read: what exists there is not of our making.
    if (isNew || errnoOf(error) !== 'EACCES') throw error
  }
}

/** Asks a second time only, for there are places, as /proc, where a parent exists and nothing can be made. */
async function mkdirWithParents(path: string): Promise<void> {
  try {
    await mkdir(path, DIRECTORY_MODE)
  } catch (error) {
    const parent = dirname(path)
    if (errnoOf(error) !== 'ENOENT' || parent === path) throw error
    await makeDirectory(parent)
    await mkdir(path, DIRECTORY_MODE)
  }
}

/** Runs what calls back; its system errors become Faults. */
function called(start: (done: Done) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => (error ? reject(faultOf(error)) : resolve()))
  })
}

/** Runs `action`; its system errors become Faults. */
async function asFaults<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    if (error instanceof Fault) throw error
    throw faultOf(error as Error)
  }
}

function faultOf(error: Error | null): Fault<DiskFaultCode> {
  if (error instanceof Fault) return error as Fault<DiskFaultCode>
  return diskFault(CODES[errnoOf(error)] ?? 'disk/failed', String(error?.message), error)
}

/** `cause` is the system's error, where there is one. */
function diskFault(code: DiskFaultCode, message: string, cause?: unknown): Fault<DiskFaultCode> {
  return new Fault(code, message, {
    temporary: isTemporaryDiskFault(code),
    detail: cause === undefined ? {} : { errno: errnoOf(cause) },
    cause,
  })
}
