/**
 * Many files are read, made, renamed or removed for one wake of a thread each way: an operation of Node costs two for each
 * file, which is more than the operation where the file is in memory.
 */

import { setFlagsFromString } from 'node:v8'
import { Worker } from 'node:worker_threads'
import type { FileStart, Move } from '../ports/disk.ts'
import type { BulkAnswer, BulkRequest, SystemError } from './bulk-worker.ts'

/** Two, so that a disk that is slow for one mailbox does not stop the others at once. */
const WORKERS = 2

/** After as many files it is somebody else's turn; more at once do not cost less. */
const FILES_MAX = 32

/** Compiled: where tests run the sources, Node could not load this folder's. */
const CODE = new URL(
  import.meta.url.endsWith('.ts') ? '../../dist/host/bulk-worker.js' : 'bulk-worker.js',
  import.meta.url,
)

/** Of each thread: what a few messages leave when they are read. */
const YOUNG_MB = 6

const workers: (BulkWorker | undefined)[] = Array.from({ length: WORKERS }, () => undefined)

/** In their order, some of them in each answer. Rejects where a thread ended. */
export function readInBulk(files: readonly FileStart[]): Promise<readonly BulkAnswer[]> {
  return inParts(files, (part) => ({
    type: 'read',
    paths: part.map(({ path }) => path),
    lengths: part.map(({ length }) => length),
  }))
}

/** As `readInBulk`; what comes back is the digest `name` of `module` of each. */
export function digestInBulk(
  files: readonly FileStart[],
  module: URL,
  name: string,
): Promise<readonly BulkAnswer[]> {
  return inParts(files, (part) => ({
    type: 'digest',
    paths: part.map(({ path }) => path),
    lengths: part.map(({ length }) => length),
    module: module.href,
    name,
  }))
}

/** As `readInBulk`. */
export function renameInBulk(moves: readonly Move[]): Promise<readonly BulkAnswer[]> {
  return inParts(moves, (part) => ({
    type: 'rename',
    from: part.map(({ from }) => from),
    to: part.map(({ to }) => to),
  }))
}

/** As `readInBulk`. */
export function removeInBulk(paths: readonly string[]): Promise<readonly BulkAnswer[]> {
  return inParts(paths, (part) => ({ type: 'remove', paths: part }))
}

function inParts<T>(
  items: readonly T[],
  requestOf: (part: readonly T[]) => BulkRequest,
): Promise<readonly BulkAnswer[]> {
  const answers: Promise<BulkAnswer>[] = []
  for (let at = 0; at < items.length; at += FILES_MAX) {
    answers.push(run(requestOf(items.slice(at, at + FILES_MAX))))
  }
  return Promise.all(answers)
}

export interface NewFile {
  readonly path: string
  readonly bytes: Uint8Array
  readonly done: (error: Error | null) => void
}

/** Makes them, evenly divided among the threads; each hears when it is durable, or that there is none. */
export function writeInBulk(files: readonly NewFile[], mode: number): void {
  const share = Math.min(FILES_MAX, Math.ceil(files.length / WORKERS))
  for (let at = 0; at < files.length; at += share) writePart(files.slice(at, at + share), mode)
}

function writePart(files: readonly NewFile[], mode: number): void {
  const content = new Uint8Array(files.reduce((sum, { bytes }) => sum + bytes.length, 0))
  let at = 0
  const named = files.map(({ path, bytes }) => {
    content.set(bytes, at)
    at += bytes.length
    return { path, length: bytes.length }
  })
  run({ type: 'write', files: named, mode, content }, [content.buffer]).then(
    ({ outcomes }) => {
      for (const [i, { done }] of files.entries()) {
        const outcome = outcomes[i]
        done(typeof outcome === 'object' ? errorOf(outcome) : null)
      }
    },
    (error: Error) => {
      for (const { done } of files) done(error)
    },
  )
}

/** As Node would have thrown it. */
export function errorOf({ code, message }: SystemError): Error {
  return Object.assign(new Error(message), { code, syscall: 'bulk' })
}

async function run(
  request: BulkRequest,
  transfer: readonly ArrayBuffer[] = [],
): Promise<BulkAnswer> {
  let worker: BulkWorker
  try {
    worker = leastBusy()
  } catch (error) {
    // The system has no thread to give now, and Node does not say so as it says that of files.
    throw errorOf({ code: 'EAGAIN', message: String(error) })
  }
  return worker.run(request, transfer)
}

/** One that has nothing to do, started where there is none yet. */
function leastBusy(): BulkWorker {
  let best: BulkWorker | undefined
  for (const [i, worker] of workers.entries()) {
    if (worker === undefined) {
      if (best?.load === 0) continue
      const started = new BulkWorker(() => {
        if (workers[i] === started) workers[i] = undefined
      })
      workers[i] = started
      return started
    }
    if (best === undefined || worker.load < best.load) best = worker
  }
  return best as BulkWorker
}

interface Waiting {
  readonly resolve: (answer: BulkAnswer) => void
  readonly reject: (error: Error) => void
}

/** Answers come in the order of the jobs. */
class BulkWorker {
  readonly #worker: Worker
  readonly #waiting: Waiting[] = []

  /** `ended`: it takes no more. */
  constructor(ended: () => void) {
    // What the program says of the young generation would go before the limit, and it holds little for longer than a job.
    setFlagsFromString('--max-semi-space-size=0')
    this.#worker = new Worker(CODE, { resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } })
    this.#worker.unref()
    this.#worker.on('message', (answer: BulkAnswer) => {
      this.#waiting.shift()?.resolve(answer)
      if (this.#waiting.length === 0) this.#worker.unref()
    })
    const end = (message: string): void => {
      ended()
      for (const { reject } of this.#waiting.splice(0)) reject(errorOf({ code: 'EIO', message }))
    }
    this.#worker.on('error', (error) => end(String(error)))
    this.#worker.on('exit', () => end('the thread for files ended'))
  }

  get load(): number {
    return this.#waiting.length
  }

  run(request: BulkRequest, transfer: readonly ArrayBuffer[]): Promise<BulkAnswer> {
    return new Promise((resolve, reject) => {
      // Who waits for an answer keeps the process.
      if (this.#waiting.push({ resolve, reject }) === 1) this.#worker.ref()
      this.#worker.postMessage(request, transfer)
    })
  }
}
