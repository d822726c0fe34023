/** The story of a mail as text, a line for each step. */

import { formatTimestamp } from '../base/calendar.ts'
import { wallMs } from '../base/time.ts'
import { visible } from '../base/visible.ts'
import { vesselOf } from '../ports/events.ts'
import type { JournalStep } from './journal.ts'
import type { MailTrace } from './trace.ts'

export function formatTrace({ queueId, messageId, steps, now }: MailTrace): string {
  const lines = [messageId === undefined ? queueId : `${queueId} ${messageId}`]
  for (const step of steps) lines.push(`  ${time(step.at)}  ${describe(step)}`)
  for (const { recipient, reason, retryAt } of now?.waiting ?? []) {
    const again = retryAt === undefined ? '' : `; tried again ${time(retryAt)}`
    if (reason !== undefined) lines.push(`  waits for ${recipient}: ${reason}${again}`)
  }
  for (const { route, state, arrivalAt, answerAt } of now?.underWay ?? []) {
    const what = state === 'forwarded' ? 'waits for the acknowledgement of' : `${state}, for`
    const arrival = arrivalAt === undefined ? '' : `: predicted to arrive ${time(arrivalAt)}`
    const answer = answerAt === undefined ? '' : `, acknowledged ${time(answerAt)}`
    lines.push(`  ${what} ${route}${arrival}${answer}`)
  }
  if (now?.state === 'hold') lines.push('  is held until it is released')
  if (now === undefined) lines.push('  is no longer in the queue')
  return `${lines.map(visible).join('\n')}\n`
}

function describe(step: JournalStep): string {
  switch (step.type) {
    case 'mail-accepted':
      return `accepted by ${step.via} from ${step.from} for ${step.recipients.join(', ')}, ${step.sizeBytes} bytes`
    case 'transaction-taken':
      return `taken from ${step.from} as transaction ${step.transaction}`
    case 'transaction-sent':
      return `transaction ${step.transaction} in object ${step.object}, ${vesselOf(step.to)} ${step.bundle}, for ${step.to}${step.arrivalAt === undefined ? '' : `; predicted to arrive ${time(step.arrivalAt)}`}`
    case 'bundle-sent':
      return `handed to ${step.to}${step.contactUntil === undefined ? '' : ` in the contact until ${time(step.contactUntil)}`} with bundle ${step.bundle}, ${step.wireBytes} bytes${step.fragments > 1 ? ` in ${step.fragments} fragments` : ''}`
    case 'parcel-sent':
      return `handed to ${step.to} as ${step.parcel}, ${step.wireBytes} bytes`
    case 'transaction-resent':
      return `sent to ${step.to} again, attempt ${step.attempt}`
    case 'transaction-acknowledged':
      return `acknowledged by ${step.by}`
    case 'mail-delivered':
      return `delivered for ${step.recipient} by ${step.route}: ${step.detail}`
    case 'mail-deferred':
      return `deferred for ${step.recipient}: ${step.reason}`
    case 'mail-failed':
      return `failed for ${step.recipient}: ${step.reason}`
    case 'mail-removed':
      return 'left the queue'
  }
}

function time(at: number): string {
  return formatTimestamp(wallMs(Math.round(at)))
}
