/** Where the files of messages are, and what is read of several by one question. */

import type { Fault, Result } from '../../base/fault.ts'
import { type FileStart, isNotFound } from '../../ports/disk.ts'
import { mailboxFault } from './fault.ts'
import { parseFileName } from './file-name.ts'
import type { FolderScan, FoundFile } from './folder-scan.ts'
import type { Uid } from './mailbox.ts'
import type { RowData } from './row-pages.ts'

/** A message's file is where its row says, unless somebody has just renamed it: then all are listed, once. */
export class Whereabouts {
  readonly #scan: FolderScan
  readonly #path: string
  #listed: Promise<ReadonlyMap<string, FoundFile>> | undefined

  constructor(scan: FolderScan, path: string) {
    this.#scan = scan
    this.#path = path
  }

  async at<T>(row: RowData, action: (path: string) => Promise<T>): Promise<T> {
    try {
      return await action(this.known(row))
    } catch (error) {
      if (!isNotFound(error)) throw error
      const path = this.path(row, await this.listed())
      if (path === undefined) throw error
      return action(path)
    }
  }

  /** By its row. */
  known(row: RowData): string {
    return `${this.#path}/${row.place}/${row.file}`
  }

  listed(): Promise<ReadonlyMap<string, FoundFile>> {
    this.#listed ??= this.#scan.list()
    return this.#listed
  }

  /** Undefined where it is not listed. */
  path(row: RowData, listed: ReadonlyMap<string, FoundFile>): string | undefined {
    const found = listed.get(parseFileName(row.base).unique)
    return found && `${this.#path}/${found.place}/${found.file}`
  }

  /** Of each of `uids`, what `read` has; `mailbox/gone` where `find` or the disk has none. */
  async starts(
    uids: readonly Uid[],
    find: (uid: Uid) => RowData | undefined,
    lengthOf: (row: RowData) => number,
    read: (asked: readonly FileStart[]) => Promise<readonly Result<Uint8Array>[]>,
  ): Promise<readonly Result<Uint8Array>[]> {
    const results: (Result<Uint8Array> | undefined)[] = uids.map(() => undefined)
    const ask = async (asked: readonly Asked[]): Promise<readonly Asked[]> => {
      if (asked.length === 0) return []
      const answers = await read(asked)
      return asked.filter(({ at }, i) => {
        const answer = answers[i] as Result<Uint8Array>
        const isAbsent = !answer.ok && isNotFound(answer.fault)
        if (!isAbsent) results[at] = answer
        return isAbsent
      })
    }
    const absent = await ask(
      uids.flatMap((uid, at) => {
        const row = find(uid)
        return row ? { row, at, path: this.known(row), length: lengthOf(row) } : []
      }),
    )
    if (absent.length > 0) {
      const listed = await this.listed()
      await ask(
        absent.flatMap((one) => {
          const path = this.path(one.row, listed)
          return path === undefined ? [] : { ...one, path }
        }),
      )
    }
    return results.map((one, i) => one ?? { ok: false, fault: gone(uids[i] as Uid) })
  }
}

interface Asked extends FileStart {
  readonly row: RowData
  /** Among all that are asked for. */
  readonly at: number
}

export function gone(uid: Uid): Fault {
  return mailboxFault('mailbox/gone', `message ${uid} is gone`)
}
