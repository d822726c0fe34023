/** What others have done to the files of a mailbox, taken into its index. */

import { inOrder, type Uidlist } from './dovecot-uidlist.ts'
import { parseFileName } from './file-name.ts'
import type { Differences, FolderScan } from './folder-scan.ts'
import type { FolderIndex } from './index-rows.ts'
import type { MailboxChange, ModSeq, Uid } from './mailbox.ts'
import { changedRow } from './row-pages.ts'

export interface Taking {
  readonly scan: FolderScan
  /** The time now. */
  readonly wall: number
  /** By whom messages have had UIDs before. */
  readonly numbered: Uidlist | undefined
  /** What was read of these. */
  readonly forget: (uids: readonly Uid[]) => void
}

/** The index is to be committed then, if anything has changed. */
export async function takeDifferences(
  index: FolderIndex,
  { changed, missing, added }: Differences,
  { scan, wall, numbered, forget }: Taking,
): Promise<readonly MailboxChange[]> {
  const changes: MailboxChange[] = []
  if (missing.length > 0) {
    const modSeq = index.nextModSeq()
    const uids = missing.map(({ uid }) => uid)
    index.remove(uids, modSeq)
    forget(uids)
    changes.push({ type: 'expunged', uids, modSeq })
  }
  const reflagged = changed.filter((row) => index.find(row.uid)?.flags !== row.flags)
  const modSeq = reflagged.length > 0 ? index.nextModSeq() : 0
  const isReflagged = new Set(reflagged)
  for (const row of changed) {
    index.replace(isReflagged.has(row) ? changedRow(row, { modSeq }) : row)
  }
  if (reflagged.length > 0) {
    const uids = reflagged.map(({ uid }) => uid)
    changes.push(flagsChanged(uids, modSeq))
  }
  if (added.length > 0) {
    const modSeq = index.nextModSeq()
    const uids: Uid[] = []
    for (const one of numbered === undefined ? added : inOrder(added, numbered)) {
      const measuring = scan.measure(one, wall)
      const measured = measuring instanceof Promise ? await measuring : measuring
      if (measured === undefined) continue
      const { place, file } = one
      const { dateMs, sizeBytes } = measured
      const { base, flags, unique } = parseFileName(file)
      if (numbered !== undefined)
        index.head.uidNext = numbered.uids.get(unique) ?? uidNextOf(index, numbered)
      uids.push(index.add({ base, place, file, flags, modSeq, dateMs, sizeBytes }))
    }
    if (uids.length > 0) changes.push({ type: 'added', uids, modSeq })
    if (numbered !== undefined) index.head.uidNext = uidNextOf(index, numbered)
  }
  return changes
}

function uidNextOf({ head }: FolderIndex, { uidNext }: Uidlist): Uid {
  return Math.max(head.uidNext, uidNext)
}

export function flagsChanged(uids: readonly Uid[], modSeq: ModSeq): MailboxChange {
  return { type: 'flags', uids: [...uids].sort((a, b) => a - b), modSeq }
}
