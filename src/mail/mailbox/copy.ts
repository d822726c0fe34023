import { ignoreNotFound } from '../../ports/disk.ts'
import type { Arrival, Folder } from './folder.ts'
import type { CopiedUids, Uid } from './mailbox.ts'
import { emailIdFor, type Row } from './row-pages.ts'
import { UniqueNames } from './unique-names.ts'

/** Of those that are there; each once, ascending. Throws where the mailbox is no longer what it was. */
export function rowsOf(folder: Folder, uids: readonly Uid[]): readonly Row[] {
  folder.requireValid()
  const asked = [...new Set(uids)].sort((a, b) => a - b)
  return asked.flatMap((uid) => folder.find(uid) ?? [])
}

/** Links them, all or none; no quota is asked. */
export async function copyInto(
  source: Folder,
  target: Folder,
  uids: readonly Uid[],
  hostname: string,
): Promise<CopiedUids> {
  const rows = rowsOf(source, uids)
  const names = new UniqueNames(target, hostname)
  const arrivals: Arrival[] = []
  try {
    for (const row of rows) {
      const comma = row.base.indexOf(',')
      const base = `${names.next(row.dateMs)}${comma < 0 ? '' : row.base.slice(comma)}`
      const { dateMs, sizeBytes } = row
      const flags = source.flagsOf(row.flags)
      await source.linkTo(row, `${target.path}/tmp/${base}`)
      arrivals.push({ name: base, base, flags, dateMs, sizeBytes, emailId: emailIdFor(row) })
    }
  } catch (error) {
    for (const { name } of arrivals) {
      await target.ports.disk.remove(`${target.path}/tmp/${name}`).catch(ignoreNotFound)
    }
    throw error
  }
  const targets = arrivals.length === 0 ? [] : await target.place(arrivals)
  const sources = rows.map(({ uid }) => uid)
  return { uidValidity: target.published.head.uidValidity, sources, targets }
}
