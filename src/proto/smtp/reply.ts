/** Replies, named by what they mean: numbers and words. RFC 5321 §4.2, RFC 2034 §4. */

import type { SmtpFault } from './fault.ts'

export interface Reply {
  /** Three digits: 2yz done, 3yz go on, 4yz not now, 5yz never. */
  readonly code: number
  /** `2.1.5`, in every reply but greetings, those to EHLO, and 3yz. RFC 2034 §4. */
  readonly enhanced?: string
  /** At least one; printable ASCII without the codes. */
  readonly lines: readonly string[]
}

function reply(code: number, enhanced: string | undefined, ...lines: readonly string[]): Reply {
  return enhanced === undefined ? { code, lines } : { code, enhanced, lines }
}

export function isPositive(reply: Reply): boolean {
  return reply.code >= 200 && reply.code < 300
}

/** Go on: 3yz. */
export function isIntermediate(reply: Reply): boolean {
  return reply.code >= 300 && reply.code < 400
}

/** Worth trying again later: 4yz. */
export function isTemporary(reply: Reply): boolean {
  return reply.code >= 400 && reply.code < 500
}

// What goes well.

export function serviceReady(hostname: string): Reply {
  return reply(220, undefined, `${hostname} ESMTP Lightlag`)
}

export function hello(hostname: string, extensions: readonly string[]): Reply {
  return reply(250, undefined, hostname, ...extensions)
}

export const OK: Reply = reply(250, '2.0.0', 'Ok')
export const SENDER_OK: Reply = reply(250, '2.1.0', 'Ok')
export const RECIPIENT_OK: Reply = reply(250, '2.1.5', 'Ok')
export const START_DATA: Reply = reply(354, undefined, 'End data with <CR><LF>.<CR><LF>')
export const READY_FOR_TLS: Reply = reply(220, '2.0.0', 'Ready to start TLS')
export const CLOSING: Reply = reply(221, '2.0.0', 'Bye')
export const AUTHENTICATED: Reply = reply(235, '2.7.0', 'Authentication successful')
export const CANNOT_VERIFY: Reply = reply(
  252,
  '2.0.0',
  'Cannot VRFY user, but will accept message and attempt delivery',
)

export function queued(queueId: string | undefined): Reply {
  return queueId === undefined ? OK : reply(250, '2.0.0', `Ok: queued as ${queueId}`)
}

export function chunkTaken(sizeBytes: number): Reply {
  return reply(250, '2.0.0', `Ok: ${sizeBytes} bytes`)
}

export function help(lines: readonly string[]): Reply {
  return reply(214, '2.0.0', ...lines)
}

export function challenge(base64: string): Reply {
  return reply(334, undefined, base64)
}

// What the client can try again.

export function shuttingDown(hostname: string): Reply {
  return reply(421, '4.3.2', `${hostname} Service shutting down and closing transmission channel`)
}

export function idleTooLong(hostname: string): Reply {
  return reply(421, '4.4.2', `${hostname} Error: timeout exceeded`)
}

export function tooManyErrors(hostname: string): Reply {
  return reply(421, '4.7.0', `${hostname} Error: too many errors`)
}

export function tooMuchAtOnce(hostname: string): Reply {
  return reply(421, '4.7.0', `${hostname} Error: too much input without waiting for replies`)
}

export function notSmtp(hostname: string): Reply {
  return reply(421, '4.7.0', `${hostname} Error: this is no SMTP`)
}

export function tooManySessions(hostname: string): Reply {
  return reply(421, '4.7.0', `${hostname} Error: too many connections`)
}

export const TOO_MANY_RECIPIENTS: Reply = reply(452, '4.5.3', 'Error: too many recipients')
export const STORAGE_FULL: Reply = reply(452, '4.3.1', 'Insufficient system storage')
/** RFC 2554 §6. */
export const AUTHENTICATION_NOT_NOW: Reply = reply(
  454,
  '4.7.0',
  'Temporary authentication failure: too many attempts',
)
export const LOCAL_ERROR: Reply = reply(451, '4.3.0', 'Error: local error in processing')

// What it cannot.

export const TOO_BIG: Reply = reply(552, '5.3.4', 'Message size exceeds fixed limit')
export const BARE_LINE_END: Reply = reply(
  550,
  '5.6.11',
  'Error: bare <CR> or <LF> in message, lines must end in <CR><LF>',
)
/** What our client answers itself, in a server's stead. RFC 1870 §6, RFC 6531 §3.5, RFC 8689 §5. */
export const CONNECTION_LOST: Reply = reply(
  451,
  '4.4.2',
  'Connection lost before the server answered for this recipient',
)
export const TOO_BIG_FOR_SERVER: Reply = reply(
  552,
  '5.3.4',
  'Message size exceeds the limit of the server',
)
export const EIGHT_BIT_NOT_POSSIBLE: Reply = reply(
  554,
  '5.6.3',
  'Conversion of an 8-bit message required but not supported: the server has no 8BITMIME',
)
export const BINARY_NOT_POSSIBLE: Reply = reply(
  554,
  '5.6.3',
  'Conversion of a binary message required but not supported',
)
export const UTF8_NOT_POSSIBLE: Reply = reply(
  553,
  '5.6.7',
  'Addresses or header fields need SMTPUTF8, which the server does not offer',
)
export const REQUIRETLS_NOT_POSSIBLE: Reply = reply(
  550,
  '5.7.30',
  'REQUIRETLS support required, which the server does not offer',
)
/** RFC 2852. */
export const DELIVERBY_NOT_POSSIBLE: Reply = reply(
  554,
  '5.3.3',
  'Return after a time required (BY), but the server has no DELIVERBY',
)
export const TOO_LATE_FOR_SERVER: Reply = reply(
  554,
  '5.4.7',
  'Too little of the time given by BY is left for the server',
)
/** RFC 3207 §4. */
export const TLS_REQUIRED: Reply = reply(530, '5.7.0', 'Must issue a STARTTLS command first')
export const TLS_ACTIVE: Reply = reply(554, '5.5.1', 'Error: TLS already active')
/** RFC 2554 §6. */
export const ENCRYPTION_REQUIRED: Reply = reply(
  538,
  '5.7.11',
  'Encryption required for requested authentication mechanism',
)
/** RFC 6531 §3.5. */
export const ADDRESS_NOT_ASCII: Reply = reply(
  553,
  '5.6.7',
  'Error: non-ASCII address without SMTPUTF8',
)
export const RELEASE_TOO_LATE: Reply = reply(501, '5.5.4', 'Error: release too far in the future')
export const AUTHENTICATION_REQUIRED: Reply = reply(530, '5.7.0', 'Authentication required')
export const AUTHENTICATION_FAILED: Reply = reply(535, '5.7.8', 'Error: authentication failed')
export const AUTHENTICATION_CANCELLED: Reply = reply(501, '5.7.0', 'Authentication aborted')
export const BAD_BASE64: Reply = reply(501, '5.5.2', 'Error: cannot decode base64 response')
export const UNKNOWN_MECHANISM: Reply = reply(504, '5.5.4', 'Unrecognized authentication type')
export const NO_VALID_RECIPIENTS: Reply = reply(554, '5.5.1', 'Error: no valid recipients')

export function badSequence(what: string): Reply {
  return reply(503, '5.5.1', `Error: ${what}`)
}

export function notImplemented(verb: string): Reply {
  return reply(502, '5.5.1', `Error: ${verb} not implemented`)
}

export function noSuchUser(address: string): Reply {
  return reply(550, '5.1.1', `<${address}>: Recipient address rejected: User unknown`)
}

/** In Postfix's words. */
export function noSuchRelayUser(address: string): Reply {
  const why = 'User unknown in relay recipient table'
  return reply(550, '5.1.1', `<${address}>: Recipient address rejected: ${why}`)
}

export function relayDenied(address: string): Reply {
  return reply(554, '5.7.1', `<${address}>: Relay access denied`)
}

/** In Postfix's words. */
export function mailLoop(name: string): Reply {
  return reply(554, '5.4.6', `<${name}>: mail forwarding loop`)
}

export const TOO_MANY_HOPS: Reply = reply(554, '5.4.6', 'Error: too many hops')

/** What a client is told that said something we do not take. */
export function replyTo(fault: SmtpFault): Reply {
  switch (fault.code) {
    case 'smtp/unknown-command':
    case 'smtp/bad-line':
      return reply(500, '5.5.2', `Error: ${fault.message}`)
    case 'smtp/bad-reverse-path':
      return reply(501, '5.1.7', `Error: ${fault.message}`)
    case 'smtp/bad-forward-path':
      return reply(501, '5.1.3', `Error: ${fault.message}`)
    case 'smtp/unknown-parameter':
      return reply(555, '5.5.4', fault.message)
    default:
      return reply(501, '5.5.4', fault.message)
  }
}
