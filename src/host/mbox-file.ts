/**
 * Adds to a file in which others may write as well, such as /var/mail/USER, under the lock that all of
 * them know: FILE.lock, made anew by whoever holds it. Node has no fcntl locks; a program that takes
 * nothing but those is not kept out.
 */

import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Fault } from '../base/fault.ts'
import { errnoOf } from './errno.ts'

export type MboxFileFaultCode =
  /** Somebody else has it for longer than one waits. */
  | 'mbox-file/locked'
  /** It is as it was. */
  | 'mbox-file/not-written'

/** Nobody holds a lock for so long: who made it has gone without a word. */
export const STALE_LOCK_MS = 300_000
const WAIT_MS = 60_000
const LOOK_MS = 100

/**
 * Adds `bytes`, behind an empty line where there is something before them; durable when it resolves.
 * Rejects with a temporary Fault, and then the file is as it was.
 */
export async function appendToMbox(
  file: string,
  bytes: Uint8Array,
  waitMs: number = WAIT_MS,
): Promise<void> {
  const release = await lock(file, waitMs)
  try {
    append(file, bytes)
  } catch (cause) {
    if (cause instanceof Fault) throw cause
    throw fault('mbox-file/not-written', `${file}: ${(cause as Error).message}`, cause)
  } finally {
    release()
  }
}

function append(file: string, bytes: Uint8Array): void {
  const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants
  const flags = O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK
  const descriptor = openSync(file, flags, 0o600)
  try {
    const status = fstatSync(descriptor)
    const { size } = status
    // In a directory where everybody may write, a second name would make one write in another's file.
    if (!status.isFile() || status.nlink !== 1) {
      throw fault('mbox-file/not-written', `${file}: a file of one name would be right`)
    }
    try {
      writeAll(descriptor, missingEnd(descriptor, size))
      writeAll(descriptor, bytes)
      fsyncSync(descriptor)
    } catch (error) {
      ftruncateSync(descriptor, size)
      throw error
    }
  } finally {
    closeSync(descriptor)
  }
  const directory = openSync(dirname(file), 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}

/** What the last message lacks of its empty line. */
function missingEnd(descriptor: number, size: number): Uint8Array {
  if (size === 0) return new Uint8Array(0)
  const last = Buffer.alloc(2)
  const length = readSync(descriptor, last, 0, 2, Math.max(0, size - 2))
  const end = last.subarray(0, length).toString('latin1')
  return Buffer.from(end === '\n\n' ? '' : end.endsWith('\n') ? '\n' : '\n\n')
}

async function lock(file: string, waitMs: number): Promise<() => void> {
  const name = `${file}.lock`
  const until = performance.now() + waitMs
  for (;;) {
    try {
      const descriptor = openSync(name, 'wx', 0o644)
      writeAll(descriptor, Buffer.from(`${process.pid}\n`))
      closeSync(descriptor)
      return () => unlinkSync(name)
    } catch (cause) {
      if (errnoOf(cause) !== 'EEXIST') {
        throw fault(
          'mbox-file/not-written',
          `cannot make ${name}: ${(cause as Error).message}`,
          cause,
        )
      }
    }
    if (takeAwayStale(name)) continue
    if (performance.now() >= until) {
      throw fault('mbox-file/locked', `${file}: another program holds ${name}`)
    }
    await setTimeout(LOOK_MS)
  }
}

/** Where its maker, a process of this machine, is no more; or where it is too old for any. */
function takeAwayStale(name: string): boolean {
  try {
    const before = statSync(name)
    const pid = Number(/^\s*(\d+)\s*$/.exec(readFileSync(name, 'latin1'))?.[1] ?? 0)
    const isOld = Date.now() - before.mtimeMs > STALE_LOCK_MS
    if (!isOld && (pid === 0 || isAlive(pid))) return false
    const aside = `${name}.${process.pid}`
    renameSync(name, aside)
    // Somebody else may have taken it away and made his own in between: he gets it back.
    if (statSync(aside).ino !== before.ino) linkSync(aside, name)
    unlinkSync(aside)
    return true
  } catch (error) {
    return errnoOf(error) === 'ENOENT'
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errnoOf(error) !== 'ESRCH'
  }
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at)
}

function fault(
  code: MboxFileFaultCode,
  message: string,
  cause?: unknown,
): Fault<MboxFileFaultCode> {
  return new Fault(code, message, { temporary: true, cause })
}
