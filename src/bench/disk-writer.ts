/** One of the writers that find out what the disk gives. */

import { closeSync, fdatasyncSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'

export interface WriterJob {
  readonly work: 'files' | 'append'
  readonly directory: string
  readonly writer: number
  readonly count: number
  readonly bytes: number
}

const { work, directory, writer, count, bytes } = workerData as WriterJob
const content = new Uint8Array(bytes).fill(0x61)
const startedAt = Date.now()
if (work === 'files') writeFiles()
else append()
parentPort?.postMessage({ startedAt, endedAt: Date.now() })

function writeFiles(): void {
  const target = openSync(join(directory, 'new'), 'r')
  for (let i = 0; i < count; i++) {
    const name = `${writer}-${i}`
    const file = openSync(join(directory, 'tmp', name), 'wx')
    writeSync(file, content)
    fdatasyncSync(file)
    closeSync(file)
    renameSync(join(directory, 'tmp', name), join(directory, 'new', name))
    fsyncSync(target)
  }
  closeSync(target)
}

function append(): void {
  const file = openSync(join(directory, 'log'), 'a')
  for (let i = 0; i < count; i++) {
    writeSync(file, content)
    fdatasyncSync(file)
  }
  closeSync(file)
}
