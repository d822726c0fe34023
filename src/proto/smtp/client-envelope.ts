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
  REQUIRETLS_NOT_POSSIBLE,
  type Reply,
  TOO_BIG_FOR_SERVER,
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
  { from, recipients }: OutgoingMail,
  offered: Extensions,
  isVerified: boolean,
): Reply | undefined {
  const { sizeBytes, body, smtpUtf8, requireTls } = from.parameters
  const { optional, sizeBytesMax } = offered
  if (sizeBytes !== undefined && sizeBytesMax !== undefined && sizeBytes > sizeBytesMax) {
    return TOO_BIG_FOR_SERVER
  }
  // It would take CHUNKING, which we do not speak as a client.
  if (body === 'BINARYMIME') return BINARY_NOT_POSSIBLE
  const needsUtf8 = smtpUtf8 || [from.reversePath, ...recipients].some(isInternational)
  if (needsUtf8 && !optional.includes('SMTPUTF8')) return UTF8_NOT_POSSIBLE
  // A report would be lost. RFC 8689 §5.
  const isReport = from.reversePath === undefined
  const hasTls = isVerified && optional.includes('REQUIRETLS')
  if (requireTls && !hasTls && !isReport) return REQUIRETLS_NOT_POSSIBLE
  return undefined
}

/** A parameter that the server does not know would have the mail refused. */
export function offeredMail(mail: OutgoingMail, offered: Extensions): MailFrom {
  const { reversePath, parameters } = mail.from
  const { sizeBytes, body, ret, envelopeId, priority, requireTls } = parameters
  const has = (extension: Extensions['optional'][number]): boolean =>
    offered.optional.includes(extension)
  const isInternationalMail =
    parameters.smtpUtf8 || [reversePath, ...mail.recipients].some(isInternational)
  const sent: { -readonly [Name in keyof MailParameters]: MailParameters[Name] } = {}
  if (offered.size && sizeBytes !== undefined) sent.sizeBytes = sizeBytes
  if (offered.eightBitMime && body !== undefined) sent.body = body
  if (isInternationalMail) sent.smtpUtf8 = true
  if (has('DSN') && ret !== undefined) sent.ret = ret
  if (has('DSN') && envelopeId !== undefined) sent.envelopeId = envelopeId
  if (has('MT-PRIORITY') && priority !== undefined) sent.priority = priority
  if (has('REQUIRETLS') && requireTls) sent.requireTls = requireTls
  return { reversePath, parameters: sent }
}

export function offeredRecipient(
  parameters: RecipientParameters | undefined,
  offered: Extensions,
): RecipientParameters {
  return offered.optional.includes('DSN') ? (parameters ?? {}) : {}
}

function isInternational(path: ReversePath): boolean {
  return path !== undefined && /[^\0-\x7f]/.test(`${path.localPart}${path.domain}`)
}
