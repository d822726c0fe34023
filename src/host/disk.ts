/** Files on the machine's disk; the one file that imports `node:fs/promises`. */

import {
  constants,
  type FileHandle,
  mkdir,
  open,
  readdir,
  rename,
  stat,
  unlink,
} from 'node:fs/promises'
import { dirname } from 'node:path'
import { Fault } from '../base/fault.ts'
import {
  type Disk,
  type DiskFaultCode,
  type FileReader,
  type FileStatus,
  type FileWriter,
  isTemporaryDiskFault,
} from '../ports/disk.ts'
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

export const hostDisk: Disk = {
  create: (path) => asFaults(async () => fileWriter(await open(path, 'wx', FILE_MODE))),
  open: (path) => asFaults(() => openFile(path)),
  rename: (from, to) => asFaults(() => rename(from, to)),
  remove: (path) => asFaults(() => unlink(path)),
  syncDirectory: (path) => asFaults(() => syncDirectory(path)),
  makeDirectory: (path) => asFaults(() => makeDirectory(path)),
  list: (path) => asFaults(async () => (await readdir(path)).sort()),
  stat: (path) => asFaults(() => fileStatus(path)),
}

async function fileStatus(path: string): Promise<FileStatus | undefined> {
  try {
    const status = await stat(path)
    return {
      kind: status.isDirectory() ? 'directory' : 'file',
      sizeBytes: status.size,
      modifiedMs: status.mtimeMs,
    }
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error))) return undefined
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

async function openFile(path: string): Promise<FileReader> {
  const file = await open(path, 'r')
  const status = await file.stat()
  if (!status.isFile()) {
    await file.close()
    throw diskFault('disk/failed', `not a file: ${path}`)
  }
  return {
    sizeBytes: status.size,
    read: (offset, length) =>
      asFaults(async () => {
        const bytes = new Uint8Array(Math.max(0, Math.min(length, status.size - offset)))
        let at = 0
        while (at < bytes.length) {
          const { bytesRead } = await file.read(bytes, at, bytes.length - at, offset + at)
          if (bytesRead === 0) break
          at += bytesRead
        }
        return at === bytes.length ? bytes : bytes.slice(0, at)
      }),
    close: () => asFaults(() => file.close()),
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
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
    await syncDirectory(parent)
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

/** Runs `action`; its system errors become Faults. */
async function asFaults<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    if (error instanceof Fault) throw error
    const errno = errnoOf(error)
    throw diskFault(CODES[errno] ?? 'disk/failed', (error as Error).message, error)
  }
}

/** `cause` is the system's error, where there is one. */
function diskFault(code: DiskFaultCode, message: string, cause?: unknown): Fault<DiskFaultCode> {
  return new Fault(code, message, {
    temporary: isTemporaryDiskFault(code),
    detail: cause === undefined ? {} : { errno: errnoOf(cause) },
    cause,
  })
}
