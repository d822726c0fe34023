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
import { addMs, type MonoMs, wallMs } from '../base/time.ts'
import { runMachine } from '../drive/run.ts'
import {
  type Delivery,
  type DeliveryTarget,
  isDeferral,
  type MailStart,
  type Outcome,
} from '../mail/delivery.ts'
import type { Clock } from '../ports/clock.ts'
import type { Entropy } from '../ports/entropy.ts'
import type { EventSink } from '../ports/events.ts'
import type { Packing } from '../ports/packing.ts'
import type { Store, StoreChange } from '../ports/store.ts'
import { type BatchRecipient, envelopeBytes } from '../proto/smtp/batch.ts'
import { formatMailbox } from '../proto/smtp/path.ts'
import type { AcknowledgementAdu } from './adu.ts'
import type { Carrier, Carriers } from './carrier.ts'
import type { BridgeFaultCode } from './fault.ts'
import { Gathering, type GatheringEffect, type GatheringEvent } from './gathering.ts'
import {
  CONTACT_LOOK_MS,
  GATHERED_BYTES_MAX,
  OBJECT_MAILS_MAX,
  OPEN_TRANSACTIONS_MAX,
} from './limits.ts'
import {
  bundleLost,
  deliveredTo,
  EARLIER_GOES_FIRST,
  LATER,
  lifetimeEnded,
  type MailEnd,
  outcomeOf,
  requireNoTls,
  withdrawn,
} from './mail-outcome.ts'
import { type MailProgress, progressOn } from './mail-progress.ts'
import { MailsUnderWay, type MailUnderWay } from './mails-under-way.ts'
import { makeObject } from './object-maker.ts'
import { type GatewayReads, PeerReads } from './object-packing.ts'
import { ObjectSize, type ObjectSizeOptions } from './object-size.ts'
import { Outbox } from './outbox.ts'
import { SentObjects } from './sent-objects.ts'
import { RUN_BYTES, transactionName } from './transaction-name.ts'
import { effortFor, type Way } from './way-worth.ts'

export interface ObjectTransportOptions {
  /** The name in the object's EHLO. */
  readonly host: string
  /** Transactions that may wait for their acknowledgement; default OPEN_TRANSACTIONS_MAX. */
  readonly openMax?: number
  /** What travels together. */
  readonly batch?: BatchOptions
}

export interface BatchOptions extends ObjectSizeOptions {
  /** Mails in one object; default OBJECT_MAILS_MAX. */
  readonly mailsMax?: number
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
  readonly #underWay: MailsUnderWay
  readonly #carriers = new Map<string, Carrier>()
  readonly #size: ObjectSize
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
    this.#underWay = new MailsUnderWay(ports)
    const { clock } = ports
    this.#size = new ObjectSize({ ...options.batch }, this.#carriers, this.#peers, clock)
    this.#objects = new SentObjects({
      ...ports,
      onLost: (mails) => {
        const wall = clock.wall()
        for (const mail of mails) {
          // One whose time is over as well still waits for the answer to what may have arrived.
          if (mail.expiresAt > wall) mail.settle(bundleLost())
        }
      },
    })
    const { mailsMax = OBJECT_MAILS_MAX, waitMs = 0 } = { ...options.batch }
    this.#gathering = new Gathering({
      ...{ mailsMax, waitMs },
      bytesMax: (to) => this.#size.recentBytesMax(to),
      gatheredBytesMax: GATHERED_BYTES_MAX,
      lookMs: CONTACT_LOOK_MS,
      opensAt: (to, now) => this.#opensAt(to, now),
    })
    this.#gather = runMachine<GatheringEvent, GatheringEffect>(this.#gathering, clock, (effect) =>
      this.#noteForming(effect.hop, this.#form(effect)),
    )
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
    for (const { carrier, settle } of this.#underWay.ofQueueId(queueId)) {
      settle(withdrawn(carrier.to))
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
      const mail = this.#underWay.withTransaction(transaction)
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
      const mail = this.#underWay.find(idOf(queueId, to))
      return mail === undefined ? [] : [this.#progress(mail)]
    })
  }

  #progress(mail: MailUnderWay): MailProgress {
    const { carrier } = mail
    const sent = this.#objects.progress(mail)
    const waitingBytes = this.#objects.waitingBytes(carrier.to)
    const aheadBytes = waitingBytes + (sent === undefined ? this.#gathering.bytes : 0)
    return progressOn(carrier, sent, aheadBytes, this.#ports.clock.wall())
  }

  /** Octets of mails in one object that goes this way. */
  objectBytesMax(to: string, way: Way): number {
    return this.#size.bytesMax(to, way)
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
      if (record?.open === undefined) this.#size.requireFitting(message, to)
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
        if ([...settled.values()].some(isDeferral) || under.length < missing.length) {
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

  /** Resolves with its end: an object with it was answered, or will not be. */
  async #carry(
    job: Pick<MailUnderWay, 'mail' | 'carrier' | 'taken' | 'recipients'>,
    message: Uint8Array,
    before: {
      readonly transaction: string
      readonly object: string | undefined
      readonly lateAt: number | undefined
    },
  ): Promise<MailEnd> {
    const { clock } = this.#ports
    const { mail, carrier } = job
    const { to } = carrier
    assert(mail.expiresAt !== undefined, 'an attempt of the queue has an end')
    const { expiresAt } = mail
    const id = idOf(mail.queueId, to)
    // A peer may have two ways, and the mail a recipient on each.
    if (this.#underWay.find(id) !== undefined) return EARLIER_GOES_FIRST
    let settle = (_end: MailEnd): void => {}
    const ended = new Promise<MailEnd>((resolve) => {
      settle = resolve
    })
    const underWay: MailUnderWay = {
      ...job,
      ...{ id, queueId: mail.queueId, startedAt: clock.wall(), expiresAt },
      ...{ transaction: before.transaction, message, questions: 0, settle },
      lateAt: before.lateAt === undefined ? undefined : wallMs(before.lateAt),
    }
    this.#carriers.set(to, carrier)
    this.#underWay.add(underWay)
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
      this.#underWay.remove(underWay)
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
      const mail = this.#underWay.find(id)
      if (mail === undefined) continue
      // One that was never sent has no answer to wait for.
      if (mail.expiresAt > wall) mails.push(mail)
      else mail.settle(lifetimeEnded(mail.carrier.to))
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
      this.#underWay.name(mail, transactionName(this.#run, this.#nameCount++))
    }
    const { carrier } = first
    const { to } = carrier
    const isWanted = (mail: MailUnderWay): boolean =>
      this.#underWay.has(mail) && mail.message !== undefined
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
    for (const mail of wanted) this.#underWay.expect(mail, lateAt)
    const bundle = await this.#objects.send({
      ...{ name, carrier, mails: wanted, payload },
      expiresAt: wallMs(Math.min(...wanted.map(({ expiresAt }) => expiresAt))),
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

  #opensAt(to: string, now: MonoMs): MonoMs {
    const carrier = this.#carriers.get(to)
    if (carrier === undefined) return now
    const wall = this.#ports.clock.wall()
    return addMs(now, carrier.opensAt(wall) - wall)
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

function idOf(queueId: string, to: string): string {
  return `${queueId} ${to}`
}

function nameOf({ recipient }: BatchRecipient): string {
  return formatMailbox(recipient)
}
