/** Events as log lines: in the manner of /var/log/mail.log, or as one JSON object each. */

import type { Writable } from 'node:stream'
import { unreachable } from '../base/assert.ts'
import { formatLogTime, formatTimestamp } from '../base/calendar.ts'
import { parseIpAddress } from '../base/ip-address.ts'
import { formatDuration } from '../base/quantity.ts'
import type { WallMs } from '../base/time.ts'
import { visible } from '../base/visible.ts'
import type { Clock } from '../ports/clock.ts'
import { type EventSink, type HostEvent, type MailService, vesselOf } from '../ports/events.ts'

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

/** How long a line may wait for others, and how many characters: each write costs more than a line. */
const GATHERING_MS = 5
const GATHERED_MAX = 65_536

/**
 * A sink that writes one line per event to `output`, some milliseconds later and several at once, and
 * tells how many it had to leave out.
 */
export function logSink(output: Writable, options: LogOptions): EventSink {
  const { host, pid, clock } = options
  const format = options.format === 'json' ? formatEventAsJson : formatEvent
  let lost = 0
  let gathered = ''
  // Whoever reads the log may go away; the service goes on.
  output.on('error', () => {})
  const leave = (): void => {
    if (gathered !== '') output.write(gathered)
    gathered = ''
  }
  const write = (event: HostEvent): void => {
    if (gathered === '') setTimeout(leave, GATHERING_MS)
    const lines = format(event, { wall: clock.wall(), host, pid })
    for (const line of lines)
      gathered += `${line}
`
    if (gathered.length > GATHERED_MAX) leave()
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

/**
 * `Nov 23 08:00:00 mail-1.a.com lightlag/qmgr[123]: 4XkQ: removed`, without a line end: one line or,
 * where Postfix has several of its programs tell of an event, as many.
 */
export function formatEvent(event: HostEvent, { wall, host, pid }: LogContext): readonly string[] {
  const head = `${formatLogTime(wall)} ${host} lightlag/`
  return linesOf(event).map(({ program, text }) => visible(`${head}${program}[${pid}]: ${text}`))
}

/** One object on one line: `time`, `host`, `pid` and the fields of the event. */
export function formatEventAsJson(
  event: HostEvent,
  { wall, host, pid }: LogContext,
): readonly string[] {
  return [visible(JSON.stringify({ time: formatTimestamp(wall), host, pid, ...event }))]
}

interface Line {
  /** The part of the system that speaks, as Postfix names its own. */
  readonly program: string
  readonly text: string
}

function linesOf(event: HostEvent): readonly Line[] {
  return event.type === 'mail-accepted' ? accepted(event) : [describe(event)]
}

/** As smtpd, cleanup and qmgr of Postfix tell it one after the other. */
function accepted(event: Extract<HostEvent, { type: 'mail-accepted' }>): readonly Line[] {
  const { queueId, messageId, from, sizeBytes, recipients, via } = event
  const queued = `from=${from}, size=${sizeBytes}, nrcpt=${recipients.length} (queue active), via=${via}`
  return [
    originOf(event),
    ...(messageId === undefined
      ? []
      : [{ program: 'cleanup', text: `${queueId}: message-id=${messageId}` }]),
    { program: 'qmgr', text: `${queueId}: ${queued}` },
  ]
}

function originOf(event: Extract<HostEvent, { type: 'mail-accepted' }>): Line {
  const { queueId, client, reportOn, via, from } = event
  if (via === 'pickup') {
    const user = client?.user === undefined ? '' : `, user=${client.user}`
    return { program: via, text: `${queueId}: sender=${from}${user}` }
  }
  if (client !== undefined) {
    const user = client.user === undefined ? '' : `, sasl_username=${client.user}`
    const text = `${queueId}: client=${clientName(client.peer)}${user}, session=${client.session}`
    return { program: PROGRAMS[client.service], text }
  }
  if (reportOn !== undefined) {
    const text = `${reportOn.queueId}: sender ${reportOn.kind} notification: ${queueId}`
    return { program: 'bounce', text }
  }
  return { program: via === 'held' ? via : 'bp', text: `${queueId}: client=${via}` }
}

/** As Postfix names one whose name it does not know. */
function clientName(address: string): string {
  if (address.startsWith('/')) return 'local'
  const [, ip = address, port] = /^\[?([^\]]*?)\]?(?::(\d+))?$/.exec(address) ?? []
  const isBare = parseIpAddress(address) !== undefined || port === undefined
  return isBare ? `unknown[${address}]` : `unknown[${ip}]:${port}`
}

function describe(event: Exclude<HostEvent, { type: 'mail-accepted' }>): Line {
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
    case 'parcel-sent':
      return {
        program: 'bp',
        text: `parcel ${event.parcel}: sent to ${event.to}, ${event.wireBytes} bytes`,
      }
    case 'object-sent':
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
  pickup: 'pickup',
  showq: 'showq',
  pop3: 'pop3d',
  pop3s: 'pop3d',
  imap: 'imapd',
  imaps: 'imapd',
  https: 'httpsd',
}

type SessionEvent = Extract<
  HostEvent,
  { type: `session-${string}` | 'authenticated' | 'authentication-failed' | 'command-refused' }
>

function describeSession(event: SessionEvent): string {
  switch (event.type) {
    case 'session-opened':
      return `connect from ${clientName(event.peer)}, session=${event.session}`
    case 'session-closed':
      return `disconnect from ${clientName(event.peer)}, session=${event.session}`
    case 'session-refused':
      return `NOQUEUE: reject: CONNECT from ${clientName(event.peer)}: 421 4.7.0 ${event.reason}`
    case 'authenticated':
      return `${event.session}: user=<${event.user}>, authenticated`
    case 'authentication-failed': {
      const who = `sasl_username=${event.user}, session=${event.session}`
      return `warning: ${clientName(event.peer)}: SASL authentication failed: ${who}`
    }
    case 'command-refused':
      return describeRefusal(event)
    default:
      return unreachable(event)
  }
}

/** With the address where Postfix has it. */
function describeRefusal(event: Extract<HostEvent, { type: 'command-refused' }>): string {
  const [, direction, path] = /^(?:MAIL|RCPT) (FROM|TO):(<.*>)$/i.exec(event.command) ?? []
  const phase = event.command === 'end of data' ? 'END-OF-MESSAGE' : event.command.split(' ')[0]
  const whose = direction === undefined ? '' : `${direction.toLowerCase()}=${path} `
  const from = `${phase} from ${clientName(event.peer)}`
  return `NOQUEUE: reject: ${from}: ${event.reply}; ${whose}session=${event.session}`
}

type QueuedEvent = Extract<HostEvent, { type: 'mail-deferred' | 'mail-failed' | 'mail-removed' }>

function describeQueued(event: QueuedEvent): string {
  switch (event.type) {
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

/** As Postfix writes it, for the programs that read its log. */
function describeProgress(
  event: Extract<HostEvent, { type: keyof typeof DSN }>,
  nowhere: string,
): string {
  const { recipient, relay = nowhere, delayMs = 0, dsn = DSN[event.type] } = event
  const {
    receivingMs = 0,
    queuedMs = delayMs,
    connectingMs = 0,
    sendingMs = 0,
  } = event.delays ?? {}
  const parts = [receivingMs, queuedMs, connectingMs, sendingMs].map(seconds).join('/')
  return `to=<${recipient}>, relay=${relay}, delay=${seconds(delayMs)}, delays=${parts}, dsn=${dsn}`
}

function seconds(ms: number): string {
  return String(Number((ms / 1000).toPrecision(3)))
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

type TransactionEvent = Extract<HostEvent, { type: `transaction-${string}` | 'object-sent' }>

function describeTransaction(event: TransactionEvent): string {
  if (event.type === 'object-sent') {
    const { object, mails, messageBytes, payloadBytes } = event
    return `object ${object}: mails=${mails}, size=${messageBytes}, payload=${payloadBytes}, to ${event.to} in ${vesselOf(event.to)} ${event.bundle}`
  }
  const { transaction } = event
  switch (event.type) {
    case 'transaction-sent':
      return `${event.queueId}: transaction=${transaction}, sent to ${event.to} in ${vesselOf(event.to)} ${event.bundle}, object ${event.object}`
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
