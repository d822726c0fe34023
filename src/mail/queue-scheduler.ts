/**
 * The jobs of the queue from the first attempt to the last recipient's end. A `QueueMachine` says when
 * each is tried; of one job, one attempt or one operator's end of it is under way.
 */

import { assert } from '../base/assert.ts'
import type { Fault } from '../base/fault.ts'
import { formatDuration } from '../base/quantity.ts'
import { addMs, type MonoMs } from '../base/time.ts'
import { runMachine } from '../drive/run.ts'
import type { Clock } from '../ports/clock.ts'
import type { EventSink } from '../ports/events.ts'
import type { StoreChange } from '../ports/store.ts'
import {
  type AttemptMail,
  deliverLocally,
  handOver,
  type Outcomes,
  type Placing,
  place,
  refused,
} from './attempt.ts'
import { attemptMail } from './attempt-mail.ts'
import { DeadHops } from './dead-hops.ts'
import { Deferrals, reasonOf } from './deferrals.ts'
import type { DeliveryTarget } from './delivery.ts'
import { mailFault } from './fault.ts'
import { type Depth, JobTable } from './job-table.ts'
import { HANDING_OVER_MAX } from './limits.ts'
import type { LocalTarget } from './local-target.ts'
import { isFarGateway, type RemoteHop } from './next-hop.ts'
import type { Job, JobPlanner, QueuedMail } from './queue-job.ts'
import { type QueueEffect, type QueueEvent, type QueueJob, QueueMachine } from './queue-machine.ts'
import type { Settlements } from './settlement.ts'
import type { Spool, SpooledMail } from './spool.ts'
import { type Envelope, statusChange } from './spool-record.ts'

export interface SchedulerPorts {
  readonly clock: Clock
  readonly events: EventSink
  readonly spool: Spool
  readonly planner: JobPlanner
  readonly settlements: Settlements
}

export interface SchedulerTargets {
  readonly local: LocalTarget
  readonly remote: (hop: RemoteHop) => DeliveryTarget
}

export class QueueScheduler {
  readonly #ports: SchedulerPorts
  readonly #targets: SchedulerTargets
  readonly #machine: QueueMachine
  readonly #feedMachine: (event: QueueEvent) => void
  readonly #jobs = new JobTable()
  readonly #deadHops = new DeadHops()
  readonly #deferrals: Deferrals
  readonly #work = new Set<Promise<void>>()
  #recovered: QueueJob[] = []
  /** `stopping`: nothing is begun, and what ends is recorded. */
  #state: 'closed' | 'open' | 'stopping' | 'stopped' = 'closed'

  constructor(ports: SchedulerPorts, targets: SchedulerTargets) {
    this.#ports = ports
    this.#targets = targets
    this.#machine = new QueueMachine({
      handingOverMax: HANDING_OVER_MAX,
      schedule: (hop) => ports.planner.scheduleOf(hop),
    })
    this.#feedMachine = runMachine<QueueEvent, QueueEffect>(this.#machine, ports.clock, (effect) =>
      this.#perform(effect),
    )
    this.#deferrals = new Deferrals({ ...ports, onLate: (queueId) => this.warn(queueId) })
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  get mailCount(): number {
    return this.#jobs.mailCount
  }

  get depths(): ReadonlyMap<string, Readonly<Depth>> {
    return this.#jobs.depths
  }

  mail(queueId: string): QueuedMail | undefined {
    return this.#jobs.mail(queueId)
  }

  open(): void {
    assert(this.#state === 'closed', 'a queue is opened once')
    this.#state = 'open'
  }

  /** Notes a mail that was accepted in an earlier run, and finishes what was about to appear of it. */
  async recover(mail: SpooledMail): Promise<void> {
    for (const job of this.#ports.planner.jobsOf(mail)) {
      await this.#finishPlacing(job, mail)
      if (job.waiting.length > 0) this.#recovered.push(this.#keep(job, mail))
    }
  }

  /** Goes on with what was recovered, once the targets can be used. */
  resume(): void {
    for (const job of this.#recovered) this.#add(job)
    this.#recovered = []
  }

  /**
   * Begins nothing more, and records how the attempts under way end, which their targets see to;
   * bundles that wait for an answer from afar go on in the next run.
   */
  async stop(): Promise<void> {
    this.#state = 'stopping'
    this.#deferrals.stop()
    while (this.#work.size > 0) await Promise.all(this.#work)
    this.#state = 'stopped'
  }

  /** Begins with a mail that was accepted just now. */
  schedule(envelope: Envelope): void {
    const mail = { envelope, statuses: new Map(), decision: undefined }
    for (const job of this.#ports.planner.jobsOf(mail)) this.#schedule(job, mail)
  }

  /** Begins no attempt at what is held, from now on; one under way goes on to its end. */
  setHeld(mail: QueuedMail, isHeld: boolean): void {
    this.#jobs.setHeld(mail, isHeld)
    if (!isHeld) return
    for (const { id } of mail.jobs.values()) this.#feed({ type: 'withdrawn', id })
  }

  /** Has it tried at once; what is under way is left alone. */
  hasten(mail: QueuedMail): void {
    for (const { hopName } of mail.jobs.values()) this.#deadHops.forget(hopName)
    this.goOn(mail, this.#ports.clock.now())
  }

  /** Has it tried at this time, or when it was to go anyway. */
  goOn(mail: QueuedMail, dueAt?: MonoMs): void {
    const spooled = this.#ports.spool.mail(mail.queueId)
    if (spooled === undefined) return
    for (const job of mail.jobs.values()) {
      const kept = this.#keep(job, spooled)
      this.#add({ ...kept, dueAt: dueAt ?? kept.dueAt })
    }
  }

  /**
   * Ends it for those who wait; attempts under way end so unless they succeed. Resolves with false
   * where it could not be recorded.
   */
  async end(mail: QueuedMail, verdict: Fault): Promise<boolean> {
    mail.verdict = verdict
    let isDone = true
    for (const job of [...mail.jobs.values()]) {
      // While another was recorded this one may have begun, or gone on by another way.
      const isCurrent = this.#jobs.job(job.id) === job && !job.isEnding
      if (job.isActive || !isCurrent) continue
      this.#feed({ type: 'withdrawn', id: job.id })
      job.isEnding = true
      const ended: Outcomes = new Map(job.ended)
      for (const index of job.waiting) if (!ended.has(index)) ended.set(index, refused(verdict))
      await this.#settle(job, ended)
      job.isEnding = false
      if (job.waiting.length === 0) {
        this.#drop(job)
      } else {
        const { planner } = this.#ports
        const waitMs = planner.scheduleOf(job.hopName).firstRetryMs
        this.#add(planner.queueJob(job, { attempts: 0, waitMs }))
        isDone = false
      }
    }
    return isDone
  }

  /** Tells the sender, once, that it takes longer. */
  warn(queueId: string): void {
    const mail = this.#jobs.mail(queueId)
    if (this.#state === 'open' && mail !== undefined) this.#run(this.#deferrals.warn(mail))
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
    if (this.#jobs.add(job)) this.#deferrals.watch(job.mail)
    const { planner } = this.#ports
    return planner.queueJob(job, planner.waitOf(job, statuses))
  }

  /** Not what is held, or has ended meanwhile or is about to. */
  #add(job: QueueJob): void {
    const kept = this.#jobs.job(job.id)
    if (kept === undefined || kept.mail.isHeld || kept.isEnding) return
    this.#feed({ type: 'added', job })
  }

  #drop(job: Job): void {
    if (this.#jobs.drop(job)) this.#deferrals.forget(job.mail)
  }

  #perform(effect: QueueEffect): void {
    const job = this.#jobs.job(effect.id)
    assert(job !== undefined, `there is a job ${effect.id}`)
    this.#jobs.setActive(job, effect.type !== 'defer')
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
    const { spool, clock, planner } = this.#ports
    const spooled = spool.mail(job.mail.queueId)
    assert(spooled !== undefined, `${job.mail.queueId} is in the spool`)
    if (this.#reroute(job, spooled)) return
    const { hop } = job
    const startedAt = clock.now()
    const connects = hop?.transport === 'smtp' || hop?.transport === 'lmtp'
    job.times = { startedAt, readyAt: connects ? undefined : startedAt }
    const mail = attemptMail(job, spooled, planner.expiryOf(job), { spool, clock })
    if (mail.addressees.length === 0) {
      // What is left is to record how it ended.
      await this.#conclude(job, new Map())
    } else if (hop?.transport === 'local') {
      await this.#conclude(job, await this.#deliverHere(job, mail, spooled.envelope))
    } else if (hop !== undefined) {
      await this.#attemptElsewhere(job, hop, mail)
    } else {
      const fault = mailFault('mail/no-route', 'no route to this domain', { temporary: true })
      await this.#conclude(job, allRefused(mail, fault))
    }
  }

  async #deliverHere(job: Job, mail: AttemptMail, { recipients }: Envelope): Promise<Outcomes> {
    const { spool } = this.#ports
    const isAlias = (index: number): boolean => recipients[index]?.isExpanded === true
    const boxes = { ...mail, addressees: mail.addressees.filter(({ index }) => !isAlias(index)) }
    const outcomes = await deliverLocally(this.#targets.local, boxes, {
      changes: (placing) => placingChanges(job, placing),
      record: (changes) => spool.commit(changes),
    })
    for (const { index } of mail.addressees) {
      if (!isAlias(index)) continue
      outcomes.set(index, { type: 'delivered', detail: 'passed on to its members' })
    }
    return outcomes
  }

  async #attemptElsewhere(job: Job, hop: RemoteHop, mail: AttemptMail): Promise<void> {
    const { clock } = this.#ports
    const dead = this.#deadHops.faultOf(job.hopName, clock.now())
    if (dead !== undefined) {
      job.times = undefined
      await this.#conclude(job, allRefused(mail, dead))
      return
    }
    const target = this.#targets.remote(hop)
    const { outcomes } = await handOver((start) => target.start(start), mail)
    this.#feed({ type: 'handed-over', id: job.id })
    const conclude = async (known: Outcomes): Promise<void> => {
      const [first] = known.values()
      const fault = first?.type === 'refused' ? first.fault : undefined
      this.#deadHops.note(job.hopName, fault, clock.now())
      if (this.#state !== 'stopped') await this.#conclude(job, known)
    }
    // What far gateways answer may take days, and goes on after a stop.
    if (isFarGateway(hop)) void outcomes.then((known) => this.#run(conclude(known)))
    else this.#run(outcomes.then(conclude))
  }

  /** Where the map says something else by now; true where the job goes on as others. */
  #reroute(job: Job, mail: SpooledMail): boolean {
    if (job.ended !== undefined) return false
    const { planner, clock } = this.#ports
    const jobs = planner.jobsFor(job.mail, mail.envelope, job.waiting, mail.statuses)
    if (jobs.every(({ id }) => id === job.id)) return false
    // Beside an attempt of the same mail to the same next hop there is no other.
    if (jobs.some(({ id }) => id !== job.id && this.#jobs.job(id) !== undefined)) return false
    this.#feed({ type: 'finished', id: job.id, settled: true })
    this.#drop(job)
    for (const next of jobs) this.#add({ ...this.#keep(next, mail), dueAt: clock.now() })
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
    const { planner, clock, spool } = this.#ports
    const { queueId, returnAt } = job.mail
    const isTooLate = returnAt !== undefined && clock.wall() >= returnAt
    const after = formatDuration(planner.scheduleOf(job.hopName).giveUpAfterMs)
    const why = isTooLate ? 'not in the time its sender gave it' : `gave up after ${after}`
    const code = isTooLate ? 'mail/too-late' : 'mail/gave-up'
    const outcomes: Outcomes = new Map()
    for (const index of job.waiting) {
      if (job.ended?.has(index)) continue
      const reason = reasonOf(job, index, spool.status(queueId, index)) ?? 'not delivered'
      outcomes.set(index, refused(mailFault(code, `${reason} (${why})`, { temporary: false })))
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

  /** Whoever cannot be settled now stays in the job, and is not tried again. */
  async #settle(job: Job, ended: Outcomes): Promise<void> {
    if (ended.size === 0) return
    const settled = await this.#ports.settlements.settle(job.mail, ended, job)
    job.ended = settled ? undefined : ended
    if (settled) job.waiting = job.waiting.filter((index) => !ended.has(index))
  }

  #defer(job: Job, attempts: number, retryInMs: number): void {
    const retryAt = addMs(this.#ports.clock.wall(), retryInMs)
    const wasTried = job.times !== undefined
    job.untried = wasTried ? undefined : { attempts, retryAt }
    this.#deferrals.tell(job, retryInMs)
    // A queue full of mail for a dead hop costs no flush each.
    if (wasTried) this.#run(this.#deferrals.record(job, attempts, retryAt))
  }

  #feed(event: QueueEvent): void {
    if (this.#state === 'open') this.#feedMachine(event)
  }

  #run(work: Promise<void>): void {
    const tracked: Promise<void> = work.finally(() => this.#work.delete(tracked))
    this.#work.add(tracked)
  }
}

function allRefused({ addressees }: AttemptMail, fault: Fault): Outcomes {
  return new Map(addressees.map(({ index }) => [index, refused(fault)]))
}

function placingChanges(
  { mail }: Job,
  placing: ReadonlyMap<number, Placing>,
): readonly StoreChange[] {
  return [...placing].map(([index, one]) =>
    statusChange(mail.queueId, index, { type: 'placing', ...one }),
  )
}
