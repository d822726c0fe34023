/** `lightlag mailbox export`: the messages of a mailbox into a Maildir, an mbox file or eml files. */

import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  utimesSync,
  writeSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { asFault, Fault } from '../base/fault.ts'
import { hostDisk } from '../host/disk.ts'
import { isNotFound } from '../ports/disk.ts'
import { HeaderReader } from '../proto/message/header.ts'
import { bareLfToCrlf } from '../proto/message/line-endings.ts'
import { MboxWriter } from '../proto/message/mbox.ts'
import { formatStatus } from '../proto/message/mbox-status.ts'
import { EXIT, Failure, reasonOf } from './failure.ts'
import { type MailboxFile, MailboxFiles } from './mailbox-files.ts'
import { type MailboxFormat, statusOf } from './mailbox-import.ts'
import { MailboxFilling, type PlaceArguments, placeOf } from './mailbox-place.ts'
import { Progress } from './progress.ts'

export interface ExportArguments extends PlaceArguments {
  readonly format: MailboxFormat
  readonly json?: true
}

const READ_BYTES = 262_144

/** Where messages go. */
interface Target {
  /** False where it is there already. */
  take(message: MailboxFile): Promise<boolean>
  /** All is durable. */
  end(): Promise<void>
  /** What becomes of what was written, in words. */
  abort(): string
}

export async function mailboxExport(target: string, options: ExportArguments): Promise<void> {
  const place = placeOf(options)
  const counts = { exported: 0, present: 0 }
  const progress = new Progress('messages')
  let to: Target | undefined
  try {
    const files = await MailboxFiles.open(place).catch((error: unknown) => {
      if (!isNotFound(error)) throw error
      throw new Failure(EXIT.failed, `there is no mailbox ${place}`)
    })
    to = await targetOf(resolve(target), options.format)
    for await (const message of files) {
      if (await to.take(message)) counts.exported++
      else counts.present++
      const done = counts.exported + counts.present
      progress.show(done, () => done / files.count)
    }
    await to.end()
  } catch (error) {
    progress.end()
    if (error instanceof Failure) throw error
    const reason =
      error instanceof Fault || !('errno' in (error as object))
        ? asFault(error).message
        : reasonOf(error)
    throw new Failure(
      EXIT.failed,
      `${target}: ${reason}${to === undefined ? '' : `\n${to.abort()}`}`,
    )
  }
  progress.end()
  const { exported, present } = counts
  if (options.json) {
    const result = { mailbox: place, format: options.format, target, exported, present }
    process.stdout.write(`${JSON.stringify(result)}\n`)
  } else {
    const known = present > 0 ? `, ${present} were there already` : ''
    process.stdout.write(`${exported} messages exported to ${target}${known}\n`)
  }
}

async function targetOf(target: string, format: MailboxFormat): Promise<Target> {
  if (format === 'mbox') return new MboxTarget(target)
  if (format === 'maildir') return new MaildirTarget(await MailboxFilling.open(target))
  await hostDisk.makeDirectory(target)
  return new EmlTarget(target)
}

const GOES_ON = 'what was exported stays, and the same command goes on from there'

class MaildirTarget implements Target {
  readonly #filling: MailboxFilling

  constructor(filling: MailboxFilling) {
    this.#filling = filling
  }

  async take({ file, flags, internalDate }: MailboxFile): Promise<boolean> {
    const message = this.#filling.begin()
    for (let at = 0; at < file.sizeBytes; at += READ_BYTES) {
      await message.write(await file.read(at, READ_BYTES))
    }
    return message.commit({ flags, internalDate })
  }

  end(): Promise<void> {
    return this.#filling.flush()
  }

  abort(): string {
    return GOES_ON
  }
}

/** A file has its name when it is whole. Its time is the time at which the message came. */
class EmlTarget implements Target {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  async take({ unique, file, internalDate }: MailboxFile): Promise<boolean> {
    const path = join(this.#folder, `${unique}.eml`)
    if (existsSync(path)) return false
    const output = openSync(`${path}.part`, 'w', 0o600)
    try {
      let before: number | undefined
      for (let at = 0; at < file.sizeBytes; at += READ_BYTES) {
        const bytes = await file.read(at, READ_BYTES)
        writeAll(output, bareLfToCrlf(bytes, before))
        before = bytes.at(-1)
      }
      fsyncSync(output)
    } finally {
      closeSync(output)
    }
    utimesSync(`${path}.part`, internalDate / 1000, internalDate / 1000)
    renameSync(`${path}.part`, path)
    return true
  }

  end(): Promise<void> {
    return hostDisk.syncDirectory(this.#folder)
  }

  abort(): string {
    return GOES_ON
  }
}

/** The file has its name when it is whole. */
class MboxTarget implements Target {
  readonly #path: string
  readonly #output: number
  readonly #writer = new MboxWriter()

  constructor(path: string) {
    if (existsSync(path)) {
      throw new Failure(
        EXIT.failed,
        `${path} is there already, and nothing was written: another name would be right`,
      )
    }
    this.#path = path
    this.#output = openSync(`${path}.part`, 'w', 0o600)
  }

  async take({ file, flags, internalDate }: MailboxFile): Promise<boolean> {
    let isFirst = true
    for (let at = 0; isFirst || at < file.sizeBytes; at += READ_BYTES) {
      const bytes = await file.read(at, READ_BYTES)
      if (isFirst) {
        writeAll(this.#output, this.#writer.begin({ sender: senderOf(bytes), at: internalDate }))
        writeAll(this.#output, this.#writer.push(formatStatus(statusOf(flags))))
      }
      isFirst = false
      writeAll(this.#output, this.#writer.push(bytes))
    }
    writeAll(this.#output, this.#writer.end())
    return true
  }

  async end(): Promise<void> {
    fsyncSync(this.#output)
    closeSync(this.#output)
    renameSync(`${this.#path}.part`, this.#path)
    await hostDisk.syncDirectory(join(this.#path, '..'))
  }

  abort(): string {
    closeSync(this.#output)
    rmSync(`${this.#path}.part`, { force: true })
    return 'nothing was written'
  }
}

/** As its envelope said, where the message tells it. */
function senderOf(head: Uint8Array): string {
  const header = new HeaderReader()
  header.push(head)
  header.end()
  const path = header.fields.find(({ name }) => name === 'return-path')?.value ?? ''
  return /^<?([^<>]*)>?$/.exec(path)?.[1] ?? ''
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at)
}
