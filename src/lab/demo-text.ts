/** The demo's words: its steps as they happen and its table at the end. */

import { formatDuration } from '../base/quantity.ts'
import type { MonoMs } from '../base/time.ts'
import type { ScenarioLink } from '../config/scenario.ts'
import type { HostEvent } from '../ports/events.ts'

export function linkText(link: ScenarioLink): string {
  const { between, oneWayDelayMs, lossShare, rateBytesPerSec } = link
  const rate = rateBytesPerSec === undefined ? '' : `, ${rateBytesPerSec} B/s`
  const delay = formatDuration(oneWayDelayMs)
  return `${between.join(' to ')} one-way delay ${delay}, loss ${Math.round(lossShare * 1000) / 10}%${rate}`
}

/** `   0.503 s  mail-2.a.com  bundle received …`. */
export function stepLine(at: MonoMs, host: string, text: string): string {
  return `${formatInstant(at)}  ${host}  ${text}`
}

/** Seconds of virtual time, in a column. */
function formatInstant(at: MonoMs): string {
  return `${(at / 1000).toFixed(3)} s`.padStart(13)
}

/** What a step of the journey is called; undefined for what is not one. */
export function tellStep(event: HostEvent): string | undefined {
  switch (event.type) {
    case 'mail-accepted':
      return `${event.queueId} accepted over ${event.via}: from ${event.from} to ${list(event.recipients)}, ${event.sizeBytes} B, queued and durable`
    case 'bundle-created':
      return `bundle ${event.bundle} created for ${event.destination}: ${event.payloadBytes} B payload, lifetime ${formatDuration(Math.round(event.lifetimeMs / 1000) * 1000)}`
    case 'bundle-sent':
      return `bundle ${event.bundle} sent to ${event.to}: ${event.wireBytes} B${event.fragments > 1 ? ` in ${event.fragments} fragments` : ''}`
    case 'bundle-received':
      return `bundle ${event.bundle} received: ${event.wireBytes} B`
    case 'bundle-deleted':
      return `bundle ${event.bundle} deleted: ${event.reason}`
    case 'bundle-refused':
      return `bundle refused: ${event.reason}`
    case 'object-sent':
      return `object ${event.object} for ${event.to}: ${event.mails} of ${event.messageBytes} B in ${event.payloadBytes} B`
    case 'transaction-sent':
      return `${event.queueId} is on its way to ${event.to} as transaction ${event.transaction}`
    case 'transaction-resent':
      return `${event.queueId} not acknowledged in time: sent again, attempt ${event.attempt}`
    case 'transaction-taken':
      return `transaction ${event.transaction} from ${event.from} taken as ${event.queueId}`
    case 'transaction-duplicate':
      return `transaction ${event.transaction} arrived again: dropped, acknowledged again`
    case 'mail-delivered':
      return event.route === 'local'
        ? `${event.queueId} delivered to <${event.recipient}>: ${event.detail}`
        : `${event.queueId} acknowledged by ${event.detail}: delivered to <${event.recipient}>`
    case 'mail-deferred':
      return `${event.queueId} deferred for <${event.recipient}>: ${event.reason}; again in ${formatDuration(event.retryInMs)}`
    case 'mail-failed':
      return `${event.queueId} failed for <${event.recipient}>: ${event.reason}`
    case 'mail-removed':
      return `${event.queueId} removed from the queue`
    case 'trouble':
      return `trouble in ${event.where}: ${event.reason}`
    case 'command-refused':
      return `${event.service} refused ${event.command}: ${event.reply}`
    default:
      return undefined
  }
}

function list(recipients: readonly string[]): string {
  return recipients.map((recipient) => `<${recipient}>`).join(', ')
}

/** Columns as wide as their widest cell, the first row as the head. */
export function formatTable(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`
  const [head, ...body] = rows.map(line)
  return head === undefined ? [] : [head, rule, ...body]
}
