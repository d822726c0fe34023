/** Events as log lines: in the manner of /var/log/mail.log, or as one JSON object each. */

import type { Writable } from 'node:stream'
import { unreachable } from '../base/assert.ts'
import { formatLogTime, formatTimestamp } from '../base/calendar.ts'
import { formatDuration } from '../base/quantity.ts'
import type { WallMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import type { EventSink, HostEvent, MailService } from '../ports/events.ts'

/** What every line says besides its event. */
export interface LogContext {
  readonly wall: WallMs
  readonly host: string
  readonly pid: number
}

export interface LogOptions {
  readonly format: 'lines' | 'json'
  readonly host: string
  readonly pid: number
  readonly clock: Clock
}

/** Lines that a slow reader of the log may leave in memory; what comes after them is counted, not kept. */
const UNWRITTEN_BYTES_MAX = 4_194_304

/** A sink that writes one line per event to `output`, and tells how many it had to leave out. */
export function logSink(output: Writable, options: LogOptions): EventSink {
  const { host, pid, clock } = options
  const format = options.format === 'json' ? formatEventAsJson : formatEvent
  let lost = 0
  // Whoever reads the log may go away; the service goes on.
  output.on('error', () => {})
  const write = (event: HostEvent): void => {
    output.write(`${format(event, { wall: clock.wall(), host, pid })}\n`)
  }
  return (event) => {
    if (output.writableLength > UNWRITTEN_BYTES_MAX) {
      lost++
      return
    }
    if (lost > 0) {
      write({ type: 'trouble', where: 'log', reason: `too slow to take ${lost} lines` })
      lost = 0
    }
    write(event)
  }
}

/** `Nov 23 08:00:00 mail-1.a.com lightlag/qmgr[123]: 4XkQ: removed`, without a line end. */
export function formatEvent(event: HostEvent, { wall, host, pid }: LogContext): string {
  const { program, text } = describe(event)
  return visible(`${formatLogTime(wall)} ${host} lightlag/${program}[${pid}]: ${text}`)
}

/** One object on one line: `time`, `host`, `pid` and the fields of the event. */
export function formatEventAsJson(event: HostEvent, { wall, host, pid }: LogContext): string {
  return visible(JSON.stringify({ time: formatTimestamp(wall), host, pid, ...event }))
}

interface Line {
  /** The part of the system that speaks, as Postfix names its own. */
  readonly program: string
  readonly text: string
}

function describe(event: HostEvent): Line {
  switch (event.type) {
    case 'listening':
      return { program: 'master', text: `listening on ${event.address} for ${event.service}` }
    case 'started':
    case 'stopped':
      return { program: 'master', text: event.type }
    case 'reread':
      return { program: 'master', text: `${event.file} has changed, and holds as it is now` }
    case 'trouble':
      return { program: 'master', text: `warning: ${event.where}: ${event.reason}` }
    case 'session-opened':
    case 'session-closed':
    case 'session-refused':
    case 'authenticated':
    case 'authentication-failed':
    case 'command-refused':
      return { program: PROGRAMS[event.service], text: describeSession(event) }
    case 'mail-retrieved':
      return {
        program: PROGRAMS.pop3,
        text: `${event.session}: user=<${event.user}>, retrieved uid=${event.uid}, size=${event.sizeBytes}`,
      }
    case 'mail-accepted':
    case 'mail-deferred':
    case 'mail-failed':
    case 'mail-removed':
      return { program: 'qmgr', text: `${event.queueId}: ${describeQueued(event)}` }
    case 'mail-delivered':
      return {
        program: event.route,
        text: `${event.queueId}: ${describeProgress(event, event.route)}, status=sent (${event.detail})`,
      }
    case 'bundle-created':
    case 'bundle-sent':
    case 'bundle-received':
    case 'bundle-delivered':
    case 'bundle-refused':
    case 'bundle-deleted':
    case 'bundle-reported':
      return { program: 'bpa', text: describeBundle(event) }
    case 'transaction-sent':
    case 'transaction-resent':
    case 'transaction-taken':
    case 'transaction-duplicate':
    case 'transaction-acknowledged':
      return { program: 'bp', text: describeTransaction(event) }
    default:
      return unreachable(event)
  }
}

const PROGRAMS: Readonly<Record<MailService, string>> = {
  smtp: 'smtpd',
  submission: 'submission/smtpd',
  submissions: 'submissions/smtpd',
  lmtp: 'lmtpd',
  pop3: 'pop3d',
}

type SessionEvent = Extract<
  HostEvent,
  { type: `session-${string}` | 'authenticated' | 'authentication-failed' | 'command-refused' }
>

function describeSession(event: SessionEvent): string {
  switch (event.type) {
    case 'session-opened':
      return `${event.session}: connect from ${event.peer}`
    case 'session-closed':
      return `${event.session}: disconnect`
    case 'session-refused':
      return `refused ${event.peer}: ${event.reason}`
    case 'authenticated':
      return `${event.session}: user=<${event.user}>, authenticated`
    case 'authentication-failed':
      return `${event.session}: user=<${event.user}>, authentication failed`
    case 'command-refused':
      return `${event.session}: reject: ${event.command}: ${event.reply}`
    default:
      return unreachable(event)
  }
}

type QueuedEvent = Exclude<
  Extract<HostEvent, { type: `mail-${string}` }>,
  { type: 'mail-delivered' | 'mail-retrieved' }
>

function describeQueued(event: QueuedEvent): string {
  switch (event.type) {
    case 'mail-accepted':
      return `from=${event.from}, size=${event.sizeBytes}, nrcpt=${event.recipients.length} (queue active), via=${event.via}`
    case 'mail-deferred':
      return `${describeProgress(event, 'none')}, status=deferred (${event.reason}), retry in ${formatDuration(event.retryInMs)}`
    case 'mail-failed':
      return `${describeProgress(event, 'none')}, status=bounced (${event.reason})`
    case 'mail-removed':
      return 'removed'
    default:
      return unreachable(event)
  }
}

const DSN = { 'mail-delivered': '2.0.0', 'mail-deferred': '4.0.0', 'mail-failed': '5.0.0' }

/** As Postfix writes it, for the programs that read its log; of the delay only the whole is known. */
function describeProgress(
  event: Extract<HostEvent, { type: keyof typeof DSN }>,
  nowhere: string,
): string {
  const { recipient, relay = nowhere, delayMs = 0, dsn = DSN[event.type] } = event
  const delay = String(Number((delayMs / 1000).toPrecision(3)))
  return `to=<${recipient}>, relay=${relay}, delay=${delay}, delays=${delay}/0/0/0, dsn=${dsn}`
}

type BundleEvent = Extract<HostEvent, { type: `bundle-${string}` }>

function describeBundle(event: BundleEvent): string {
  switch (event.type) {
    case 'bundle-created':
      return `${event.bundle}: to=${event.destination}, payload=${event.payloadBytes}, lifetime=${formatDuration(event.lifetimeMs)}, created`
    case 'bundle-sent':
      return `${event.bundle}: sent to ${event.to}, size=${event.wireBytes}, fragments=${event.fragments}`
    case 'bundle-received':
      return `${event.bundle}: received from ${event.from}, size=${event.wireBytes}`
    case 'bundle-delivered':
      return `${event.bundle}: delivered to ${event.endpoint}, payload=${event.payloadBytes}`
    case 'bundle-refused':
      return `refused from ${event.from}: ${event.reason}`
    case 'bundle-deleted':
      return `${event.bundle}: deleted (${event.reason})`
    case 'bundle-reported':
      return `${event.bundle}: ${event.status.join(', ')} by ${event.by} (${event.reason})`
    default:
      return unreachable(event)
  }
}

type TransactionEvent = Extract<HostEvent, { type: `transaction-${string}` }>

function describeTransaction(event: TransactionEvent): string {
  const { transaction } = event
  switch (event.type) {
    case 'transaction-sent':
      return `${event.queueId}: transaction=${transaction}, sent to ${event.to} in bundle ${event.bundle}`
    case 'transaction-resent':
      return `${event.queueId}: transaction=${transaction}, sent to ${event.to} again, attempt ${event.attempt}`
    case 'transaction-taken':
      return `${event.queueId}: transaction=${transaction}, taken from ${event.from}`
    case 'transaction-duplicate':
      return `transaction=${transaction}, known already, from ${event.from}`
    case 'transaction-acknowledged':
      return `${event.queueId}: transaction=${transaction}, acknowledged by ${event.by}`
    default:
      return unreachable(event)
  }
}

/**
 * What a peer says is data: no line end, escape sequence or reordering of its own may reach the
 * reader of a log. Escaped as JSON escapes, so that a JSON line stays one.
 */
function visible(line: string): string {
  return line.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from(
      { length: character.length },
      (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`,
    ).join(''),
  )
}
