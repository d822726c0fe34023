/** The fields that servers put before a message on its way. RFC 5321 §4.4. */

import { formatMailDate } from '../../base/calendar.ts'
import type { WallMs } from '../../base/time.ts'
import { formatField, type HeaderField } from './header.ts'

export interface ReceivedTrace {
  /** As the client named itself; undefined where it did not. */
  readonly helo: string | undefined
  /** The client's IP address, or undefined where the mail did not come over a connection. */
  readonly peer: string | undefined
  readonly by: string
  /** Of this machine, who handed it in, where that is known. */
  readonly user?: string | undefined
  /** As registered for the WITH clause: `SMTP`, `ESMTP`, `ESMTPA`. */
  readonly protocol: string
  readonly id: string
  /** `local-part@domain` of the only recipient; undefined where there are several. */
  readonly recipient: string | undefined
  readonly date: WallMs
}

/** `Received` with its CRLF. */
export function formatReceived(trace: ReceivedTrace): string {
  const words: string[] = []
  const tcp = trace.peer === undefined ? undefined : formatAddressLiteral(trace.peer)
  if (trace.helo !== undefined) words.push('from', word(trace.helo))
  else if (tcp !== undefined) words.push('from', tcp)
  if (tcp !== undefined) words.push(`(${tcp})`)
  const who = trace.user === undefined ? '' : `, from user ${word(trace.user)}`
  words.push(
    'by',
    word(trace.by),
    `(Lightlag${who})`,
    'with',
    word(trace.protocol),
    'id',
    word(trace.id),
  )
  if (trace.recipient !== undefined) words.push(`for <${trace.recipient}>`)
  const last = words.pop() ?? ''
  return formatField('Received', [...words, `${last};`, formatMailDate(trace.date)])
}

/** `Return-Path` with its CRLF; `path` without its angle brackets, empty for the null one. */
export function formatReturnPath(path: string): string {
  return formatField('Return-Path', [`<${path}>`])
}

/** `Delivered-To` with its CRLF. */
export function formatDeliveredTo(recipient: string): string {
  return formatField('Delivered-To', [recipient])
}

/** Whether a header says that its message has been at this address before. */
export function wasDeliveredTo(fields: readonly HeaderField[], recipient: string): boolean {
  const address = recipient.toLowerCase()
  return fields.some(
    ({ name, value }) => name === 'delivered-to' && value.toLowerCase() === address,
  )
}

/** `[172.21.0.3]`, `[IPv6:fd00::3]`. RFC 5321 §4.1.3. */
export function formatAddressLiteral(host: string): string {
  return host.includes(':') ? `[IPv6:${host}]` : `[${host}]`
}

/** What a peer said, kept from opening a comment or another clause. */
function word(text: string): string {
  return text.replace(/[^!-'*-:<-~]/g, '?')
}
