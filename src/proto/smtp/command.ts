/** Command lines: one table of verbs for reading, for HELP and for lengths. RFC 5321 §4.1.1. */

import { fromLatin1, toUtf8Strict } from '../../base/bytes.ts'
import { attempt, type Result } from '../../base/fault.ts'
import type { Mailbox, MailFrom, RecipientParameters } from './envelope.ts'
import { type SmtpFaultCode, smtpFault } from './fault.ts'
import {
  AUTH_LINE_MAX,
  COMMAND_LINE_MAX,
  DOMAIN_MAX,
  MAIL_LINE_MAX,
  RCPT_LINE_MAX,
} from './limits.ts'
import {
  formatMailParameters,
  formatRecipientParameters,
  parseMailParameters,
  parseRecipientParameters,
} from './parameters.ts'
import { formatMailbox, formatPath, parseForwardPath, parseReversePath } from './path.ts'

export type Command =
  | { readonly verb: 'EHLO' | 'HELO' | 'LHLO'; readonly domain: string }
  | { readonly verb: 'MAIL'; readonly from: MailFrom }
  | {
      readonly verb: 'RCPT'
      /** An empty domain means the server's own. */
      readonly recipient: Mailbox
      readonly parameters?: RecipientParameters
    }
  | { readonly verb: 'DATA' | 'RSET' | 'QUIT' | 'STARTTLS' }
  /** As many octets of the message follow at once. RFC 3030 §2. */
  | { readonly verb: 'BDAT'; readonly sizeBytes: number; readonly isLast: boolean }
  | { readonly verb: 'NOOP' | 'HELP' | 'VRFY' | 'EXPN'; readonly argument: string }
  | {
      readonly verb: 'AUTH'
      readonly mechanism: string
      /** Base64, or `=` for an empty one; absent is not empty. RFC 2554 §4. */
      readonly initialResponse: string | undefined
    }

export type Verb = Command['verb']

interface VerbRule {
  readonly syntax: string
  /** With CRLF. */
  readonly lineMax?: number
  /** Undefined where the argument does not follow `syntax`; throws a Fault for anything finer. */
  readonly parse: (argument: string) => Command | undefined
}

const VERBS: { readonly [V in Verb]: VerbRule } = {
  EHLO: { syntax: 'EHLO hostname', parse: (argument) => parseHello('EHLO', argument) },
  HELO: { syntax: 'HELO hostname', parse: (argument) => parseHello('HELO', argument) },
  LHLO: { syntax: 'LHLO hostname', parse: (argument) => parseHello('LHLO', argument) },
  MAIL: { syntax: 'MAIL FROM:<address>', lineMax: MAIL_LINE_MAX, parse: parseMail },
  RCPT: { syntax: 'RCPT TO:<address>', lineMax: RCPT_LINE_MAX, parse: parseRcpt },
  DATA: { syntax: 'DATA', parse: (argument) => alone('DATA', argument) },
  BDAT: { syntax: 'BDAT length [LAST]', parse: parseBdat },
  RSET: { syntax: 'RSET', parse: (argument) => alone('RSET', argument) },
  NOOP: { syntax: 'NOOP [string]', parse: (argument) => ({ verb: 'NOOP', argument }) },
  QUIT: { syntax: 'QUIT', parse: (argument) => alone('QUIT', argument) },
  VRFY: { syntax: 'VRFY address', parse: (argument) => withString('VRFY', argument) },
  EXPN: { syntax: 'EXPN list', parse: (argument) => withString('EXPN', argument) },
  HELP: { syntax: 'HELP [string]', parse: (argument) => ({ verb: 'HELP', argument }) },
  STARTTLS: { syntax: 'STARTTLS', parse: (argument) => alone('STARTTLS', argument) },
  AUTH: { syntax: 'AUTH mechanism [response]', lineMax: AUTH_LINE_MAX, parse: parseAuth },
}

/** The syntax of every command that is offered. */
export function commandSyntax(isOffered: (verb: Verb) => boolean): readonly string[] {
  const verbs = Object.keys(VERBS) as Verb[]
  return verbs.filter(isOffered).map((verb) => VERBS[verb].syntax)
}

/** What a line begins with, if it is a command of ours. */
export function verbOf(line: string): Verb | undefined {
  const space = line.indexOf(' ')
  const word = (space < 0 ? line : line.slice(0, space)).toUpperCase()
  return Object.hasOwn(VERBS, word) ? (word as Verb) : undefined
}

/** Whether it brings no mail any further. The first EHLO does, and is far from the bound. */
export function bringsNoMail({ verb }: Command): boolean {
  return IDLE_VERBS.some((idle) => idle === verb)
}

const IDLE_VERBS = ['NOOP', 'RSET', 'HELP', 'VRFY', 'EXPN', 'EHLO', 'HELO', 'LHLO'] as const

/** A page that has a browser send it here has commands in its body. As `smtpd_forbidden_commands`. */
export function isHttpRequest(line: string): boolean {
  return /^(?:GET|POST|PUT|HEAD|OPTIONS|DELETE|PATCH|CONNECT|TRACE) /.test(line)
}

/** A line for the log: without what might be a password that came in the wrong place. */
export function safeToLog(line: string): string {
  const verb = verbOf(line)
  if (verb === undefined || verb === 'AUTH') return verb ?? '(unknown)'
  return line.slice(0, 100).replace(/[^ -~]/g, '?')
}

/** `line` is without its CRLF. */
export function parseCommand(line: string): Result<Command, SmtpFaultCode> {
  return attempt(() => readCommand(line)) as Result<Command, SmtpFaultCode>
}

/** Without CRLF. */
export function formatCommand(command: Command): string {
  switch (command.verb) {
    case 'EHLO':
    case 'HELO':
    case 'LHLO':
      return `${command.verb} ${command.domain}`
    case 'MAIL':
      return `MAIL FROM:${formatPath(command.from.reversePath)}${formatMailParameters(command.from.parameters)}`
    case 'RCPT':
      return `RCPT TO:<${formatRecipient(command.recipient)}>${formatRecipientParameters(command.parameters ?? {})}`
    case 'BDAT':
      return `BDAT ${command.sizeBytes}${command.isLast ? ' LAST' : ''}`
    case 'AUTH':
      return command.initialResponse === undefined
        ? `AUTH ${command.mechanism}`
        : `AUTH ${command.mechanism} ${command.initialResponse}`
    case 'NOOP':
    case 'HELP':
    case 'VRFY':
    case 'EXPN':
      return command.argument === '' ? command.verb : `${command.verb} ${command.argument}`
    default:
      return command.verb
  }
}

function readCommand(line: string): Command {
  const verb = verbOf(line)
  if (verb === undefined) throw smtpFault('smtp/unknown-command', 'command not recognized')
  const rule = VERBS[verb]
  if (line.length + 2 > (rule.lineMax ?? COMMAND_LINE_MAX)) {
    throw smtpFault('smtp/bad-line', 'line too long')
  }
  // What no command may hold is refused with 501. RFC 5321 §4.1.2.
  const argument = textOf(verb, line.slice(verb.length + 1))
  // Spaces before CRLF are tolerated. RFC 5321 §4.1.1.
  const command = argument === undefined ? undefined : rule.parse(argument.trimEnd())
  if (command === undefined) throw smtpFault('smtp/bad-arguments', `Syntax: ${rule.syntax}`)
  return command
}

/** UTF-8 where there may be an address. RFC 6531 §3.3. */
function textOf(verb: Verb, argument: string): string | undefined {
  if (!/[^ -~]/.test(argument)) return argument
  if (!['MAIL', 'RCPT', 'VRFY', 'EXPN'].includes(verb)) return undefined
  const text = toUtf8Strict(fromLatin1(argument))
  return text === undefined || /\p{Cc}/u.test(text) ? undefined : text
}

/**
 * More than the RFC's Domain is taken, since a message must not be refused for it (RFC 5321
 * §4.1.4), but nothing that could disturb a trace field. What follows the name is ignored.
 */
function parseHello(verb: 'EHLO' | 'HELO' | 'LHLO', argument: string): Command | undefined {
  const domain = /^[\w.:[\]-]+(?= |$)/.exec(argument)?.[0]
  return domain === undefined || domain.length > DOMAIN_MAX ? undefined : { verb, domain }
}

// A space after the colon is forbidden by RFC 5321 §3.3, but common, and it means nothing else.

function parseMail(argument: string): Command | undefined {
  const prefix = /^FROM: */i.exec(argument)?.[0]
  if (prefix === undefined) return undefined
  const read = parseReversePath(argument.slice(prefix.length))
  if (read === undefined) throw smtpFault('smtp/bad-reverse-path', 'bad sender address syntax')
  if (read.rest === '') return { verb: 'MAIL', from: { reversePath: read.path, parameters: {} } }
  if (!read.rest.startsWith(' ')) return undefined
  return {
    verb: 'MAIL',
    from: { reversePath: read.path, parameters: parseMailParameters(read.rest) },
  }
}

function parseRcpt(argument: string): Command | undefined {
  const prefix = /^TO: */i.exec(argument)?.[0]
  if (prefix === undefined) return undefined
  const read = parseForwardPath(argument.slice(prefix.length))
  if (read === undefined) throw smtpFault('smtp/bad-forward-path', 'bad recipient address syntax')
  if (read.rest === '') return { verb: 'RCPT', recipient: read.path }
  if (!read.rest.startsWith(' ')) return undefined
  return { verb: 'RCPT', recipient: read.path, parameters: parseRecipientParameters(read.rest) }
}

function parseAuth(argument: string): Command | undefined {
  const match = /^([A-Za-z0-9_-]{1,20})(?: +([A-Za-z0-9+/=]+))?$/.exec(argument)
  if (match === null) return undefined
  return { verb: 'AUTH', mechanism: (match[1] ?? '').toUpperCase(), initialResponse: match[2] }
}

function parseBdat(argument: string): Command | undefined {
  const match = /^(\d{1,15})( +LAST)?$/i.exec(argument)
  if (match === null) return undefined
  return { verb: 'BDAT', sizeBytes: Number(match[1]), isLast: match[2] !== undefined }
}

function alone(verb: 'DATA' | 'RSET' | 'QUIT' | 'STARTTLS', argument: string): Command | undefined {
  return argument === '' ? { verb } : undefined
}

function withString(verb: 'VRFY' | 'EXPN', argument: string): Command | undefined {
  return argument === '' ? undefined : { verb, argument }
}

function formatRecipient(recipient: Mailbox): string {
  return recipient.domain === '' ? recipient.localPart : formatMailbox(recipient)
}
