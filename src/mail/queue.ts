/**
 * Mail that is accepted and not yet delivered. What is known of a mail is in the spool; in memory is
 * only what tells when it is tried again, so a restart at any instant goes on from the spool.
 */

import { assert } from '../base/assert.ts'
import { asFault } from '../base/fault.ts'
import { formatDuration } from '../base/quantity.ts'
import { addMs, type MonoMs } from '../base/time.ts'
import { runMachine } from '../drive/run.ts'
import type { Clock } from '../ports/clock.ts'
import type { Entropy } from '../ports/entropy.ts'
import type { EventSink } from '../ports/events.ts'
import type { Store, StoreChange } from '../ports/store.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import {
  type Addressee,
  type AttemptMail,
  deliverLocally,
  handOver,
  type Outcomes,
  place,
  refused,
} from './attempt.ts'
import type { Delivery, DeliveryTarget, MailStart, Outcome } from './delivery.ts'
import { mailFault } from './fault.ts'
import { HANDING_OVER_MAX } from './limits.ts'
import { type Awaited, type LocalTarget, unknownUser } from './local-target.ts'
import type { Placement } from './maildir.ts'
import { formatNextHop, type NextHop, type RemoteHop } from './next-hop.ts'
import {
  type QueueEffect,
  type QueueEvent,
  QueueMachine,
  type RetrySchedule,
} from './queue-machine.ts'
import type { Routes } from './route.ts'
import { recipientName, Settlements, type UnsettledMail } from './settlement.ts'
import { Spool, type SpoolDraft, type SpooledMail, type SpoolLimits } from './spool.ts'
import { type Envelope, statusChange } from './spool-record.ts'

export interface QueueOptions {
  /** As the sender of reports names itself. */
  readonly hostname: string
  readonly spool: SpoolLimits
  readonly schedules: Readonly<Record<'local' | 'bp' | 'other', RetrySchedule>>
}

export interface QueuePorts {
  readonly store: Store
  readonly clock: Clock
  readonly entropy: Entropy
  readonly events: EventSink
}

export interface QueueTargets {
  readonly routes: Routes
  readonly local: LocalTarget
  readonly remote: (hop: RemoteHop) => DeliveryTarget
  /** What the targets keep of a mail, removed in the commit that removes the mail. */
  readonly forget: (queueId: string) => readonly StoreChange[]
}

/** One mail for one next hop. */
interface Job {
  readonly id: string
  readonly mail: UnsettledMail
  /** Undefined where the configuration no longer knows a way. */
  readonly hop: NextHop | undefined
  /** Indices of recipients without a recorded end. */
  waiting: readonly number[]
  /** Ends that could not be recorded yet. */
  ended: Outcomes | undefined
  /** Why recipients are still waiting. */
  reasons: ReadonlyMap<number, string> | undefined
}

export class MailQueue implements DeliveryTarget {
  readonly #options: QueueOptions
  readonly #ports: QueuePorts
  readonly #targets: QueueTargets
  readonly #spool: Spool
  readonly #settlements: Settlements
  readonly #jobs = new Map<string, Job>()
  readonly #feedMachine: (event: QueueEvent) => void
  readonly #work = new Set<Promise<void>>()
  #justAccepted: Envelope[] = []
  #recovered: [Job, SpooledMail][] = []
  #state: 'closed' | 'open' | 'stopped' = 'closed'

  constructor(options: QueueOptions, ports: QueuePorts, targets: QueueTargets) {
    this.#options = options
    this.#ports = ports
    this.#targets = targets
    this.#spool = new Spool(ports.store, options.spool)
    this.#settlements = new Settlements(options.hostname, this.#spool, ports, {
      mayReceive: (recipient) => this.#requireRoute(recipient),
      forget: targets.forget,
      acceptReport: (report) => this.#scheduleSoon(report),
    })
    const machine = new QueueMachine({
      handingOverMax: HANDING_OVER_MAX,
      schedule: (hop) => options.schedules[scheduleName(hop)],
    })
    this.#feedMachine = runMachine<QueueEvent, QueueEffect>(machine, ports.clock, (effect) =>
      this.#perform(effect),
    )
  }

  /** Finds what was accepted before and finishes the deliveries that were about to appear. */
  async open(): Promise<void> {
    assert(this.#state === 'closed', 'a queue is opened once')
    const mails = await this.#spool.open()
    this.#state = 'open'
    for (const mail of mails) {
      for (const job of this.#jobsOf(mail)) {
        await this.#finishPlacing(job, mail)
        if (job.waiting.length > 0) this.#recovered.push([job, mail])
      }
    }
    await this.#clearMailboxes(mails)
  }

  /** Goes on with what `open` found, once its targets can be used. */
  resume(): void {
    for (const [job, mail] of this.#recovered) this.#schedule(job, mail)
    this.#recovered = []
  }

  /** Begins nothing more; what waits for an answer from afar goes on after the next `open`. */
  async stop(): Promise<void> {
    this.#state = 'stopped'
    while (this.#work.size > 0) await Promise.all(this.#work)
  }

  /** Throws a temporary Fault where a message of `bytes` would not fit. */
  requireRoom(bytes: number): void {
    this.#requireOpen()
    this.#spool.requireRoom(bytes)
  }

  /**
   * A mail to be accepted: `commit` resolves when it is durable, with the outcome `delivered` for
   * all or `refused` for all. `alongside` becomes durable in the same step.
   */
  async start(
    mail: MailStart,
    alongside: () => readonly StoreChange[] = () => [],
  ): Promise<Delivery> {
    this.#requireOpen()
    const draft = this.#spool.draft(mail.queueId)
    const recipients: Mailbox[] = []
    return {
      addRecipient: async (recipient) => {
        this.#requireRoute(recipient)
        recipients.push(recipient)
      },
      write: (bytes) => draft.write(bytes),
      commit: () => this.#accept(mail, draft, recipients, alongside),
      abort: () => draft.abort(),
    }
  }

  async #accept(
    mail: MailStart,
    draft: SpoolDraft,
    recipients: readonly Mailbox[],
    alongside: () => readonly StoreChange[],
  ): Promise<readonly Outcome[]> {
    try {
      this.#requireOpen()
      const head = { from: mail.from, acceptedAt: this.#ports.clock.wall(), recipients }
      this.#scheduleSoon(await draft.commit(head, alongside()))
      return recipients.map(() => ({ type: 'delivered', detail: 'queued' }))
    } catch (error) {
      const fault = asFault(error)
      await draft.abort()
      return recipients.map(() => refused(fault))
    }
  }

  /** In a turn of its own: whoever waits for the acceptance hears of it before the first attempt. */
  #scheduleSoon(envelope: Envelope): void {
    this.#justAccepted.push(envelope)
    if (this.#justAccepted.length > 1) return
    this.#ports.clock.at(this.#ports.clock.now(), () => {
      const accepted = this.#justAccepted
      this.#justAccepted = []
      if (this.#state !== 'open') return
      for (const envelope of accepted) {
        const mail = { envelope, statuses: new Map() }
        for (const job of this.#jobsOf(mail)) this.#schedule(job, mail)
      }
    })
  }

  /** Of what crashes have left there. New files are safe: only what is old goes. */
  async #clearMailboxes(mails: readonly SpooledMail[]): Promise<void> {
    const awaited: Awaited[] = []
    for (const { envelope, statuses } of mails) {
      for (const [index, status] of statuses) {
        const recipient = envelope.recipients[index]
        if (status.type !== 'placing' || recipient === undefined) continue
        awaited.push({ recipient, placement: status.placement })
      }
    }
    for (const fault of await this.#targets.local.clearAbandoned(awaited)) {
      this.#trouble('cleaning', fault.message)
    }
  }

  /** The unsettled recipients, by their next hop. */
  #jobsOf({ envelope, statuses }: SpooledMail): readonly Job[] {
    const { queueId, acceptedAt, recipients } = envelope
    const mail: UnsettledMail = { queueId, acceptedAt, unsettled: 0, turn: undefined }
    const waiting = new Map<string, { readonly hop: NextHop | undefined; indices: number[] }>()
    for (const [index, recipient] of recipients.entries()) {
      if (statuses.get(index)?.type === 'settled') continue
      mail.unsettled++
      const hop = this.#targets.routes.of(recipient)
      const name = nameOf(hop)
      const group = waiting.get(name) ?? { hop, indices: [] }
      group.indices.push(index)
      waiting.set(name, group)
    }
    return [...waiting].map(([name, { hop, indices }]) => ({
      id: `${queueId} ${name}`,
      mail,
      hop,
      waiting: indices,
      ended: undefined,
      reasons: undefined,
    }))
  }

  #schedule(job: Job, { statuses }: SpooledMail): void {
    const { clock } = this.#ports
    const [now, wall] = [clock.now(), clock.wall()]
    const { retryMaxMs, giveUpAfterMs } = this.#scheduleOf(job)
    let attempts = 0
    let waitMs = 0
    for (const index of job.waiting) {
      const status = statuses.get(index)
      if (status?.type !== 'deferred') continue
      attempts = Math.max(attempts, status.attempts)
      // A clock that was set in between must not put the retry off for years.
      waitMs = Math.max(waitMs, Math.min(status.retryAt - wall, retryMaxMs))
    }
    const dueAt: MonoMs = addMs(now, waitMs)
    const expiresAt: MonoMs = addMs(now, job.mail.acceptedAt + giveUpAfterMs - wall)
    this.#jobs.set(job.id, job)
    const scheduled = { id: job.id, hop: nameOf(job.hop), attempts, dueAt, expiresAt }
    this.#feed({ type: 'added', job: scheduled })
  }

  #perform(effect: QueueEffect): void {
    const job = this.#jobs.get(effect.id)
    assert(job !== undefined, `there is a job ${effect.id}`)
    if (this.#state !== 'open') return
    switch (effect.type) {
      case 'attempt':
        this.#run(this.#attempt(job))
        return
      case 'defer':
        this.#run(this.#defer(job, effect.attempts, effect.retryInMs))
        return
      case 'give-up':
        this.#run(this.#giveUp(job))
    }
  }

  async #attempt(job: Job): Promise<void> {
    const mail = this.#attemptMail(job)
    if (mail.addressees.length === 0) {
      // What is left is to record how it ended.
      await this.#conclude(job, new Map())
    } else if (job.hop !== undefined && job.hop.transport !== 'local') {
      const target = this.#targets.remote(job.hop)
      const { outcomes } = await handOver((start) => target.start(start), mail)
      this.#feed({ type: 'handed-over', id: job.id })
      void outcomes.then((known) => {
        if (this.#state === 'open') this.#run(this.#conclude(job, known))
      })
    } else if (job.hop?.transport === 'local') {
      const record = (placements: ReadonlyMap<number, Placement>): Promise<void> =>
        this.#recordPlacements(job, placements)
      await this.#conclude(job, await deliverLocally(this.#targets.local, mail, record))
    } else {
      const fault = mailFault('mail/no-route', 'no route to this domain', { temporary: true })
      await this.#conclude(
        job,
        new Map(mail.addressees.map(({ index }) => [index, refused(fault)])),
      )
    }
  }

  #attemptMail(job: Job): AttemptMail {
    const { queueId, acceptedAt } = job.mail
    const envelope = this.#envelope(queueId)
    const addressees: Addressee[] = []
    for (const index of job.waiting) {
      const mailbox = envelope.recipients[index]
      if (mailbox === undefined || job.ended?.has(index)) continue
      const status = this.#spool.status(queueId, index)
      const placement = status?.type === 'placing' ? status.placement : undefined
      addressees.push({ index, mailbox, placement })
    }
    const expiresAt = addMs(acceptedAt, this.#scheduleOf(job).giveUpAfterMs)
    return {
      start: { queueId, from: envelope.from, expiresAt },
      addressees,
      chunks: this.#spool.chunks(envelope),
    }
  }

  #recordPlacements(job: Job, placements: ReadonlyMap<number, Placement>): Promise<void> {
    const { queueId } = job.mail
    return this.#spool.commit(
      [...placements].map(([index, placement]) =>
        statusChange(queueId, index, { type: 'placing', placement }),
      ),
    )
  }

  async #finishPlacing(job: Job, { envelope, statuses }: SpooledMail): Promise<void> {
    const outcomes: Outcomes = new Map()
    for (const index of job.waiting) {
      const status = statuses.get(index)
      const mailbox = envelope.recipients[index]
      if (status?.type !== 'placing' || mailbox === undefined) continue
      const outcome = await place(this.#targets.local, mailbox, status.placement)
      if (outcome.type === 'delivered') outcomes.set(index, outcome)
    }
    await this.#settle(job, outcomes)
  }

  async #giveUp(job: Job): Promise<void> {
    const outcomes: Outcomes = new Map()
    const after = formatDuration(this.#scheduleOf(job).giveUpAfterMs)
    for (const index of job.waiting) {
      if (job.ended?.has(index)) continue
      const text = `${job.reasons?.get(index) ?? 'not delivered'} (gave up after ${after})`
      outcomes.set(index, refused(mailFault('mail/gave-up', text, { temporary: false })))
    }
    await this.#conclude(job, outcomes)
  }

  /** The attempt is over, for better or worse. */
  async #conclude(job: Job, outcomes: Outcomes): Promise<void> {
    const reasons = new Map<number, string>()
    const ended: Outcomes = new Map(job.ended)
    for (const [index, outcome] of outcomes) {
      if (outcome.type === 'delivered' || !outcome.fault.temporary) ended.set(index, outcome)
      else reasons.set(index, outcome.fault.message)
    }
    job.reasons = reasons
    await this.#settle(job, ended)
    const settled = job.waiting.length === 0
    this.#feed({ type: 'finished', id: job.id, settled })
    if (settled) this.#jobs.delete(job.id)
  }

  /** Whoever cannot be settled now stays in the job, and is not tried again. */
  async #settle(job: Job, ended: Outcomes): Promise<void> {
    if (ended.size === 0) return
    const settled = await this.#settlements.settle(job.mail, ended, job.hop)
    job.ended = settled ? undefined : ended
    if (settled) job.waiting = job.waiting.filter((index) => !ended.has(index))
  }

  async #defer(job: Job, attempts: number, retryInMs: number): Promise<void> {
    const { queueId } = job.mail
    const envelope = this.#envelope(queueId)
    const retryAt = addMs(this.#ports.clock.wall(), retryInMs)
    const changes: StoreChange[] = []
    for (const index of job.waiting) {
      const reason = job.reasons?.get(index) ?? 'not recorded yet'
      const recipient = recipientName(envelope, index)
      this.#ports.events({ type: 'mail-deferred', queueId, recipient, reason, retryInMs })
      if (this.#spool.status(queueId, index)?.type === 'placing') continue
      changes.push(statusChange(queueId, index, { type: 'deferred', attempts, retryAt, reason }))
    }
    try {
      await this.#spool.commit(changes)
    } catch (error) {
      // Without the record a restart only tries sooner.
      this.#trouble(queueId, asFault(error).message)
    }
  }

  #requireOpen(): void {
    if (this.#state === 'open') return
    throw mailFault('mail/stopped', 'the queue is not open', { temporary: true })
  }

  #requireRoute(recipient: Mailbox): void {
    const hop = this.#targets.routes.of(recipient)
    if (hop === undefined) {
      const text = `no route to ${recipient.domain}`
      throw mailFault('mail/no-route', text, { temporary: false })
    }
    if (hop.transport === 'local' && !this.#targets.local.knows(recipient)) {
      throw unknownUser(recipient)
    }
  }

  #envelope(queueId: string): Envelope {
    const envelope = this.#spool.envelope(queueId)
    assert(envelope !== undefined, `${queueId} is in the spool`)
    return envelope
  }

  #scheduleOf(job: Job): RetrySchedule {
    return this.#options.schedules[scheduleName(nameOf(job.hop))]
  }

  #trouble(where: string, reason: string): void {
    this.#ports.events({ type: 'trouble', where: `queue ${where}`, reason })
  }

  #feed(event: QueueEvent): void {
    if (this.#state === 'open') this.#feedMachine(event)
  }

  #run(work: Promise<void>): void {
    const tracked: Promise<void> = work.finally(() => this.#work.delete(tracked))
    this.#work.add(tracked)
  }
}

function scheduleName(hop: string): 'local' | 'bp' | 'other' {
  if (hop === 'local' || hop === 'unroutable') return 'local'
  return hop.startsWith('bp:') ? 'bp' : 'other'
}

function nameOf(hop: NextHop | undefined): string {
  return hop === undefined ? 'unroutable' : formatNextHop(hop)
}
