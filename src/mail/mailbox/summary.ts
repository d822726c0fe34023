/**
 * What the header of a message says that mailboxes are listed, searched, sorted and threaded by, as
 * the octets that the index keeps: a version, and for each field that is there a letter, its length in
 * decimal digits, a colon and its text. The first is the ENVELOPE as IMAP writes it.
 */

import { fromLatin1, toLatin1 } from '../../base/bytes.ts'
import { formatEnvelope } from '../../proto/imap/describe.ts'
import { decodeWords } from '../../proto/message/encoded-word.ts'
import type { Envelope } from '../../proto/message/envelope.ts'
import { type MailDate, parseMailDate } from '../../proto/message/mail-date.ts'
import { parseMessageIds } from '../../proto/message/message-id.ts'
import {
  envelopeOf,
  isKept,
  MESSAGE_FIELDS,
  type PartFields,
} from '../../proto/message/part-fields.ts'
import { type BaseSubject, baseSubject } from '../../proto/message/subject.ts'
import type { MessageSummary } from './mailbox.ts'
import { fold } from './message-text.ts'

const VERSION = 0x31
const FIRST_LETTER = 0x41
const COLON = 0x3a

/** `fields` as they are read from the header: raw, unfolded. */
export function formatSummary(fields: PartFields): Uint8Array {
  const envelope = formatEnvelope(envelopeOf(fields))
  let text = `1A${envelope.length}:${envelope}`
  for (const [i, name] of MESSAGE_FIELDS.entries()) {
    const value = fields[name]
    if (value === undefined) continue
    text += `${String.fromCharCode(FIRST_LETTER + 1 + i)}${value.length}:${value}`
  }
  return fromLatin1(text)
}

/** What is asked for again is worked out once, but for what takes more memory than time. */
export class Summary implements MessageSummary {
  readonly #octets: Uint8Array
  #references: readonly string[] | undefined
  #id: readonly string[] | undefined
  #subject: BaseSubject | undefined
  #date: MailDate | 'none' | undefined

  /** `octets` as `formatSummary` wrote them, for good. */
  constructor(octets: Uint8Array) {
    this.#octets = octets
  }

  /** Undefined where they are of another version. */
  static read(octets: Uint8Array): Summary | undefined {
    return octets[0] === VERSION ? new Summary(octets) : undefined
  }

  get envelopeOctets(): Uint8Array {
    return this.#find(FIRST_LETTER) as Uint8Array
  }

  get envelope(): Envelope {
    const fields: PartFields = {}
    for (const name of MESSAGE_FIELDS) {
      const value = this.field(name)
      if (value !== undefined) fields[name] = value
    }
    return envelopeOf(fields)
  }

  /** Of `MESSAGE_FIELDS`: raw, unfolded. */
  field(name: string): string | undefined {
    const octets = this.#find(FIRST_LETTER + 1 + MESSAGE_FIELDS.indexOf(name))
    return octets && toLatin1(octets)
  }

  get references(): readonly string[] {
    this.#references ??= parseMessageIds(this.field('references') ?? '')
    return this.#references
  }

  /** Its own identifier, without angle brackets. */
  get messageId(): string | undefined {
    this.#id ??= parseMessageIds(this.field('message-id') ?? '').slice(0, 1)
    return this.#id[0]
  }

  /** Folded, and without what makes it an answer. */
  get subject(): BaseSubject {
    if (this.#subject === undefined) {
      const { text, isReplyOrForward } = baseSubject(decodeWords(this.field('subject') ?? ''))
      this.#subject = { text: fold(text), isReplyOrForward }
    }
    return this.#subject
  }

  /** Undefined where it says none that can be read. */
  get sent(): MailDate | undefined {
    this.#date ??= parseMailDate(this.field('date') ?? '') ?? 'none'
    return this.#date === 'none' ? undefined : this.#date
  }

  /** Whether a field, its name in lower case, holds `text`, which is folded; undefined for one that is not kept. */
  holds(name: string, text: string): boolean | undefined {
    if (!isKept(name, true)) return undefined
    const value = this.field(name)
    return value !== undefined && fold(decodeWords(value)).includes(text)
  }

  #find(letter: number): Uint8Array | undefined {
    const octets = this.#octets
    for (let at = 1; at < octets.length; ) {
      const isIt = octets[at] === letter
      let length = 0
      for (at++; at < octets.length && octets[at] !== COLON; at++) {
        // Never less than nothing, whatever is there.
        length = 10 * length + ((octets[at] as number) & 0x0f)
      }
      if (isIt) return octets.subarray(at + 1, at + 1 + length)
      at += 1 + length
    }
    return undefined
  }
}
