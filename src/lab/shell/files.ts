/**
 * The files of a host of the lab, as its shell shows them: its disk, the log of its mail at
 * /var/log/mail.log, and each user's mailbox as one file at /var/mail/USER, as mailx knows it.
 */

import { concat, fromUtf8, NO_BYTES } from '../../base/bytes.ts'
import { Failure } from '../../base/failure.ts'
import { Fault } from '../../base/fault.ts'
import { type WallMs, wallMs } from '../../base/time.ts'
import { mailsIn } from '../../bridge/tools/mailbox-list.ts'
import type { Disk, DiskFaultCode } from '../../ports/disk.ts'
import { MboxWriter } from '../../proto/message/mbox.ts'

export interface ShownFilesOptions {
  readonly disk: Disk
  /** The directory in which every user has one. */
  readonly homes: string
  /** Names of users with a mailbox. */
  readonly users: readonly string[]
  /** The log, a line each. */
  readonly log: () => readonly string[]
}

export interface ShownFile {
  readonly kind: 'file' | 'directory'
  readonly sizeBytes: number
  readonly modified: WallMs
}

const MAIL_LOG = '/var/log/mail.log'
const MAILBOXES = '/var/mail'

/** Everything rejects with a Fault of the disk, or a Failure in the C library's words. Paths are absolute and plain. */
export class ShownFiles {
  readonly #options: ShownFilesOptions

  constructor(options: ShownFilesOptions) {
    this.#options = options
  }

  /** Undefined where nothing is there. */
  async stat(path: string): Promise<ShownFile | undefined> {
    const made = await this.#made(path)
    if (made !== undefined) {
      return { kind: 'file', sizeBytes: made.length, modified: wallMs(0) }
    }
    const status = await this.#options.disk.stat(path)
    if (status !== undefined) {
      return { ...status, modified: wallMs(Math.floor(status.modifiedMs)) }
    }
    const isAbove = this.#madePaths().some((file) => file.startsWith(`${path}/`))
    return isAbove ? { kind: 'directory', sizeBytes: 0, modified: wallMs(0) } : undefined
  }

  /** Names in a directory, sorted. */
  async list(path: string): Promise<readonly string[]> {
    const { disk } = this.#options
    const prefix = path === '/' ? '/' : `${path}/`
    const made = this.#madePaths().flatMap((file) =>
      file.startsWith(prefix) ? [file.slice(prefix.length).replace(/\/.*/, '')] : [],
    )
    const isOnDisk = (await disk.stat(path))?.kind === 'directory'
    const names = isOnDisk || made.length === 0 ? await disk.list(path) : []
    return [...new Set([...names, ...made])].sort()
  }

  async read(path: string): Promise<Uint8Array> {
    const made = await this.#made(path)
    if (made !== undefined) return made
    await this.#refuseDirectory(path)
    const reader = await this.#options.disk.open(path)
    try {
      return await reader.read(0, reader.sizeBytes)
    } finally {
      await reader.close()
    }
  }

  /** In place of what was there, or behind it. */
  async write(path: string, bytes: Uint8Array, where: 'replace' | 'append'): Promise<void> {
    const { disk } = this.#options
    if ((await this.#made(path)) !== undefined) {
      const message = `permission denied: ${path}`
      throw new Fault<DiskFaultCode>('disk/permission-denied', message, { temporary: true })
    }
    await this.#refuseDirectory(path)
    const status = await disk.stat(path)
    const before = status !== undefined && where === 'append' ? await this.read(path) : NO_BYTES
    if (status !== undefined) await disk.remove(path)
    await disk.writeNew(path, concat(before, bytes))
    await disk.syncDirectory(path.replace(/\/[^/]*$/, '') || '/')
  }

  /** The root too, which is no name that a disk could give to a file. */
  async #refuseDirectory(path: string): Promise<void> {
    if (path === '/' || (await this.stat(path))?.kind === 'directory') {
      throw new Failure(1, 'Is a directory')
    }
  }

  #madePaths(): readonly string[] {
    return [MAIL_LOG, ...this.#options.users.map((name) => `${MAILBOXES}/${name}`)]
  }

  /** Undefined where `path` is none of the files that are made of others. */
  async #made(path: string): Promise<Uint8Array | undefined> {
    const { log, users, disk, homes } = this.#options
    if (path === MAIL_LOG)
      return fromUtf8(
        log()
          .map((line) => `${line}\n`)
          .join(''),
      )
    const user = users.find((name) => path === `${MAILBOXES}/${name}`)
    if (user === undefined) return undefined
    const writer = new MboxWriter()
    const parts = (await mailsIn(disk, `${homes}/${user}/Maildir`)).map(({ bytes, arrivedAt }) => {
      const sender = /^Return-Path: <([^>\r\n]*)>/i.exec(latin(bytes))?.[1] ?? '-'
      const begin = writer.begin({ sender, at: wallMs(Math.floor(arrivedAt)) })
      return concat(begin, writer.push(bytes), writer.end())
    })
    return concat(...parts)
  }
}

/** The first line, more or less. */
function latin(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, 1000))
}
