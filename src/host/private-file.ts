/** Text files with secrets: read by their owner only, replaced as a whole or not at all. */

import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { Fault } from '../base/fault.ts'
import { errnoOf } from './errno.ts'

export type PrivateFileFaultCode =
  | 'private-file/unreadable'
  | 'private-file/exposed'
  | 'private-file/not-written'

/** Its text; undefined where it is not there. Throws a Fault where it cannot be read, or by others too. */
export function readPrivateFile(file: string): string | undefined {
  try {
    const { mode } = statSync(file)
    if ((mode & 0o077) !== 0) {
      const octal = (mode & 0o777).toString(8)
      const message = `${file} is open to others than its owner (mode ${octal}): mode 600 would be right`
      throw new Fault<PrivateFileFaultCode>('private-file/exposed', message, { temporary: false })
    }
    return readFileSync(file, 'utf8')
  } catch (cause) {
    if (cause instanceof Fault) throw cause
    if (errnoOf(cause) === 'ENOENT') return undefined
    const message = `${file} cannot be read: ${sayOf(cause)}`
    throw new Fault<PrivateFileFaultCode>('private-file/unreadable', message, {
      temporary: false,
      cause,
    })
  }
}

/** Durable when it returns. Throws a Fault, and then the file is as it was. */
export function writePrivateFile(file: string, text: string): void {
  const temporary = `${file}.new`
  try {
    const descriptor = openSync(temporary, 'w', 0o600)
    try {
      const bytes = Buffer.from(text)
      for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    renameSync(temporary, file)
    syncFolder(dirname(file))
  } catch (cause) {
    forget(temporary)
    const message = `${file} cannot be written, and is as it was: ${sayOf(cause)}`
    throw new Fault<PrivateFileFaultCode>('private-file/not-written', message, {
      temporary: true,
      cause,
    })
  }
}

/** What changes whenever the file is another; undefined where it is not there. */
export function versionOf(file: string): string | undefined {
  const status = statSync(file, { throwIfNoEntry: false })
  return status && `${status.ino} ${status.size} ${status.mtimeMs} ${status.mode}`
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function forget(temporary: string): void {
  try {
    unlinkSync(temporary)
  } catch {
    // It was not made, or has its name already.
  }
}

function sayOf(error: unknown): string {
  switch (errnoOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'no space left'
    case 'EACCES':
    case 'EPERM':
      return 'permission denied'
    default:
      return (error as Error).message
  }
}
