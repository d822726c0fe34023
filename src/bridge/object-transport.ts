/**
 * Mail to far gateways, whatever carries it: queued mails leave in objects, several together, and each
 * counts as delivered when the far gateway has acknowledged it, not before.
 *
 * The name of a transaction is on record together with the object that bears it, before that leaves;
 * its carrier holds it under its name: after a crash the same transaction goes on, and the far side
 * recognises what it has taken already.
 */

import { assert } from '../base/assert.ts'
import { concat, toHex } from '../base/bytes.ts'
import { asFault, Fault } from '../base/fault.ts'
import { addMs, type MonoMs, type WallMs, wallMs } from '../base/time.ts'
import { runMachine } from '../drive/run.ts'
import { Alarms } from '../mail/alarms.ts'
import type { Delivery, DeliveryTarget, MailStart, Outcome } from '../mail/delivery.ts'
import type { Clock } from '../ports/clock.ts'
import type { Entropy } from '../ports/entropy.ts'
import type { EventSink } from '../ports/events.ts'
import type { Packing } from '../ports/packing.ts'
import type { Store, StoreChange } from '../ports/store.ts'
import { type BatchRecipient, envelopeBytes } from '../proto/smtp/batch.ts'
import { formatMailbox } from '../proto/smtp/path.ts'
import { Acknowledgements } from './acknowledgements.ts'
import { type Acknowledgement, type AcknowledgementAdu, encodeQuestion } from './adu.ts'
import type { Carrier, Carriers } from './carrier.ts'
import type { BridgeFaultCode } from './fault.ts'
import { Gathering, type GatheringEffect, type GatheringEvent } from './gathering.ts'
import {
  ACKNOWLEDGEMENT_WAIT_MS_MAX,
  ANSWER_GRACE_MS_MAX,
  CONTACT_LOOK_MS,
  GATHERED_BYTES_MAX,
  OBJECT_BYTES_MAX,
  OBJECT_LOOK_MS,
  OBJECT_MAILS_MAX,
  OPEN_TRANSACTIONS_MAX,
  QUESTIONS_MAX,
} from './limits.ts'
import { makeObject } from './object-maker.ts'
import { type GatewayReads, PeerReads } from './object-packing.ts'
import { Outbox } from './outbox.ts'
import { SentObjects } from './sent-objects.ts'
import { RUN_BYTES, transactionName } from './transaction-name.ts'
import { effortFor, objectBytesFor, type Way } from './way-worth.ts'

export interface ObjectTransportOptions {
  /** The name in the object's EHLO. */
  readonly host: string
  /** Transactions that may wait for their acknowledgement; default OPEN_TRANSACTIONS_MAX. */
  readonly openMax?: number
  /** What travels together. */
  readonly batch?: BatchOptions
}

export interface BatchOptions {
  /** Mails in one object; default OBJECT_MAILS_MAX. */
  readonly mailsMax?: number
  /** Octets in one object; default: by what the way is worth. */
  readonly bytesMax?: number
  /** More than that would never leave; default: no bound. */
  readonly roomBytes?: number
  /** How long a mail waits for others; default: until the object before is on the disk. */
  readonly waitMs?: number
}

export interface ObjectTransportPorts {
  readonly carriers: readonly Carriers[]
  readonly store: Store
  readonly clock: Clock
  readonly entropy: Entropy
  readonly events: EventSink
  readonly packing: Packing
  /** The plan said that it would be there by now, and it was not acknowledged. */
  readonly onLate: (queueId: string) => void
}

type End =
  | { readonly type: 'answered'; readonly answer: Acknowledgement }
  | { readonly type: 'ended'; readonly fault: Fault }

/** A mail that waits for its end. */
interface MailUnderWay {
  /** One for each mail and destination. */
  readonly id: string
  readonly queueId: string
  readonly mail: MailStart
  readonly carrier: Carrier
  readonly taken: readonly string[]
  readonly recipients: readonly BatchRecipient[]
  readonly startedAt: WallMs
  readonly expiresAt: WallMs
  /** Empty until it is in an object for the first time. */
  transaction: string
  /** Let go once the node has it: the acknowledgement may take weeks. */
  message: Uint8Array | undefined
  /** By what the plan said when it left for the first time. */
  lateAt: WallMs | undefined
  /** How often the far side was asked after it. */
  questions: number
  readonly settle: (end: End) => void
}

/** What is to be said of a mail on its way. */
export interface MailProgress {
  readonly to: string
  /** As the transport map has it. */
  readonly route: string
  readonly state: 'gathering' | 'waiting for its contact' | 'forwarded'
  /** Undefined while it gathers. */
  readonly object: string | undefined
  /** Of that object; 0 where it gathers, or an earlier run made the object. */
  readonly payloadBytes: number
  readonly attempts: number
  /** When it is predicted to be there; undefined where nobody knows. */
  readonly arrivalAt: WallMs | undefined
  /** And its acknowledgement here. */
  readonly answerAt: WallMs | undefined
}

/**
 * Of the lifetimes in one object, the longest less the shortest: the far side remembers what it has
 * taken for the shortest, and a margin above this.
 */
const LIFETIME_SPREAD_MS = 43_200_000

export class ObjectTransport {
  readonly #options: ObjectTransportOptions
  readonly #ports: ObjectTransportPorts
  readonly #outbox: Outbox
  readonly #peers: PeerReads
  readonly #objects: SentObjects<MailUnderWay>
  readonly #gathering: Gathering
  readonly #gather: (event: GatheringEvent) => void
  readonly #expiries: Alarms
  /** Of those that a plan says something of. */
  readonly #lateness: Alarms
  readonly #questions: Acknowledgements<Carrier>
  readonly #underWay = new Map<string, MailUnderWay>()
  readonly #byTransaction = new Map<string, MailUnderWay>()
  readonly #carriers = new Map<string, Carrier>()
  readonly #objectBytesOf = new Map<string, { readonly bytes: number; readonly until: MonoMs }>()
  /** The objects that are on their way to their carrier, by its name. */
  readonly #forming = new Map<string, Set<Promise<void>>>()
  /** Those who wait for room to gather in. */
  #waitingForRoom: (() => void)[] = []
  /** Of the messages in objects that are not yet on the disk. */
  #writingBytes = 0
  readonly #run: string
  #nameCount = 0

  constructor(options: ObjectTransportOptions, ports: ObjectTransportPorts) {
    this.#options = options
    this.#ports = ports
    this.#run = toHex(ports.entropy.bytes(RUN_BYTES))
    this.#outbox = new Outbox(ports.store)
    this.#peers = new PeerReads(ports.store)
    this.#objects = new SentObjects({
      ...ports,
      onLost: (mails) => {
        const wall = ports.clock.wall()
        for (const mail of mails) {
          // One whose time is over as well still waits for the answer to what may have arrived.
          if (mail.expiresAt > wall) mail.settle({ type: 'ended', fault: bundleLost() })
        }
      },
    })
    const { mailsMax = OBJECT_MAILS_MAX, waitMs = 0 } = { ...options.batch }
    this.#gathering = new Gathering({
      ...{ mailsMax, waitMs },
      bytesMax: (to) => this.#objectBytes(to),
      gatheredBytesMax: GATHERED_BYTES_MAX,
      lookMs: CONTACT_LOOK_MS,
      opensAt: (to, now) => this.#opensAt(to, now),
    })
    this.#gather = runMachine<GatheringEvent, GatheringEffect>(
      this.#gathering,
      ports.clock,
      (effect) => this.#noteForming(effect.hop, this.#form(effect)),
    )
    this.#expiries = new Alarms(ports.clock, (id) => {
      const mail = this.#underWay.get(id)
      if (mail !== undefined) this.#onSilence(mail)
    })
    this.#lateness = new Alarms(ports.clock, (id) => {
      const mail = this.#underWay.get(id)
      if (mail !== undefined) ports.onLate(mail.queueId)
    })
    this.#questions = new Acknowledgements({
      clock: ports.clock,
      waitMs: () => ACKNOWLEDGEMENT_WAIT_MS_MAX,
      answersMax: OBJECT_MAILS_MAX,
      send: (...question) => void this.#ask(...question),
    })
  }

  target(carrier: Carrier): DeliveryTarget {
    return { start: (mail) => this.#start(mail, carrier) }
  }

  /** Has all that gathers for a gateway leave in objects now; resolves once they are with their carrier. */
  async flush({ to }: Carrier): Promise<void> {
    this.#gather({ type: 'flush', hop: to })
    await Promise.all(this.#forming.get(to) ?? [])
  }

  /** Waits no longer for answers about a mail; what was sent may still arrive. */
  withdraw(queueId: string): void {
    for (const { mail, carrier, settle } of [...this.#underWay.values()]) {
      if (mail.queueId === queueId) settle({ type: 'ended', fault: withdrawn(carrier.to) })
    }
  }

  /** The changes that forget a mail, for the commit that removes it from the queue. */
  removal(queueId: string): readonly StoreChange[] {
    return this.#outbox.removal(queueId)
  }

  /** The answers of the far gateway that is named so; those that nobody waits for are late or repeated. */
  acknowledged(by: string, { answers, ...reads }: AcknowledgementAdu): void {
    const { events } = this.#ports
    let isPeer = false
    for (const answer of answers) {
      const { transaction } = answer
      const mail = this.#byTransaction.get(transaction)
      if (mail === undefined || mail.carrier.to !== by) continue
      isPeer = true
      events({ type: 'transaction-acknowledged', queueId: mail.queueId, transaction, by })
      mail.settle({ type: 'answered', answer })
    }
    // Every gateway reads something; what is said in its name does not say what.
    if (!isPeer || reads.packings.length === 0) return
    this.#peers.learn(by, reads).catch((error: unknown) => {
      events({ type: 'trouble', where: `what ${by} reads`, reason: asFault(error).message })
    })
  }

  /** What a far gateway reads, as far as it has said. */
  readBy(to: string): GatewayReads {
    return this.#peers.of(to)
  }

  /** How far a mail has come, for each destination that it is on its way to. */
  progressOf(queueId: string): readonly MailProgress[] {
    return [...this.#carriers.keys()].flatMap((to) => {
      const mail = this.#underWay.get(idOf(queueId, to))
      return mail === undefined ? [] : [this.#progress(mail)]
    })
  }

  #progress(mail: MailUnderWay): MailProgress {
    const { clock } = this.#ports
    const { carrier } = mail
    const { to, route } = carrier
    const sent = this.#objects.progress(mail)
    const wall = clock.wall()
    const ahead = this.#objects.waitingBytes(to) + (sent === undefined ? this.#gathering.bytes : 0)
    const arrivalAt =
      sent?.forwardedAt === undefined
        ? carrier.arrivalAt(wall, ahead)
        : carrier.arrivalAt(sent.forwardedAt, 0)
    const leftAt =
      arrivalAt === undefined ? undefined : addMs(arrivalAt, -carrier.oneWayDelayMs(arrivalAt))
    return {
      ...{ to, route },
      state:
        sent === undefined
          ? 'gathering'
          : sent.forwardedAt === undefined
            ? 'waiting for its contact'
            : 'forwarded',
      object: sent?.object,
      payloadBytes: sent?.payloadBytes ?? 0,
      attempts: sent?.attempts ?? 0,
      arrivalAt,
      answerAt: leftAt === undefined ? undefined : carrier.answerAt(leftAt),
    }
  }

  async #start(mail: MailStart, carrier: Carrier): Promise<Delivery> {
    const { openMax = OPEN_TRANSACTIONS_MAX } = this.#options
    if (this.#underWay.size >= openMax) {
      throw new Fault<BridgeFaultCode>('bridge/too-many-open', 'too many mails under way', {
        temporary: true,
        detail: { limit: openMax },
      })
    }
    while (this.#gathering.bytes + this.#writingBytes > GATHERED_BYTES_MAX) {
      await new Promise<void>((resolve) => this.#waitingForRoom.push(resolve))
    }
    const recipients: BatchRecipient[] = []
    const body: Uint8Array[] = []
    return {
      addRecipient: async (recipient, parameters = {}) =>
        void recipients.push({ recipient, parameters }),
      write: async (bytes) => void body.push(bytes),
      commit: () => this.#deliver(mail, carrier, recipients, concat(...body.splice(0))),
      abort: async () => {},
    }
  }

  async #deliver(
    mail: MailStart,
    carrier: Carrier,
    recipients: readonly BatchRecipient[],
    message: Uint8Array,
  ): Promise<readonly Outcome[]> {
    const { to } = carrier
    const key = { queueId: mail.queueId, destination: to }
    const settled = new Map<string, Outcome>()
    try {
      requireNoTls(mail)
      const record = this.#outbox.read(key)
      if (record?.open === undefined) this.#requireFitting(message, to)
      const taken = record?.taken ?? []
      for (const name of taken) settled.set(name, deliveredTo(to))
      const missing = recipients.filter((one) => !settled.has(nameOf(one)))
      const open = record?.open
      // Those of an open transaction and no others: its name stands for them.
      const under = open ? missing.filter((one) => open.recipients.includes(nameOf(one))) : missing
      if (under.length > 0) {
        const end = await this.#carry({ mail, carrier, taken, recipients: under }, message, {
          transaction: open?.transaction ?? '',
          object: open?.object,
          lateAt: open?.lateAt,
        })
        if (end.type === 'ended') throw end.fault
        const places = open?.recipients ?? under.map(nameOf)
        for (const [i, name] of places.entries()) settled.set(name, outcomeOf(end.answer, i, to))
        // What is settled for good is forgotten with the mail.
        if ([...settled.values()].some(isTemporary) || under.length < missing.length) {
          const all = [...settled].filter(([, { type }]) => type === 'delivered')
          await this.#outbox.write({ ...key, taken: all.map(([name]) => name), open: undefined })
        }
      }
    } catch (error) {
      const fault = asFault(error)
      return recipients.map((one) => settled.get(nameOf(one)) ?? { type: 'refused', fault })
    }
    return recipients.map((recipient) => settled.get(nameOf(recipient)) ?? LATER)
  }

  /** As `objectBytesMax` was when it was last looked at: it is asked for each mail. */
  #objectBytes(to: string): number {
    const now = this.#ports.clock.now()
    const known = this.#objectBytesOf.get(to)
    if (known !== undefined && now < known.until) return known.bytes
    const carrier = this.#carriers.get(to)
    const bytes = carrier === undefined ? OBJECT_BYTES_MAX : this.objectBytesMax(to, carrier)
    this.#objectBytesOf.set(to, { bytes, until: addMs(now, OBJECT_LOOK_MS) })
    return bytes
  }

  /** Octets of mails in one object that goes this way. */
  objectBytesMax(to: string, way: Way): number {
    const { bytesMax, roomBytes = Number.POSITIVE_INFINITY } = { ...this.#options.batch }
    const wanted = bytesMax ?? objectBytesFor(way, this.#ports.clock.wall())
    return Math.min(wanted, roomBytes, this.#takenAtOnce(to))
  }

  #takenAtOnce(to: string): number {
    // So much every gateway takes.
    const { objectBytesMax = OBJECT_BYTES_MAX } = this.#peers.of(to)
    return least(objectBytesMax, this.#carriers.get(to)?.objectBytesMax ?? objectBytesMax)
  }

  /**
   * The far gateway has said that it takes no mail like this one. That it takes less than all do is left
   * for it to say of each mail: one that never goes could never be taken again.
   */
  #requireFitting({ length }: Uint8Array, to: string): void {
    const { objectBytesMax = length } = this.#peers.of(to)
    if (length <= Math.max(objectBytesMax, OBJECT_BYTES_MAX)) return
    const message = `a message of ${length} bytes, and ${to} takes ${objectBytesMax} at the most`
    throw new Fault<BridgeFaultCode>('bridge/too-large', message, { temporary: false })
  }

  /** Resolves with its end: an object with it was answered, or will not be. */
  async #carry(
    job: Pick<MailUnderWay, 'mail' | 'carrier' | 'taken' | 'recipients'>,
    message: Uint8Array,
    before: {
      readonly transaction: string
      readonly object: string | undefined
      readonly lateAt: number | undefined
    },
  ): Promise<End> {
    const { clock } = this.#ports
    const { mail, carrier } = job
    const { to } = carrier
    assert(mail.expiresAt !== undefined, 'an attempt of the queue has an end')
    const { expiresAt } = mail
    let settle = (_end: End): void => {}
    const ended = new Promise<End>((resolve) => {
      settle = resolve
    })
    const underWay: MailUnderWay = {
      ...job,
      ...{ id: idOf(mail.queueId, to), queueId: mail.queueId, startedAt: clock.wall(), expiresAt },
      ...{ transaction: before.transaction, message, questions: 0, settle },
      lateAt: before.lateAt === undefined ? undefined : wallMs(before.lateAt),
    }
    const { id } = underWay
    // A peer may have two ways, and the mail a recipient on each.
    if (this.#underWay.has(id)) return { type: 'ended', fault: EARLIER_FIRST }
    this.#underWay.set(id, underWay)
    this.#carriers.set(to, carrier)
    this.#expiries.set(id, this.#mono(this.#lastAnswerAt(carrier, expiresAt)))
    this.#watch(underWay)
    if (before.transaction !== '') this.#byTransaction.set(before.transaction, underWay)
    try {
      const { object } = before
      if (object !== undefined && this.#objects.join(underWay, { name: object, carrier })) {
        underWay.message = undefined
      } else {
        const { priority = 0 } = mail.from.parameters
        const sizeBytes = message.length + envelopeBytes(mail.from, job.recipients)
        this.#gather({ type: 'add', hop: to, mail: { id, sizeBytes, priority } })
      }
      return await ended
    } finally {
      this.#underWay.delete(id)
      this.#byTransaction.delete(underWay.transaction)
      this.#expiries.clear(id)
      this.#lateness.clear(id)
      this.#gather({ type: 'remove', id })
      await this.#objects.leave(underWay)
    }
  }

  #noteForming(to: string, formed: Promise<void>): void {
    const forming = this.#forming.get(to) ?? new Set()
    this.#forming.set(to, forming.add(formed))
    void formed.then(() => {
      forming.delete(formed)
      if (forming.size === 0) this.#forming.delete(to)
    })
  }

  async #form({ hop, ids }: GatheringEffect): Promise<void> {
    const { clock } = this.#ports
    const wall = clock.wall()
    const mails: MailUnderWay[] = []
    for (const id of ids) {
      const mail = this.#underWay.get(id)
      if (mail === undefined) continue
      // One that was never sent has no answer to wait for.
      if (mail.expiresAt > wall) mails.push(mail)
      else mail.settle({ type: 'ended', fault: lifetimeEnded(mail.carrier.to) })
    }
    const bytes = mails.reduce((sum, { message }) => sum + (message?.length ?? 0), 0)
    this.#writingBytes += bytes
    try {
      for (const group of byLifetime(mails)) {
        try {
          await this.#send(group)
        } catch (error) {
          const fault = asFault(error)
          for (const mail of group) mail.settle({ type: 'ended', fault })
        }
      }
    } finally {
      this.#writingBytes -= bytes
      this.#gather({ type: 'written', hop })
      for (const hasRoom of this.#waitingForRoom.splice(0)) hasRoom()
    }
  }

  async #send(mails: readonly MailUnderWay[]): Promise<void> {
    const { host } = this.#options
    const { clock, events, packing } = this.#ports
    const [first] = mails
    if (first === undefined) return
    const name = `${this.#run}/${this.#nameCount++}`
    for (const mail of mails) {
      if (mail.transaction !== '') continue
      mail.transaction = transactionName(this.#run, this.#nameCount++)
      this.#byTransaction.set(mail.transaction, mail)
    }
    const { carrier } = first
    const { to } = carrier
    const isWanted = ({ id, message }: MailUnderWay): boolean =>
      this.#underWay.has(id) && message !== undefined
    let wanted: readonly MailUnderWay[]
    let made: Awaited<ReturnType<typeof makeObject>>
    do {
      wanted = mails.filter(isWanted)
      if (wanted.length === 0) return
      const wall = clock.wall()
      const how = { reads: this.#peers.of(to).packings, effort: effortFor(carrier, wall) }
      made = await makeObject({ host, wall, mails: wanted, ...how }, packing)
      // Meanwhile some may have been withdrawn.
    } while (!wanted.every(isWanted))
    const { payload, messageBytes } = made
    const ahead = this.#objects.waitingBytes(to) + payload.length
    const lateAt = carrier.lateAt(clock.wall(), ahead)
    for (const mail of wanted) {
      mail.lateAt ??= lateAt
      this.#watch(mail)
    }
    const bundle = await this.#objects.send({
      ...{ name, carrier, mails: wanted, payload },
      expiresAt: wanted.reduce(
        (soonest, { expiresAt }) => least(soonest, expiresAt),
        first.expiresAt,
      ),
      alongside: this.#outbox.changes(
        wanted.map(({ queueId, taken, recipients, transaction, lateAt: at }) => ({
          ...{ queueId, destination: to, taken },
          open: {
            ...{ transaction, recipients: recipients.map(nameOf), object: name },
            ...(at !== undefined && { lateAt: at }),
          },
        })),
      ),
    })
    const counts = { mails: wanted.length, messageBytes, payloadBytes: payload.length }
    events({ type: 'object-sent', object: name, to, bundle, ...counts })
    const arrivalAt = carrier.arrivalAt(clock.wall(), this.#objects.waitingBytes(to))
    for (const mail of wanted) {
      mail.message = undefined
      const { queueId, transaction } = mail
      events({
        type: 'transaction-sent',
        queueId,
        transaction,
        object: name,
        to,
        bundle,
        ...(arrivalAt !== undefined && { arrivalAt }),
      })
    }
  }

  /** The answer to what was sent should be here: it may be what was lost, and the mail there. */
  #onSilence(mail: MailUnderWay): void {
    const { id, carrier, transaction, expiresAt } = mail
    const wall = this.#ports.clock.wall()
    const graceEnd = addMs(expiresAt, ANSWER_GRACE_MS_MAX)
    if (transaction === '' || mail.questions >= QUESTIONS_MAX || wall >= graceEnd) {
      mail.settle({ type: 'ended', fault: lifetimeEnded(mail.carrier.to) })
      return
    }
    mail.questions++
    this.#questions.add(carrier, [{ transaction, refusals: [] }], graceEnd)
    const leavesAt = carrier.opensAt(addMs(wall, ACKNOWLEDGEMENT_WAIT_MS_MAX))
    this.#expiries.set(id, this.#mono(least(carrier.answerAt(leavesAt) ?? graceEnd, graceEnd)))
  }

  async #ask(
    carrier: Carrier,
    about: readonly Acknowledgement[],
    expiresAt: WallMs,
  ): Promise<void> {
    try {
      const payload = encodeQuestion(about.map(({ transaction }) => transaction))
      await carrier.send({ payload, expiresAt })
    } catch (error) {
      const reason = asFault(error).message
      this.#ports.events({ type: 'trouble', where: `question after ${about.length} mails`, reason })
    }
  }

  #watch({ id, lateAt }: MailUnderWay): void {
    if (lateAt !== undefined) this.#lateness.set(id, this.#mono(lateAt))
  }

  #opensAt(to: string, now: MonoMs): MonoMs {
    const carrier = this.#carriers.get(to)
    if (carrier === undefined) return now
    const wall = this.#ports.clock.wall()
    return addMs(now, carrier.opensAt(wall) - wall)
  }

  /** When the answer to what arrived at the last moment would be here; where nobody knows it is asked for. */
  #lastAnswerAt(carrier: Carrier, expiresAt: WallMs): WallMs {
    const graceEnd = addMs(expiresAt, ANSWER_GRACE_MS_MAX)
    return least(carrier.answerAt(expiresAt) ?? expiresAt, graceEnd)
  }

  #mono(wall: WallMs): MonoMs {
    const { clock } = this.#ports
    return addMs(clock.now(), wall - clock.wall())
  }
}

function byLifetime(mails: readonly MailUnderWay[]): readonly (readonly MailUnderWay[])[] {
  const ends = mails.map(({ expiresAt }) => expiresAt)
  if (Math.max(...ends) - Math.min(...ends) <= LIFETIME_SPREAD_MS) return [mails]
  const groups: MailUnderWay[][] = []
  for (const mail of [...mails].sort((a, b) => a.expiresAt - b.expiresAt)) {
    const group = groups.at(-1)
    const [shortest] = group ?? []
    if (group && shortest && mail.expiresAt - shortest.expiresAt <= LIFETIME_SPREAD_MS) {
      group.push(mail)
    } else groups.push([mail])
  }
  return groups
}

function least<Amount extends number>(a: Amount, b: Amount): Amount {
  return a < b ? a : b
}

function idOf(queueId: string, to: string): string {
  return `${queueId} ${to}`
}

/** A bundle's way is not known, nor whether TLS is on all of it. RFC 8689 §4.2.1; reports go on, §5. */
function requireNoTls({ from }: MailStart): void {
  if (!from.parameters.requireTls || from.reversePath === undefined) return
  const message = 'REQUIRETLS support required, and bundles have none'
  throw new Fault<BridgeFaultCode>('bridge/no-tls', message, { temporary: false })
}

const EARLIER_FIRST: Fault<BridgeFaultCode> = new Fault(
  'bridge/too-many-open',
  'an earlier transaction ends first',
  { temporary: true },
)

const LATER: Outcome = { type: 'refused', fault: EARLIER_FIRST }

/** The next attempt reads the message again and goes on with the same transaction. */
function bundleLost(): Fault<BridgeFaultCode> {
  return new Fault('bridge/bundle-lost', 'what it went in is no longer stored', { temporary: true })
}

function lifetimeEnded(to: string): Fault<BridgeFaultCode> {
  const text = `no answer from ${to} in its lifetime`
  return new Fault('bridge/lifetime-ended', text, { temporary: false })
}

function withdrawn(to: string): Fault<BridgeFaultCode> {
  return new Fault('bridge/withdrawn', `no longer waiting for ${to}`, { temporary: true })
}

/** The far gateway has the envelope with all that it says of reports. RFC 3461 §5.2.4 (a). */
function deliveredTo(destination: string): Outcome {
  return { type: 'delivered', detail: destination, reports: 'by-next-host' }
}

function outcomeOf({ refusals }: Acknowledgement, index: number, destination: string): Outcome {
  const refusal = refusals.find(({ recipient }) => recipient === undefined || recipient === index)
  if (refusal === undefined) return deliveredTo(destination)
  const { code, text } = refusal
  const fault = new Fault<BridgeFaultCode>(
    'bridge/far-side-refused',
    `${destination} said: ${code} ${text}`,
    { temporary: code < 500, detail: { code } },
  )
  return { type: 'refused', fault }
}

function isTemporary(outcome: Outcome): boolean {
  return outcome.type === 'refused' && outcome.fault.temporary
}

function nameOf({ recipient }: BatchRecipient): string {
  return formatMailbox(recipient)
}
