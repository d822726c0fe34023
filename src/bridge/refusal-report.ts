/**
 * What was refused of a mail whose gateway takes no answers becomes a report to its sender, where that
 * is to be believed. RFC 3464.
 */

import { concat } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import { formatReport } from '../mail/dsn.ts'
import type { MailQueue } from '../mail/queue.ts'
import { newQueueId } from '../mail/queue-id.ts'
import type { Clock } from '../ports/clock.ts'
import type { Entropy } from '../ports/entropy.ts'
import type { EventSink } from '../ports/events.ts'
import type { StoreChange } from '../ports/store.ts'
import { formatMailbox } from '../proto/smtp/path.ts'
import type { Refusal } from './adu.ts'
import type { BatchMail } from './batch-reader.ts'
import type { BridgeFaultCode } from './fault.ts'
import { REPORTED_BYTES_MAX } from './limits.ts'
import type { ReportPolicy } from './report-policy.ts'

export interface RefusedMail {
  /** What the report calls it. */
  readonly id: string
  /** The gateway that it came from, as its carrier calls it. */
  readonly gateway: string
  readonly mail: BatchMail
  readonly refusals: readonly Refusal[]
}

export interface ReportPorts {
  readonly queue: MailQueue
  readonly reports: ReportPolicy
  readonly clock: Clock
  readonly entropy: Entropy
  readonly events: EventSink
}

/**
 * Whether there was somebody to report to; then `alongside` is in the commit with the report. Rejects
 * with the queue's Fault.
 */
export async function reportRefusals(
  host: string,
  { id, gateway, mail: { from, recipients, body }, refusals }: RefusedMail,
  ports: ReportPorts,
  alongside: readonly StoreChange[],
): Promise<boolean> {
  const { queue, reports, clock, entropy, events } = ports
  const to = from.reversePath
  const failed = recipients.flatMap(({ recipient, parameters = {} }, index) => {
    const refusal = refusals.find((one) => (one.recipient ?? index) === index)
    if (refusal === undefined || parameters.notify?.includes('never')) return []
    return [
      { mailbox: recipient, parameters, action: 'failed' as const, fault: faultOf(host, refusal) },
    ]
  })
  if (to === undefined || failed.length === 0) return false
  if (!reports.mayReport(gateway, to)) {
    const said = failed.map(({ fault }) => fault.message)[0] ?? ''
    const reason = `${said}; not reported to ${formatMailbox(to)}, who may not have sent it`
    events({ type: 'trouble', where: `mail of ${gateway}`, reason })
    return false
  }
  const queueId = newQueueId(clock, entropy)
  const date = clock.wall()
  const { envelopeId } = from.parameters
  const pieces = formatReport({
    ...{ hostname: host, queueId, date, to },
    about: { queueId: id, acceptedAt: date, envelopeId },
    recipients: failed,
    returned: { type: 'header', head: concat(...body).subarray(0, REPORTED_BYTES_MAX) },
  })
  const draft = await queue.start(
    { queueId, from: { reversePath: undefined, parameters: {} } },
    () => alongside,
  )
  try {
    await draft.addRecipient(to)
    for (const piece of pieces) await draft.write(piece)
    const [outcome] = await draft.commit()
    if (outcome?.type === 'refused') throw outcome.fault
  } catch (error) {
    await draft.abort()
    throw error
  }
  return true
}

/** In the words in which a report finds the status code. */
function faultOf(host: string, { code, text }: Refusal): Fault<BridgeFaultCode> {
  return new Fault('bridge/far-side-refused', `${host} said: ${code} ${text}`, {
    temporary: false,
    detail: { code },
  })
}
