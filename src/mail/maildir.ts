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
      flushNew: this.#flushNew,
    })
  }

  /**
   * Moves a prepared message into `new` and resolves with its path, durable. Where it is no longer
   * in `tmp` it has been moved already, and perhaps read and removed: so this may be repeated after
   * a crash and delivers once.
   */
  async place(placement: Placement): Promise<string> {
    await this.open()
    const { disk } = this.#ports
    const from = `${this.#path}/tmp/${placement.name}`
    const to = `${this.#path}/new/${placement.name}`
    try {
      await disk.rename(from, to)
    } catch (error) {
      if (!isNotFound(error) || (await disk.stat(from)) !== undefined) throw error
    }
    // Both: were the old name to come back after a crash, the message would be placed twice.
    await Promise.all([this.#flushNew(), this.#flushTmp()])
    return to
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
