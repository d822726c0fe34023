/** POP3 command lines. RFC 1939 §9, RFC 2449 §5. */

import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import { attempt, Fault, type Result } from '../../base/fault.ts'
import type { Pop3FaultCode } from './fault.ts'
import { COMMAND_LENGTH_MAX } from './limits.ts'

export type Command =
  | { readonly verb: 'USER'; readonly user: string }
  | { readonly verb: 'PASS'; readonly password: string }
  | {
      readonly verb: 'AUTH'
      readonly mechanism: string
      readonly initialResponse: string | undefined
    }
  | { readonly verb: 'CAPA' }
  | { readonly verb: 'STLS' | 'UTF8' }
  | { readonly verb: 'STAT' | 'NOOP' | 'RSET' }
  | { readonly verb: 'QUIT' }
  | { readonly verb: 'LIST' | 'UIDL'; readonly message: number | undefined }
  | { readonly verb: 'RETR' | 'DELE'; readonly message: number }
  | { readonly verb: 'TOP'; readonly message: number; readonly lines: number }

export type Verb = Command['verb']

/** How many numbers follow each keyword, at least and at most; USER and PASS take text. */
const NUMBERS: Readonly<
  Record<Exclude<Verb, 'USER' | 'PASS' | 'AUTH'>, readonly [number, number]>
> = {
  STAT: [0, 0],
  LIST: [0, 1],
  RETR: [1, 1],
  DELE: [1, 1],
  NOOP: [0, 0],
  RSET: [0, 0],
  QUIT: [0, 0],
  TOP: [2, 2],
  UIDL: [0, 1],
  CAPA: [0, 0],
  STLS: [0, 0],
  UTF8: [0, 0],
}

/** `line` excludes its LF and may end with CR. */
export function parseCommand(line: Uint8Array): Result<Command> {
  return attempt(() => parse(line))
}

/** The line with its CRLF. Faults where an argument cannot stand in one. */
export function formatCommand(command: Command): Result<Uint8Array> {
  return attempt(() => format(command))
}

function parse(line: Uint8Array): Command {
  if (line.length + 1 > COMMAND_LENGTH_MAX) throw fault('pop3/line-too-long', 'line too long')
  const text = toUtf8(line).replace(/\r$/, '')
  if (hasControls(text)) throw fault('pop3/bad-syntax', 'control character')
  const space = text.indexOf(' ')
  const verb = (space < 0 ? text : text.slice(0, space)).toUpperCase()
  const rest = space < 0 ? '' : text.slice(space + 1)
  if (!isVerb(verb)) throw fault('pop3/unknown-command', 'unknown command')
  if (verb === 'USER' || verb === 'PASS') {
    // The rest of the line is one argument: a password may hold spaces. RFC 1939 §7.
    if (rest === '') throw fault('pop3/bad-syntax', `${verb} without argument`)
    return verb === 'USER' ? { verb, user: rest } : { verb, password: rest }
  }
  if (verb === 'AUTH') return parseAuth(rest)
  const numbers = parseNumbers(verb, rest)
  switch (verb) {
    case 'LIST':
    case 'UIDL':
      return { verb, message: numbers[0] }
    case 'RETR':
    case 'DELE':
      return { verb, message: numbers[0] as number }
    case 'TOP':
      return { verb, message: numbers[0] as number, lines: numbers[1] as number }
    default:
      return { verb }
  }
}

/** RFC 1734 §2. An initial response may stand with it. */
function parseAuth(rest: string): Command {
  const match = /^([A-Za-z0-9_-]{1,20})(?: (=|[A-Za-z0-9+/]+={0,2}))?$/.exec(rest)
  if (match === null) throw fault('pop3/bad-syntax', 'AUTH takes a mechanism')
  return { verb: 'AUTH', mechanism: (match[1] ?? '').toUpperCase(), initialResponse: match[2] }
}

/** A space too many at the end is let pass. */
function parseNumbers(verb: keyof typeof NUMBERS, rest: string): readonly number[] {
  const [least, most] = NUMBERS[verb]
  const words = rest.trimEnd() === '' ? [] : rest.trimEnd().split(' ')
  if (words.length < least || words.length > most) {
    throw fault('pop3/bad-syntax', `${verb} with ${words.length} arguments`)
  }
  if (!words.every((word) => /^\d{1,10}$/.test(word))) {
    throw fault('pop3/bad-syntax', `${verb} with something other than a number`)
  }
  return words.map(Number)
}

function format(command: Command): Uint8Array {
  const line = fromUtf8(`${command.verb}${formatArguments(command)}\r\n`)
  if (line.length > COMMAND_LENGTH_MAX) throw fault('pop3/line-too-long', 'argument too long')
  return line
}

function formatArguments(command: Command): string {
  switch (command.verb) {
    case 'USER':
      return formatText(command.user)
    case 'PASS':
      return formatText(command.password)
    case 'AUTH':
      return ` ${command.mechanism}${formatInitial(command.initialResponse)}`
    case 'LIST':
    case 'UIDL':
      return command.message === undefined ? '' : ` ${command.message}`
    case 'RETR':
    case 'DELE':
      return ` ${command.message}`
    case 'TOP':
      return ` ${command.message} ${command.lines}`
    default:
      return ''
  }
}

function formatInitial(response: string | undefined): string {
  return response === undefined ? '' : ` ${response}`
}

function formatText(text: string): string {
  if (text === '') throw fault('pop3/bad-syntax', 'empty argument')
  if (hasControls(text)) throw fault('pop3/bad-syntax', 'control character in an argument')
  return ` ${text}`
}

function hasControls(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code === 0x7f) return true
  }
  return false
}

function isVerb(word: string): word is Verb {
  return word === 'USER' || word === 'PASS' || word === 'AUTH' || Object.hasOwn(NUMBERS, word)
}

function fault(code: Pop3FaultCode, message: string): Fault {
  return new Fault(code, message, { temporary: false })
}
