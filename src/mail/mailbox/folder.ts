/**
 * One mailbox that is in memory. Whatever changes it takes its turn; what others see changes at once
 * and only when it is durable: first the files, then the index, then the listeners.
 */

import { asFault, type Result } from '../../base/fault.ts'
import { addMs } from '../../base/time.ts'
import type { Clock } from '../../ports/clock.ts'
import {
  type Digest,
  type Disk,
  type FileReader,
  ignoreNotFound,
  isNotFound,
  type Move,
} from '../../ports/disk.ts'
import type { Entropy } from '../../ports/entropy.ts'
import type { Store } from '../../ports/store.ts'
import { contentOf, inMemory } from './content.ts'
import type { Descriptions } from './descriptions.ts'
import { disownUidlist, readUidlist, type Uidlist } from './dovecot-uidlist.ts'
import { mailboxFault } from './fault.ts'
import { formatFileName, parseFileName } from './file-name.ts'
import { forEachFile, readKeywords } from './files.ts'
import { flagsChanged, takeDifferences } from './folder-changes.ts'
import { FolderScan, type Place } from './folder-scan.ts'
import { type DirectoryTimes, FolderIndex, type Head } from './index-rows.ts'
import { bitOf, flagsOfBits, withKeywords } from './keywords.ts'
import { POLL_MS } from './limits.ts'
import type { Flag, MailboxChange, MailboxStatus, MessageContent, ModSeq, Uid } from './mailbox.ts'
import { ownMarker, readMarker, uidValidityAfter, writeMarker } from './marker.ts'
import { changedRow, type Row, type RowData } from './row-pages.ts'
import type { Rows } from './rows.ts'
import { gone, Whereabouts } from './whereabouts.ts'

export interface FolderPorts {
  readonly disk: Disk
  readonly clock: Clock
  readonly entropy: Entropy
  readonly store: Store
}

/** A file in `tmp`, flushed, that is to become a message. */
export interface Arrival {
  readonly name: string
  /** Up to the flags. */
  readonly base: string
  readonly flags: readonly Flag[]
  readonly dateMs: number
  readonly sizeBytes: number
  readonly emailId?: string
}

/** What sessions see: replaced as a whole. */
interface Published {
  readonly rows: Rows
  readonly head: Readonly<Head>
}

/** A message's file on its way to the name that tells its new flags. */
interface Flagging extends Move {
  readonly row: RowData
  readonly flags: number
  readonly file: string
}

interface Placing {
  readonly arrivals: readonly Arrival[]
  readonly resolve: (uids: readonly Uid[]) => void
  readonly reject: (error: unknown) => void
}

type Listener = (change: MailboxChange) => void

export class Folder {
  readonly path: string
  readonly ports: FolderPorts
  readonly descriptions: Descriptions
  readonly #account: string
  readonly #directory: string
  readonly #scan: FolderScan
  readonly #listeners: Set<Listener> = new Set()
  #id = ''
  #index: FolderIndex | undefined
  #published: Published | undefined
  #turn: Promise<unknown> = Promise.resolve()
  #stopPolling: (() => void) | undefined
  #isInvalid = false
  #lastMicrosecond = 0
  /** What is to be placed next. */
  readonly #placings: Placing[] = []

  /** `directory` is its path below that of the account: empty for INBOX. */
  constructor(account: string, directory: string, ports: FolderPorts, descriptions: Descriptions) {
    this.path = `${account}${directory}`
    this.#account = account
    this.#directory = directory
    this.ports = ports
    this.descriptions = descriptions
    this.#scan = new FolderScan(ports.disk, this.path)
  }

  get id(): string {
    return this.#id
  }

  /** Once `refresh` has resolved. */
  get published(): Published {
    if (this.#published === undefined) throw mailboxFault('mailbox/not-found', 'not open')
    return this.#published
  }

  /** For one question: what it lists is as it was then. */
  get #whereabouts(): Whereabouts {
    return new Whereabouts(this.#scan, this.path)
  }

  get rowCount(): number {
    return this.#published?.rows.count ?? 0
  }

  /** None where it is no longer what it was: files' names are read when they are asked for, and may be of others by now. */
  find(uid: Uid): Row | undefined {
    return this.#isInvalid ? undefined : this.published.rows.find(uid)
  }

  status(): MailboxStatus {
    const { head, rows } = this.published
    return {
      mailboxId: this.#id,
      uidValidity: head.uidValidity,
      uidNext: head.uidNext,
      highestModSeq: head.highestModSeq,
      messages: rows.count,
      recent: rows.countFrom(head.recentFrom),
      unseen: rows.unseen,
      deleted: rows.deleted,
      sizeBytes: rows.bytes,
    }
  }

  /** Each hears of one change before the next. */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener)
    this.#poll()
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size > 0) return
      this.#stopPolling?.()
      this.#stopPolling = undefined
    }
  }

  /** Of no more use, not even to those who have it open. */
  get isInvalid(): boolean {
    return this.#isInvalid
  }

  /** Throws `mailbox/not-found`. */
  requireValid(): void {
    if (this.#isInvalid) throw mailboxFault('mailbox/not-found', 'it is no longer there')
  }

  get hasListeners(): boolean {
    return this.#listeners.size > 0
  }

  /** It is no longer there under its name, or no longer what it was. */
  invalidate(): void {
    this.#isInvalid = true
    this.#stopPolling?.()
    for (const listener of [...this.#listeners]) listener({ type: 'invalid' })
    this.#listeners.clear()
  }

  /** While nothing changes here. */
  atRest(action: () => Promise<void>): Promise<void> {
    const result = this.#turn.then(action)
    this.#turn = result.catch(() => {})
    return result
  }

  refresh(): Promise<void> {
    return this.inTurn(async (index) => this.#takeChanges(index))
  }

  /** Nobody has it open for now: what was found out about its directories is not found out again. */
  rest(): Promise<void> {
    return this.inTurn(async (index) => {
      const { settled } = this.#scan
      if (isSameTimes(settled, index.head.times)) return
      index.head.times = settled
      await this.#commit(index, [])
    })
  }

  vanishedSince(modSeq: ModSeq): readonly (readonly [Uid, Uid])[] {
    return this.#index?.vanishedSince(modSeq) ?? []
  }

  /** Written with the next change: who crashes before finds them recent once more. */
  claimRecent(): Uid {
    const { head } = this.published
    const from = head.recentFrom
    if (this.#index !== undefined) this.#index.head.recentFrom = head.uidNext
    this.#published = { ...this.published, head: { ...head, recentFrom: head.uidNext } }
    return from
  }

  /** Bits of flags that are in use here; 0 for another. */
  flagBit(flag: Flag): number {
    return bitOf(this.published.head.keywords, flag)
  }

  flagsOf(bits: number): readonly Flag[] {
    return flagsOfBits(this.published.head.keywords, bits)
  }

  /** Rejects with `mailbox/gone`. */
  async content(uid: Uid): Promise<MessageContent> {
    const row = this.find(uid)
    if (row === undefined) throw gone(uid)
    const files = this.#whereabouts
    try {
      const file: FileReader = await files.at(row, (path) => this.ports.disk.open(path))
      return contentOf(file, row.sizeBytes)
    } catch (error) {
      throw isNotFound(error) ? gone(uid) : error
    }
  }

  /** The same of several that are small, by one question; `mailbox/gone` for what is not there. */
  async wholeContents(uids: readonly Uid[]): Promise<readonly Result<MessageContent>[]> {
    const sizes = uids.map((uid) => this.find(uid)?.sizeBytes ?? 0)
    const wholes = await this.#whereabouts.starts(
      uids,
      (uid) => this.find(uid),
      ({ sizeBytes }) => sizeBytes,
      (asked) => this.ports.disk.readStarts(asked),
    )
    return wholes.map((one, i) =>
      one.ok ? { ok: true, value: contentOf(inMemory(one.value), sizes[i] as number) } : one,
    )
  }

  /** Digests of the beginnings of their files, by one question; `mailbox/gone` for what is not there. */
  digests(
    uids: readonly Uid[],
    lengthOf: (row: RowData) => number,
    digest: Digest,
  ): Promise<readonly Result<Uint8Array>[]> {
    return this.#whereabouts.starts(
      uids,
      (uid) => this.find(uid),
      lengthOf,
      (asked) => this.ports.disk.digestStarts(asked, digest),
    )
  }

  /**
   * Sets flags as `change` says of each row, which gives its new bits or undefined to leave it as it
   * is. `wanted` are keywords that may be new.
   */
  changeFlags(
    uids: readonly Uid[],
    wanted: readonly Flag[],
    change: (row: RowData, bits: number) => number | undefined,
  ): Promise<void> {
    return this.inTurn(async (index) => {
      const bits = await this.#bitsFor(index, wanted)
      const changed: Uid[] = []
      const touched = new Set<Place>(['cur'])
      let modSeq = 0
      await this.#renameEach(
        this.#flagging(index, uids, (row) => change(row, bits)),
        (one) => {
          if (changed.length === 0) modSeq = index.nextModSeq()
          const { row, file, flags } = one
          index.replace(changedRow(row, { place: 'cur', file, flags, modSeq }))
          touched.add(row.place)
          changed.push(row.uid)
        },
      )
      if (changed.length === 0 && wanted.length === 0) return
      const changes = changed.length === 0 ? [] : [flagsChanged(changed, modSeq)]
      // Nobody is told before both are done, and a listing puts right what the power leaves of one.
      await this.#commit(index, changes, this.#changedPlaces(changed.length > 0 ? touched : []))
    })
  }

  /** The renamings that give messages their new flags. */
  *#flagging(
    index: FolderIndex,
    uids: readonly Uid[],
    change: (row: RowData) => number | undefined,
  ): Generator<Flagging> {
    for (const uid of uids) {
      const row = index.find(uid)
      const flags = row && change(row)
      if (row === undefined || flags === undefined || flags === row.flags) continue
      const file = formatFileName(row.base, flags, parseFileName(row.file).otherLetters)
      const from = `${this.path}/${row.place}/${row.file}`
      yield { row, flags, file, from, to: `${this.path}/cur/${file}` }
    }
  }

  /** `done` hears of those that bear their new name; what somebody has removed is found out by the next look. */
  async #renameEach(
    renamings: Iterable<Flagging>,
    done: (renaming: Flagging) => void,
  ): Promise<void> {
    const { disk } = this.ports
    const absent: Flagging[] = []
    await forEachFile(
      renamings,
      (some) => disk.renameEach(some),
      (one, result) => {
        if (result.ok) done(one)
        else if (isNotFound(result.fault)) absent.push(one)
        else throw result.fault
      },
    )
    const files = this.#whereabouts
    for (const one of absent) {
      const path = files.path(one.row, await files.listed())
      if (path === undefined) continue
      try {
        if (path !== one.to) await disk.rename(path, one.to)
        done(one)
      } catch (error) {
        ignoreNotFound(error)
      }
    }
  }

  /**
   * Durable, all or none; resolves with the UIDs in order. What comes while others are being placed is
   * placed together.
   */
  place(arrivals: readonly Arrival[]): Promise<readonly Uid[]> {
    return new Promise((resolve, reject) => {
      const placing = { arrivals, resolve, reject }
      this.#placings.push(placing)
      const placed = this.inTurn(async (index) => {
        const together = this.#placings.splice(0)
        if (together.length > 0) await this.#placeAll(index, together)
      })
      placed.catch((error: unknown) => {
        const at = this.#placings.indexOf(placing)
        if (at >= 0) this.#placings.splice(at, 1)
        reject(error)
      })
    })
  }

  /** Each has its own answer; rejects where the index may be wrong now. */
  async #placeAll(index: FolderIndex, placings: readonly Placing[]): Promise<void> {
    const arrivals = placings.flatMap((one) => one.arrivals)
    try {
      const uids = await this.#placed(
        index,
        arrivals,
        placings.some((one) => one.arrivals.length > 1),
      )
      let at = 0
      for (const one of placings) {
        const from = at
        at += one.arrivals.length
        one.resolve(uids.slice(from, at))
      }
    } catch (error) {
      for (const one of placings) one.reject(error)
      throw error
    }
  }

  async #placed(
    index: FolderIndex,
    arrivals: readonly Arrival[],
    isJournaled: boolean,
  ): Promise<readonly Uid[]> {
    const { disk } = this.ports
    await this.#bitsFor(
      index,
      arrivals.flatMap(({ flags }) => flags),
    )
    const { keywords } = index.head
    const moves = arrivals.map(({ name, base, flags }) => {
      const bits = flags.reduce((sum, flag) => sum | bitOf(keywords, flag), 0)
      return { from: name, to: formatFileName(base, bits, ''), bits }
    })
    if (isJournaled) {
      // One that fails in the middle is finished by the next run.
      await disk.syncDirectory(`${this.path}/tmp`)
      index.setPlacing(moves.map(({ from, to }) => [from, to]))
      await index.commit()
    }
    try {
      await forEachFile(
        moves,
        (some) => disk.renameEach(some.map(({ from, to }) => this.#placing(from, to))),
        (_, result) => {
          if (!result.ok) throw result.fault
        },
      )
      const modSeq = index.nextModSeq()
      const uids = arrivals.map((arrival, i) => {
        const { to: file, bits: flags } = moves[i] as (typeof moves)[number]
        const { base, dateMs, sizeBytes, emailId } = arrival
        const row = { base, place: 'cur', file, flags, modSeq, dateMs, sizeBytes } as const
        return index.add(emailId === undefined ? row : { ...row, emailId })
      })
      const inCur = this.#changedPlaces(['cur'])
      if (isJournaled) {
        await inCur
        index.setPlacing([])
      }
      await this.#commit(index, [{ type: 'added', uids, modSeq }], inCur)
      return uids
    } catch (error) {
      await this.#removeEach(moves.map(({ from, to }) => this.#placing(from, to).to))
      await this.#removeEach(moves.map(({ from, to }) => this.#placing(from, to).from))
      if (isJournaled) await this.#forgetPlacing()
      throw error
    }
  }

  #placing(from: string, to: string): Move {
    return { from: `${this.path}/tmp/${from}`, to: `${this.path}/cur/${to}` }
  }

  /** Resolves with those that are not there. */
  async #removeEach(paths: readonly string[]): Promise<ReadonlySet<string>> {
    const absent = new Set<string>()
    await forEachFile(
      paths,
      (some) => this.ports.disk.removeEach(some),
      (path, result) => {
        if (result.ok) return
        if (!isNotFound(result.fault)) throw result.fault
        absent.add(path)
      },
    )
    return absent
  }

  /** They are taken out again: the next run must not look for them. */
  async #forgetPlacing(): Promise<void> {
    const index = FolderIndex.load(this.ports.store, this.#id)
    index?.setPlacing([])
    await index?.commit()
  }

  /** Those of `uids`, ascending, or of all, that `isWanted`, with their files; resolves with them. */
  remove(
    uids: readonly Uid[] | 'all',
    isWanted: (row: RowData) => boolean,
  ): Promise<readonly Uid[]> {
    return this.inTurn(async (index) => {
      const asked = uids === 'all' ? [...index.rows] : uids.flatMap((uid) => index.find(uid) ?? [])
      const rows = asked.filter(isWanted)
      if (rows.length === 0) return []
      const files = this.#whereabouts
      const absent = await this.#removeEach(rows.map((row) => files.known(row)))
      for (const row of rows) {
        const path = absent.has(files.known(row))
          ? files.path(row, await files.listed())
          : undefined
        if (path !== undefined) await this.ports.disk.remove(path).catch(ignoreNotFound)
      }
      await this.#changedPlaces(new Set(rows.map(({ place }) => place)))
      const modSeq = index.nextModSeq()
      const removed = rows.map(({ uid }) => uid)
      index.remove(removed, modSeq)
      await this.#commit(index, [{ type: 'expunged', uids: removed, modSeq }])
      this.descriptions.forget(this.#id, removed)
      return removed
    })
  }

  /** Of now, and greater than all before. */
  nextMicrosecond(): number {
    const now = Math.floor(this.ports.clock.wall() * 1000)
    this.#lastMicrosecond = Math.max(now, this.#lastMicrosecond + 1)
    return this.#lastMicrosecond
  }

  /** Gives a message's file a second name. */
  async linkTo(row: Row, to: string): Promise<void> {
    const files = this.#whereabouts
    await files.at(row, (path) => this.ports.disk.link(path, to))
  }

  /** Nothing else changes meanwhile. What fails may have done one half: all is looked at again then. */
  inTurn<T>(action: (index: FolderIndex) => Promise<T>): Promise<T> {
    const result = this.#turn.then(async () => {
      this.requireValid()
      try {
        this.#index ??= await this.#load()
        return await action(this.#index)
      } catch (error) {
        this.#index = undefined
        if (FolderIndex.isExhausted(error)) await this.#startOver()
        throw error
      }
    })
    this.#turn = result.catch(() => {})
    return result
  }

  /** The next look finds an index of another UIDVALIDITY, and gives out UIDs from 1 on. RFC 9051 §2.3.1.1. */
  async #startOver(): Promise<void> {
    const { disk, entropy } = this.ports
    const marker = await readMarker(disk, this.path, entropy)
    await writeMarker(disk, this.path, { ...marker, uidValidity: marker.uidValidity + 1 })
  }

  async #load(): Promise<FolderIndex> {
    const { disk, store, clock } = this.ports
    for (const place of ['tmp', 'new', 'cur']) await disk.makeDirectory(`${this.path}/${place}`)
    const marker = await ownMarker(this.ports, this.#account, this.#directory)
    let index = FolderIndex.load(store, marker.id)
    if (index?.head.uidValidity !== marker.uidValidity) index = undefined
    // Those who have it open must hear of none of it, and nothing that they are still reading may be taken for other messages'.
    if (
      this.#published !== undefined &&
      this.#published.head.uidValidity !== index?.head.uidValidity
    ) {
      this.invalidate()
      throw mailboxFault('mailbox/not-found', 'its index was lost')
    }
    this.#id = marker.id
    let numbered: Uidlist | undefined
    if (index === undefined) {
      const second = Math.floor(clock.wall() / 1000)
      // Who was here before us has given them UIDs, which clients know.
      if (marker.uidValidity === 0) numbered = await readUidlist(disk, this.path)
      const uidValidity = numbered?.uidValidity ?? uidValidityAfter(marker.uidValidity, second)
      // First here: an index that is lost again before it is written has given out no UID.
      await writeMarker(disk, this.path, { ...marker, uidValidity })
      if (numbered !== undefined) await disownUidlist(disk, this.path, second)
      // What was read of messages is of others than will have their UIDs.
      await this.descriptions.forgetAll(marker.id)
      index = FolderIndex.fresh(store, marker.id, uidValidity)
    }
    index.head.directory = this.#directory
    if (numbered !== undefined) {
      index.head.uidNext = numbered.uidNext
      index.head.recentFrom = numbered.uidNext
    }
    if (index.placing.length > 0) {
      for (const [from, to] of index.placing) {
        await disk
          .rename(`${this.path}/tmp/${from}`, `${this.path}/cur/${to}`)
          .catch(ignoreNotFound)
      }
      await disk.syncDirectory(`${this.path}/cur`)
      index.setPlacing([])
      index.head.times = {}
    }
    this.#scan.begin(index.head.times)
    await this.#takeChanges(index, numbered)
    if (this.#published === undefined) await this.#commit(index, [])
    else this.#publish(index)
    return index
  }

  async #takeChanges(index: FolderIndex, numbered?: Uidlist): Promise<void> {
    const found = await this.#scan.differences(index, this.ports.clock.wall())
    if (found === undefined) return
    const keywords = await readKeywords(this.ports.disk, this.path)
    if (keywords !== undefined) index.head.keywords = keywords
    const changes = await takeDifferences(index, found, {
      ...{ scan: this.#scan, wall: this.ports.clock.wall(), numbered },
      forget: (uids) => this.descriptions.forget(this.#id, uids),
    })
    if (changes.length > 0) await this.#commit(index, changes)
  }

  async #bitsFor({ head }: FolderIndex, flags: readonly Flag[]): Promise<number> {
    head.keywords = await withKeywords(this.ports.disk, this.path, head.keywords, flags)
    return flags.reduce((sum, flag) => sum | bitOf(head.keywords, flag), 0)
  }

  /** Durable; the next look at them is not for our sake. */
  async #changedPlaces(places: Iterable<Place>): Promise<void> {
    const all = [...places]
    await this.#scan.changedByUs(all, this.ports.clock.wall())
    await Promise.all(all.map((place) => this.ports.disk.syncDirectory(`${this.path}/${place}`)))
  }

  /** Then, and when `files` is done, it is there for all, in one turn. */
  async #commit(
    index: FolderIndex,
    changes: readonly MailboxChange[],
    files: Promise<void> = Promise.resolve(),
  ): Promise<void> {
    if (changes.length > 0) index.head.times = {}
    const results = await Promise.allSettled([files, index.commit()])
    for (const result of results) if (result.status === 'rejected') throw result.reason
    this.#publish(index)
    for (const change of changes) for (const listener of [...this.#listeners]) listener(change)
  }

  #publish({ rows, head }: FolderIndex): void {
    this.#published = { rows, head: { ...head } }
  }

  #poll(): void {
    const { clock } = this.ports
    this.#stopPolling ??= clock.at(addMs(clock.now(), POLL_MS), () => {
      this.#stopPolling = undefined
      if (this.#listeners.size === 0) return
      // What cannot be looked at now is looked at the next time.
      this.refresh().then(
        () => this.#pollOn(),
        (error: unknown) => {
          asFault(error)
          this.#pollOn()
        },
      )
    })
  }

  #pollOn(): void {
    if (this.#listeners.size > 0 && !this.#isInvalid) this.#poll()
  }
}

function isSameTimes(a: DirectoryTimes, b: DirectoryTimes): boolean {
  return a.new === b.new && a.cur === b.cur
}
