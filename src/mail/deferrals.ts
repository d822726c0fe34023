/**
 * What is recorded and told of recipients who still wait: each deferral, and to the sender once, that
 * it takes longer. RFC 3461 §5.2.5.
 */

import { assert } from '../base/assert.ts'
import { asFault, type Fault } from '../base/fault.ts'
import { addMs, type WallMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import type { EventSink } from '../ports/events.ts'
import type { StoreChange } from '../ports/store.ts'
import { Alarms } from './alarms.ts'
import { type ReportedRecipient, statusCode } from './dsn.ts'
import { mailFault } from './fault.ts'
import { delaysOf } from './progress.ts'
import type { Job, JobPlanner, QueuedMail } from './queue-job.ts'
import { mayWarn, recipientName, relayOf, type Settlements, type Warning } from './settlement.ts'
import type { Spool } from './spool.ts'
import { type Envelope, type RecipientStatus, statusChange } from './spool-record.ts'

export interface DeferralPorts {
  readonly spool: Spool
  readonly settlements: Settlements
  readonly planner: JobPlanner
  readonly clock: Clock
  readonly events: EventSink
  /** The time at which a sender is to be told has come. */
  readonly onLate: (queueId: string) => void
}

export class Deferrals {
  readonly #ports: DeferralPorts
  /** Of the mails whose senders are to be told that it takes longer. */
  readonly #warnings: Alarms

  constructor(ports: DeferralPorts) {
    this.#ports = ports
    this.#warnings = new Alarms(ports.clock, ports.onLate)
  }

  /** It is in the queue from now on. */
  watch({ queueId, warnAt, isWarned }: QueuedMail): void {
    if (warnAt === undefined || isWarned) return
    const { clock } = this.#ports
    this.#warnings.set(queueId, addMs(clock.now(), Math.max(0, warnAt - clock.wall())))
  }

  /** It has left the queue. */
  forget({ queueId }: QueuedMail): void {
    this.#warnings.clear(queueId)
  }

  stop(): void {
    this.#warnings.stop()
  }

  /** Tells the log. */
  tell(job: Job, retryInMs: number): void {
    const { queueId } = job.mail
    const { spool, clock, events } = this.#ports
    const envelope = spool.envelope(queueId)
    assert(envelope !== undefined, `${queueId} is in the spool`)
    const { delayMs, delays } = delaysOf(envelope, job.times, clock)
    for (const index of job.waiting) {
      const fault = job.reasons?.get(index)
      events({
        type: 'mail-deferred',
        queueId,
        recipient: recipientName(envelope, index),
        reason: messageOf(fault),
        retryInMs,
        delayMs,
        delays,
        ...(fault === undefined ? { relay: job.hopName } : relayOf(fault, job.hopName)),
        ...(job.hop && { route: job.hop.transport }),
        ...(fault && { dsn: statusCode(fault, 'delayed') }),
      })
    }
  }

  /** For a restart, which without the record only tries sooner. */
  async record(job: Job, attempts: number, retryAt: WallMs): Promise<void> {
    const { spool, settlements } = this.#ports
    const { queueId } = job.mail
    try {
      await settlements.inTurn(job.mail, async () => {
        if (spool.envelope(queueId) === undefined) return
        // What was told while this waited its turn must stay told.
        const { isWarned } = job.mail
        const status = {
          type: 'deferred',
          attempts,
          retryAt,
          ...(isWarned && { isWarned }),
        } as const
        const waiting = job.waiting.filter(
          (index) => spool.status(queueId, index)?.type !== 'placing',
        )
        const changes = waiting.map((index) => {
          const reason = messageOf(job.reasons?.get(index))
          return statusChange(queueId, index, { ...status, reason })
        })
        await spool.commit(changes)
      })
    } catch (error) {
      this.#trouble(queueId, asFault(error).message)
    }
  }

  /** Tells the sender that it takes longer, of those who still wait. */
  async warn(mail: QueuedMail): Promise<void> {
    if (mail.isWarned) return
    const { settlements, planner, clock } = this.#ports
    try {
      await settlements.warn(mail, (envelope) => {
        // By now somebody else may have noticed it too.
        if (mail.isWarned) return { recipients: [], changes: [] }
        mail.isWarned = true
        return this.#delayed(mail, envelope)
      })
    } catch (error) {
      mail.isWarned = false
      this.#trouble(mail.queueId, asFault(error).message)
      const againAt = addMs(clock.now(), planner.scheduleOf('local').firstRetryMs)
      this.#warnings.set(mail.queueId, againAt)
    }
  }

  #delayed(mail: QueuedMail, { recipients: all }: Envelope): Warning {
    const { spool, planner, clock } = this.#ports
    const { queueId } = mail
    const recipients: ReportedRecipient[] = []
    const changes: StoreChange[] = []
    for (const job of mail.jobs.values()) {
      for (const index of job.waiting) {
        const mailbox = all[index]
        const status = spool.status(queueId, index)
        const isWaiting = status?.type !== 'placing' && !job.ended?.has(index)
        if (mailbox === undefined || mailbox.isExpanded || !isWaiting) continue
        const reason = reasonOf(job, index, status) ?? 'not delivered yet'
        const before = status?.type === 'deferred' ? status : undefined
        const { attempts = 0, retryAt = clock.wall() } = before ?? {}
        changes.push(
          statusChange(queueId, index, {
            ...{ type: 'deferred', attempts, retryAt, reason, isWarned: true },
          }),
        )
        if (!mayWarn(mailbox)) continue
        const fault =
          job.reasons?.get(index) ?? mailFault('mail/gave-up', reason, { temporary: true })
        const { parameters = {} } = mailbox
        const retryUntil = planner.expiryOf(job)
        recipients.push({ mailbox, parameters, action: 'delayed', fault, retryUntil })
      }
    }
    return { recipients, changes }
  }

  #trouble(queueId: string, reason: string): void {
    this.#ports.events({ type: 'trouble', where: `queue ${queueId}`, reason })
  }
}

/** Why a recipient is still waiting, also from before a restart. */
export function reasonOf(
  job: Job,
  index: number,
  status: RecipientStatus | undefined,
): string | undefined {
  const before = status?.type === 'deferred' ? status.reason : undefined
  return job.reasons?.get(index)?.message ?? before
}

function messageOf(fault: Fault | undefined): string {
  return fault?.message ?? 'not recorded yet'
}
