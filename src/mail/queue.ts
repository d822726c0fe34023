/**
 * Mail that is accepted and not yet delivered. What is known of a mail is in the spool; in memory is
 * only what tells when it is tried again, so a restart at any instant goes on from the spool.
 */

import { assert } from '../base/assert.ts'
import { fromUtf8 } from '../base/bytes.ts'
import { asFault, type Fault } from '../base/fault.ts'
import { formatDuration } from '../base/quantity.ts'
import { addMs, type MonoMs, type WallMs } from '../base/time.ts'
import { runMachine } from '../drive/run.ts'
import type { Clock } from '../ports/clock.ts'
import type { Entropy } from '../ports/entropy.ts'
import type { EventSink } from '../ports/events.ts'
import type { Store, StoreChange } from '../ports/store.ts'
import { formatDeliveredTo } from '../proto/message/trace.ts'
import type { Mailbox, MailFrom } from '../proto/smtp/envelope.ts'
import { formatMailbox } from '../proto/smtp/path.ts'
import { Alarms } from './alarms.ts'
import type { Aliases } from './aliases.ts'
import {
  type Addressee,
  type AttemptMail,
  deliverLocally,
  faultOf,
  handOver,
  type Outcomes,
  type Placing,
  place,
  refused,
} from './attempt.ts'
import { DeadHops } from './dead-hops.ts'
import type { Delivery, DeliveryTarget, MailStart, Outcome } from './delivery.ts'
import { type ReportedRecipient, statusCode } from './dsn.ts'
import { mailFault } from './fault.ts'
import { HANDING_OVER_MAX } from './limits.ts'
import { type Awaited, type LocalTarget, unknownUser } from './local-target.ts'
import { formatNextHop, isFarGateway, type RemoteHop } from './next-hop.ts'
import { delaysOf } from './progress.ts'
import { newQueueId } from './queue-id.ts'
import {
  type Job,
  JobPlanner,
  nameOf,
  type PlannerOptions,
  type QueuedMail,
  statusesOf,
} from './queue-job.ts'
import { type QueueEffect, type QueueEvent, type QueueJob, QueueMachine } from './queue-machine.ts'
import { RecipientList } from './recipient-list.ts'
import type { Routes } from './route.ts'
import { mayWarn, recipientName, relayOf, Settlements, type Warning } from './settlement.ts'
import { Spool, type SpoolDraft, type SpooledMail, type SpoolLimits } from './spool.ts'
import {
  type Decision,
  decisionChange,
  type Envelope,
  type EnvelopeRecipient,
  statusChange,
} from './spool-record.ts'

export interface QueueOptions extends PlannerOptions {
  /** As the sender of reports names itself. */
  readonly hostname: string
  readonly spool: SpoolLimits
}

export interface QueuePorts {
  readonly store: Store
  readonly clock: Clock
  readonly entropy: Entropy
  readonly events: EventSink
}

export interface QueueTargets {
  readonly routes: Routes
  readonly aliases: Aliases
  readonly local: LocalTarget
  readonly remote: (hop: RemoteHop) => DeliveryTarget
  /** Nobody waits any longer for what becomes of a mail: the attempts under way end soon. */
  readonly withdraw: (queueId: string) => void
  /** What the targets keep of a mail, removed in the commit that removes the mail. */
  readonly forget: (queueId: string) => readonly StoreChange[]
}

export interface QueueDepth {
  /** Mails by their next hop: of SMTP and LMTP all in one, as there may be very many. */
  readonly routes: ReadonlyMap<string, Readonly<Depth>>
  readonly bytes: number
  readonly bytesMax: number
}

interface Depth {
  active: number
  deferred: number
  hold: number
}

/** A mail in the queue, for whoever looks at it. */
export interface QueuedView extends SpooledMail {
  readonly state: 'active' | 'deferred' | 'hold'
  /** Of each recipient. */
  readonly routes: readonly string[]
  /** Until when its sender had it held back, where that is not over. */
  readonly releaseAt?: WallMs
}

export interface QueuedDelivery extends Delivery {
  /** Puts `bytes` above the whole message, once, before `commit`. Throws a Fault without room. */
  prepend(bytes: Uint8Array): void
}

export class MailQueue implements DeliveryTarget {
  readonly #options: QueueOptions
  readonly #ports: QueuePorts
  readonly #targets: QueueTargets
  readonly #spool: Spool
  readonly #settlements: Settlements
  readonly #machine: QueueMachine
  readonly #mails = new Map<string, QueuedMail>()
  readonly #jobs = new Map<string, Job>()
  readonly #planner: JobPlanner
  readonly #deadHops = new DeadHops()
  readonly #feedMachine: (event: QueueEvent) => void
  /** Of the mails whose senders are to be told that it takes longer. */
  readonly #warnings: Alarms
  readonly #work = new Set<Promise<void>>()
  #justAccepted: Envelope[] = []
  #recovered: QueueJob[] = []
  /** `stopping`: nothing is begun, and what ends is recorded. */
  #state: 'closed' | 'open' | 'stopping' | 'stopped' = 'closed'

  constructor(options: QueueOptions, ports: QueuePorts, targets: QueueTargets) {
    this.#options = options
    this.#ports = ports
    this.#targets = targets
    this.#spool = new Spool(ports.store, options.spool)
    this.#planner = new JobPlanner(options, targets.routes, ports.clock)
    this.#settlements = new Settlements(options.hostname, this.#spool, ports, {
      mayReceive: (recipient) => this.requireRoute(recipient),
      forget: targets.forget,
      acceptReport: (report) => this.#scheduleSoon(report),
    })
    this.#machine = new QueueMachine({
      handingOverMax: HANDING_OVER_MAX,
      schedule: (hop) => this.#planner.scheduleOf(hop),
    })
    this.#feedMachine = runMachine<QueueEvent, QueueEffect>(this.#machine, ports.clock, (effect) =>
      this.#perform(effect),
    )
    this.#warnings = new Alarms(ports.clock, (queueId) => {
      if (this.#state === 'open') this.#run(this.#warn(queueId))
    })
  }

  /** Finds what was accepted before and finishes the deliveries that were about to appear. */
  async open(): Promise<void> {
    assert(this.#state === 'closed', 'a queue is opened once')
    const mails = await this.#spool.open()
    this.#state = 'open'
    const awaited: Awaited[] = []
    for (const mail of mails) {
      awaited.push(...awaitedOf(mail))
      for (const job of this.#planner.jobsOf(mail)) {
        await this.#finishPlacing(job, mail)
        if (job.waiting.length > 0) this.#recovered.push(this.#keep(job, mail))
      }
    }
    for (const fault of await this.#targets.local.clearAbandoned(awaited)) {
      this.#trouble('cleaning', fault.message)
    }
  }

  /** Goes on with what `open` found, once its targets can be used. */
  resume(): void {
    for (const job of this.#recovered) this.#add(job)
    this.#recovered = []
  }

  /**
   * Begins nothing more, and records how the attempts under way end, which their targets see to;
   * bundles that wait for an answer from afar go on after the next `open`.
   */
  async stop(): Promise<void> {
    this.#state = 'stopping'
    this.#warnings.stop()
    while (this.#work.size > 0) await Promise.all(this.#work)
    this.#state = 'stopped'
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
  ): Promise<QueuedDelivery> {
    this.#requireOpen()
    const draft = this.#spool.draft(mail.queueId)
    const recipients = new RecipientList(this.#targets.aliases)
    const asked: Mailbox[] = []
    /** Only where it tells nobody of a recipient that they need not know of. */
    let markAlias = async (): Promise<void> => {
      markAlias = async () => {}
      const [only, ...others] = asked
      if (only === undefined || others.length > 0 || !this.#targets.aliases.has(only)) return
      await draft.write(fromUtf8(formatDeliveredTo(formatMailbox(only))))
    }
    return {
      addRecipient: async (recipient, parameters = {}) => {
        this.requireRoute(recipient)
        recipients.add(recipient, parameters)
        asked.push(recipient)
      },
      write: async (bytes) => {
        await markAlias()
        await draft.write(bytes)
      },
      prepend: (bytes) => draft.prepend(bytes),
      commit: () => this.#accept(mail, draft, recipients.all, alongside),
      abort: () => draft.abort(),
    }
  }

  /** Accepts a mail for others than it was sent to. Rejects with a Fault. */
  async redirect(
    { from }: MailStart,
    to: readonly Mailbox[],
    message: AsyncIterable<Uint8Array>,
    alongside: readonly StoreChange[],
  ): Promise<void> {
    const { clock, entropy } = this.#ports
    const delivery = await this.start(
      { queueId: newQueueId(clock, entropy), from },
      () => alongside,
    )
    try {
      for (const one of to) await delivery.addRecipient(one)
      for await (const bytes of message) await delivery.write(bytes)
    } catch (error) {
      await delivery.abort()
      throw error
    }
    for (const outcome of await delivery.commit()) {
      if (outcome.type === 'refused') throw outcome.fault
    }
  }

  async #accept(
    mail: MailStart,
    draft: SpoolDraft,
    recipients: readonly EnvelopeRecipient[],
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
        const mail = { envelope, statuses: new Map(), decision: undefined }
        for (const job of this.#planner.jobsOf(mail)) this.#schedule(job, mail)
      }
    })
  }

  #schedule(job: Job, mail: SpooledMail): void {
    const kept = this.#keep(job, mail)
    const now = this.#ports.clock.now()
    const dead = this.#deadHops.faultOf(kept.hop, now)
    if (dead === undefined || kept.dueAt > now || kept.expiresAt <= now) {
      this.#add(kept)
      return
    }
    // The attempt would end with this: the turns of all that comes for a dead hop cost more than the mail.
    job.reasons = new Map(job.waiting.map((index) => [index, dead]))
    this.#feed({ type: 'put-off', job: kept })
  }

  /** Notes a job; the result is what the machine is to know of it. */
  #keep(job: Job, { statuses }: SpooledMail): QueueJob {
    const { mail } = job
    if (!this.#mails.has(mail.queueId)) this.#watch(mail)
    this.#mails.set(mail.queueId, mail)
    mail.jobs.set(job.id, job)
    this.#jobs.set(job.id, job)
    return this.#planner.queueJob(job, this.#planner.waitOf(job, statuses))
  }

  /** Not what is held, or has ended meanwhile or is about to. */
  #add(job: QueueJob): void {
    const kept = this.#jobs.get(job.id)
    if (kept === undefined || kept.mail.isHeld || kept.isEnding) return
    this.#feed({ type: 'added', job })
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
        this.#defer(job, effect.attempts, effect.retryInMs)
        return
      case 'give-up':
        this.#run(this.#giveUp(job))
    }
  }

  async #attempt(job: Job): Promise<void> {
    const spooled = this.#spool.mail(job.mail.queueId)
    assert(spooled !== undefined, `${job.mail.queueId} is in the spool`)
    if (this.#reroute(job, spooled)) return
    const startedAt = this.#ports.clock.now()
    const connects = job.hop?.transport === 'smtp' || job.hop?.transport === 'lmtp'
    job.times = { startedAt, readyAt: connects ? undefined : startedAt }
    const mail = this.#attemptMail(job, spooled)
    if (mail.addressees.length === 0) {
      // What is left is to record how it ended.
      await this.#conclude(job, new Map())
    } else if (job.hop !== undefined && job.hop.transport !== 'local') {
      await this.#attemptElsewhere(job, job.hop, mail)
    } else if (job.hop?.transport === 'local') {
      const record = {
        changes: (placing: ReadonlyMap<number, Placing>) => placingChanges(job, placing),
        record: (changes: readonly StoreChange[]) => this.#spool.commit(changes),
      }
      const isAlias = ({ index }: Addressee): boolean =>
        spooled.envelope.recipients[index]?.isExpanded === true
      const boxes = { ...mail, addressees: mail.addressees.filter((one) => !isAlias(one)) }
      const outcomes = await deliverLocally(this.#targets.local, boxes, record)
      for (const { index } of mail.addressees.filter(isAlias)) {
        outcomes.set(index, { type: 'delivered', detail: 'passed on to its members' })
      }
      await this.#conclude(job, outcomes)
    } else {
      const fault = mailFault('mail/no-route', 'no route to this domain', { temporary: true })
      await this.#conclude(
        job,
        new Map(mail.addressees.map(({ index }) => [index, refused(fault)])),
      )
    }
  }

  async #attemptElsewhere(job: Job, hop: RemoteHop, mail: AttemptMail): Promise<void> {
    const { clock } = this.#ports
    const name = formatNextHop(hop)
    const dead = this.#deadHops.faultOf(name, clock.now())
    if (dead !== undefined) {
      job.times = undefined
      const outcomes = mail.addressees.map(({ index }) => [index, refused(dead)] as const)
      await this.#conclude(job, new Map(outcomes))
      return
    }
    const target = this.#targets.remote(hop)
    const { outcomes } = await handOver((start) => target.start(start), mail)
    this.#feed({ type: 'handed-over', id: job.id })
    const conclude = async (known: Outcomes): Promise<void> => {
      const [first] = known.values()
      const fault = first?.type === 'refused' ? first.fault : undefined
      this.#deadHops.note(name, fault, clock.now())
      if (this.#state !== 'stopped') await this.#conclude(job, known)
    }
    // What far gateways answer may take days, and goes on after a stop.
    if (isFarGateway(hop)) void outcomes.then((known) => this.#run(conclude(known)))
    else this.#run(outcomes.then(conclude))
  }

  #attemptMail(job: Job, { envelope, statuses }: SpooledMail): AttemptMail {
    const { queueId } = envelope
    const addressees: Addressee[] = []
    for (const index of job.waiting) {
      const mailbox = envelope.recipients[index]
      if (mailbox === undefined || job.ended?.has(index)) continue
      const status = statuses.get(index)
      const placing = status?.type === 'placing' ? status : undefined
      const { parameters = {} } = mailbox
      addressees.push({ index, mailbox, parameters, placing })
    }
    const { clock } = this.#ports
    const from = passedOn(envelope, clock.wall())
    const onReady = (): void => {
      if (job.times !== undefined) job.times = { ...job.times, readyAt: clock.now() }
    }
    return {
      start: {
        queueId,
        from,
        sizeBytes: envelope.sizeBytes,
        expiresAt: this.#planner.expiryOf(job),
        read: () => this.#spool.chunks(envelope),
        onReady,
      },
      addressees,
      chunks: this.#spool.chunks(envelope),
    }
  }

  /** Where the map says something else by now; true where the job goes on as others. */
  #reroute(job: Job, mail: SpooledMail): boolean {
    if (job.ended !== undefined) return false
    const jobs = this.#planner.jobsFor(job.mail, mail.envelope, job.waiting, mail.statuses)
    if (jobs.every(({ id }) => id === job.id)) return false
    // Beside an attempt of the same mail to the same next hop there is no other.
    if (jobs.some(({ id }) => id !== job.id && this.#jobs.has(id))) return false
    this.#feed({ type: 'finished', id: job.id, settled: true })
    this.#drop(job)
    for (const next of jobs)
      this.#add({ ...this.#keep(next, mail), dueAt: this.#ports.clock.now() })
    return true
  }

  async #finishPlacing(job: Job, { envelope, statuses }: SpooledMail): Promise<void> {
    const outcomes: Outcomes = new Map()
    for (const index of job.waiting) {
      const status = statuses.get(index)
      const mailbox = envelope.recipients[index]
      if (status?.type !== 'placing' || mailbox === undefined) continue
      const outcome = await place(this.#targets.local, mailbox, status)
      if (outcome.type === 'delivered') outcomes.set(index, outcome)
    }
    await this.#settle(job, outcomes)
  }

  async #giveUp(job: Job): Promise<void> {
    const { returnAt } = job.mail
    const isTooLate = returnAt !== undefined && this.#ports.clock.wall() >= returnAt
    const after = formatDuration(this.#planner.scheduleOf(nameOf(job.hop)).giveUpAfterMs)
    const why = isTooLate ? 'not in the time its sender gave it' : `gave up after ${after}`
    const code = isTooLate ? 'mail/too-late' : 'mail/gave-up'
    const outcomes: Outcomes = new Map()
    for (const index of job.waiting) {
      if (job.ended?.has(index)) continue
      const text = `${this.#reasonOf(job, index) ?? 'not delivered'} (${why})`
      outcomes.set(index, refused(mailFault(code, text, { temporary: false })))
    }
    await this.#conclude(job, outcomes)
  }

  /** The attempt is over, for better or worse. */
  async #conclude(job: Job, outcomes: Outcomes): Promise<void> {
    const { verdict } = job.mail
    const reasons = new Map<number, Fault>()
    const ended: Outcomes = new Map(job.ended)
    for (const [index, outcome] of outcomes) {
      if (outcome.type === 'delivered' || !outcome.fault.temporary) ended.set(index, outcome)
      else if (verdict !== undefined) ended.set(index, refused(verdict))
      else reasons.set(index, outcome.fault)
    }
    job.reasons = reasons
    await this.#settle(job, ended)
    const settled = job.waiting.length === 0
    this.#feed({ type: 'finished', id: job.id, settled })
    if (settled) this.#drop(job)
    else if (job.mail.isHeld) this.#feed({ type: 'withdrawn', id: job.id })
  }

  #drop(job: Job): void {
    this.#jobs.delete(job.id)
    job.mail.jobs.delete(job.id)
    if (job.mail.jobs.size > 0) return
    this.#mails.delete(job.mail.queueId)
    this.#warnings.clear(job.mail.queueId)
  }

  /** It should have been there by now: its sender is told so, once, whoever notices it. */
  overdue(queueId: string): void {
    if (this.#state === 'open') this.#run(this.#warn(queueId))
  }

  /** Not tried until it is released, from now on. False where it is not, or no longer, in the queue. */
  async hold(queueId: string): Promise<boolean> {
    const mail = this.#known(queueId)
    if (mail === undefined) return false
    mail.isHeld = true
    for (const { id } of mail.jobs.values()) this.#feed({ type: 'withdrawn', id })
    return this.#decide(mail, 'held')
  }

  /** Goes on with what was held, by an operator or by its sender. */
  async release(queueId: string): Promise<boolean> {
    const mail = this.#known(queueId)
    return mail !== undefined && this.#decide(mail, 'released')
  }

  /** Resolves with false where the mail has ended before it could be recorded; else rejects with the store's Fault. */
  #decide(mail: QueuedMail, decision: Decision): Promise<boolean> {
    const { queueId } = mail
    const number = ++mail.decisions
    return this.#settlements.inTurn(mail, async () => {
      if (this.#spool.envelope(queueId) === undefined) return false
      const fault = await faultOf(this.#spool.commit([decisionChange(queueId, decision)]))
      // What was decided since then sees to the mail when it is recorded.
      if (mail.decisions === number)
        this.#heed(mail, fault === undefined && decision === 'released')
      if (fault !== undefined) throw fault
      return true
    })
  }

  /** Does what is recorded; `isReleased`: just now. */
  #heed(mail: QueuedMail, isReleased: boolean): void {
    mail.isHeld = this.#spool.mail(mail.queueId)?.decision === 'held'
    if (mail.isHeld) return
    if (!isReleased) {
      this.#goOn(mail)
      return
    }
    mail.releaseAt = mail.acceptedAt
    this.#hasten(mail)
  }

  /** Tries now what waits for its next attempt; what is held, or wanted later, still waits. */
  requeue(queueId: string): boolean {
    const mail = this.#known(queueId)
    if (mail === undefined || mail.isHeld) return false
    if (mail.releaseAt <= this.#ports.clock.wall()) this.#hasten(mail)
    return true
  }

  /**
   * Takes a mail out: `deleted` without a word to its sender, `returned` with a report. What is
   * delivered in this moment stays delivered. Resolves with false where it could not be done now.
   */
  async end(queueId: string, how: 'deleted' | 'returned'): Promise<boolean> {
    const verdict = mailFault(`mail/${how}`, `${how} by the operator`, { temporary: false })
    const mail = this.#known(queueId)
    if (mail === undefined) return false
    mail.verdict = verdict
    this.#targets.withdraw(queueId)
    let isDone = true
    for (const job of [...mail.jobs.values()]) {
      // While another was recorded this one may have begun, or gone on by another way.
      const isCurrent = this.#jobs.get(job.id) === job && !job.isEnding
      if (this.#machine.isActive(job.id) || !isCurrent) continue
      this.#feed({ type: 'withdrawn', id: job.id })
      job.isEnding = true
      const ended: Outcomes = new Map(job.ended)
      for (const index of job.waiting) if (!ended.has(index)) ended.set(index, refused(verdict))
      await this.#settle(job, ended)
      job.isEnding = false
      if (job.waiting.length === 0) {
        this.#drop(job)
      } else {
        this.#add(
          this.#planner.queueJob(job, {
            attempts: 0,
            waitMs: this.#planner.scheduleOf(nameOf(job.hop)).firstRetryMs,
          }),
        )
        isDone = false
      }
    }
    return isDone
  }

  /** In the order in which they came, beginning after one of them. */
  *queueIds(after = ''): Iterable<string> {
    for (const queueId of this.#spool.queueIds(after)) {
      if (this.#mails.has(queueId)) yield queueId
    }
  }

  /** What is known of a mail in the queue. */
  look(queueId: string): QueuedView | undefined {
    const mail = this.#mails.get(queueId)
    const spooled = mail && this.#spool.mail(queueId)
    if (mail === undefined || spooled === undefined) return undefined
    const isActive = [...mail.jobs.values()].some(({ id }) => this.#machine.isActive(id))
    const state = mail.isHeld ? 'hold' : isActive ? 'active' : 'deferred'
    const routes = spooled.envelope.recipients.map((to) => nameOf(this.#targets.routes.of(to)))
    const { releaseAt } = mail
    const isHeldBack = releaseAt > this.#ports.clock.wall()
    return {
      ...{ ...spooled, statuses: statusesOf(mail, spooled), state, routes },
      ...(isHeldBack && { releaseAt }),
    }
  }

  /** The next piece of the message of a mail in the queue, after `index` of them; undefined at its end. */
  piece(envelope: Envelope, index: number): Uint8Array | undefined {
    if (index === 0) return this.#spool.beginning(envelope)
    for (const chunk of this.#spool.chunks(envelope, index)) return chunk
    return undefined
  }

  /** For metrics: takes a time that grows with all that waits. */
  depth(): QueueDepth {
    const routes = new Map<string, Depth>()
    for (const { id, hop, mail } of this.#jobs.values()) {
      const name = isFarGateway(hop) ? nameOf(hop) : (hop?.transport ?? 'unroutable')
      const depth = routes.get(name) ?? { active: 0, deferred: 0, hold: 0 }
      depth[mail.isHeld ? 'hold' : this.#machine.isActive(id) ? 'active' : 'deferred']++
      routes.set(name, depth)
    }
    return { routes, bytes: this.#spool.bytes, bytesMax: this.#options.spool.bytesMax }
  }

  get bytes(): number {
    return this.#spool.bytes
  }

  /** Mails that are not settled. */
  get mailCount(): number {
    return this.#mails.size
  }

  #known(queueId: string): QueuedMail | undefined {
    this.#requireOpen()
    return this.#mails.get(queueId)
  }

  /** At once; those that are under way are left alone. */
  #hasten(mail: QueuedMail): void {
    for (const { hop } of mail.jobs.values()) this.#deadHops.forget(nameOf(hop))
    this.#goOn(mail, this.#ports.clock.now())
  }

  /** At this time, or when it was to go anyway. */
  #goOn(mail: QueuedMail, dueAt?: MonoMs): void {
    const spooled = this.#spool.mail(mail.queueId)
    if (spooled === undefined) return
    for (const job of mail.jobs.values()) {
      const kept = this.#keep(job, spooled)
      this.#add({ ...kept, dueAt: dueAt ?? kept.dueAt })
    }
  }

  /** Whoever cannot be settled now stays in the job, and is not tried again. */
  async #settle(job: Job, ended: Outcomes): Promise<void> {
    if (ended.size === 0) return
    const settled = await this.#settlements.settle(job.mail, ended, job)
    job.ended = settled ? undefined : ended
    if (settled) job.waiting = job.waiting.filter((index) => !ended.has(index))
  }

  #defer(job: Job, attempts: number, retryInMs: number): void {
    const retryAt = addMs(this.#ports.clock.wall(), retryInMs)
    const wasTried = job.times !== undefined
    job.untried = wasTried ? undefined : { attempts, retryAt }
    this.#tellDeferred(job, retryInMs)
    // A restart would only try sooner; a queue full of mail for a dead hop costs no flush each.
    if (wasTried) this.#run(this.#recordDeferred(job, attempts, retryAt))
  }

  #tellDeferred(job: Job, retryInMs: number): void {
    const { queueId } = job.mail
    const { clock, events } = this.#ports
    const envelope = this.#envelope(queueId)
    const { delayMs, delays } = delaysOf(envelope, job.times, clock)
    for (const index of job.waiting) {
      const fault = job.reasons?.get(index)
      events({
        type: 'mail-deferred',
        queueId,
        recipient: recipientName(envelope, index),
        reason: reasonOf(fault),
        retryInMs,
        delayMs,
        delays,
        ...(fault === undefined ? { relay: nameOf(job.hop) } : relayOf(fault, nameOf(job.hop))),
        ...(job.hop && { route: job.hop.transport }),
        ...(fault && { dsn: statusCode(fault, 'delayed') }),
      })
    }
  }

  async #recordDeferred(job: Job, attempts: number, retryAt: WallMs): Promise<void> {
    const { queueId } = job.mail
    try {
      await this.#settlements.inTurn(job.mail, async () => {
        if (this.#spool.envelope(queueId) === undefined) return
        // What was told while this waited its turn must stay told.
        const { isWarned } = job.mail
        const status = {
          type: 'deferred',
          attempts,
          retryAt,
          ...(isWarned && { isWarned }),
        } as const
        const waiting = job.waiting.filter(
          (index) => this.#spool.status(queueId, index)?.type !== 'placing',
        )
        const changes = waiting.map((index) => {
          const reason = reasonOf(job.reasons?.get(index))
          return statusChange(queueId, index, { ...status, reason })
        })
        await this.#spool.commit(changes)
      })
    } catch (error) {
      // Without the record a restart only tries sooner.
      this.#trouble(queueId, asFault(error).message)
    }
  }

  #watch({ queueId, warnAt, isWarned }: QueuedMail): void {
    if (warnAt === undefined || isWarned) return
    const { clock } = this.#ports
    this.#warnings.set(queueId, addMs(clock.now(), Math.max(0, warnAt - clock.wall())))
  }

  /** Tells the sender that it takes longer, of those who still wait. */
  async #warn(queueId: string): Promise<void> {
    const mail = this.#mails.get(queueId)
    if (mail === undefined || mail.isWarned) return
    try {
      await this.#settlements.warn(mail, (envelope) => {
        // By now somebody else may have noticed it too.
        if (mail.isWarned) return { recipients: [], changes: [] }
        mail.isWarned = true
        return this.#delayed(mail, envelope)
      })
    } catch (error) {
      mail.isWarned = false
      const { clock } = this.#ports
      this.#trouble(queueId, asFault(error).message)
      this.#warnings.set(
        queueId,
        addMs(clock.now(), this.#planner.scheduleOf('local').firstRetryMs),
      )
    }
  }

  #delayed(mail: QueuedMail, { recipients: all }: Envelope): Warning {
    const { queueId } = mail
    const recipients: ReportedRecipient[] = []
    const changes: StoreChange[] = []
    for (const job of mail.jobs.values()) {
      for (const index of job.waiting) {
        const mailbox = all[index]
        const status = this.#spool.status(queueId, index)
        const isWaiting = status?.type !== 'placing' && !job.ended?.has(index)
        if (mailbox === undefined || mailbox.isExpanded || !isWaiting) continue
        const reason = this.#reasonOf(job, index) ?? 'not delivered yet'
        const before = status?.type === 'deferred' ? status : undefined
        const { attempts = 0, retryAt = this.#ports.clock.wall() } = before ?? {}
        changes.push(
          statusChange(queueId, index, {
            ...{ type: 'deferred', attempts, retryAt, reason, isWarned: true },
          }),
        )
        if (!mayWarn(mailbox)) continue
        const fault =
          job.reasons?.get(index) ?? mailFault('mail/gave-up', reason, { temporary: true })
        const { parameters = {} } = mailbox
        const retryUntil = this.#planner.expiryOf(job)
        recipients.push({ mailbox, parameters, action: 'delayed', fault, retryUntil })
      }
    }
    return { recipients, changes }
  }

  /** Why a recipient is still waiting, also from before a restart. */
  #reasonOf(job: Job, index: number): string | undefined {
    const status = this.#spool.status(job.mail.queueId, index)
    const before = status?.type === 'deferred' ? status.reason : undefined
    return job.reasons?.get(index)?.message ?? before
  }

  #requireOpen(): void {
    if (this.#state === 'open') return
    throw mailFault('mail/stopped', 'the queue is not open', { temporary: true })
  }

  /** Throws a Fault where no mail is taken for this recipient. */
  requireRoute(recipient: Mailbox): void {
    const hop = this.#targets.routes.of(recipient)
    if (hop === undefined) {
      const text = `no route to ${recipient.domain}`
      throw mailFault('mail/no-route', text, { temporary: false })
    }
    const { routes, aliases, local } = this.#targets
    const isKnown =
      hop.transport === 'local'
        ? local.knows(recipient)
        : routes.mayExist(recipient) || aliases.has(recipient)
    if (!isKnown) throw unknownUser(recipient)
  }

  #envelope(queueId: string): Envelope {
    const envelope = this.#spool.envelope(queueId)
    assert(envelope !== undefined, `${queueId} is in the spool`)
    return envelope
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

/** What is written for a mailbox and has not appeared there yet. */
function awaitedOf({ envelope, statuses }: SpooledMail): readonly Awaited[] {
  return [...statuses].flatMap(([index, status]) => {
    const recipient = envelope.recipients[index]
    if (status.type !== 'placing' || recipient === undefined) return []
    return [{ recipient, placements: status.placements }]
  })
}

function placingChanges(
  { mail }: Job,
  placing: ReadonlyMap<number, Placing>,
): readonly StoreChange[] {
  return [...placing].map(([index, one]) =>
    statusChange(mail.queueId, index, { type: 'placing', ...one }),
  )
}

/** Why a recipient is still waiting. */
function reasonOf(fault: Fault | undefined): string {
  return fault?.message ?? 'not recorded yet'
}

/** The envelope as the next host is to see it: less the time that has passed here. */
function passedOn({ from, acceptedAt }: Envelope, wall: WallMs): MailFrom {
  const { hold: _, deliverBy, ...parameters } = from.parameters
  if (deliverBy === undefined) return { ...from, parameters }
  const seconds = deliverBy.seconds - Math.floor(Math.max(0, wall - acceptedAt) / 1000)
  return { ...from, parameters: { ...parameters, deliverBy: { ...deliverBy, seconds } } }
}
