/** In what order commands may come, and what is offered when. RFC 5321 §4.1.4. */

import type { TlsSession } from '../../base/tls.ts'
import type { SaslMechanism } from '../sasl/mechanism.ts'
import { usableMechanisms } from '../sasl/scram.ts'
import type { Command } from './command.ts'
import type { MailFrom, MailParameters, RecipientParameters } from './envelope.ts'
import {
  extensionsUsed,
  OPTIONAL_EXTENSIONS,
  type OptionalExtension,
  offeredExtensions,
} from './extension.ts'
import { unknownParameter } from './parameters.ts'
import { isAscii } from './path.ts'
import type { SmtpProtocol, SmtpServerOptions } from './question.ts'
import type { Reply } from './reply.ts'
import * as replies from './reply.ts'

/** What a server knows of its client. */
export interface Session {
  client: { readonly name: string; readonly isExtended: boolean } | undefined
  user: string | undefined
  tls: TlsSession | undefined
  transaction: Transaction | undefined
}

/** An open one. */
export interface Transaction {
  readonly parameters: MailParameters
  /** Taken. */
  recipientCount: number
  /** Whether a part of the message has come by BDAT. */
  isChunked: boolean
}

/** What AUTH may be used with now. */
function mechanismsFor(
  { tls }: Readonly<Session>,
  { mechanisms, plaintextAuth }: SmtpServerOptions,
): readonly SaslMechanism[] {
  if (tls === undefined && plaintextAuth === 'refuse') return []
  return usableMechanisms(mechanisms, { binding: tls?.channelBinding, mayShowPassword: true })
}

/** RFC 8689: a wish for TLS all the way needs TLS on the first of it. */
function extensionsFor(
  { tls }: Readonly<Session>,
  { role, extensions = [] }: SmtpServerOptions,
): readonly OptionalExtension[] {
  if (role === 'batch') return OPTIONAL_EXTENSIONS
  return extensions.filter((name) => name !== 'REQUIRETLS' || tls !== undefined)
}

/** STARTTLS is not offered under TLS. RFC 3207 §4.2. */
function offersStartTls({ tls }: Readonly<Session>, options: SmtpServerOptions): boolean {
  return tls === undefined && options.tls === 'offered'
}

/** Whether a command is of any use to this client now. */
export function offers(
  verb: Command['verb'],
  session: Readonly<Session>,
  options: SmtpServerOptions,
): boolean {
  switch (verb) {
    case 'EHLO':
    case 'HELO':
      return options.role !== 'lmtp'
    case 'LHLO':
      return options.role === 'lmtp'
    case 'STARTTLS':
      return offersStartTls(session, options)
    case 'AUTH':
      return mechanismsFor(session, options).length > 0
    case 'VRFY':
      return options.vrfy !== 'refuse'
    case 'EXPN':
      return options.expn === 'answer'
    default:
      return true
  }
}

/** The lines of the reply to EHLO after the first. */
export function extensionLines(
  session: Readonly<Session>,
  options: SmtpServerOptions,
): readonly string[] {
  const { sizeBytesMax, recipientsMax, releaseMax, expn, announced = [] } = options
  const offered = offeredExtensions({
    sizeBytesMax,
    recipientsMax,
    releaseMax,
    startTls: offersStartTls(session, options),
    mechanisms: mechanismsFor(session, options),
    extensions: extensionsFor(session, options),
    expands: expn === 'answer',
  })
  return [...offered, ...announced]
}

/** What a mail came by, as its trace field is to say. */
export function protocolOf(
  { parameters }: MailFrom,
  { client, user, tls }: Readonly<Session>,
  { role }: SmtpServerOptions,
): SmtpProtocol {
  const marks = `${tls === undefined ? '' : 'S'}${user === undefined ? '' : 'A'}` as const
  const isPlain = client?.isExtended === false && marks === ''
  if (role === 'lmtp') return `${parameters.smtpUtf8 ? 'UTF8LMTP' : 'LMTP'}${marks}`
  return isPlain ? 'SMTP' : `${parameters.smtpUtf8 ? 'UTF8SMTP' : 'ESMTP'}${marks}`
}

/** Why a command cannot be taken now; undefined where it can. */
export function objectionTo(
  command: Command,
  session: Readonly<Session>,
  options: SmtpServerOptions,
): Reply | undefined {
  const { transaction } = session
  switch (command.verb) {
    case 'EHLO':
    case 'HELO':
    case 'LHLO':
      return (command.verb === 'LHLO') === (options.role === 'lmtp')
        ? undefined
        : replies.notImplemented(command.verb)
    case 'MAIL':
      return objectionToMail(command.from, session, options)
    case 'RCPT':
      if (transaction === undefined) return replies.badSequence('need MAIL command')
      if (transaction.isChunked) return replies.badSequence('message has begun')
      if (!isAscii(command.recipient) && !transaction.parameters.smtpUtf8) {
        return replies.ADDRESS_NOT_ASCII
      }
      return unofferedIn(command.parameters ?? {}, session, options)
    case 'DATA':
    case 'BDAT':
      return objectionToData(command.verb, transaction)
    case 'STARTTLS':
      if (session.tls !== undefined) return replies.TLS_ACTIVE
      if (options.tls !== 'offered') return replies.notImplemented('STARTTLS')
      return session.client?.isExtended ? undefined : replies.badSequence('send EHLO first')
    case 'AUTH':
      return objectionToAuth(command.mechanism, session, options)
    case 'VRFY':
    case 'EXPN':
      return objectionToLookUp(command.verb, session, options)
    default:
      return undefined
  }
}

function objectionToMail(
  { reversePath, parameters }: Extract<Command, { verb: 'MAIL' }>['from'],
  session: Readonly<Session>,
  options: SmtpServerOptions,
): Reply | undefined {
  if (options.role !== 'batch' && session.client === undefined) {
    return replies.badSequence('send HELO/EHLO first')
  }
  if (options.requireAuthentication && session.user === undefined) {
    const needsTls =
      mechanismsFor(session, options).length === 0 && offersStartTls(session, options)
    return needsTls ? replies.TLS_REQUIRED : replies.AUTHENTICATION_REQUIRED
  }
  if (session.transaction !== undefined) return replies.badSequence('nested MAIL command')
  if ((parameters.sizeBytes ?? 0) > options.sizeBytesMax) return replies.TOO_BIG
  if (!isAscii(reversePath) && !parameters.smtpUtf8) {
    return { ...replies.ADDRESS_NOT_ASCII, code: 550 }
  }
  if (isTooLate(parameters.hold, options)) return replies.RELEASE_TOO_LATE
  return unofferedIn(parameters, session, options)
}

function objectionToData(
  verb: 'DATA' | 'BDAT',
  transaction: Transaction | undefined,
): Reply | undefined {
  if (transaction === undefined) return replies.badSequence('need MAIL command')
  // RFC 2920 §3.2 (3).
  if (transaction.recipientCount === 0) return replies.NO_VALID_RECIPIENTS
  if (verb === 'BDAT') return undefined
  // RFC 3030 §2 and, since DATA cannot carry what is binary, RFC 3030 §3.
  if (transaction.isChunked) return replies.badSequence('DATA after BDAT')
  return transaction.parameters.body === 'BINARYMIME'
    ? replies.badSequence('BINARYMIME needs BDAT')
    : undefined
}

/** RFC 5321 §7.3. Where users have to say who they are, nobody else learns who the others are. */
function objectionToLookUp(
  verb: 'VRFY' | 'EXPN',
  { user }: Readonly<Session>,
  { vrfy, expn = 'refuse', requireAuthentication }: SmtpServerOptions,
): Reply | undefined {
  const policy = verb === 'VRFY' ? vrfy : expn
  if (policy === 'refuse') return replies.notImplemented(verb)
  return policy === 'answer' && requireAuthentication && user === undefined
    ? replies.AUTHENTICATION_REQUIRED
    : undefined
}

/** RFC 2554 §4. */
function objectionToAuth(
  mechanism: string,
  session: Readonly<Session>,
  options: SmtpServerOptions,
): Reply | undefined {
  const offered = mechanismsFor(session, options)
  if (options.mechanisms.length === 0) return replies.notImplemented('AUTH')
  if (offered.length === 0) return replies.ENCRYPTION_REQUIRED
  if (!session.client?.isExtended) return replies.badSequence('send EHLO first')
  if (session.user !== undefined) return replies.badSequence('already authenticated')
  if (session.transaction !== undefined) return replies.badSequence('MAIL transaction in progress')
  return offered.some((name) => name === mechanism) ? undefined : replies.UNKNOWN_MECHANISM
}

/** RFC 5321 §4.1.1.11. */
function unofferedIn(
  parameters: MailParameters & RecipientParameters,
  session: Readonly<Session>,
  options: SmtpServerOptions,
): Reply | undefined {
  const offered = extensionsFor(session, options)
  const surplus = extensionsUsed(parameters).find(([extension]) => !offered.includes(extension))
  return surplus && replies.replyTo(unknownParameter(surplus[1]))
}

function isTooLate(hold: MailParameters['hold'], { releaseMax }: SmtpServerOptions): boolean {
  if (hold === undefined || releaseMax === undefined) return false
  return 'forSec' in hold ? hold.forSec > releaseMax.afterSec : hold.until > releaseMax.until
}
