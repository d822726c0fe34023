/** In what order commands may come. RFC 5321 §4.1.4. */

import type { SaslMechanism } from '../sasl/mechanism.ts'
import type { Command } from './command.ts'
import type { MailParameters, RecipientParameters } from './envelope.ts'
import { extensionsUsed, type OptionalExtension } from './extension.ts'
import { unknownParameter } from './parameters.ts'
import {
  AUTHENTICATION_REQUIRED,
  badSequence,
  NO_VALID_RECIPIENTS,
  notImplemented,
  type Reply,
  replyTo,
  TOO_BIG,
  UNKNOWN_MECHANISM,
} from './reply.ts'

/** What a server knows of its client. */
export interface Session {
  client: { readonly name: string; readonly protocol: 'SMTP' | 'ESMTP' } | undefined
  user: string | undefined
  /** Recipients taken in the open transaction; undefined while there is none. */
  recipientCount: number | undefined
}

export interface SessionRules {
  /** Whether a mail may begin without EHLO or HELO. */
  readonly helloRequired: boolean
  readonly requireAuthentication: boolean
  readonly mechanisms: readonly SaslMechanism[]
  readonly sizeBytesMax: number
  readonly extensions: readonly OptionalExtension[]
}

/** Why a command cannot be taken now; undefined where it can. */
export function objectionTo(
  command: Command,
  session: Readonly<Session>,
  rules: SessionRules,
): Reply | undefined {
  switch (command.verb) {
    case 'MAIL':
      if (rules.helloRequired && session.client === undefined) {
        return badSequence('send HELO/EHLO first')
      }
      if (rules.requireAuthentication && session.user === undefined) return AUTHENTICATION_REQUIRED
      if (session.recipientCount !== undefined) return badSequence('nested MAIL command')
      if ((command.from.parameters.sizeBytes ?? 0) > rules.sizeBytesMax) return TOO_BIG
      return unofferedIn(command.from.parameters, rules)
    case 'RCPT':
      if (session.recipientCount === undefined) return badSequence('need MAIL command')
      return unofferedIn(command.parameters ?? {}, rules)
    case 'DATA':
      if (session.recipientCount === undefined) return badSequence('need MAIL command')
      // RFC 2920 §3.2 (3).
      return session.recipientCount === 0 ? NO_VALID_RECIPIENTS : undefined
    case 'AUTH':
      // RFC 2554 §4.
      if (rules.mechanisms.length === 0) return notImplemented('AUTH')
      if (session.client?.protocol !== 'ESMTP') return badSequence('send EHLO first')
      if (session.user !== undefined) return badSequence('already authenticated')
      if (session.recipientCount !== undefined) return badSequence('MAIL transaction in progress')
      return rules.mechanisms.some((offered) => offered === command.mechanism)
        ? undefined
        : UNKNOWN_MECHANISM
    case 'EXPN':
      return notImplemented('EXPN')
    default:
      return undefined
  }
}

/** RFC 5321 §4.1.1.11. */
function unofferedIn(
  parameters: MailParameters & RecipientParameters,
  { extensions }: SessionRules,
): Reply | undefined {
  const surplus = extensionsUsed(parameters).find(([extension]) => !extensions.includes(extension))
  return surplus && replyTo(unknownParameter(surplus[1]))
}
