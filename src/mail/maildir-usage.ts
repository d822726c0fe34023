/** How much there is in a Maildir and its folders, by the names of its files. */

import { asFault } from '../base/fault.ts'
import type { Disk } from '../ports/disk.ts'
import { isNotFound } from '../ports/disk.ts'
import { mailboxOf, parseFileName, sizeInBase } from './mailbox/file-name.ts'

export interface MaildirUsage {
  readonly usedBytes: number
  readonly usedMessages: number
}

/** Of one that is not there: nothing. Files whose names tell no size count as they are stored. */
export async function maildirUsage(disk: Disk, path: string): Promise<MaildirUsage> {
  let usedBytes = 0
  let usedMessages = 0
  const folders = (await listed(disk, path)).filter((name) => mailboxOf(name) !== undefined)
  for (const folder of ['', ...folders.map((name) => `/${name}`)]) {
    for (const place of ['new', 'cur']) {
      const directory = `${path}${folder}/${place}`
      for (const name of await listed(disk, directory)) {
        if (name.startsWith('.')) continue
        const told = sizeInBase(parseFileName(name).base)
        const size = told ?? (await disk.stat(`${directory}/${name}`))?.sizeBytes
        if (size === undefined) continue
        usedBytes += size
        usedMessages++
      }
    }
  }
  return { usedBytes, usedMessages }
}

async function listed(disk: Disk, path: string): Promise<readonly string[]> {
  try {
    return await disk.list(path)
  } catch (error) {
    // A file may have a folder's name, and be none.
    if (isNotFound(error) || asFault(error).code === 'disk/not-a-directory') return []
    throw error
  }
}
