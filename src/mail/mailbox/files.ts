/** The small files beside a mailbox's messages, and what is done to several files at once. */

import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import type { Disk, DiskResult } from '../../ports/disk.ts'
import { ignoreNotFound, isNotFound } from '../../ports/disk.ts'
import { FILES_TOGETHER, KEYWORDS_MAX } from './limits.ts'
import type { Flag } from './mailbox.ts'

const KEYWORDS = 'dovecot-keywords'

/** In Dovecot's file and form, so that both mean the same by a letter. Undefined where there is none. */
export async function readKeywords(disk: Disk, path: string): Promise<readonly Flag[] | undefined> {
  const text = await readSmall(disk, `${path}/${KEYWORDS}`)
  if (text === undefined) return undefined
  const keywords: string[] = []
  for (const line of text.split('\n')) {
    const match = /^(\d{1,2}) (\S+)$/.exec(line)
    const at = Number(match?.[1])
    if (match !== null && at === keywords.length && at < KEYWORDS_MAX)
      keywords.push(match[2] as Flag)
  }
  return keywords
}

export function writeKeywords(disk: Disk, path: string, keywords: readonly Flag[]): Promise<void> {
  return replaceFile(
    disk,
    `${path}/${KEYWORDS}`,
    keywords.map((one, i) => `${i} ${one}\n`).join(''),
  )
}

/** Undefined where there is none; no more than its first megabyte. */
export async function readSmall(disk: Disk, path: string): Promise<string | undefined> {
  try {
    const file = await disk.open(path)
    try {
      return toUtf8(await file.read(0, 1_048_576))
    } finally {
      await file.close()
    }
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

/** In one step, durable. */
export async function replaceFile(disk: Disk, path: string, text: string): Promise<void> {
  const temporary = `${path}.lightlag-new`
  await disk.remove(temporary).catch(ignoreNotFound)
  await disk.writeNew(temporary, fromUtf8(text))
  await disk.rename(temporary, path)
  await disk.syncDirectory(path.slice(0, path.lastIndexOf('/')))
}

/**
 * Asks for some at a time, twice before the first answer is there; `take` has each answer, in order.
 * All that were asked for are waited for, also where one rejects or `take` throws.
 */
export async function forEachFile<T>(
  items: Iterable<T>,
  ask: (some: readonly T[]) => Promise<readonly DiskResult<void>[]>,
  take: (item: T, result: DiskResult<void>) => void,
): Promise<void> {
  const source = items[Symbol.iterator]()
  const askForSome = (): Asked<T> | undefined => {
    const some: T[] = []
    while (some.length < FILES_TOGETHER) {
      const next = source.next()
      if (next.done === true) break
      some.push(next.value)
    }
    if (some.length === 0) return undefined
    const answers = ask(some)
    answers.catch(() => {})
    return { some, answers }
  }
  let failure: { readonly reason: unknown } | undefined
  let asked = askForSome()
  while (asked !== undefined) {
    const next = failure === undefined ? askForSome() : undefined
    try {
      for (const [i, answer] of (await asked.answers).entries()) take(asked.some[i] as T, answer)
    } catch (reason) {
      failure ??= { reason }
    }
    asked = next
  }
  if (failure !== undefined) throw failure.reason
}

interface Asked<T> {
  readonly some: readonly T[]
  readonly answers: Promise<readonly DiskResult<void>[]>
}
