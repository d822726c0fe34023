/**
 * Deliveries into a Maildir: one file per message in `new` and `cur`, readable by every Maildir program.
 * A message is written in `tmp`, where no reader looks, and appears by a rename.
 *
 * Names are `<seconds>.M<microseconds>P<instance>.<host>,S=<size>,W=<size as sent>`. Readers may
 * rename a message at any moment, from `new` to `cur` or for its flags; what comes before the first
 * `,` or `:` stays and names it.
 */

import { asFault } from '../base/fault.ts'
import type { Clock } from '../ports/clock.ts'
import type { Disk } from '../ports/disk.ts'
import { ignoreNotFound, isNotFound } from '../ports/disk.ts'
import type { Entropy } from '../ports/entropy.ts'
import { directoryOf, formatFileName } from './mailbox/file-name.ts'
import { SYSTEM_FLAGS, type SystemFlag } from './mailbox/mailbox.ts'
import { MaildirDraft, type Placement } from './maildir-draft.ts'

export interface MaildirPorts {
  readonly disk: Disk
  readonly clock: Clock
  readonly entropy: Entropy
}

/** Read at once while a message is copied. */
const COPY_BYTES = 65_536

/** Age beyond which a file in `tmp` has been given up by its writer, as Maildir programs agree. */
const ABANDONED_MS = 36 * 3_600_000

export class Maildir {
  readonly #path: string
  readonly #host: string
  readonly #instance: string
  readonly #ports: MaildirPorts
  readonly #flushTmp: () => Promise<void>
  readonly #flushNew: () => Promise<void>
  #opened: Promise<void> | undefined
  #lastMicroseconds = 0

  /** `path` is absolute; `host` goes into names. Nothing is touched before `open`. */
  constructor(path: string, host: string, ports: MaildirPorts) {
    this.#path = path
    this.#host = escapeHost(host)
    this.#ports = ports
    this.#instance = String(new DataView(ports.entropy.bytes(4).slice().buffer).getUint32(0))
    this.#flushTmp = shared(() => ports.disk.syncDirectory(`${path}/tmp`))
    this.#flushNew = shared(() => ports.disk.syncDirectory(`${path}/new`))
  }

  /** Makes what is missing of the three directories, durably. */
  open(): Promise<void> {
    this.#opened ??= this.#open().catch((error: unknown) => {
      this.#opened = undefined
      throw error
    })
    return this.#opened
  }

  async create(): Promise<MaildirDraft> {
    await this.open()
    return new MaildirDraft(this.#uniqueName(), {
      disk: this.#ports.disk,
      path: this.#path,
      flushTmp: this.#flushTmp,
    })
  }

  /**
   * A message of another Maildir, finished and still in its `tmp`, for this one too: a second name for
   * the same file, or a copy of it where the disk has no such names. Durable as a draft's `finish` is.
   */
  async adopt(path: string): Promise<Placement> {
    await this.open()
    const marks = path.slice(path.lastIndexOf('/') + 1)
    const name = `${this.#uniqueName()}${marks.slice(marks.lastIndexOf(',S='))}`
    const to = `${this.#path}/tmp/${name}`
    try {
      await this.#ports.disk.link(path, to)
    } catch (error) {
      if (asFault(error).code !== 'disk/failed') throw error
      await copyFile(this.#ports.disk, path, to)
    }
    return { name, to: `new/${name}` }
  }

  /** Where a message waits until it is placed. */
  waitingPath({ name }: Placement): string {
    return `${this.#path}/tmp/${name}`
  }

  /** Makes the names of what waits in `tmp` durable. */
  flushWaiting(): Promise<void> {
    return this.#flushTmp()
  }

  /** Whether there is a mailbox of this name, so that messages can be placed there. */
  async has(mailbox: string): Promise<boolean> {
    const directory = directoryIn(mailbox)
    if (directory === undefined) return false
    return (await this.#ports.disk.stat(`${this.#path}/${directory}cur`))?.kind === 'directory'
  }

  /**
   * Lets a message that waits appear; resolves with its path, durable. Where that fails it is taken out
   * again, for whoever sent it will do so once more.
   */
  async deliver(placement: Placement): Promise<string> {
    const delivered = await this.#appear(placement)
    try {
      await this.#flushDirectoryOf(delivered)
    } catch (error) {
      await this.takeBack([delivered])
      throw error
    }
    return delivered
  }

  /** Takes out again what `deliver` let appear. */
  async takeBack(paths: readonly string[]): Promise<void> {
    for (const path of paths) {
      const flush = (): Promise<void> => this.#flushDirectoryOf(path)
      await this.#ports.disk.remove(path).then(flush).catch(asFault)
    }
  }

  /** Gives up a message that waits. What cannot be removed now is cleared away when it has grown old. */
  async discard(placement: Placement): Promise<void> {
    await this.#ports.disk.remove(this.waitingPath(placement)).catch(asFault)
  }

  /**
   * Moves a prepared message to where it is to appear and resolves with its path, durable. Where it is
   * no longer in `tmp` it has been moved already, and perhaps read and removed: so this may be repeated
   * after a crash and delivers once.
   */
  async place(placement: Placement): Promise<string> {
    await this.open()
    const { disk } = this.#ports
    let path = `${this.#path}/${placement.to}`
    try {
      path = await this.#appear(placement)
    } catch (error) {
      if (!isNotFound(error) || (await disk.stat(this.waitingPath(placement))) !== undefined) {
        throw error
      }
    }
    // Both: were the old name to come back after a crash, the message would be placed twice.
    await Promise.all([this.#flushDirectoryOf(path), this.#flushTmp()])
    return path
  }

  /** Removes what has grown old in `tmp`, all but the messages that are still to be placed. */
  async clearAbandoned(awaited: readonly Placement[]): Promise<void> {
    const { disk, clock } = this.#ports
    const tmp = `${this.#path}/tmp`
    if ((await disk.stat(tmp)) === undefined) return
    const kept = new Set(awaited.map(({ name }) => name))
    for (const name of await disk.list(tmp)) {
      if (kept.has(name)) continue
      const path = `${tmp}/${name}`
      const status = await disk.stat(path)
      if (status?.kind !== 'file' || clock.wall() - status.modifiedMs < ABANDONED_MS) continue
      await disk.remove(path).catch(ignoreNotFound)
    }
  }

  /** A mailbox that was there when it was chosen may be gone by now: then in INBOX. */
  async #appear(placement: Placement): Promise<string> {
    const { disk } = this.#ports
    const from = this.waitingPath(placement)
    const to = `${this.#path}/${placement.to}`
    try {
      await disk.rename(from, to)
      return to
    } catch (error) {
      const inbox = `${this.#path}/new/${placement.name}`
      if (!isNotFound(error) || to === inbox || (await disk.stat(from)) === undefined) throw error
      await disk.rename(from, inbox)
      return inbox
    }
  }

  /** Where the mailbox is gone by now, so is the message. */
  async #flushDirectoryOf(path: string): Promise<void> {
    const directory = path.slice(0, path.lastIndexOf('/'))
    if (directory === `${this.#path}/new`) return this.#flushNew()
    await this.#ports.disk.syncDirectory(directory).catch(ignoreNotFound)
  }

  async #open(): Promise<void> {
    for (const name of ['tmp', 'new', 'cur']) {
      await this.#ports.disk.makeDirectory(`${this.#path}/${name}`)
    }
  }

  /** Later names sort behind earlier ones, those of one microsecond included. */
  #uniqueName(): string {
    const now = Math.floor(this.#ports.clock.wall() * 1000)
    this.#lastMicroseconds = Math.max(now, this.#lastMicroseconds + 1)
    const seconds = Math.floor(this.#lastMicroseconds / 1_000_000)
    const microseconds = String(this.#lastMicroseconds % 1_000_000).padStart(6, '0')
    return `${seconds}.M${microseconds}P${this.#instance}.${this.#host}`
  }
}

/** Callers that come while one flush runs share the next: the running one may have begun too early for them. */
function shared(flush: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> = Promise.resolve()
  let next: Promise<void> | undefined
  return () => {
    next ??= running
      .catch(() => {})
      .then(() => {
        next = undefined
        running = flush()
        return running
      })
    return next
  }
}

/**
 * Where a message that waits under this name is to appear: in `new`, or with flags in `cur`, of a
 * mailbox that there is.
 */
export function placeIn(
  { name }: Placement,
  mailbox: string,
  flags: readonly SystemFlag[],
): Placement {
  const directory = directoryIn(mailbox) ?? ''
  if (flags.length === 0) return { name, to: `${directory}new/${name}` }
  const bits = flags.reduce((sum, flag) => sum | (1 << SYSTEM_FLAGS.indexOf(flag)), 0)
  return { name, to: `${directory}cur/${formatFileName(name, bits, '')}` }
}

/** With its `/`, beneath the Maildir; undefined where it is no name of a mailbox. */
function directoryIn(mailbox: string): string | undefined {
  if (/^inbox$/i.test(mailbox)) return ''
  try {
    return `${directoryOf(mailbox)}/`
  } catch (error) {
    asFault(error)
    return undefined
  }
}

async function copyFile(disk: Disk, from: string, to: string): Promise<void> {
  const reader = await disk.open(from)
  try {
    const writer = await disk.create(to)
    try {
      for (let at = 0; at < reader.sizeBytes; at += COPY_BYTES) {
        await writer.append(await reader.read(at, COPY_BYTES))
      }
      await writer.sync()
    } finally {
      await writer.close()
    }
  } finally {
    await reader.close()
  }
}

/** As the Maildir rules say, and the comma that we look for too. */
function escapeHost(host: string): string {
  return host.replace(/[/:,]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`)
}
