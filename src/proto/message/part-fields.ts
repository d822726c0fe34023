/** The header fields that say what a part is, and who wrote a message. RFC 2045, RFC 5322 §3.6. */

import { parseAddressList } from './address-list.ts'
import type { Envelope, EnvelopeAddress, MessagePart, Parameter } from './envelope.ts'
import { parseParametrized } from './parameters.ts'

/** By name in lower case; raw, unfolded. */
export type PartFields = Record<string, string>

const LISTS = ['from', 'sender', 'reply-to', 'to', 'cc', 'bcc'] as const
const OF_MESSAGES = ['date', 'subject', 'in-reply-to', 'message-id', 'references'] as const
const OF_PARTS = [
  'content-type',
  'content-transfer-encoding',
  'content-id',
  'content-description',
  'content-md5',
  'content-disposition',
  'content-language',
  'content-location',
] as const

/** All that are kept of a message. Their order is that of the index. */
export const MESSAGE_FIELDS: readonly string[] = [...OF_MESSAGES, ...LISTS, ...OF_PARTS]

const PART_NAMES: Readonly<Record<string, true>> = named(OF_PARTS)
const LIST_NAMES: Readonly<Record<string, true>> = named(LISTS)
const MESSAGE_NAMES: Readonly<Record<string, true>> = named([...LISTS, ...OF_MESSAGES])

export function isKept(name: string, isMessage: boolean): boolean {
  return Object.hasOwn(PART_NAMES, name) || (isMessage && Object.hasOwn(MESSAGE_NAMES, name))
}

/** Whether there is a kept field of so many letters that begins with this one, in whatever case: most are not even named. */
export function mayBeKept(letter: number, length: number): boolean {
  return ((LENGTHS[letter & 0x1f] as number) & (1 << length)) !== 0
}

/** By the five lower bits of the first letter: a bit for each length. */
const LENGTHS: Readonly<Uint32Array> = lengthsOf(MESSAGE_FIELDS)

/** Whether several fields of this name are one list. */
export function isList(name: string): boolean {
  return Object.hasOwn(LIST_NAMES, name)
}

export interface PartType {
  readonly type: string
  readonly subtype: string
  readonly parameters: readonly Parameter[]
}

/** A type that is none counts as text/plain, as RFC 2045 §5.2 suggests. */
export function partType(fields: PartFields, defaultType: string): PartType {
  const raw = fields['content-type']
  const parsed = raw === undefined ? undefined : parseParametrized(raw)
  const [type = '', subtype = ''] = (parsed?.value ?? defaultType).split('/', 2)
  const isType = TOKEN.test(type) && TOKEN.test(subtype)
  return isType
    ? { type, subtype, parameters: parsed?.parameters ?? [] }
    : { type: 'text', subtype: 'plain', parameters: [] }
}

const TOKEN = /^[^\s()<>@,;:\\"/[\]?=]+$/

export function isMessageType(type: string, subtype: string): boolean {
  return type === 'message' && (subtype === 'rfc822' || subtype === 'global')
}

export function isDigest(fields: PartFields): boolean {
  return partType(fields, 'text/plain').subtype === 'digest'
}

/** A message that is encoded has no parts for us. RFC 2046 §5.2.1 forbids it, for message/rfc822. */
export function isEncoded(fields: PartFields): boolean {
  return /^(?:base64|quoted-printable)$/.test(encodingOf(fields) ?? '')
}

function encodingOf(fields: PartFields): string | undefined {
  const encoding = fields['content-transfer-encoding']?.trim().toLowerCase()
  return encoding === '' ? undefined : encoding
}

export interface PartDraft {
  readonly fields: PartFields
  readonly defaultType: string
  readonly headerStart: number
  readonly bodyStart: number
  readonly end: number
  readonly lines: number
  readonly parts: readonly MessagePart[]
  readonly message: { readonly envelope: Envelope; readonly part: MessagePart } | undefined
}

export function describePart(draft: PartDraft): MessagePart {
  const { fields, headerStart, bodyStart, end, lines } = draft
  const { type, subtype, parameters } = typeOf(draft)
  const encoding = encodingOf(fields)
  const rawDisposition = fields['content-disposition']
  const disposition = rawDisposition === undefined ? undefined : parseParametrized(rawDisposition)
  const languages = fields['content-language']?.split(',').map((one) => one.trim())
  return {
    type,
    subtype,
    ...(parameters.length > 0 && { parameters }),
    ...text(fields, 'content-id', 'id'),
    ...text(fields, 'content-description', 'description'),
    ...(encoding !== undefined && { encoding }),
    ...text(fields, 'content-md5', 'md5'),
    ...(disposition !== undefined &&
      disposition.value !== '' && {
        disposition: {
          type: disposition.value,
          ...(disposition.parameters.length > 0 && { parameters: disposition.parameters }),
        },
      }),
    ...(languages?.some((one) => one !== '') && { languages }),
    ...text(fields, 'content-location', 'location'),
    headerStart,
    bodyStart,
    end,
    lines,
    ...(draft.parts.length > 0 && { parts: draft.parts }),
    ...(draft.message !== undefined && { message: draft.message }),
  }
}

/** A multipart without any part, or a message that was not read, is what we could read: text, or octets. */
function typeOf({ fields, defaultType, parts, message }: PartDraft): PartType {
  const found = partType(fields, defaultType)
  if (found.type === 'multipart' && parts.length === 0) {
    return { type: 'text', subtype: 'plain', parameters: [] }
  }
  if (isMessageType(found.type, found.subtype) && message === undefined) {
    return { type: 'application', subtype: 'octet-stream', parameters: found.parameters }
  }
  return found
}

/** RFC 9051 §7.5.2: Sender and Reply-To are From where they are absent. */
export function envelopeOf(fields: PartFields): Envelope {
  const from = addresses(fields, 'from')
  const sender = addresses(fields, 'sender') ?? from
  const replyTo = addresses(fields, 'reply-to') ?? from
  const [to, cc, bcc] = [addresses(fields, 'to'), addresses(fields, 'cc'), addresses(fields, 'bcc')]
  const { date, subject, 'in-reply-to': inReplyTo, 'message-id': messageId } = fields
  // One after the other: an object of spread ones takes microseconds, and this is made of every message.
  const envelope: { -readonly [K in keyof Envelope]: Envelope[K] } = {}
  if (date !== undefined) envelope.date = date
  if (subject !== undefined) envelope.subject = subject
  if (from) envelope.from = from
  if (sender) envelope.sender = sender
  if (replyTo) envelope.replyTo = replyTo
  if (to) envelope.to = to
  if (cc) envelope.cc = cc
  if (bcc) envelope.bcc = bcc
  if (inReplyTo !== undefined) envelope.inReplyTo = inReplyTo
  if (messageId !== undefined) envelope.messageId = messageId
  return envelope
}

function addresses(fields: PartFields, name: string): readonly EnvelopeAddress[] | undefined {
  const raw = fields[name]
  const list = raw === undefined ? [] : parseAddressList(raw)
  return list.length === 0 ? undefined : list
}

function text<Key extends string>(
  fields: PartFields,
  name: string,
  key: Key,
): { readonly [K in Key]?: string } {
  const value = fields[name]
  return value === undefined ? {} : ({ [key]: value } as { readonly [K in Key]?: string })
}

function lengthsOf(names: readonly string[]): Uint32Array {
  const lengths = new Uint32Array(32)
  for (const name of names) {
    const letter = name.charCodeAt(0) & 0x1f
    lengths[letter] = (lengths[letter] as number) | (1 << name.length)
  }
  return lengths
}

function named(names: readonly string[]): Readonly<Record<string, true>> {
  return Object.fromEntries(names.map((name) => [name, true]))
}
