/**
 * What a node has done since it started, in numbers. Everything that names a counter comes from a
 * closed set or from this node's own configuration: no peer can make the tables grow.
 */

import { describeReason } from '../proto/bpv7/status-report.ts'
import type { DtnFaultCode } from './fault.ts'
import { ENDPOINTS_COUNTED_MAX } from './limits.ts'
import type { StaticPlan } from './static-plan.ts'

export interface Traffic {
  readonly bundles: number
  readonly bytes: number
}

export interface LayerCounts {
  readonly received: Traffic
  readonly sent: Traffic
  /** Bundles that came and were not taken. */
  readonly refused: number
  /** Transmissions that failed and are tried again. */
  readonly retries: number
  /**
   * Sessions that did not end in good order, and messages that made no sense, by the code of the
   * Fault: what was wrong and is not about a bundle.
   */
  readonly faults: Counts
}

export interface NeighbourCounts {
  readonly sent: Traffic
  /** By the Previous Node Block of what came. */
  readonly received: Traffic
  readonly retries: number
}

export interface EndpointCounts {
  /** Bundles and bytes of ADU that its application sent. */
  readonly sent: Traffic
  readonly delivered: Traffic
  /** Deliveries that failed and are tried again. */
  readonly retries: number
  /** ADUs that the application refused for good. */
  readonly refused: number
}

/** By a reason in words: what has never happened is not in it. */
export type Counts = Readonly<Record<string, number>>

export interface ReportCounts {
  readonly sent: number
  /** For the sake of the rate. */
  readonly leftOut: number
  readonly received: number
}

type Writable<T> = {
  -readonly [K in keyof T]: T[K] extends Traffic
    ? Writable<Traffic>
    : T[K] extends Counts
      ? Record<string, number>
      : T[K]
}

/** Stands for all endpoints beyond the bound. */
export const OTHER_ENDPOINTS = 'other'

export class Counters {
  readonly #layers = new Map<string, Writable<LayerCounts>>()
  /** By the node of the plan, or the nodes. */
  readonly #neighbours = new Map<bigint | string, Writable<NeighbourCounts>>()
  readonly #endpoints = new Map<string, Writable<EndpointCounts>>()
  readonly #refused = new Map<string, number>()
  readonly #deleted = new Map<string, number>()
  readonly #reports = { sent: 0, received: 0 }

  received(protocol: string, bytes: number): void {
    add(this.#layer(protocol).received, bytes)
  }

  /** From a neighbour that we have a plan for. */
  receivedFrom(plan: StaticPlan, bytes: number): void {
    add(this.#neighbour(plan).received, bytes)
  }

  /** `code` is that of a Fault of ours. */
  refused(protocol: string, code: string): void {
    this.#layer(protocol).refused++
    increment(this.#refused, code)
  }

  /** An ADU that was taken when it came, and had been delivered when its turn came. */
  repeated(): void {
    increment(this.#refused, 'dtn/duplicate' satisfies DtnFaultCode)
  }

  /** Of a session or a message; `code` is that of a Fault of ours. */
  faulted(protocol: string, code: string): void {
    const { faults } = this.#layer(protocol)
    faults[code] = (faults[code] ?? 0) + 1
  }

  transmitted(plan: StaticPlan, wireBytes: number): void {
    add(this.#layer(plan.protocol).sent, wireBytes)
    add(this.#neighbour(plan).sent, wireBytes)
  }

  transmissionFailed(plan: StaticPlan): void {
    this.#layer(plan.protocol).retries++
    this.#neighbour(plan).retries++
  }

  created(endpoint: string, payloadBytes: number): void {
    add(this.#endpoint(endpoint).sent, payloadBytes)
  }

  delivered(endpoint: string, payloadBytes: number): void {
    add(this.#endpoint(endpoint).delivered, payloadBytes)
  }

  deliveryFailed(endpoint: string, failure: { readonly temporary: boolean }): void {
    this.#endpoint(endpoint)[failure.temporary ? 'retries' : 'refused']++
  }

  /** `status` is one of `STATUS_REASONS`. */
  deleted(status: number): void {
    increment(this.#deleted, describeReason(status))
  }

  reportSent(): void {
    this.#reports.sent++
  }

  reportReceived(): void {
    this.#reports.received++
  }

  get refusals(): Counts {
    return Object.fromEntries(this.#refused)
  }

  get deletions(): Counts {
    return Object.fromEntries(this.#deleted)
  }

  get reports(): Omit<ReportCounts, 'leftOut'> {
    return { ...this.#reports }
  }

  layer(protocol: string): LayerCounts {
    return structureOf(this.#layer(protocol))
  }

  neighbour(plan: StaticPlan): NeighbourCounts {
    return structureOf(this.#neighbour(plan))
  }

  /** Of every endpoint that has sent or been delivered anything, in text. */
  get endpoints(): ReadonlyMap<string, EndpointCounts> {
    return new Map([...this.#endpoints].map(([name, counts]) => [name, structureOf(counts)]))
  }

  #layer(protocol: string): Writable<LayerCounts> {
    return at(this.#layers, protocol, () => ({
      received: nothing(),
      sent: nothing(),
      refused: 0,
      retries: 0,
      faults: {},
    }))
  }

  #neighbour({ node, until }: StaticPlan): Writable<NeighbourCounts> {
    return at(this.#neighbours, until === undefined ? node : `${node} to ${until}`, () => ({
      sent: nothing(),
      received: nothing(),
      retries: 0,
    }))
  }

  #endpoint(name: string): Writable<EndpointCounts> {
    const isRoom = this.#endpoints.has(name) || this.#endpoints.size < ENDPOINTS_COUNTED_MAX
    return at(this.#endpoints, isRoom ? name : OTHER_ENDPOINTS, () => ({
      sent: nothing(),
      delivered: nothing(),
      retries: 0,
      refused: 0,
    }))
  }
}

export function noEndpointCounts(): EndpointCounts {
  return { sent: nothing(), delivered: nothing(), retries: 0, refused: 0 }
}

function nothing(): Writable<Traffic> {
  return { bundles: 0, bytes: 0 }
}

function add(traffic: Writable<Traffic>, bytes: number): void {
  traffic.bundles++
  traffic.bytes += bytes
}

function increment(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}

function at<Key, Value>(table: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = table.get(key)
  if (known !== undefined) return known
  const value = make()
  table.set(key, value)
  return value
}

/** A copy that later events do not change. */
function structureOf<T extends object>(counts: T): T {
  const copied = Object.entries(counts).map(([name, value]) => [
    name,
    typeof value === 'object' && value !== null ? { ...value } : value,
  ])
  return Object.fromEntries(copied) as T
}
