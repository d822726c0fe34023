/** What a message is described by, as it is written: made once for as long as the description is in memory. */

import { formatEnvelope, formatStructure } from '../../proto/imap/describe.ts'
import type { MessageDescription } from '../mailbox/mailbox.ts'

interface Texts {
  envelope?: string
  body?: string
  structure?: string
}

export class Described {
  readonly #texts = new WeakMap<MessageDescription, Texts>()

  envelope(description: MessageDescription): string {
    const texts = this.#of(description)
    texts.envelope ??= formatEnvelope(description.envelope)
    return texts.envelope
  }

  body(description: MessageDescription): string {
    const texts = this.#of(description)
    texts.body ??= formatStructure(description.part, false)
    return texts.body
  }

  structure(description: MessageDescription): string {
    const texts = this.#of(description)
    texts.structure ??= formatStructure(description.part, true)
    return texts.structure
  }

  #of(description: MessageDescription): Texts {
    const known = this.#texts.get(description)
    if (known !== undefined) return known
    const made: Texts = {}
    this.#texts.set(description, made)
    return made
  }
}
