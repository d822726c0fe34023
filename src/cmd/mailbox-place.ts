/** A mailbox's directory, and messages that are put into it from elsewhere. */

import { createHash } from 'node:crypto'
import { resolve } from 'node:path'
import { fromUtf8 } from '../base/bytes.ts'
import { asFault } from '../base/fault.ts'
import type { WallMs } from '../base/time.ts'
import { hostDisk } from '../host/disk.ts'
import {
  directoryOf,
  formatFileName,
  KEYWORD_BIT,
  parseFileName,
} from '../mail/mailbox/file-name.ts'
import { readKeywords, writeKeywords } from '../mail/mailbox/files.ts'
import { KEYWORD_LENGTH_MAX, KEYWORDS_MAX } from '../mail/mailbox/limits.ts'
import { type Flag, SYSTEM_FLAGS } from '../mail/mailbox/mailbox.ts'
import { MaildirDraft } from '../mail/maildir-draft.ts'
import { bareLfToCrlf } from '../proto/message/line-endings.ts'
import { EXIT, Failure } from './failure.ts'
import { readConfig } from './host-config.ts'
import { findUser, maildirOf } from './users-file.ts'

export interface PlaceArguments {
  /** A host's file, and whose mailbox it is. */
  readonly config?: string
  readonly user?: string
  /** A Maildir, in place of both. */
  readonly maildir?: string
  /** Default: INBOX. */
  readonly mailbox?: string
}

/** The mailbox's directory, absolute; a Failure where the arguments name none. */
export function placeOf({ config, user, maildir, mailbox = 'INBOX' }: PlaceArguments): string {
  let root: string
  if (maildir !== undefined && config === undefined && user === undefined) root = resolve(maildir)
  else if (config !== undefined && user !== undefined && maildir === undefined) {
    root = ofUser(config, user)
  } else {
    throw new Failure(
      EXIT.usage,
      'which mailbox? "--config FILE --user NAME" or "--maildir FOLDER"',
    )
  }
  if (mailbox.toUpperCase() === 'INBOX') return root
  try {
    return `${root}/${directoryOf(mailbox)}`
  } catch (error) {
    throw new Failure(EXIT.usage, asFault(error).message)
  }
}

function ofUser(file: string, user: string): string {
  const config = readConfig(file)
  const name = findUser(config, file, user)
  if (name === undefined) {
    const users = `"lightlag user list --config ${file}" lists those that there are`
    throw new Failure(EXIT.failed, `there is no user ${user}: ${users}`)
  }
  return maildirOf(config, file, name)
}

export interface MessageMarks {
  readonly flags: readonly Flag[]
  readonly internalDate: WallMs
}

/**
 * Puts messages into a mailbox's directory as any Maildir program may, while others use it. A message
 * is named by its octets, and those of equal octets are counted: who puts in the same ones again puts in
 * only those that are missing.
 */
export class MailboxFilling {
  readonly #path: string
  readonly #present: Set<string>
  readonly #counts: Map<string, number> = new Map()
  #keywords: Flag[]
  #drafts = 0

  private constructor(path: string, present: Set<string>, keywords: readonly Flag[]) {
    this.#path = path
    this.#present = present
    this.#keywords = [...keywords]
  }

  static async open(path: string): Promise<MailboxFilling> {
    for (const place of ['tmp', 'new', 'cur']) await hostDisk.makeDirectory(`${path}/${place}`)
    if (path.slice(path.lastIndexOf('/') + 1).startsWith('.')) {
      // Other programs tell by it that this is a folder of the Maildir above.
      await hostDisk.writeNew(`${path}/maildirfolder`, fromUtf8('')).catch((error: unknown) => {
        if (asFault(error).code !== 'disk/exists') throw error
      })
    }
    const present = new Set<string>()
    for (const place of ['new', 'cur']) {
      for (const name of await hostDisk.list(`${path}/${place}`)) {
        const mark = /^\d+\.(H[0-9a-f]{32}N\d+)\./.exec(parseFileName(name).unique)?.[1]
        if (mark !== undefined) present.add(mark)
      }
    }
    return new MailboxFilling(path, present, (await readKeywords(hostDisk, path)) ?? [])
  }

  begin(): MessageFilling {
    const unique = `0.P${process.pid}D${this.#drafts++}T${process.hrtime.bigint()}.import`
    const later = async (): Promise<void> => {}
    const place = { disk: hostDisk, path: this.#path, flushTmp: later, flushNew: later }
    return new MessageFilling(new MaildirDraft(unique, place), (...args) => this.#place(...args))
  }

  /** What was put in is durable when it resolves. */
  async flush(): Promise<void> {
    await hostDisk.syncDirectory(`${this.#path}/cur`)
  }

  /** False where it was there already. */
  async #place(draft: MaildirDraft, hash: string, marks: MessageMarks): Promise<boolean> {
    const count = (this.#counts.get(hash) ?? 0) + 1
    this.#counts.set(hash, count)
    const mark = `H${hash}N${count}`
    if (this.#present.has(mark)) {
      await draft.abort()
      return false
    }
    const bits = await this.#bitsOf(marks.flags)
    const { name } = await draft.prepare()
    const second = Math.max(0, Math.floor(marks.internalDate / 1000))
    const base = `${second}.${mark}.import${name.slice(name.indexOf(','))}`
    await hostDisk.rename(
      `${this.#path}/tmp/${name}`,
      `${this.#path}/cur/${formatFileName(base, bits, '')}`,
    )
    return true
  }

  async #bitsOf(flags: readonly Flag[]): Promise<number> {
    const same = (flag: Flag) => (other: Flag) => flag.toLowerCase() === other.toLowerCase()
    const isKeyword = (flag: Flag): boolean => !flag.startsWith('\\')
    const isNew = (flag: Flag): boolean => isKeyword(flag) && !this.#keywords.some(same(flag))
    if (flags.some(isNew)) {
      // Others may have added some meanwhile.
      this.#keywords = [...((await readKeywords(hostDisk, this.#path)) ?? this.#keywords)]
      for (const flag of flags.filter(isNew)) {
        if (this.#keywords.length >= KEYWORDS_MAX || flag.length > KEYWORD_LENGTH_MAX) {
          const why = `there is no room for the keyword ${flag}: a mailbox has ${KEYWORDS_MAX}`
          throw new Failure(EXIT.failed, why)
        }
        this.#keywords.push(flag)
      }
      await writeKeywords(hostDisk, this.#path, this.#keywords)
    }
    return flags.reduce((sum, flag) => {
      const at = isKeyword(flag)
        ? KEYWORD_BIT + this.#keywords.findIndex(same(flag))
        : SYSTEM_FLAGS.findIndex(same(flag))
      return at < 0 ? sum : sum | (1 << at)
    }, 0)
  }
}

type Place = (draft: MaildirDraft, hash: string, marks: MessageMarks) => Promise<boolean>

/** One message, stored as it is sent: with CRLF at every line's end. */
export class MessageFilling {
  readonly #draft: MaildirDraft
  readonly #place: Place
  readonly #hash = createHash('sha256')
  #last: number | undefined

  constructor(draft: MaildirDraft, place: Place) {
    this.#draft = draft
    this.#place = place
  }

  /** Takes the bytes over. */
  async write(bytes: Uint8Array): Promise<void> {
    const sent = bareLfToCrlf(bytes, this.#last)
    this.#last = bytes.at(-1) ?? this.#last
    this.#hash.update(sent)
    await this.#draft.write(sent)
  }

  commit(marks: MessageMarks): Promise<boolean> {
    return this.#place(this.#draft, this.#hash.digest('hex').slice(0, 32), marks)
  }

  abort(): Promise<void> {
    return this.#draft.abort()
  }
}
