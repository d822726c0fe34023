/**
 * The UIDs that Dovecot has given to the messages of a directory, for a mailbox that moves from it to us:
 * `3 V<uidvalidity> N<next uid> …`, then a line `<uid> … :<file name>` for each message.
 */

import { concat, fromLatin1, NO_BYTES, toLatin1 } from '../../base/bytes.ts'
import type { Disk, FileReader } from '../../ports/disk.ts'
import { ignoreNotFound, isNotFound } from '../../ports/disk.ts'
import { parseFileName } from './file-name.ts'
import { READ_BYTES, UID_MAX, UIDLIST_LINE_MAX } from './limits.ts'
import type { Uid } from './mailbox.ts'
import { uidValidityAfter } from './marker.ts'

export interface Uidlist {
  readonly uidValidity: number
  /** Greater than all of them. */
  readonly uidNext: Uid
  /** By the part of a file's name that no program changes. */
  readonly uids: ReadonlyMap<string, Uid>
}

const FILE = 'dovecot-uidlist'

/** Undefined where there is none, or one that makes no sense. */
export async function readUidlist(disk: Disk, path: string): Promise<Uidlist | undefined> {
  const file = await disk.open(`${path}/${FILE}`).catch((error: unknown) => {
    if (isNotFound(error)) return undefined
    throw error
  })
  if (file === undefined) return undefined
  try {
    const lines = linesOf(file)
    const head = headOf((await lines.next()).value)
    return head && (await readLines(head, lines))
  } finally {
    await file.close()
  }
}

/**
 * Gives what Dovecot has another UIDVALIDITY, greater than both: were it to come back, it would not give
 * our UIDs to other messages. Its clients then fetch all anew.
 */
export async function disownUidlist(disk: Disk, path: string, nowSec: number): Promise<void> {
  const file = await disk.open(`${path}/${FILE}`)
  const temporary = `${path}/${FILE}.lightlag-new`
  try {
    const first = toLatin1(await file.read(0, UIDLIST_LINE_MAX))
    const line = first.slice(0, first.indexOf('\n'))
    const validity = uidValidityAfter(headOf(line)?.uidValidity ?? 0, nowSec + 1)
    const changed = line.replace(/ V\d+/, ` V${validity}`)
    await disk.remove(temporary).catch(ignoreNotFound)
    const writer = await disk.create(temporary)
    try {
      await writer.append(fromLatin1(changed))
      for (let at = line.length; at < file.sizeBytes; at += READ_BYTES) {
        await writer.append(await file.read(at, READ_BYTES))
      }
      await writer.sync()
    } finally {
      await writer.close()
    }
  } finally {
    await file.close()
  }
  await disk.rename(temporary, `${path}/${FILE}`)
  await disk.syncDirectory(path)
}

/** Those that have a UID by it, then the others as they come. */
export function inOrder<File extends { readonly file: string }>(
  files: readonly File[],
  { uids }: Uidlist,
): readonly File[] {
  const uidOf = ({ file }: File): number => uids.get(parseFileName(file).unique) ?? UID_MAX
  return [...files].sort((a, b) => uidOf(a) - uidOf(b))
}

type Head = Pick<Uidlist, 'uidValidity' | 'uidNext'>

function headOf(line: string | undefined): Head | undefined {
  if (line === undefined || !line.startsWith('3 ')) return undefined
  const uidValidity = Number(/ V(\d{1,10})(?: |$)/.exec(line)?.[1])
  const uidNext = Number(/ N(\d{1,10})(?: |$)/.exec(line)?.[1])
  const isUid = (value: number): boolean => value >= 1 && value <= UID_MAX
  return isUid(uidValidity) && isUid(uidNext) ? { uidValidity, uidNext } : undefined
}

async function readLines(
  { uidValidity, uidNext }: Head,
  lines: AsyncIterable<string>,
): Promise<Uidlist | undefined> {
  const uids = new Map<string, Uid>()
  let last = 0
  for await (const line of lines) {
    const [, digits, name] = /^(\d{1,10}) (?:[^:]*? )?:(.+)$/.exec(line) ?? []
    const uid = Number(digits)
    // None may follow the greatest. Dovecot, which adds while it runs and writes all anew now and then, keeps them in order.
    if (name === undefined || uid <= last || uid >= UID_MAX) return undefined
    uids.set(parseFileName(name).unique, uid)
    last = uid
  }
  return { uidValidity, uidNext: Math.max(uidNext, last + 1), uids }
}

/** What lacks its line end is not whole yet. */
async function* linesOf(file: FileReader): AsyncGenerator<string, undefined> {
  let left: Uint8Array = NO_BYTES
  for (let at = 0; at < file.sizeBytes; at += READ_BYTES) {
    const bytes = concat(left, await file.read(at, READ_BYTES))
    let from = 0
    for (let lf = bytes.indexOf(0x0a); lf >= 0; lf = bytes.indexOf(0x0a, from)) {
      yield toLatin1(bytes.subarray(from, lf))
      from = lf + 1
    }
    left = bytes.subarray(from)
    if (left.length > UIDLIST_LINE_MAX) return
  }
}
