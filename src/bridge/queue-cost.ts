/**
 * What waiting mail will cost on the way to the next hop: octets, seconds of contact, money. What is
 * in bundles is counted, the rest is packed as it would be now, to see; of very much the rest is
 * reckoned by that. Without what is sent again because it was lost, and without acknowledgements.
 */

import { concat, toHex } from '../base/bytes.ts'
import type { MailStart } from '../mail/delivery.ts'
import { parseNextHop } from '../mail/next-hop.ts'
import type { MailQueue, QueuedView } from '../mail/queue.ts'
import type { Clock } from '../ports/clock.ts'
import type { Packing } from '../ports/packing.ts'
import { type EndpointId, parseEndpointId } from '../proto/bpv7/endpoint-id.ts'
import type { Budgets, BudgetUse } from './budgets.ts'
import { wayOf } from './cheap-links.ts'
import type { HoldingBack } from './holding-back.ts'
import {
  BUNDLE_OVERHEAD_BYTES,
  COST_LOOKED_BYTES_MAX,
  COST_TRIED_BYTES_MAX,
  OBJECT_MAILS_MAX,
} from './limits.ts'
import type { LinkOptions, Price } from './link-options.ts'
import { makeObject, type ObjectMail } from './object-maker.ts'
import type { BatchOptions, ObjectTransport } from './object-transport.ts'
import { pageOfQueue } from './queue-list.ts'
import type { RouteForecast } from './route-forecast.ts'
import { RUN_BYTES, transactionName } from './transaction-name.ts'
import { effortFor, type Way } from './way-worth.ts'

export interface LinkCost {
  /** As the transport map has it: `bp:ipn:3.2525`. */
  readonly route: string
  /** Those that have not left. */
  readonly mails: number
  /** Those that have left, and wait for their acknowledgement. */
  readonly mailsLeft: number
  /** On the link: the three below together. */
  readonly linkBytes: number
  /** In bundles that wait. */
  readonly bundledBytes: number
  /** Of mails that were packed just now, to see. */
  readonly triedBytes: number
  /** Of mails that were not: at the share of those that were, or in full where none was. */
  readonly reckonedBytes: number
  /** Of a contact, or of the plan; absent where nobody has said. */
  readonly rateBytesPerSec?: number
  /** Of contact; absent with the rate. */
  readonly seconds?: number
  /** Absent where there is no price, or one of seconds that are not known. */
  readonly money?: Money
  readonly budget?: BudgetUse
}

export interface Money {
  readonly amount: number
  readonly currency: string
}

export interface QueueCostOptions {
  /** As it names itself in objects. */
  readonly host: string
  readonly links: readonly LinkOptions[]
  readonly batch: BatchOptions
}

export interface QueueCostPorts {
  readonly queue: MailQueue
  readonly transport: Pick<ObjectTransport, 'progressOf' | 'readBy' | 'objectBytesMax'>
  readonly forecast: Pick<RouteForecast, 'rateBytesPerSec' | 'arrivalAt'>
  readonly holdingBack: HoldingBack
  readonly budgets: Budgets
  readonly packing: Packing
  readonly clock: Clock
}

/** Of one next hop, as the queue is gone through. */
interface Tally {
  readonly route: string
  /** As records name the far gateway. */
  readonly to: string
  /** Of bundles. */
  readonly destination: EndpointId | undefined
  readonly link: LinkOptions | undefined
  leftMails: number
  /** By their names. */
  readonly bundles: Map<string, number>
  bundledMails: number
  /** Not packed yet, to go into one object. */
  together: ObjectMail[]
  togetherBytes: number
  /** Of mails whose attachments were looked for, and without what will be held back. */
  lookedFrom: number
  lookedTo: number
  triedMails: number
  triedFrom: number
  triedTo: number
  restMails: number
  restBytes: number
}

export class QueueCost {
  readonly #options: QueueCostOptions
  readonly #ports: QueueCostPorts

  constructor(options: QueueCostOptions, ports: QueueCostPorts) {
    this.#options = options
    this.#ports = ports
  }

  /** Of every far gateway that mail waits for, and of every link. */
  async costs(): Promise<readonly LinkCost[]> {
    const { queue, clock } = this.#ports
    const tallies = new Map<string, Tally>()
    for (const link of this.#options.links) this.#tallyOf(link.route, tallies)
    for (let page = pageOfQueue(queue, ''); page.length > 0; ) {
      for (const queueId of page) {
        const view = queue.look(queueId)
        if (view !== undefined) await this.#count(view, tallies)
      }
      // Whoever else has something to do comes in between.
      await new Promise<void>((resume) => clock.at(clock.now(), resume))
      page = pageOfQueue(queue, page.at(-1) ?? '')
    }
    const costs: LinkCost[] = []
    for (const tally of tallies.values()) {
      await this.#pack(tally)
      costs.push(this.#costOf(tally))
    }
    return costs
  }

  async #count(view: QueuedView, tallies: Map<string, Tally>): Promise<void> {
    const { envelope, statuses, routes } = view
    const { queueId } = envelope
    const open = envelope.recipients.flatMap((one, i) =>
      statuses.get(i)?.type === 'settled' || one.isExpanded
        ? []
        : [{ one, route: routes[i] ?? '' }],
    )
    const progress = this.#ports.transport.progressOf(queueId)
    for (const route of new Set(open.map((one) => one.route))) {
      const tally = this.#tallyOf(route, tallies)
      if (tally === undefined) continue
      const sent = progress.find(({ route: one }) => wayOf(parseNextHop(one)) === tally.route)
      if (sent?.state === 'forwarded') tally.leftMails++
      else if (sent?.object !== undefined && sent.payloadBytes > 0) {
        tally.bundles.set(sent.object, sent.payloadBytes)
        tally.bundledMails++
      } else {
        const recipients = open
          .filter((one) => one.route === route)
          .map(({ one: { parameters = {}, ...recipient } }) => ({ recipient, parameters }))
        await this.#try(view, recipients, tally)
      }
    }
  }

  /** Undefined where a route leads to no far gateway. */
  #tallyOf(text: string, tallies: Map<string, Tally>): Tally | undefined {
    const hop = parseNextHop(text)
    const route = wayOf(hop)
    if (hop === undefined || route === undefined) return undefined
    const link = this.#options.links.find((one) => one.route === route)
    const tally = tallies.get(route) ?? newTally(route, link)
    tallies.set(route, tally)
    return tally
  }

  async #try(
    { envelope }: QueuedView,
    recipients: ObjectMail['recipients'],
    tally: Tally,
  ): Promise<void> {
    const { queueId, from, sizeBytes } = envelope
    const read = (): Iterable<Uint8Array> => this.#pieces(envelope)
    const mail: MailStart = { queueId, from, sizeBytes, read }
    if (tally.lookedFrom >= COST_LOOKED_BYTES_MAX) {
      tally.restMails++
      tally.restBytes += Math.round(sizeBytes * (tally.lookedTo / tally.lookedFrom))
      return
    }
    const { holdingBack } = this.#ports
    const holding = await holdingBack.of(mail, tally.route, tally.link?.holdBackAbove)
    const bytes = holding?.sizeBytes ?? sizeBytes
    tally.lookedFrom += sizeBytes
    tally.lookedTo += bytes
    if (tally.triedFrom + tally.togetherBytes + bytes > COST_TRIED_BYTES_MAX) {
      tally.restMails++
      tally.restBytes += bytes
      return
    }
    const { mailsMax = OBJECT_MAILS_MAX } = this.#options.batch
    const bytesMax = this.#ports.transport.objectBytesMax(tally.to, this.#wayOf(tally))
    const isFull = tally.together.length >= mailsMax || tally.togetherBytes + bytes > bytesMax
    if (isFull) await this.#pack(tally)
    const message = concat(...(holding?.read() ?? read()))
    const transaction = transactionName(SOME_RUN, tally.triedMails++)
    const startedAt = this.#ports.clock.wall()
    tally.together.push({ transaction, mail, recipients, message, startedAt })
    tally.togetherBytes += bytes
  }

  *#pieces(envelope: QueuedView['envelope']): Iterable<Uint8Array> {
    const { queue } = this.#ports
    for (let index = 0; ; index++) {
      const piece = queue.piece(envelope, index)
      if (piece === undefined) return
      yield piece
    }
  }

  async #pack(tally: Tally): Promise<void> {
    const mails = tally.together
    if (mails.length === 0) return
    const { packing, clock, transport } = this.#ports
    tally.triedFrom += tally.togetherBytes
    tally.together = []
    tally.togetherBytes = 0
    const wall = clock.wall()
    const effort = effortFor(this.#wayOf(tally), wall)
    const how = { reads: transport.readBy(tally.to).packings, effort }
    const plan = { host: this.#options.host, wall, mails, ...how }
    const { payload } = await makeObject(plan, packing)
    tally.triedTo += payload.length + BUNDLE_OVERHEAD_BYTES
  }

  #wayOf({ destination }: Tally): Way {
    const { forecast } = this.#ports
    return { arrivalAt: (at, bytes) => destination && forecast.arrivalAt(destination, at, bytes) }
  }

  #costOf(tally: Tally): LinkCost {
    const { forecast, budgets, clock } = this.#ports
    const { route, destination, link, bundles } = tally
    const bundledBytes = [...bundles.values()].reduce(
      (sum, bytes) => sum + bytes + BUNDLE_OVERHEAD_BYTES,
      0,
    )
    const share = tally.triedFrom === 0 ? 1 : tally.triedTo / tally.triedFrom
    const reckonedBytes = Math.round(tally.restBytes * share)
    const linkBytes = bundledBytes + tally.triedTo + reckonedBytes
    const rateBytesPerSec = destination && forecast.rateBytesPerSec(destination, clock.wall())
    const seconds = rateBytesPerSec === undefined ? undefined : linkBytes / rateBytesPerSec
    const money = link?.price && moneyOf(link.price, linkBytes, seconds)
    const budget = link && budgets.useOf(link)
    return {
      route,
      mails: tally.bundledMails + tally.triedMails + tally.restMails,
      mailsLeft: tally.leftMails,
      ...{ linkBytes, bundledBytes, triedBytes: tally.triedTo, reckonedBytes },
      ...(rateBytesPerSec !== undefined && { rateBytesPerSec }),
      ...(seconds !== undefined && { seconds }),
      ...(money && { money }),
      ...(budget && { budget }),
    }
  }
}

/** A name of mails that are not sent is as long as any other. */
const SOME_RUN = toHex(new Uint8Array(RUN_BYTES))

function newTally(route: string, link: LinkOptions | undefined): Tally {
  const to = route.slice(route.indexOf(':') + 1)
  const destination = route.startsWith('bp:') ? parseEndpointId(to) : undefined
  return {
    ...{ route, to, destination, link, leftMails: 0 },
    ...{ bundles: new Map<string, number>(), bundledMails: 0 },
    ...{ together: [], togetherBytes: 0, triedMails: 0, triedFrom: 0, triedTo: 0 },
    ...{ lookedFrom: 0, lookedTo: 0, restMails: 0, restBytes: 0 },
  }
}

function moneyOf(
  { currency, perMegabyte, perSecond }: Price,
  bytes: number,
  seconds: number | undefined,
): Money | undefined {
  if (perSecond > 0 && seconds === undefined) return undefined
  return { currency, amount: (bytes / 1_000_000) * perMegabyte + (seconds ?? 0) * perSecond }
}

export interface CostSum {
  readonly mails: number
  readonly mailsLeft: number
  readonly linkBytes: number
  readonly seconds: number
  /** For each currency. */
  readonly money: readonly Money[]
  /** Next hops of which nobody knows the rate: neither their seconds are in it, nor what those cost. */
  readonly unknown: readonly string[]
}

export function sumOf(costs: readonly LinkCost[]): CostSum {
  const money = new Map<string, number>()
  for (const { money: one } of costs) {
    if (one !== undefined) money.set(one.currency, (money.get(one.currency) ?? 0) + one.amount)
  }
  const total = (of: (cost: LinkCost) => number): number =>
    costs.reduce((sum, cost) => sum + of(cost), 0)
  return {
    mails: total(({ mails }) => mails),
    mailsLeft: total(({ mailsLeft }) => mailsLeft),
    linkBytes: total(({ linkBytes }) => linkBytes),
    seconds: total(({ seconds = 0 }) => seconds),
    money: [...money].map(([currency, amount]) => ({ currency, amount })),
    unknown: costs
      .filter(({ mails, seconds }) => mails > 0 && seconds === undefined)
      .map(({ route }) => route),
  }
}
