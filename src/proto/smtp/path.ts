/** Mailboxes and paths. RFC 5321 §4.1.2, §4.1.3. */

import type { Mailbox, ReversePath } from './envelope.ts'
import { PATH_MAX } from './limits.ts'

/** Beyond ASCII, all but controls and the space that looks like one. RFC 6531 §3.3. */
const UTF8 = '\\u{a1}-\\u{d7ff}\\u{e000}-\\u{10ffff}'
const ATOM = `[A-Za-z0-9!#$%&'*+/=?^_\`{|}~${UTF8}-]+`
const DOT_STRING = `${ATOM}(?:\\.${ATOM})*`
const QUOTED_STRING = `"(?:[ !#-\\[\\]-~${UTF8}]|\\\\[ -~])*"`
const LABEL = `[A-Za-z0-9${UTF8}]+(?:-+[A-Za-z0-9${UTF8}]+)*`
const DOMAIN = `${LABEL}(?:\\.${LABEL})*`
const LITERAL = '\\[[0-9A-Za-z:.]+\\]'
const MAILBOX = `(${DOT_STRING}|${QUOTED_STRING})@(${DOMAIN}|${LITERAL})`
/** A source route is read and ignored. RFC 5321 Appendix C. */
const SOURCE_ROUTE = `@${DOMAIN}(?:,@${DOMAIN})*:`

const WHOLE_DOT_STRING = new RegExp(`^${DOT_STRING}$`, 'u')
const WHOLE_MAILBOX = new RegExp(`^${MAILBOX}$`, 'u')
const PATH = new RegExp(`^<(?:${SOURCE_ROUTE})?${MAILBOX}>`, 'u')

/** Whether a path can be said without SMTPUTF8. */
export function isAscii(path: ReversePath): boolean {
  return path === undefined || !/[^ -~]/.test(path.localPart + path.domain)
}

/** A path at the beginning of a text, and what follows it. */
export interface PathRead<Path> {
  readonly path: Path
  readonly rest: string
}

/** `user@a.com`; undefined where `text` is no Mailbox. */
export function parseMailbox(text: string): Mailbox | undefined {
  return text.length > PATH_MAX - 2 ? undefined : toMailbox(WHOLE_MAILBOX.exec(text))
}

/** With as little quoting as possible, so that equal mailboxes give equal texts. RFC 5321 §4.1.2. */
export function formatMailbox(mailbox: Mailbox): string {
  const { localPart, domain } = mailbox
  if (WHOLE_DOT_STRING.test(localPart)) return `${localPart}@${domain}`
  return `"${localPart.replace(/["\\]/g, '\\$&')}"@${domain}`
}

/** `<user@a.com>` or `<>`. */
export function formatPath(path: ReversePath): string {
  return path === undefined ? '<>' : `<${formatMailbox(path)}>`
}

/** Undefined where `text` does not begin with a Reverse-path. */
export function parseReversePath(text: string): PathRead<ReversePath> | undefined {
  return text.startsWith('<>') ? { path: undefined, rest: text.slice(2) } : parseMailboxPath(text)
}

/**
 * Undefined where `text` does not begin with a Forward-path. The domain of `<Postmaster>` is empty:
 * it means the server's own. RFC 5321 §4.1.1.3.
 */
export function parseForwardPath(text: string): PathRead<Mailbox> | undefined {
  const postmaster = /^<(postmaster)>/i.exec(text)?.[1]
  return postmaster === undefined
    ? parseMailboxPath(text)
    : { path: { localPart: postmaster, domain: '' }, rest: text.slice(postmaster.length + 2) }
}

function parseMailboxPath(text: string): PathRead<Mailbox> | undefined {
  const match = PATH.exec(text)
  if (match === null || match[0].length > PATH_MAX) return undefined
  const path = toMailbox(match)
  return path === undefined ? undefined : { path, rest: text.slice(match[0].length) }
}

function toMailbox(match: RegExpExecArray | null): Mailbox | undefined {
  const [, local = '', domain = ''] = match ?? []
  if (match === null || !isSoundLiteral(domain)) return undefined
  const localPart = local.startsWith('"') ? local.slice(1, -1).replace(/\\(.)/g, '$1') : local
  return { localPart, domain: domain.toLowerCase() }
}

/** RFC 5321 §4.1.3; what is no literal is sound. */
function isSoundLiteral(domain: string): boolean {
  if (!domain.startsWith('[')) return true
  const inner = domain.slice(1, -1)
  const ipv6 = /^IPv6:(.*)$/i.exec(inner)?.[1]
  return ipv6 === undefined ? isIpv4(inner) : isIpv6(ipv6)
}

function isIpv4(text: string): boolean {
  return (
    /^\d{1,3}(\.\d{1,3}){3}$/.test(text) && text.split('.').every((part) => Number(part) <= 255)
  )
}

function isIpv6(text: string): boolean {
  const tail = /:(\d+\.[\d.]+)$/.exec(text)?.[1]
  if (tail !== undefined && !isIpv4(tail)) return false
  const hex = tail === undefined ? text : `${text.slice(0, -tail.length)}0:0`
  const sides = hex.split('::')
  const groups = sides.flatMap((side) => (side === '' ? [] : side.split(':')))
  if (!groups.every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group))) return false
  return sides.length === 1 ? groups.length === 8 : sides.length === 2 && groups.length <= 6
}
