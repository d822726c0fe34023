/**
 * What IMAP tells of a message without its text: the ENVELOPE and the BODYSTRUCTURE, as values.
 * RFC 9051 §7.5.2. Texts are raw: one character per byte, encoded words left as they are.
 */

/** One address, or the beginning (`mailbox` alone) or the end (nothing at all) of a group. RFC 9051 §7.5.2. */
export interface EnvelopeAddress {
  /** The display name. */
  readonly name?: string
  /** The source route, which nobody writes any more. */
  readonly route?: string
  /** The local part, or at the beginning of a group its name. */
  readonly mailbox?: string
  /** Absent in the two markers of a group. */
  readonly host?: string
}

/** A field that is absent, or without any address, is absent here. */
export interface Envelope {
  readonly date?: string
  readonly subject?: string
  readonly from?: readonly EnvelopeAddress[]
  /** As `from` where the message has none. The same holds for `replyTo`. RFC 9051 §7.5.2. */
  readonly sender?: readonly EnvelopeAddress[]
  readonly replyTo?: readonly EnvelopeAddress[]
  readonly to?: readonly EnvelopeAddress[]
  readonly cc?: readonly EnvelopeAddress[]
  readonly bcc?: readonly EnvelopeAddress[]
  readonly inReplyTo?: string
  readonly messageId?: string
}

/** Name and value of a parameter; the name in lower case, the value unquoted. */
export type Parameter = readonly [name: string, value: string]

/**
 * One part of a message, the message itself being the outermost. Offsets are octets from the
 * beginning of the message as it is sent, with CRLF at every line's end.
 */
export interface MessagePart {
  /** In lower case, as the subtype. */
  readonly type: string
  readonly subtype: string
  readonly parameters?: readonly Parameter[]
  readonly id?: string
  readonly description?: string
  /** Default: `7bit`. In lower case. */
  readonly encoding?: string
  readonly md5?: string
  readonly disposition?: { readonly type: string; readonly parameters?: readonly Parameter[] }
  readonly languages?: readonly string[]
  readonly location?: string
  /** Where its header begins, and where its body begins behind the empty line. */
  readonly headerStart: number
  readonly bodyStart: number
  /** Behind its body; the line end before a boundary belongs to the boundary. RFC 2046 §5.1.1. */
  readonly end: number
  /** Lines of the body. */
  readonly lines: number
  /** Of a multipart: at least one. */
  readonly parts?: readonly MessagePart[]
  /** Of a message/rfc822 or message/global. */
  readonly message?: { readonly envelope: Envelope; readonly part: MessagePart }
}
