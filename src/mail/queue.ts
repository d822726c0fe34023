/**
 * Mail that is accepted and not yet delivered. What is known of a mail is in the spool; in memory is
 * only what tells when it is tried again, so a restart at any instant goes on from the spool.
 */

import { asFault } from '../base/fault.ts'
import type { WallMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import type { Entropy } from '../ports/entropy.ts'
import type { EventSink } from '../ports/events.ts'
import type { Store, StoreChange } from '../ports/store.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import type { Aliases } from './aliases.ts'
import { faultOf, refused } from './attempt.ts'
import type { DeliveryTarget, MailStart, Outcome } from './delivery.ts'
import { mailFault } from './fault.ts'
import type { Depth } from './job-table.ts'
import { REPORT_MESSAGE_BYTES_MAX, WRITTEN_PIECE_BYTES } from './limits.ts'
import { type Awaited, unknownUser } from './local-target.ts'
import { QueuedDelivery } from './queue-delivery.ts'
import { newQueueId } from './queue-id.ts'
import {
  JobPlanner,
  nameOf,
  type PlannerOptions,
  type QueuedMail,
  statusesOf,
} from './queue-job.ts'
import { QueueScheduler, type SchedulerTargets } from './queue-scheduler.ts'
import { withParameters } from './recipient-list.ts'
import type { Routes } from './route.ts'
import { Settlements } from './settlement.ts'
import { Spool, type SpoolDraft, type SpooledMail, type SpoolLimits } from './spool.ts'
import {
  type Decision,
  decisionChange,
  type Envelope,
  type EnvelopeRecipient,
  isElsewhere,
} from './spool-record.ts'
import { isHere, type WholeMail, writeHere } from './written-mail.ts'

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

export interface QueueTargets extends SchedulerTargets {
  readonly routes: Routes
  readonly aliases: Aliases
  /** Nobody waits any longer for what becomes of a mail: the attempts under way end soon. */
  readonly withdraw: (queueId: string) => void
  /** What the targets keep of a mail, removed in the commit that removes the mail. */
  readonly forget: (queueId: string) => readonly StoreChange[]
}

export interface QueueDepth {
  /** As `JobTable` counts them. */
  readonly routes: ReadonlyMap<string, Readonly<Depth>>
  readonly bytes: number
  readonly bytesMax: number
}

/** A mail in the queue, for whoever looks at it. */
export interface QueuedView extends SpooledMail {
  readonly state: 'active' | 'deferred' | 'hold'
  /** Of each recipient. */
  readonly routes: readonly string[]
  /** Until when its sender had it held back, where that is not over. */
  readonly releaseAt?: WallMs
}

export class MailQueue implements DeliveryTarget {
  readonly #options: QueueOptions
  readonly #ports: QueuePorts
  readonly #targets: QueueTargets
  readonly #spool: Spool
  readonly #settlements: Settlements
  readonly #scheduler: QueueScheduler
  #justAccepted: Envelope[] = []

  constructor(options: QueueOptions, ports: QueuePorts, targets: QueueTargets) {
    this.#options = options
    this.#ports = ports
    this.#targets = targets
    const spool = new Spool(ports.store, options.spool)
    const planner = new JobPlanner(options, targets.routes, ports.clock)
    const settlements = new Settlements(options.hostname, spool, ports, {
      mayReceive: (recipient) => this.requireRoute(recipient),
      forget: targets.forget,
      written: (queueId) => this.#written(queueId, 0, 2 * REPORT_MESSAGE_BYTES_MAX),
      discard: (before, indices) => targets.local.discard(awaitedOf(before, new Set(indices))),
      acceptReport: (report) => this.#scheduleSoon(report),
    })
    this.#spool = spool
    this.#settlements = settlements
    const { clock, events } = ports
    this.#scheduler = new QueueScheduler({ clock, events, spool, planner, settlements }, targets)
  }

  /** Finds what was accepted before and finishes the deliveries that were about to appear. */
  async open(): Promise<void> {
    const mails = await this.#spool.open()
    this.#scheduler.open()
    const awaited: Awaited[] = []
    for (const mail of mails) {
      awaited.push(...awaitedOf(mail))
      await this.#scheduler.recover(mail)
    }
    for (const { message } of await this.#targets.local.clearAbandoned(awaited)) {
      this.#ports.events({ type: 'trouble', where: 'queue cleaning', reason: message })
    }
  }

  /** Goes on with what `open` found, once its targets can be used. */
  resume(): void {
    this.#scheduler.resume()
  }

  /**
   * Begins nothing more, and records how the attempts under way end, which their targets see to;
   * bundles that wait for an answer from afar go on after the next `open`.
   */
  stop(): Promise<void> {
    return this.#scheduler.stop()
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
    return new QueuedDelivery(draft, {
      aliases: this.#targets.aliases,
      requireRoute: (recipient) => this.requireRoute(recipient),
      accept: (recipients) => this.#accept(mail, draft, recipients, alongside),
    })
  }

  /**
   * Accepts a mail by writing it into the mailboxes of its recipients, where it has only to appear then.
   * Resolves with false, and leaves nothing behind, where it has to go through `start`. Rejects with a
   * Fault where it cannot be accepted now.
   */
  async acceptHere(mail: WholeMail): Promise<boolean> {
    this.#requireOpen()
    const { local } = this.#targets
    const { queueId, from } = mail.start
    // What is late is given back, which wants the message.
    if (from.parameters.deliverBy !== undefined) return false
    if (!mail.recipients.every((one) => isHere(mail.start, one, this.#targets))) return false
    const sizeBytes = mail.message.reduce((sum, piece) => sum + piece.length, 0)
    this.#spool.requireRoom(sizeBytes)
    const written = await writeHere(mail, local)
    if (written === undefined) return false
    const recipients = mail.recipients.map((one) => withParameters(one.recipient, one.parameters))
    const acceptedAt = this.#ports.clock.wall()
    const envelope = { queueId, from, acceptedAt, sizeBytes, chunkCount: 0, recipients }
    try {
      this.#requireOpen()
      await this.#spool.acceptWritten(envelope, written.placing, mail.alongside)
    } catch (error) {
      await written.finish(false)
      throw error
    }
    await written.finish(true)
    this.#scheduleSoon(envelope)
    return true
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

  /** It should have been there by now: its sender is told so, once, whoever notices it. */
  overdue(queueId: string): void {
    this.#scheduler.warn(queueId)
  }

  /** Not tried until it is released, from now on. False where it is not, or no longer, in the queue. */
  async hold(queueId: string): Promise<boolean> {
    const mail = this.#known(queueId)
    if (mail === undefined) return false
    this.#scheduler.setHeld(mail, true)
    return this.#decide(mail, 'held')
  }

  /** Goes on with what was held, by an operator or by its sender. */
  async release(queueId: string): Promise<boolean> {
    const mail = this.#known(queueId)
    return mail !== undefined && this.#decide(mail, 'released')
  }

  /** Tries now what waits for its next attempt; what is held, or wanted later, still waits. */
  requeue(queueId: string): boolean {
    const mail = this.#known(queueId)
    if (mail === undefined || mail.isHeld) return false
    if (mail.releaseAt <= this.#ports.clock.wall()) this.#scheduler.hasten(mail)
    return true
  }

  /**
   * Takes a mail out: `deleted` without a word to its sender, `returned` with a report. What is
   * delivered in this moment stays delivered. Resolves with false where it could not be done now.
   */
  async end(queueId: string, how: 'deleted' | 'returned'): Promise<boolean> {
    const mail = this.#known(queueId)
    if (mail === undefined) return false
    this.#targets.withdraw(queueId)
    const verdict = mailFault(`mail/${how}`, `${how} by the operator`, { temporary: false })
    return this.#scheduler.end(mail, verdict)
  }

  /** In the order in which they came, beginning after one of them. */
  *queueIds(after = ''): Iterable<string> {
    for (const queueId of this.#spool.queueIds(after)) {
      if (this.#scheduler.mail(queueId) !== undefined) yield queueId
    }
  }

  /** What is known of a mail in the queue. */
  look(queueId: string): QueuedView | undefined {
    const mail = this.#scheduler.mail(queueId)
    const spooled = mail && this.#spool.mail(queueId)
    if (mail === undefined || spooled === undefined) return undefined
    const isActive = [...mail.jobs.values()].some((job) => job.isActive)
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

  /**
   * The same, also of one of which only mailboxes hold the text: as it is to appear there, and empty
   * behind its end. Rejects with `mail/not-waiting`.
   */
  async pieceAnywhere(envelope: Envelope, index: number): Promise<Uint8Array | undefined> {
    if (!isElsewhere(envelope)) return this.piece(envelope, index)
    const { queueId } = envelope
    const at = index * WRITTEN_PIECE_BYTES
    const piece = await this.#written(queueId, at, WRITTEN_PIECE_BYTES)
    if (piece !== undefined) return piece
    const text = `${queueId} is in its mailboxes by now, or they are gone`
    throw mailFault('mail/not-waiting', text, { temporary: true })
  }

  /** For metrics: as it is in this moment. */
  depth(): QueueDepth {
    const { bytesMax } = this.#options.spool
    return { routes: this.#scheduler.depths, bytes: this.#spool.bytes, bytesMax }
  }

  get bytes(): number {
    return this.#spool.bytes
  }

  /** Mails that are not settled. */
  get mailCount(): number {
    return this.#scheduler.mailCount
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

  /** Of a mail of which only mailboxes hold the text, as it is to appear there. */
  async #written(queueId: string, from: number, bytes: number): Promise<Uint8Array | undefined> {
    const mail = this.#spool.mail(queueId)
    return mail && this.#targets.local.waiting(awaitedOf(mail), from, bytes)
  }

  /** In a turn of its own: whoever waits for the acceptance hears of it before the first attempt. */
  #scheduleSoon(envelope: Envelope): void {
    this.#justAccepted.push(envelope)
    if (this.#justAccepted.length > 1) return
    this.#ports.clock.at(this.#ports.clock.now(), () => {
      const accepted = this.#justAccepted
      this.#justAccepted = []
      if (!this.#scheduler.isOpen) return
      for (const envelope of accepted) this.#scheduler.schedule(envelope)
    })
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
    const isHeld = this.#spool.mail(mail.queueId)?.decision === 'held'
    this.#scheduler.setHeld(mail, isHeld)
    if (isHeld) return
    if (!isReleased) {
      this.#scheduler.goOn(mail)
      return
    }
    mail.releaseAt = mail.acceptedAt
    this.#scheduler.hasten(mail)
  }

  #known(queueId: string): QueuedMail | undefined {
    this.#requireOpen()
    return this.#scheduler.mail(queueId)
  }

  #requireOpen(): void {
    if (this.#scheduler.isOpen) return
    throw mailFault('mail/stopped', 'the queue is not open', { temporary: true })
  }
}

/** What is written for mailboxes, all or those of some recipients, and has not appeared there yet. */
function awaitedOf({ envelope, statuses }: SpooledMail, of?: ReadonlySet<number>): Awaited[] {
  return [...statuses].flatMap(([index, status]) => {
    const recipient = envelope.recipients[index]
    if (status.type !== 'placing' || recipient === undefined) return []
    if (of?.has(index) === false) return []
    return [{ recipient, placements: status.placements }]
  })
}
