/** The thread behind `bulk.ts`: one file after the other, by calls that wait. */

import * as fs from 'node:fs'
import { parentPort } from 'node:worker_threads'
import type { FileStart } from '../ports/disk.ts'
import { errnoOf } from './errno.ts'

/** What the system said; a worker's errors do not come through as they are. */
export interface SystemError {
  readonly code: string
  readonly message: string
}

export interface BulkAnswer {
  /** What was read of all files, one behind the other. */
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Of each file, in order: how much was read. */
  readonly outcomes: readonly (number | SystemError)[]
}

/** What is no file must not hold up those behind it, as a pipe that nobody writes to would. */
const READ = fs.constants.O_RDONLY | fs.constants.O_NONBLOCK

parentPort?.on('message', (files: readonly FileStart[]) => {
  const answer = readAll(files)
  parentPort?.postMessage(answer, [answer.bytes.buffer])
})

function readAll(files: readonly FileStart[]): BulkAnswer {
  const bytes = new Uint8Array(files.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  const outcomes = files.map(({ path, length }) =>
    outcomeOf(() => {
      const count = readStart(path, bytes.subarray(at, at + length))
      at += count
      return count
    }),
  )
  // What was not needed is not kept for as long as one of them is.
  return { bytes: 2 * at < bytes.length ? bytes.slice(0, at) : bytes, outcomes }
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
