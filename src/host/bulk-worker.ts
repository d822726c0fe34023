/** The thread behind `bulk.ts`: one file after the other, by calls that wait. */

import * as fs from 'node:fs'
import { parentPort } from 'node:worker_threads'
import type { Digest } from '../ports/disk.ts'
import { errnoOf } from './errno.ts'

/** What the system said; a worker's errors do not come through as they are. */
export interface SystemError {
  readonly code: string
  readonly message: string
}

/** Lists of plain values: an object for each file costs as much to bring here as some files to open. */
export type BulkRequest =
  | {
      readonly type: 'read'
      readonly paths: readonly string[]
      readonly lengths: readonly number[]
    }
  | Digesting
  | { readonly type: 'rename'; readonly from: readonly string[]; readonly to: readonly string[] }
  | { readonly type: 'remove'; readonly paths: readonly string[] }
  | NewFiles

/** Files' beginnings, of each of which the digest `name` is to be made that `module` exports. */
export interface Digesting {
  readonly type: 'digest'
  readonly paths: readonly string[]
  readonly lengths: readonly number[]
  readonly module: string
  readonly name: string
}

/** New files, which are to be durable, with their content one behind the other. */
export interface NewFiles {
  readonly type: 'write'
  readonly files: readonly { readonly path: string; readonly length: number }[]
  readonly mode: number
  readonly content: Uint8Array<ArrayBuffer>
}

export interface BulkAnswer {
  /** What was read of all files, or made of it, one behind the other. */
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Of each file, in order: octets of `bytes`, or how many were written; 0 where something else was to be done. */
  readonly outcomes: readonly (number | SystemError)[]
}

/** What is no file must not hold up those behind it, as a pipe that nobody writes to would. */
const READ = fs.constants.O_RDONLY | fs.constants.O_NONBLOCK

/** Never one that is there. */
const NEW = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL

/** Gives them in the order of the requests, also while a module is loaded. */
class Answers {
  #before: Promise<void> = Promise.resolve()
  /** For what is read and not kept, used again and again. */
  #room: Uint8Array = new Uint8Array(0)

  give(request: BulkRequest): void {
    this.#before = this.#before.then(async () => {
      const answer =
        request.type === 'digest'
          ? await digestAll(request, this.#roomFor(Math.max(0, ...request.lengths)))
          : answerTo(request)
      parentPort?.postMessage(answer, [answer.bytes.buffer])
    })
  }

  #roomFor(length: number): Uint8Array {
    if (this.#room.length < length) this.#room = new Uint8Array(length)
    return this.#room
  }
}

const answers = new Answers()

parentPort?.on('message', (request: BulkRequest) => answers.give(request))

function answerTo(request: Exclude<BulkRequest, Digesting>): BulkAnswer {
  switch (request.type) {
    case 'read':
      return readAll(request.paths, request.lengths)
    case 'rename':
      return doneEach(request.from, (from, i) => fs.renameSync(from, request.to[i] as string))
    case 'remove':
      return doneEach(request.paths, (path) => fs.unlinkSync(path))
    case 'write':
      return writeAll(request)
  }
}

function doneEach(paths: readonly string[], action: (path: string, i: number) => void): BulkAnswer {
  const outcomes = paths.map((path, i) =>
    outcomeOf(() => {
      action(path, i)
      return 0
    }),
  )
  return { bytes: new Uint8Array(0), outcomes }
}

/** All are written before the first is flushed: what its flush brings to the disk the others need not. */
function writeAll({ files, mode, content }: NewFiles): BulkAnswer {
  let at = 0
  const written = files.map(({ path, length }) => {
    const bytes = content.subarray(at, at + length)
    at += length
    return { path, outcome: outcomeOf(() => writeNew(path, mode, bytes)) }
  })
  const outcomes = written.map(({ path, outcome }, i) => {
    if (typeof outcome !== 'number') return outcome
    const file = outcome
    return outcomeOf(() => {
      removedUnless(path, () => fs.fdatasyncSync(file), file)
      fs.closeSync(file)
      return files[i]?.length ?? 0
    })
  })
  return { bytes: new Uint8Array(0), outcomes }
}

/** The open file. */
function writeNew(path: string, mode: number, bytes: Uint8Array): number {
  const file = fs.openSync(path, NEW, mode)
  removedUnless(
    path,
    () => {
      for (let at = 0; at < bytes.length; ) at += fs.writeSync(file, bytes, at, bytes.length - at)
    },
    file,
  )
  return file
}

/** Nothing is left of a file with which that fails. */
function removedUnless(path: string, action: () => void, file: number): void {
  try {
    action()
  } catch (error) {
    fs.closeSync(file)
    fs.unlinkSync(path)
    throw error
  }
}

function readAll(paths: readonly string[], lengths: readonly number[]): BulkAnswer {
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0))
  let at = 0
  const outcomes = paths.map((path, i) =>
    outcomeOf(() => {
      const count = readStart(path, bytes.subarray(at, at + (lengths[i] as number)))
      at += count
      return count
    }),
  )
  // What was not needed is not kept for as long as one of them is.
  return { bytes: 2 * at < bytes.length ? bytes.slice(0, at) : bytes, outcomes }
}

async function digestAll(
  { paths, lengths, module, name }: Digesting,
  room: Uint8Array,
): Promise<BulkAnswer> {
  const { make } = ((await import(module)) as Record<string, Digest>)[name] as Digest
  const digests: Uint8Array[] = []
  const outcomes = paths.map((path, i) =>
    outcomeOf(() => {
      const wanted = lengths[i] as number
      const digest = make(room.subarray(0, readStart(path, room.subarray(0, wanted))), wanted)
      digests.push(digest)
      return digest.length
    }),
  )
  const bytes = new Uint8Array(digests.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const digest of digests) {
    bytes.set(digest, at)
    at += digest.length
  }
  return { bytes, outcomes }
}

function readStart(path: string, into: Uint8Array): number {
  const file = fs.openSync(path, READ)
  try {
    let at = 0
    while (at < into.length) {
      const count = fs.readSync(file, into, at, into.length - at, at)
      if (count === 0) break
      at += count
    }
    return at
  } finally {
    fs.closeSync(file)
  }
}

function outcomeOf(action: () => number): number | SystemError {
  try {
    return action()
  } catch (error) {
    const { message } = error as Error
    return { code: errnoOf(error), message }
  }
}
