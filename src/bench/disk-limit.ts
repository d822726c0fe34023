/**
 * What the disk gives at best, whoever writes: a file made, written, flushed, renamed, and its
 * directory flushed, by eight writers; and blocks appended to one file, each flushed.
 */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { WriterJob } from './disk-writer.ts'

export interface DiskLimit {
  readonly filesPerSec: number
  readonly appendsPerSec: number
}

const WRITERS = 8
const FILES = 4000
const APPENDS = 2000
const WRITER = fileURLToPath(new URL('disk-writer.js', import.meta.url))

/** In a directory that is made and stays. */
export async function measureDiskLimit(directory: string, bytes: number): Promise<DiskLimit> {
  for (const name of ['tmp', 'new']) mkdirSync(join(directory, name), { recursive: true })
  const count = FILES / WRITERS
  const jobs = Array.from(
    { length: WRITERS },
    (_, writer): WriterJob => ({ work: 'files', directory, writer, count, bytes }),
  )
  const filesPerSec = await rateOf(jobs)
  const append: WriterJob = { work: 'append', directory, writer: 0, count: APPENDS, bytes }
  return { filesPerSec, appendsPerSec: await rateOf([append]) }
}

async function rateOf(jobs: readonly WriterJob[]): Promise<number> {
  const spans = await Promise.all(
    jobs.map(
      (workerData) =>
        new Promise<{ readonly startedAt: number; readonly endedAt: number }>((resolve, reject) => {
          const worker = new Worker(WRITER, { workerData })
          worker.on('message', resolve)
          worker.on('error', reject)
        }),
    ),
  )
  const ms =
    Math.max(...spans.map(({ endedAt }) => endedAt)) -
    Math.min(...spans.map(({ startedAt }) => startedAt))
  return Math.round((jobs.reduce((sum, { count }) => sum + count, 0) * 1000) / ms)
}
