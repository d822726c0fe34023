/** ENVELOPE, BODY and BODYSTRUCTURE as they are written. RFC 9051 §7.5.2. */

import type { Envelope, EnvelopeAddress, MessagePart, Parameter } from '../message/envelope.ts'
import { formatString } from './response.ts'

export function formatEnvelope(envelope: Envelope): string {
  const { date, subject, from, sender, replyTo, to, cc, bcc, inReplyTo, messageId } = envelope
  const sent = formatAddresses(from)
  // Most often both are who it is from.
  const senders = `${sent} ${sender === from ? sent : formatAddresses(sender)} ${replyTo === from ? sent : formatAddresses(replyTo)}`
  const recipients = `${formatAddresses(to)} ${formatAddresses(cc)} ${formatAddresses(bcc)}`
  return `(${nstring(date)} ${nstring(subject)} ${senders} ${recipients} ${nstring(inReplyTo)} ${nstring(messageId)})`
}

function formatAddresses(addresses: readonly EnvelopeAddress[] | undefined): string {
  if (addresses === undefined || addresses.length === 0) return 'NIL'
  let formatted = ''
  for (const { name, route, mailbox, host } of addresses) {
    formatted += `(${nstring(name)} ${nstring(route)} ${nstring(mailbox)} ${nstring(host)})`
  }
  return `(${formatted})`
}

/** `isExtended`: BODYSTRUCTURE, else BODY. */
export function formatStructure(part: MessagePart, isExtended: boolean): string {
  return part.type === 'multipart' ? multipart(part, isExtended) : singlePart(part, isExtended)
}

/** One that is empty; where there must be one and is none. */
const NOTHING = '("text" "plain" NIL NIL NIL "7bit" 0 0)'
const NO_ENVELOPE = '(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)'

function multipart(part: MessagePart, isExtended: boolean): string {
  const parts = part.parts?.map((one) => formatStructure(one, isExtended)).join('') || NOTHING
  const extension = isExtended
    ? ` ${formatParameters(part.parameters)} ${formatDisposition(part)}`
    : ''
  return `(${parts} ${formatString(part.subtype)}${extension})`
}

function singlePart(part: MessagePart, isExtended: boolean): string {
  const { type, subtype, parameters, id, description, encoding, bodyStart, end, lines } = part
  const fields = [
    formatString(type),
    formatString(subtype),
    formatParameters(parameters),
    nstring(id),
    nstring(description),
    formatString(encoding ?? '7bit'),
    String(end - bodyStart),
  ]
  const isMessage = type === 'message' && (subtype === 'rfc822' || subtype === 'global')
  if (isMessage) {
    const { message } = part
    fields.push(
      message ? formatEnvelope(message.envelope) : NO_ENVELOPE,
      message ? formatStructure(message.part, isExtended) : NOTHING,
    )
  }
  if (isMessage || type === 'text') fields.push(String(lines))
  if (isExtended) fields.push(nstring(part.md5), formatDisposition(part))
  return `(${fields.join(' ')})`
}

/** And what comes after it. */
function formatDisposition({ disposition, languages, location }: MessagePart): string {
  const how = disposition
    ? `(${formatString(disposition.type)} ${formatParameters(disposition.parameters)})`
    : 'NIL'
  const language = languages?.length ? `(${languages.map(formatString).join(' ')})` : 'NIL'
  return `${how} ${language} ${nstring(location)}`
}

function formatParameters(parameters: readonly Parameter[] | undefined): string {
  if (parameters === undefined || parameters.length === 0) return 'NIL'
  return `(${parameters.map((pair) => pair.map(clean).map(formatString).join(' ')).join(' ')})`
}

function nstring(octets: string | undefined): string {
  return octets === undefined ? 'NIL' : formatString(clean(octets))
}

/** No string but a literal8 may have it. */
function clean(octets: string): string {
  return octets.includes('\0') ? octets.replaceAll('\0', '') : octets
}
