/**
 * Which parts of a message may be taken out of it without harm to the rest: attachments, what
 * a text shows beside itself, and a body that is no text as a whole. Never what was signed or encrypted, which would be broken (RFC 1847 §2),
 * never the text, and never one of several forms of the same. RFC 2046 §5.1.
 */

import type { MessagePart } from './envelope.ts'
import { HEADER_BYTES_MAX } from './limits.ts'

/** What these hold stands for itself: any other multipart is one thing as a whole. */
const OPEN: Readonly<Record<string, true>> = { mixed: true, related: true, alternative: true }

/** Encrypted or signed, or what that needs, although no multipart says so. RFC 8551 §3.2, RFC 3156 §4, §5. */
const SEALED = /^(?:x-)?pkcs7-(?:mime|signature)$|^pgp-(?:encrypted|signature|keys)$|^(?:x-)?pgp$/

/** Those of more than `bytesMin` octets, with their headers, which are of usual length; in the order of the message. */
export function attachmentsAbove(message: MessagePart, bytesMin: number): readonly MessagePart[] {
  const parts = message.type === 'multipart' ? partsIn(message) : wholeOf(message)
  return parts.filter(
    ({ headerStart, bodyStart, end }) =>
      end - headerStart > bytesMin && bodyStart - headerStart <= HEADER_BYTES_MAX,
  )
}

/** The message itself, where it is one attachment and nothing else. */
function wholeOf(message: MessagePart): readonly MessagePart[] {
  return message.type === 'message' || isText(message) || isSealed(message) ? [] : [message]
}

function partsIn({ type, subtype, parts = [] }: MessagePart): readonly MessagePart[] {
  if (type !== 'multipart' || !Object.hasOwn(OPEN, subtype)) return []
  return parts.flatMap((part) => {
    if (part.type === 'multipart') return partsIn(part)
    return subtype === 'alternative' || isText(part) || isSealed(part) ? [] : [part]
  })
}

/** What is read as the message itself: it has no name, and is not said to be an attachment. */
function isText(part: MessagePart): boolean {
  const isAttachment = part.disposition?.type.toLowerCase() === 'attachment'
  return part.type === 'text' && !isAttachment && nameOf(part) === undefined
}

function isSealed({ type, subtype }: MessagePart): boolean {
  return type === 'application' && SEALED.test(subtype)
}

/** The file name of an attachment, as it was written. RFC 2183 §2.3. */
export function nameOf({ disposition, parameters }: MessagePart): string | undefined {
  const named = [...(disposition?.parameters ?? []), ...(parameters ?? [])]
  return named.find(([name]) => /^(?:file)?name\*?$/.test(name))?.[1]
}
