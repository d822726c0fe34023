/** What a message is described by, as it is written: made once for as long as the description is in memory. */

import { formatEnvelope, formatStructure } from '../../proto/imap/describe.ts'
import type { MessageDescription, MessageSummary } from '../mailbox/mailbox.ts'

export class Described {
  readonly #texts = new WeakMap<MessageSummary, string>()

  envelope(summary: MessageSummary): string {
    const known = this.#texts.get(summary)
    if (known !== undefined) return known
    const text = formatEnvelope(summary.envelope)
    this.#texts.set(summary, text)
    return text
  }

  body({ part }: MessageDescription): string {
    return formatStructure(part, false)
  }

  structure({ part }: MessageDescription): string {
    return formatStructure(part, true)
  }
}
