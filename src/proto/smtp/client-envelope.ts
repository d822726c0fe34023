/** An envelope on its way to a server, by what that server offers. RFC 5321 §4.1.1.11. */

import type {
  Mailbox,
  MailFrom,
  MailParameters,
  RecipientParameters,
  ReversePath,
} from './envelope.ts'
import type { Extensions } from './extension.ts'
import {
  BINARY_NOT_POSSIBLE,
  DELIVERBY_NOT_POSSIBLE,
  REQUIRETLS_NOT_POSSIBLE,
  type Reply,
  TOO_BIG_FOR_SERVER,
  TOO_LATE_FOR_SERVER,
  UTF8_NOT_POSSIBLE,
} from './reply.ts'

/** What a mail travels with. */
export interface OutgoingMail {
  readonly from: MailFrom
  /** At least one. */
  readonly recipients: readonly Mailbox[]
  /** Those of the recipient at the same place; default: none. */
  readonly recipientParameters?: readonly (RecipientParameters | undefined)[]
}

/** Why a mail cannot go to this server, as the server would have said it; undefined where it can. */
export function objectionToSending(
  mail: OutgoingMail,
  offered: Extensions,
  isVerified: boolean,
): Reply | undefined {
  const { sizeBytes, body, deliverBy } = mail.from.parameters
  const { optional, sizeBytesMax, chunking, deliverBySecMin } = offered
  if (sizeBytes !== undefined && sizeBytesMax !== undefined && sizeBytes > sizeBytesMax) {
    return TOO_BIG_FOR_SERVER
  }
  if (body === 'BINARYMIME' && !(chunking && optional.includes('BINARYMIME'))) {
    return BINARY_NOT_POSSIBLE
  }
  if (needsUtf8(mail) && !optional.includes('SMTPUTF8')) return UTF8_NOT_POSSIBLE
  if (isTlsRequired(mail) && !(isVerified && optional.includes('REQUIRETLS'))) {
    return REQUIRETLS_NOT_POSSIBLE
  }
  // Nobody would send it back in time. RFC 2852.
  if (deliverBy?.mode === 'return') {
    if (!optional.includes('DELIVERBY')) return DELIVERBY_NOT_POSSIBLE
    if (deliverBy.seconds < deliverBySecMin) return TOO_LATE_FOR_SERVER
  }
  return undefined
}

/** A parameter that the server does not know would have the mail refused. */
export function offeredMail(mail: OutgoingMail, offered: Extensions): MailFrom {
  const { reversePath, parameters } = mail.from
  const { sizeBytes, body, ret, envelopeId, priority, requireTls, deliverBy } = parameters
  const has = (extension: Extensions['optional'][number]): boolean =>
    offered.optional.includes(extension)
  const sent: { -readonly [Name in keyof MailParameters]: MailParameters[Name] } = {}
  if (offered.size && sizeBytes !== undefined) sent.sizeBytes = sizeBytes
  if (body === 'BINARYMIME' || (offered.eightBitMime && body !== undefined)) sent.body = body
  if (needsUtf8(mail)) sent.smtpUtf8 = true
  if (has('DSN') && ret !== undefined) sent.ret = ret
  if (has('DSN') && envelopeId !== undefined) sent.envelopeId = envelopeId
  if (has('MT-PRIORITY') && priority !== undefined) sent.priority = priority
  if (has('DELIVERBY') && deliverBy !== undefined) sent.deliverBy = deliverBy
  if (has('REQUIRETLS') && requireTls) sent.requireTls = requireTls
  return { reversePath, parameters: sent }
}

/** A report may go unprotected rather than be lost. RFC 8689 §5. */
export function isTlsRequired({ from }: Pick<OutgoingMail, 'from'>): boolean {
  return from.parameters.requireTls === true && from.reversePath !== undefined
}

export function offeredRecipient(
  parameters: RecipientParameters | undefined,
  offered: Extensions,
): RecipientParameters {
  return offered.optional.includes('DSN') ? (parameters ?? {}) : {}
}

function needsUtf8({ from, recipients }: OutgoingMail): boolean {
  return (
    from.parameters.smtpUtf8 === true || [from.reversePath, ...recipients].some(isInternational)
  )
}

function isInternational(path: ReversePath): boolean {
  return path !== undefined && /[^\0-\x7f]/.test(`${path.localPart}${path.domain}`)
}
