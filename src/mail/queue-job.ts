/**
 * A mail in the queue as jobs, one for each next hop: where its recipients go, when they are tried,
 * and until when. Keeps nothing.
 */

import type { Fault } from '../base/fault.ts'
import { addMs, type WallMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import type { Outcomes } from './attempt.ts'
import { formatNextHop, type NextHop } from './next-hop.ts'
import type { AttemptTimes } from './progress.ts'
import type { QueueJob, RetrySchedule } from './queue-machine.ts'
import type { Routes } from './route.ts'
import type { UnsettledMail } from './settlement.ts'
import type { SpooledMail } from './spool.ts'
import type { Envelope, RecipientStatus } from './spool-record.ts'

export interface QueuedMail extends UnsettledMail {
  /** By their ids. */
  readonly jobs: Map<string, Job>
  /** From when on its sender wants it to go. RFC 4865. */
  releaseAt: WallMs
  /** When its sender wants it to have arrived, or to have it back. RFC 2852. */
  readonly returnAt: WallMs | undefined
  readonly priority: number
  isHeld: boolean
  /** How often an operator has decided to hold or release it: the last time is what counts. */
  decisions: number
  /** When its sender is told that it takes longer; undefined: never. */
  readonly warnAt: WallMs | undefined
  /** It has been told. */
  isWarned: boolean
  /** What an operator has decided while attempts were under way: it holds when they end. */
  verdict: Fault | undefined
}

/** One mail for one next hop. */
export interface Job {
  readonly id: string
  readonly mail: QueuedMail
  /** Undefined where the configuration no longer knows a way. */
  readonly hop: NextHop | undefined
  /** `bp:ipn:3.2525`, or `unroutable`. */
  readonly hopName: string
  /** Indices of recipients without a recorded end. */
  waiting: readonly number[]
  /** Ends that could not be recorded yet. */
  ended: Outcomes | undefined
  /** Why recipients are still waiting. */
  reasons: ReadonlyMap<number, Fault> | undefined
  /** Of the attempt that is under way, or was the last. */
  times: AttemptTimes | undefined
  /** Deferred without an attempt, and so without a record. */
  untried: Pick<Deferred, 'attempts' | 'retryAt'> | undefined
  /** An operator's end of it is on its way to the disk: nothing is begun beside that. */
  isEnding: boolean
  /** An attempt at it, or the giving up of it, is under way. */
  isActive: boolean
}

type Deferred = Extract<RecipientStatus, { readonly type: 'deferred' }>

export interface PlannerOptions {
  readonly schedules: Readonly<Record<'local' | 'bp' | 'other', RetrySchedule>>
  /** In place of those, for next hops with these names: `bp:ipn:3.2525`. */
  readonly routeSchedules?: ReadonlyMap<string, RetrySchedule>
  /** When the sender of a mail that is still waiting is told so; default: never. */
  readonly warnAfterMs?: number
}

export class JobPlanner {
  readonly #options: PlannerOptions
  readonly #routes: Routes
  readonly #clock: Clock

  constructor(options: PlannerOptions, routes: Routes, clock: Clock) {
    this.#options = options
    this.#routes = routes
    this.#clock = clock
  }

  /** The unsettled recipients, by their next hop. */
  jobsOf({ envelope: kept, statuses, decision }: SpooledMail): readonly Job[] {
    const envelope = acceptedBy(this.#clock.wall(), kept)
    const { queueId, acceptedAt, recipients, from } = envelope
    const { deliverBy, priority = 0 } = from.parameters
    const releaseAt = decision === 'released' ? acceptedAt : releaseOf(envelope)
    const mail: QueuedMail = {
      queueId,
      acceptedAt,
      priority,
      unsettled: 0,
      turn: undefined,
      jobs: new Map(),
      releaseAt,
      warnAt: this.#warnTime(envelope, releaseAt),
      isWarned: [...statuses.values()].some(
        (status) => status.type === 'deferred' && status.isWarned === true,
      ),
      returnAt:
        deliverBy?.mode === 'return' ? addMs(acceptedAt, deliverBy.seconds * 1000) : undefined,
      isHeld: decision === 'held',
      decisions: 0,
      verdict: undefined,
    }
    const waiting: number[] = []
    for (const index of recipients.keys()) {
      if (statuses.get(index)?.type !== 'settled') waiting.push(index)
    }
    mail.unsettled = waiting.length
    return this.jobsFor(mail, envelope, waiting, statuses)
  }

  /** Those of some of its recipients. */
  jobsFor(
    mail: QueuedMail,
    { queueId, recipients }: Envelope,
    indices: readonly number[],
    statuses: SpooledMail['statuses'],
  ): readonly Job[] {
    const groups = new Map<string, { readonly hop: NextHop | undefined; waiting: number[] }>()
    for (const index of indices) {
      const recipient = recipients[index]
      if (recipient === undefined) continue
      // What is written into a mailbox already has only to appear there.
      const isPlacing = statuses.get(index)?.type === 'placing'
      const hop = isPlacing || recipient.isExpanded ? LOCAL : this.#routes.of(recipient)
      const name = nameOf(hop)
      const group = groups.get(name) ?? { hop, waiting: [] }
      group.waiting.push(index)
      groups.set(name, group)
    }
    return [...groups].map(([name, { hop, waiting }]) => ({
      id: `${queueId} ${name}`,
      mail,
      hop,
      hopName: name,
      waiting,
      ended: undefined,
      reasons: undefined,
      times: undefined,
      untried: undefined,
      isEnding: false,
      isActive: false,
    }))
  }

  /** How often it has been tried, and how long it waits for the next time. */
  waitOf(job: Job, statuses: SpooledMail['statuses']): Wait {
    const { mail } = job
    const wall = this.#clock.wall()
    const { retryMaxMs } = this.scheduleOf(job.hopName)
    let attempts = 0
    let waitMs = Math.max(0, mail.releaseAt - wall)
    for (const index of job.waiting) {
      const status = statuses.get(index)
      if (status?.type !== 'deferred') continue
      attempts = Math.max(attempts, status.attempts)
      // A clock that was set in between must not put the retry off for years.
      waitMs = Math.max(waitMs, Math.min(status.retryAt - wall, retryMaxMs))
    }
    return { attempts, waitMs }
  }

  /** What the machine is to know of it. */
  queueJob(job: Job, { attempts, waitMs }: Wait): QueueJob {
    const now = this.#clock.now()
    return {
      id: job.id,
      hop: job.hopName,
      attempts,
      dueAt: addMs(now, waitMs),
      expiresAt: addMs(now, this.expiryOf(job) - this.#clock.wall()),
      priority: job.mail.priority,
    }
  }

  /** When trying ends for good. */
  expiryOf({ mail, hopName }: Job): WallMs {
    const { giveUpAfterMs } = this.scheduleOf(hopName)
    const { acceptedAt, releaseAt, returnAt } = mail
    const patience = addMs(releaseAt > acceptedAt ? releaseAt : acceptedAt, giveUpAfterMs)
    return returnAt !== undefined && returnAt < patience ? returnAt : patience
  }

  scheduleOf(hop: string): RetrySchedule {
    const { routeSchedules, schedules } = this.#options
    return routeSchedules?.get(hop) ?? schedules[scheduleName(hop)]
  }

  /** RFC 2852: one that is late although nobody wants it back is told of. */
  #warnTime({ acceptedAt, from }: Envelope, releaseAt: WallMs): WallMs | undefined {
    const { deliverBy } = from.parameters
    const { warnAfterMs } = this.#options
    const late = warnAfterMs === undefined ? undefined : addMs(releaseAt, warnAfterMs)
    if (deliverBy?.mode !== 'notify') return late
    const by = addMs(acceptedAt, deliverBy.seconds * 1000)
    return late === undefined || by < late ? by : late
  }
}

interface Wait {
  readonly attempts: number
  readonly waitMs: number
}

function scheduleName(hop: string): 'local' | 'bp' | 'other' {
  if (hop === 'local' || hop === 'unroutable') return 'local'
  return /^(?:bp|carry|https):/.test(hop) ? 'bp' : 'other'
}

/** One next hop has one name. */
export function nameOf(hop: NextHop | undefined): string {
  return hop === undefined ? 'unroutable' : formatNextHop(hop)
}

const LOCAL: NextHop = { transport: 'local' }

/** Those recorded, and those that are only in memory. */
export function statusesOf(mail: QueuedMail, { statuses }: SpooledMail): SpooledMail['statuses'] {
  const all = new Map(statuses)
  for (const { untried, waiting, reasons } of mail.jobs.values()) {
    if (untried === undefined) continue
    for (const index of waiting) {
      const reason = reasons?.get(index)?.message
      if (reason !== undefined) all.set(index, { type: 'deferred', ...untried, reason })
    }
  }
  return all
}

/** Before a clock was set back it may have been later: nobody is more patient for that. */
function acceptedBy(now: WallMs, envelope: Envelope): Envelope {
  return envelope.acceptedAt <= now ? envelope : { ...envelope, acceptedAt: now }
}

/** RFC 4865. */
function releaseOf({ acceptedAt, from }: Envelope): WallMs {
  const { hold } = from.parameters
  if (hold === undefined) return acceptedAt
  return 'until' in hold ? hold.until : addMs(acceptedAt, hold.forSec * 1000)
}
