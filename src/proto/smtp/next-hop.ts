/** Where a mail goes next, in the notation of Postfix's transport(5). */

import { parseIpAddress } from '../../base/ip-address.ts'

export type NextHop = { readonly transport: 'local' } | RemoteHop

/** Anywhere but the mailboxes of this host. */
export type RemoteHop =
  /** `nextHop` is the endpoint of the far gateway: `ipn:3.2525`. */
  | { readonly transport: 'bp'; readonly nextHop: string }
  /** `peer` is the far host, as it calls itself: on media that somebody carries, or posted to its URL. */
  | { readonly transport: 'carry' | 'https'; readonly peer: string }
  | SmtpHop
  | { readonly transport: 'lmtp'; readonly server: LmtpServer }
  /** A program with its arguments, in which `${recipient}` and the like stand for what they say. */
  | { readonly transport: 'pipe'; readonly argv: readonly string[] }
  | { readonly transport: 'discard' }
  /** Whoever hands out attachments that were held back: a rule of this host, which nobody writes. */
  | { readonly transport: 'held' }
  /** Refused for good: `code` is the enhanced status code, `5.1.2`. RFC 3463 §2. */
  | { readonly transport: 'error'; readonly code: string; readonly text: string }

export interface SmtpHop {
  readonly transport: 'smtp'
  /** A domain or an IP address; undefined for the domain of the recipient. */
  readonly host?: string
  /** Whether `host` is the server itself, in brackets: no MX is looked up. */
  readonly isLiteral?: true
  /** Written `smtps:`, for a host that is named: TLS from the first octet on. RFC 8314. */
  readonly implicitTls?: true
  /** Default: 25, or with `implicitTls` 465. */
  readonly port?: number
}

/** A local socket, or a host, by name or address, with its port. */
export type LmtpServer = { readonly path: string } | HostPort

export interface HostPort {
  readonly host: string
  readonly port: number
}

/** Whether it goes to a far gateway, whose answer may take days. */
export function isFarGateway(hop: NextHop | undefined): boolean {
  const transport = hop?.transport
  return transport === 'bp' || transport === 'carry' || transport === 'https'
}

/** Where a server listens whose route names no port. */
export function defaultPortOf({ implicitTls }: Pick<SmtpHop, 'implicitTls'>): number {
  return implicitTls ? 465 : 25
}

/** `local`, `bp:ipn:3.2525`, `carry:mail-2.a.com`, `smtp:[host]:2525`, `lmtp:unix:/path`, `error:5.1.2 text`, …; undefined where `text` is none of them. */
export function parseNextHop(text: string): NextHop | undefined {
  const colon = text.indexOf(':')
  const transport = colon < 0 ? text : text.slice(0, colon)
  const rest = colon < 0 ? '' : text.slice(colon + 1)
  switch (transport) {
    case 'local':
      return rest === '' ? { transport } : undefined
    case 'bp':
      return /^[!-~]+$/.test(rest) ? { transport, nextHop: rest } : undefined
    case 'carry':
    case 'https': {
      const peer = rest.toLowerCase()
      return isName(peer) ? { transport, peer } : undefined
    }
    case 'smtp':
      return parseSmtp(rest, {})
    case 'smtps': {
      const hop = parseSmtp(rest, { implicitTls: true })
      return hop?.host === undefined ? undefined : hop
    }
    case 'lmtp':
      return parseLmtp(rest)
    case 'pipe': {
      const argv = rest.split(' ').filter((word) => word !== '')
      const isSound = argv[0]?.startsWith('/') && !/[^ -~]/.test(rest) && argv.every(hasKnownMacros)
      return isSound && macrosIn(argv[0] ?? '').length === 0 ? { transport, argv } : undefined
    }
    case 'discard':
      return rest === '' ? { transport } : undefined
    case 'error': {
      const match = /^(?:(5\.\d{1,3}\.\d{1,3})(?: |$))? *([ -~]*?) *$/.exec(rest)
      if (match === null) return undefined
      return {
        transport,
        code: match[1] ?? '5.0.0',
        text: match[2] || 'mail to this destination is not taken',
      }
    }
    default:
      return undefined
  }
}

/** What `parseNextHop` reads as the same; one next hop has one text. */
export function formatNextHop(hop: NextHop): string {
  switch (hop.transport) {
    case 'local':
      return 'local'
    case 'bp':
      return `bp:${hop.nextHop}`
    case 'carry':
    case 'https':
      return `${hop.transport}:${hop.peer}`
    case 'smtp': {
      const host = hop.isLiteral ? `[${hop.host}]` : (hop.host ?? '')
      const way = `${hop.implicitTls ? 'smtps' : 'smtp'}:${host}`
      return hop.port === undefined ? way : `${way}:${hop.port}`
    }
    case 'lmtp':
      return 'path' in hop.server
        ? `lmtp:unix:${hop.server.path}`
        : `lmtp:inet:${formatHostPort(hop.server)}`
    case 'pipe':
      return `pipe:${hop.argv.join(' ')}`
    case 'discard':
    case 'held':
      return `${hop.transport}:`
    case 'error':
      return `error:${hop.code} ${hop.text}`
  }
}

/** What an argument of a `pipe` route may stand for, written `${name}`, `$name` or `$(name)`. */
export type PipeMacro = (typeof PIPE_MACROS)[number]

const PIPE_MACROS = [
  'sender',
  'recipient',
  'original_recipient',
  'mailbox',
  'user',
  'extension',
  'domain',
  'nexthop',
  'queue_id',
  'size',
] as const

/** `$$` is a `$`. */
const MACRO = /\$(?:(\$)|(\w+)|\{(\w+)\}|\((\w+)\)|)/g

/** Those in an argument, each of which is known where it was parsed. */
export function macrosIn(argument: string): readonly PipeMacro[] {
  return [...argument.matchAll(MACRO)].flatMap((match) => {
    const name = match[2] ?? match[3] ?? match[4]
    return PIPE_MACROS.filter((known) => known === name)
  })
}

/** The argument with what each of its macros stands for. */
export function expandMacros(argument: string, standsFor: (macro: PipeMacro) => string): string {
  return argument.replace(MACRO, (whole, dollar, plain, braced, bracketed) => {
    if (dollar !== undefined) return '$'
    const macro = PIPE_MACROS.find((known) => known === (plain ?? braced ?? bracketed))
    return macro === undefined ? whole : standsFor(macro)
  })
}

function hasKnownMacros(argument: string): boolean {
  const dollars = [...argument.matchAll(MACRO)].filter((match) => match[1] === undefined)
  return dollars.length === macrosIn(argument).length
}

/** The hop for one domain: mails to two of them do not share a server that nobody named. */
export function hopForDomain(hop: NextHop, domain: string): NextHop {
  if (hop.transport !== 'smtp' || hop.host !== undefined) return hop
  // RFC 5321 §2.3.4: an address literal is the server itself.
  const literal = /^\[(?:ipv6:)?([^\]]+)\]$/i.exec(domain)?.[1]
  if (literal === undefined) return { ...hop, host: domain.toLowerCase() }
  return { ...hop, host: literal.toLowerCase(), isLiteral: true }
}

function parseSmtp(text: string, tls: Pick<SmtpHop, 'implicitTls'>): SmtpHop | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(text)
  if (match === null) return undefined
  const port = match[3] === undefined ? undefined : parsePort(match[3])
  if (match[3] !== undefined && port === undefined) return undefined
  const isUsual = port === undefined || port === defaultPortOf(tls)
  const more = isUsual ? tls : { ...tls, port }
  const literal = match[1]?.toLowerCase()
  if (literal !== undefined) {
    if (!isHost(literal)) return undefined
    return { transport: 'smtp', host: literal, isLiteral: true, ...more }
  }
  const host = (match[2] ?? '').toLowerCase()
  if (host === '') return { transport: 'smtp', ...more }
  return isName(host) ? { transport: 'smtp', host, ...more } : undefined
}

function parseLmtp(text: string): NextHop | undefined {
  const path = /^unix:(\/[!-~]+)$/.exec(text)?.[1]
  if (path !== undefined) return { transport: 'lmtp', server: { path } }
  const match = /^(?:inet:)?(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text)
  const host = (match?.[1] ?? match?.[2])?.toLowerCase()
  const port = parsePort(match?.[3] ?? '')
  if (host === undefined || port === undefined || !isHost(host)) return undefined
  return { transport: 'lmtp', server: { host, port } }
}

function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function parsePort(digits: string): number | undefined {
  const port = Number(digits)
  return /^[1-9]/.test(digits) && port <= 65_535 ? port : undefined
}

function isHost(text: string): boolean {
  return parseIpAddress(text) !== undefined || isName(text)
}

function isName(text: string): boolean {
  return text.length <= 253 && /^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/.test(text)
}
