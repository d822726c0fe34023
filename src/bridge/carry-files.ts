/**
 * `lightlag carry`: parcels as files in a directory, such as a USB stick. A file has its name only when
 * it is whole and on the medium, so that whatever is interrupted can be begun anew: what is there is
 * left, what is missing is written. Files of several hosts may lie there; nothing depends on an order.
 */

import { equalBytes } from '../base/bytes.ts'
import { asFault } from '../base/fault.ts'
import type { Disk } from '../ports/disk.ts'
import { type CarriedIn, PARCEL_ENDING, type WaitingParcel } from './carry-desk.ts'
import { PARCEL_PIECE_BYTES } from './limits.ts'

/** What is asked of the host; everything may reject with a Fault. */
export interface CarryHost {
  /** A page behind `after`; empty at the end. The first one has all that gathers packed. */
  parcels(after: string): Promise<readonly WaitingParcel[]>
  /** Empty where it is gone meanwhile. */
  parcel(key: string): Promise<Uint8Array>
  written(keys: readonly string[], place: string): Promise<void>
  bring(bytes: AsyncIterable<Uint8Array>): Promise<CarriedIn>
}

export interface CarriedOut {
  readonly written: number
  /** Written before, and still whole. */
  readonly present: number
  /** What is left for another run, or another stick. */
  readonly left: number
  /** Why it ended early. */
  readonly trouble: string | undefined
}

export interface CarriedFile {
  readonly file: string
  readonly outcome: CarriedIn
  /** Why a file that was taken could not be removed. */
  readonly stays?: string
}

const PART = '.part'
/** Far above what any of ours is called. */
const NAME_LENGTH_MAX = 200

/** `directory` is absolute and exists. Rejects with the host's Fault. */
export async function carryOut(
  directory: string,
  host: CarryHost,
  disk: Disk,
): Promise<CarriedOut> {
  let [written, present, left] = [0, 0, 0]
  let trouble: string | undefined
  for (let after = ''; ; ) {
    const page = await host.parcels(after)
    const last = page.at(-1)
    if (last === undefined) return { written, present, left, trouble }
    after = last.key
    const done: string[] = []
    for (const parcel of page) {
      // Where one cannot be written the next can hardly be.
      if (trouble !== undefined) {
        left++
        continue
      }
      const bytes = await host.parcel(parcel.key)
      if (bytes.length === 0) continue
      try {
        const isNew = await place(`${directory}/${parcel.file}`, bytes, disk)
        if (isNew) written++
        else present++
        done.push(parcel.key)
      } catch (error) {
        trouble = asFault(error).message
        left++
      }
    }
    trouble = (await settle(directory, done, host, disk)) ?? trouble
  }
}

/** Their names are on the medium before the host hears of them. What was wrong with it, if anything. */
async function settle(
  directory: string,
  keys: readonly string[],
  host: CarryHost,
  disk: Disk,
): Promise<string | undefined> {
  if (keys.length === 0) return undefined
  try {
    await disk.syncDirectory(directory)
  } catch (error) {
    return asFault(error).message
  }
  await host.written(keys, directory)
  return undefined
}

/** False where it is there already. Rejects with the disk's Fault, and leaves nothing half. */
async function place(path: string, bytes: Uint8Array, disk: Disk): Promise<boolean> {
  if (await isThere(path, bytes, disk)) return false
  const part = path + PART
  // Of a run that was interrupted.
  if ((await disk.stat(part)) !== undefined) await disk.remove(part)
  const writer = await disk.create(part)
  try {
    await writer.append(bytes)
    await writer.sync()
  } catch (error) {
    await writer.close().catch(asFault)
    // A stick that is full has room for smaller ones again; one that is gone needs nothing.
    await disk.remove(part).catch(asFault)
    throw error
  }
  await writer.close()
  await disk.rename(part, path)
  return true
}

async function isThere(path: string, bytes: Uint8Array, disk: Disk): Promise<boolean> {
  const status = await disk.stat(path)
  if (status?.kind !== 'file' || status.sizeBytes !== bytes.length) return false
  const reader = await disk.open(path)
  try {
    return equalBytes(await reader.read(0, reader.sizeBytes), bytes)
  } finally {
    await reader.close()
  }
}

/**
 * Brings the files of `directory` to the host, and removes those that it has taken; tells of each as it
 * goes. Rejects with the Fault of the directory, or the host's.
 */
export async function carryIn(
  directory: string,
  host: CarryHost,
  disk: Disk,
  told: (one: CarriedFile) => void,
): Promise<void> {
  const files = (await disk.list(directory)).filter(isOurs)
  for (const file of files) {
    const path = `${directory}/${file}`
    const outcome = await bringFile(path, host, disk)
    const stays = outcome.type === 'taken' ? await remove(path, disk) : undefined
    told({ file, outcome, ...(stays !== undefined && { stays }) })
  }
}

function isOurs(name: string): boolean {
  return name.endsWith(PARCEL_ENDING) && !name.startsWith('.') && name.length <= NAME_LENGTH_MAX
}

async function bringFile(path: string, host: CarryHost, disk: Disk): Promise<CarriedIn> {
  try {
    return await host.bring(piecesOf(path, disk))
  } catch (error) {
    const { code, message } = asFault(error)
    if (!code.startsWith('disk/')) throw error
    return { type: 'later', reason: `it cannot be read: ${message}` }
  }
}

async function* piecesOf(path: string, disk: Disk): AsyncGenerator<Uint8Array, void> {
  const reader = await disk.open(path)
  try {
    for (let at = 0; at < reader.sizeBytes; at += PARCEL_PIECE_BYTES) {
      yield await reader.read(at, PARCEL_PIECE_BYTES)
    }
  } finally {
    await reader.close()
  }
}

/** Why it could not be removed, if so: a copy that is brought again does no harm. */
async function remove(path: string, disk: Disk): Promise<string | undefined> {
  try {
    await disk.remove(path)
    return undefined
  } catch (error) {
    return asFault(error).message
  }
}
