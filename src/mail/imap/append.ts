/** APPEND. RFC 9051 §6.3.12, RFC 3502, RFC 4315 §3. */

import { asFault, Fault } from '../../base/fault.ts'
import type { AppendedMessage } from '../../proto/imap/append.ts'
import { type Completion, ok } from '../../proto/imap/response.ts'
import { formatRanges, rangesOf } from '../../proto/imap/sequence-set.ts'
import type { AppendDraft, OpenMailbox } from '../mailbox/mailbox.ts'
import { type Place, serviceFault } from './run.ts'

export class Appending {
  readonly #mailbox: OpenMailbox
  readonly #place: Place
  readonly #drafts: AppendDraft[] = []
  /** What kept a message from being written; told at the end. */
  #trouble: unknown

  private constructor(mailbox: OpenMailbox, place: Place) {
    this.#mailbox = mailbox
    this.#place = place
  }

  static async to(mailbox: string, place: Place): Promise<Appending> {
    const opened = await place.mailboxes.open(mailbox).catch((error) => {
      throw asFault(error).code === 'mailbox/not-found'
        ? serviceFault('imap/try-create', mailbox)
        : error
    })
    return new Appending(opened, place)
  }

  async begin({ flags, arrival, sizeBytes }: AppendedMessage): Promise<void> {
    const { messageBytesMax, mailboxes } = this.#place
    if (sizeBytes > messageBytesMax) throw serviceFault('imap/message-too-large', `${sizeBytes}`)
    const { usedBytes, bytesMax } = await mailboxes.quota()
    if (bytesMax !== undefined && usedBytes + sizeBytes > bytesMax)
      throw new Fault('mailbox/over-quota', 'no room for it', { temporary: false })
    const options = { flags, ...(arrival !== undefined && { internalDate: arrival }) }
    this.#drafts.push(await this.#mailbox.append(options))
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#trouble !== undefined) return
    try {
      await this.#drafts.at(-1)?.write(bytes)
    } catch (error) {
      this.#trouble = asFault(error)
    }
  }

  async commit(): Promise<Completion> {
    if (this.#trouble !== undefined) {
      await this.abort()
      throw this.#trouble
    }
    const { uidValidity } = this.#mailbox
    try {
      const uids = await this.#mailbox.commit(this.#drafts)
      return ok('it is there', `APPENDUID ${uidValidity} ${formatRanges(rangesOf(uids))}`)
    } finally {
      this.#mailbox.close()
    }
  }

  async abort(): Promise<void> {
    for (const draft of this.#drafts) await draft.abort()
    this.#mailbox.close()
  }
}
