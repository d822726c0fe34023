/** The file that is in each mailbox's directory, whoever puts the directory where. */

import { toHex } from '../../base/bytes.ts'
import type { Disk } from '../../ports/disk.ts'
import type { Entropy } from '../../ports/entropy.ts'
import type { Store } from '../../ports/store.ts'
import { readSmall, replaceFile } from './files.ts'
import { headOf } from './index-rows.ts'
import { UID_MAX } from './limits.ts'
import type { SpecialUse } from './mailbox.ts'

export interface MarkerPorts {
  readonly disk: Disk
  readonly store: Store
  readonly entropy: Entropy
}

/** What makes a directory the mailbox that it is, whatever it is called and whether it has an index. */
export interface Marker {
  readonly id: string
  /** The last that was given out here: the next is greater. */
  readonly uidValidity: number
  readonly specialUse: readonly SpecialUse[]
}

const MARKER = 'lightlag-mailbox'

/** Makes one where there is none that can be read. */
export async function readMarker(disk: Disk, path: string, entropy: Entropy): Promise<Marker> {
  const known = parseMarker((await readSmall(disk, `${path}/${MARKER}`)) ?? '')
  if (known !== undefined) return known
  const marker = { id: newMailboxId(entropy), uidValidity: 0, specialUse: [] }
  await writeMarker(disk, path, marker)
  return marker
}

/** Undefined where it makes no sense. */
function parseMarker(text: string): Marker | undefined {
  try {
    const { id, uidValidity, specialUse } = JSON.parse(text) as Marker
    const isMarker =
      /^[0-9a-f]{16}$/.test(id) && Number.isSafeInteger(uidValidity) && Array.isArray(specialUse)
    return isMarker ? { id, uidValidity, specialUse } : undefined
  } catch {
    return undefined
  }
}

function newMailboxId(entropy: Entropy): string {
  return toHex(entropy.bytes(8))
}

export function writeMarker(disk: Disk, path: string, marker: Marker): Promise<void> {
  return replaceFile(disk, `${path}/${MARKER}`, JSON.stringify(marker))
}

/**
 * Of `directory` below `account`: a copy of another directory of the account, which has the marker of
 * that one, gets one that is new.
 */
export async function ownMarker(
  { disk, store, entropy }: MarkerPorts,
  account: string,
  directory: string,
): Promise<Marker> {
  const path = `${account}${directory}`
  const marker = await readMarker(disk, path, entropy)
  const before = headOf(store, marker.id)?.directory
  if (before === undefined || before === directory) return marker
  const other = await readSmall(disk, `${account}${before}/${MARKER}`)
  // Where it has another name now nothing is left under the old one.
  if (other === undefined || parseMarker(other)?.id !== marker.id) return marker
  const own = { ...marker, id: newMailboxId(entropy) }
  await writeMarker(disk, path, own)
  return own
}

/** Greater than the last, and another one where none is greater: it has 32 bits. RFC 9051 §2.3.1.1. */
export function uidValidityAfter(last: number, nowSec: number): number {
  const next = Math.max(nowSec, last + 1)
  return next <= UID_MAX ? next : nowSec
}
