/** A message that is being appended: not in the mailbox before it is placed there, together with others. */

import type { WallMs } from '../../base/time.ts'
import { ignoreNotFound } from '../../ports/disk.ts'
import { countBareLf } from '../../proto/message/line-endings.ts'
import { MaildirDraft } from '../maildir-draft.ts'
import type { Arrival, Folder } from './folder.ts'
import type { AppendDraft, AppendOptions, Flag } from './mailbox.ts'
import { UniqueNames } from './unique-names.ts'

export class Draft implements AppendDraft {
  readonly #draft: MaildirDraft
  readonly #flags: readonly Flag[]
  readonly #dateMs: number
  sizeBytes = 0
  #last: number | undefined

  constructor(folder: Folder, hostname: string, { flags, internalDate }: AppendOptions) {
    const { disk, clock } = folder.ports
    this.#flags = flags
    this.#dateMs = wholeSecond(internalDate ?? clock.wall())
    // Both are flushed by the folder, once for all that come together.
    const later = async (): Promise<void> => {}
    const place = { disk, path: folder.path, flushTmp: later, flushNew: later }
    this.#draft = new MaildirDraft(new UniqueNames(folder, hostname).next(this.#dateMs), place)
  }

  write(bytes: Uint8Array): Promise<void> {
    this.sizeBytes += bytes.length + countBareLf(bytes, this.#last)
    this.#last = bytes.at(-1) ?? this.#last
    return this.#draft.write(bytes)
  }

  async finish(): Promise<Arrival> {
    const { name } = await this.#draft.prepare()
    const { sizeBytes } = this
    return { name, base: name, flags: this.#flags, dateMs: this.#dateMs, sizeBytes }
  }

  async abort(): Promise<void> {
    await this.#draft.abort().catch(ignoreNotFound)
  }
}

function wholeSecond(at: WallMs): number {
  return Math.floor(at / 1000) * 1000
}
