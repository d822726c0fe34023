/** The flags of messages as bits: those of the system, then the keywords of a mailbox, which Dovecot's file names. */

import type { Disk } from '../../ports/disk.ts'
import { mailboxFault } from './fault.ts'
import { KEYWORD_BIT } from './file-name.ts'
import { readKeywords, writeKeywords } from './files.ts'
import { KEYWORD_LENGTH_MAX, KEYWORDS_MAX } from './limits.ts'
import { type Flag, SYSTEM_FLAGS } from './mailbox.ts'

/** 0 for one that is not in use. */
export function bitOf(keywords: readonly Flag[], flag: Flag): number {
  const lower = flag.toLowerCase()
  const system = SYSTEM_FLAGS.findIndex((one) => one.toLowerCase() === lower)
  if (system >= 0) return 1 << system
  const keyword = keywords.findIndex((one) => one.toLowerCase() === lower)
  return keyword < 0 ? 0 : 1 << (KEYWORD_BIT + keyword)
}

export function flagsOfBits(keywords: readonly Flag[], bits: number): readonly Flag[] {
  const flags: Flag[] = []
  for (let i = 0; i < KEYWORD_BIT; i++)
    if ((bits & (1 << i)) !== 0) flags.push(SYSTEM_FLAGS[i] as Flag)
  for (const [i, keyword] of keywords.entries()) {
    if ((bits & (1 << (KEYWORD_BIT + i))) !== 0) flags.push(keyword)
  }
  return flags
}

/** With those of `flags` that are new: they are in the file of `path` before any message bears their letter. */
export async function withKeywords(
  disk: Disk,
  path: string,
  known: readonly Flag[],
  flags: readonly Flag[],
): Promise<readonly Flag[]> {
  const isNew = (flag: Flag) => !flag.startsWith('\\') && bitOf(known, flag) === 0
  if (!flags.some(isNew)) return known
  const keywords = [...((await readKeywords(disk, path)) ?? known)]
  for (const flag of flags) {
    if (flag.startsWith('\\') || bitOf(keywords, flag) !== 0) continue
    if (keywords.length >= KEYWORDS_MAX || flag.length > KEYWORD_LENGTH_MAX) {
      throw mailboxFault('mailbox/too-many', `no room for the keyword ${flag}`)
    }
    keywords.push(flag)
  }
  await writeKeywords(disk, path, keywords)
  return keywords
}
