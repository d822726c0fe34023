/** `lightlag mailbox import`: messages out of a Maildir, an mbox file or eml files. */

import { existsSync, readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { concat, NO_BYTES } from '../base/bytes.ts'
import { asFault } from '../base/fault.ts'
import { wallMs } from '../base/time.ts'
import { hostDisk } from '../host/disk.ts'
import type { Flag } from '../mail/mailbox/mailbox.ts'
import type { FileReader } from '../ports/disk.ts'
import { type MboxPart, MboxReader } from '../proto/message/mbox.ts'
import { type MboxStatus, readStatus } from '../proto/message/mbox-status.ts'
import { EXIT, Failure, reasonOf } from './failure.ts'
import { MailboxFiles } from './mailbox-files.ts'
import {
  MailboxFilling,
  type MessageFilling,
  type PlaceArguments,
  placeOf,
} from './mailbox-place.ts'
import { Progress } from './progress.ts'

export const MAILBOX_FORMATS = ['maildir', 'mbox', 'eml'] as const
export type MailboxFormat = (typeof MAILBOX_FORMATS)[number]

export interface ImportArguments extends PlaceArguments {
  /** Default: what the source looks like. */
  readonly format?: MailboxFormat
  readonly json?: true
}

/** What has been put in is told also where it ends in a Failure: it stays, and is known again. */
export async function mailboxImport(source: string, options: ImportArguments): Promise<void> {
  const place = placeOf(options)
  const format = options.format ?? formatOf(source)
  const counts: Counts = { imported: 0, present: 0 }
  const run = new Import(counts, new Progress('messages'))
  let failure: string | undefined
  try {
    await run.from(resolve(source), format, await MailboxFilling.open(place))
  } catch (error) {
    failure = error instanceof Failure ? error.message : asFault(error).message
  }
  const { imported, present } = counts
  if (options.json) {
    const result = { source, format, mailbox: place, imported, present }
    process.stdout.write(`${JSON.stringify(failure ? { ...result, failure } : result)}\n`)
  } else {
    const known = present > 0 ? `, ${present} were there already` : ''
    process.stdout.write(`${imported} messages imported into ${place}${known}\n`)
  }
  if (failure !== undefined) {
    const advice = 'what was imported stays, and the same command goes on from there'
    throw new Failure(EXIT.failed, `${source}: ${failure}\n${advice}`)
  }
}

interface Counts {
  imported: number
  present: number
}

const READ_BYTES = 262_144
/** Flags are looked for in so much of a message: as `HeaderReader`. */
const HEAD_BYTES = 65_536
/** Messages between two flushes of the names. */
const FLUSHED_MESSAGES = 500

class Import {
  readonly #counts: Counts
  readonly #progress: Progress

  constructor(counts: Counts, progress: Progress) {
    this.#counts = counts
    this.#progress = progress
  }

  async from(source: string, format: MailboxFormat, filling: MailboxFilling): Promise<void> {
    try {
      if (format === 'maildir') await this.#maildir(source, filling)
      else if (format === 'mbox') await this.#mbox(source, filling)
      else await this.#eml(source, filling)
    } finally {
      this.#progress.end()
      await filling.flush()
    }
  }

  async #maildir(source: string, filling: MailboxFilling): Promise<void> {
    const files = await MailboxFiles.open(source)
    for await (const { file, flags, internalDate } of files) {
      const message = filling.begin()
      await copied(file, message)
      await this.#commit(message, { flags, internalDate }, filling, () => this.#done / files.count)
    }
  }

  async #eml(source: string, filling: MailboxFilling): Promise<void> {
    const isFolder = statSync(source).isDirectory()
    const names = isFolder ? readdirSync(source).filter((name) => name.endsWith('.eml')) : ['']
    for (const name of names.sort()) {
      const path = join(source, name)
      const file = await hostDisk.open(path)
      try {
        const message = filling.begin()
        await copied(file, message)
        const internalDate = wallMs(statSync(path).mtimeMs)
        const share = () => this.#done / names.length
        await this.#commit(message, { flags: [], internalDate }, filling, share)
      } finally {
        await file.close()
      }
    }
  }

  async #mbox(source: string, filling: MailboxFilling): Promise<void> {
    const file = await hostDisk.open(source)
    try {
      const reader = new MboxReader()
      const message = new MboxMessage(filling)
      for (let at = 0; at <= file.sizeBytes; at += READ_BYTES) {
        const bytes = await file.read(at, READ_BYTES)
        const isLast = at + READ_BYTES > file.sizeBytes
        const results = [reader.push(bytes), ...(isLast ? [reader.end()] : [])]
        for (const result of results) {
          if (!result.ok) {
            await message.abort()
            throw result.fault
          }
          for (const part of result.value) {
            const ended = await message.take(part)
            if (ended === undefined) continue
            await this.#commit(ended.message, ended.marks, filling, () => at / file.sizeBytes)
          }
        }
      }
    } finally {
      await file.close()
    }
  }

  get #done(): number {
    return this.#counts.imported + this.#counts.present
  }

  async #commit(
    message: MessageFilling,
    marks: Parameters<MessageFilling['commit']>[0],
    filling: MailboxFilling,
    share: () => number,
  ): Promise<void> {
    if (await message.commit(marks)) this.#counts.imported++
    else this.#counts.present++
    if (this.#done % FLUSHED_MESSAGES === 0) await filling.flush()
    this.#progress.show(this.#done, share)
  }
}

/** The message of an mbox file that is being read. */
class MboxMessage {
  readonly #filling: MailboxFilling
  #message: MessageFilling | undefined
  #head: Uint8Array | undefined = NO_BYTES
  #status: MboxStatus = { letters: '', keywords: [] }
  #at = wallMs(0)

  constructor(filling: MailboxFilling) {
    this.#filling = filling
  }

  async take(part: MboxPart) {
    if (part.type === 'begin') {
      this.#message = this.#filling.begin()
      this.#head = NO_BYTES
      this.#at = part.separator.at
    } else if (part.type === 'content') {
      if (this.#head === undefined) await this.#message?.write(part.bytes)
      else {
        this.#head = concat(this.#head, part.bytes)
        if (this.#head.length >= HEAD_BYTES) await this.#flushHead()
      }
    } else {
      await this.#flushHead()
      const message = this.#message as MessageFilling
      this.#message = undefined
      return { message, marks: { flags: flagsOf(this.#status), internalDate: this.#at } }
    }
    return undefined
  }

  async abort(): Promise<void> {
    await this.#message?.abort()
  }

  async #flushHead(): Promise<void> {
    if (this.#head === undefined) return
    const { ownBytes, ...status } = readStatus(this.#head)
    this.#status = status
    await this.#message?.write(this.#head.subarray(ownBytes))
    this.#head = undefined
  }
}

const LETTERS: Readonly<Record<string, Flag>> = {
  R: '\\Seen',
  A: '\\Answered',
  F: '\\Flagged',
  T: '\\Draft',
  D: '\\Deleted',
}

function flagsOf({ letters, keywords }: MboxStatus): readonly Flag[] {
  return [...[...letters].flatMap((letter) => LETTERS[letter] ?? []), ...keywords]
}

/** For `formatStatus`. */
export function statusOf(flags: readonly Flag[]): MboxStatus {
  const letters = Object.entries(LETTERS).flatMap(([letter, flag]) =>
    flags.includes(flag) ? letter : [],
  )
  return { letters: letters.join(''), keywords: flags.filter((flag) => !flag.startsWith('\\')) }
}

async function copied(file: FileReader, message: MessageFilling): Promise<void> {
  for (let at = 0; at < file.sizeBytes; at += READ_BYTES) {
    await message.write(await file.read(at, READ_BYTES))
  }
}

function formatOf(source: string): MailboxFormat {
  try {
    if (!statSync(source).isDirectory()) return source.endsWith('.eml') ? 'eml' : 'mbox'
  } catch (error) {
    throw new Failure(EXIT.usage, `cannot read ${source}: ${reasonOf(error)}`)
  }
  return existsSync(join(source, 'cur')) ? 'maildir' : 'eml'
}
