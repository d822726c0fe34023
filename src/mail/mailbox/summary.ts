/** What the header of a message says that mailboxes are listed, searched, sorted and threaded by. */

import { decodeWords } from '../../proto/message/encoded-word.ts'
import type { Envelope } from '../../proto/message/envelope.ts'
import { type MailDate, parseMailDate } from '../../proto/message/mail-date.ts'
import { parseMessageIds } from '../../proto/message/message-id.ts'
import { envelopeOf, isKept, type PartFields } from '../../proto/message/part-fields.ts'
import { type BaseSubject, baseSubject } from '../../proto/message/subject.ts'
import type { MessageSummary } from './mailbox.ts'
import { fold } from './message-text.ts'

/** Each thing is worked out when it is first asked for, and kept. */
export class Summary implements MessageSummary {
  readonly fields: PartFields
  #envelope: Envelope | undefined
  #references: readonly string[] | undefined
  #id: readonly string[] | undefined
  #subject: BaseSubject | undefined
  #date: MailDate | 'none' | undefined
  #folded: Record<string, string> | undefined

  /** As they are read from the header: raw, unfolded. */
  constructor(fields: PartFields) {
    this.fields = fields
  }

  get envelope(): Envelope {
    this.#envelope ??= envelopeOf(this.fields)
    return this.#envelope
  }

  get references(): readonly string[] {
    this.#references ??= parseMessageIds(this.fields['references'] ?? '')
    return this.#references
  }

  /** Its own identifier, without angle brackets. */
  get messageId(): string | undefined {
    this.#id ??= parseMessageIds(this.fields['message-id'] ?? '').slice(0, 1)
    return this.#id[0]
  }

  /** Folded, and without what makes it an answer. */
  get subject(): BaseSubject {
    if (this.#subject === undefined) {
      const { text, isReplyOrForward } = baseSubject(decodeWords(this.fields['subject'] ?? ''))
      this.#subject = { text: fold(text), isReplyOrForward }
    }
    return this.#subject
  }

  /** Undefined where it says none that can be read. */
  get sent(): MailDate | undefined {
    this.#date ??= parseMailDate(this.fields['date'] ?? '') ?? 'none'
    return this.#date === 'none' ? undefined : this.#date
  }

  /** Whether a field, its name in lower case, holds `text`, which is folded; undefined for one that is not kept. */
  holds(name: string, text: string): boolean | undefined {
    if (!isKept(name, true)) return undefined
    const value = this.fields[name]
    if (value === undefined) return false
    this.#folded ??= {}
    const folded = this.#folded[name] ?? fold(decodeWords(value))
    this.#folded[name] = folded
    return folded.includes(text)
  }
}
