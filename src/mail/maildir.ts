/**
 * A mailbox as one file per message in `new` and `cur`, readable by every Maildir program. A message
 * is written in `tmp`, where no reader looks, and appears by a rename.
 *
 * Names are `<seconds>.M<microseconds>P<instance>.<host>,S=<size>,W=<size as sent>`. Readers may
 * rename a message at any moment, from `new` to `cur` or for its flags; what comes before the first
 * `,` or `:` stays and names it.
 */

import { asFault, type Fault } from '../base/fault.ts'
import type { Clock } from '../ports/clock.ts'
import type { Disk, FileReader } from '../ports/disk.ts'
import type { Entropy } from '../ports/entropy.ts'
import { directoryOf, formatFileName } from './mailbox/file-name.ts'
import { SYSTEM_FLAGS, type SystemFlag } from './mailbox/mailbox.ts'
import {
  ignoreNotFound,
  isNotFound,
  MaildirDraft,
  type Placement,
  SizeCounter,
} from './maildir-draft.ts'

export interface MaildirPorts {
  readonly disk: Disk
  readonly clock: Clock
  readonly entropy: Entropy
}

export interface MaildirEntry {
  /** The part of the name that no reader changes; unique for ever. */
  readonly uid: string
  readonly path: string
  /** As sent, every line ended by CRLF. RFC 1939 §11. */
  readonly sizeBytes: number
}

/** Most read at once while a size is counted. */
const SCAN_BYTES = 65_536

/** How often a message is looked for again when it is renamed just as it is wanted. */
const LOOKUPS_MAX = 3

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
  /** Sizes that no name told, of the messages last listed. */
  #counted: ReadonlyMap<string, number> = new Map()

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

  /** The messages in `new` and `cur`, oldest first. */
  async list(): Promise<readonly MaildirEntry[]> {
    await this.open()
    const names = await this.#names()
    const counted = new Map<string, number>()
    const entries: MaildirEntry[] = []
    for (const [uid, path] of [...names].sort(([a], [b]) => (a < b ? -1 : 1))) {
      let sizeBytes = sizeInName(path) ?? this.#counted.get(uid)
      if (sizeBytes === undefined) {
        try {
          sizeBytes = await this.#countSize({ uid, path })
        } catch (error) {
          if (isNotFound(error)) continue
          throw error
        }
      }
      if (sizeInName(path) === undefined) counted.set(uid, sizeBytes)
      entries.push({ uid, path, sizeBytes })
    }
    this.#counted = counted
    return entries
  }

  /** `disk/not-found` where the message is gone. */
  read(entry: Pick<MaildirEntry, 'uid' | 'path'>): Promise<FileReader> {
    return this.#whereverItIs(entry, (path) => this.#ports.disk.open(path))
  }

  /** Removes these, durably; what is gone already counts as removed. Resolves with what went wrong. */
  async remove(entries: readonly MaildirEntry[]): Promise<readonly Fault[]> {
    const faults: Fault[] = []
    const { disk } = this.#ports
    for (const entry of entries) {
      try {
        await this.#whereverItIs(entry, (path) => disk.remove(path))
      } catch (error) {
        if (!isNotFound(error)) faults.push(asFault(error))
      }
    }
    if (entries.length > 0) {
      await Promise.all([this.#flushNew(), disk.syncDirectory(`${this.#path}/cur`)])
    }
    return faults
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

  /** Paths by unique part. `new` first, so that what moves to `cur` meanwhile is not missed. */
  async #names(): Promise<Map<string, string>> {
    const names = new Map<string, string>()
    for (const directory of ['new', 'cur']) {
      for (const name of await this.#ports.disk.list(`${this.#path}/${directory}`)) {
        if (name.startsWith('.')) continue
        names.set(uniquePart(name), `${this.#path}/${directory}/${name}`)
      }
    }
    return names
  }

  async #whereverItIs<T>(
    entry: Pick<MaildirEntry, 'uid' | 'path'>,
    action: (path: string) => Promise<T>,
  ): Promise<T> {
    let path = entry.path
    for (let lookups = 0; ; lookups++) {
      try {
        return await action(path)
      } catch (error) {
        if (!isNotFound(error) || lookups === LOOKUPS_MAX) throw error
        const found = (await this.#names()).get(entry.uid)
        if (found === undefined) throw error
        path = found
      }
    }
  }

  async #countSize(entry: Pick<MaildirEntry, 'uid' | 'path'>): Promise<number> {
    const reader = await this.read(entry)
    try {
      const counter = new SizeCounter()
      for (let at = 0; at < reader.sizeBytes; at += SCAN_BYTES) {
        counter.push(await reader.read(at, SCAN_BYTES))
      }
      return counter.sentBytes
    } finally {
      await reader.close()
    }
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
      for (let at = 0; at < reader.sizeBytes; at += SCAN_BYTES) {
        await writer.append(await reader.read(at, SCAN_BYTES))
      }
      await writer.sync()
    } finally {
      await writer.close()
    }
  } finally {
    await reader.close()
  }
}

function uniquePart(name: string): string {
  return /^[^,:]*/.exec(name)?.[0] ?? name
}

/** The size as sent, where the part of the name that readers keep tells it. */
function sizeInName(path: string): number | undefined {
  const digits = /,W=(\d{1,15})[^/:]*(?::[^/]*)?$/.exec(path)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** As the Maildir rules say, and the comma that we look for too. */
function escapeHost(host: string): string {
  return host.replace(/[/:,]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`)
}
