/** The ways to other nodes: which one a bundle takes, and what waits there for its turn. */

import { earlier, type MonoMs } from '../base/time.ts'
import type { EndpointId } from '../proto/bpv7/endpoint-id.ts'
import { Lane } from './lane.ts'
import { TRANSMISSION_BYTES_MAX, TRANSMISSIONS_MAX } from './limits.ts'
import { isSamePlace, leadsTo, type PlanPlace, type StaticPlan } from './static-plan.ts'

export interface Way {
  readonly lane: Lane
  plan: StaticPlan
}

export class Ways {
  /** By the node number of the plan. */
  readonly #ways = new Map<bigint, Way>()
  /** To several nodes each, those to the fewest first. */
  #groups: readonly Way[] = []
  #all: readonly Way[] = []
  /** Of all lanes; asked for after every event of a node, and seldom another. */
  #deadline: MonoMs | undefined
  #isDeadlineKnown = true

  constructor(plans: readonly StaticPlan[]) {
    for (const plan of plans) this.set(plan)
  }

  /** Adds a plan, or puts it in the place of the one for the same nodes: what waits there stays. */
  set(plan: StaticPlan): Way {
    const known =
      plan.until === undefined
        ? this.#ways.get(plan.node)
        : this.#groups.find((way) => isSamePlace(way.plan, plan))
    if (known !== undefined) {
      known.plan = plan
      return known
    }
    const lane = new Lane({
      underWayMax: TRANSMISSIONS_MAX,
      underWayBytesMax: TRANSMISSION_BYTES_MAX,
      pause: 'lane',
      onDeadline: () => {
        this.#isDeadlineKnown = false
      },
    })
    const way = { lane, plan }
    if (plan.until === undefined) this.#ways.set(plan.node, way)
    else this.#groups = [...this.#groups, way].sort((a, b) => (countOf(a) < countOf(b) ? -1 : 1))
    this.#all = [...this.#ways.values(), ...this.#groups]
    return way
  }

  delete(place: PlanPlace): void {
    if (place.until === undefined) this.#ways.delete(place.node)
    else this.#groups = this.#groups.filter(({ plan }) => !isSamePlace(plan, place))
    this.#all = [...this.#ways.values(), ...this.#groups]
    this.#isDeadlineKnown = false
  }

  /** When a bundle may leave that may not now. */
  get deadline(): MonoMs | undefined {
    if (this.#isDeadlineKnown) return this.#deadline
    let deadline: MonoMs | undefined
    for (const { lane } of this.#all) deadline = earlier(deadline, lane.deadline)
    this.#deadline = deadline
    this.#isDeadlineKnown = true
    return deadline
  }

  /** Undefined where no plan leads to `destination`; the one for the fewest nodes where several do. */
  to(destination: EndpointId): Way | undefined {
    if (destination.scheme === 'ipn') {
      const own = this.#ways.get(destination.node)
      return own ?? this.#groups.find(({ plan }) => leadsTo(plan, destination))
    }
    for (const way of this.#ways.values()) if (leadsTo(way.plan, destination)) return way
    return undefined
  }

  values(): readonly Way[] {
    return this.#all
  }
}

function countOf({ plan: { node, until = node } }: Way): bigint {
  return until - node
}
