/** The ways to other nodes: which one a bundle takes, and what waits there for its turn. */

import type { EndpointId } from '../proto/bpv7/endpoint-id.ts'
import { Lane } from './lane.ts'
import { TRANSMISSION_BYTES_MAX, TRANSMISSIONS_MAX } from './limits.ts'
import { leadsTo, type StaticPlan } from './static-plan.ts'

export interface Way {
  readonly lane: Lane
  plan: StaticPlan
}

export class Ways {
  /** By the node number of the plan. */
  readonly #ways = new Map<bigint, Way>()

  constructor(plans: readonly StaticPlan[]) {
    for (const plan of plans) this.set(plan)
  }

  /** Adds a plan, or puts it in the place of the one for the same node: what waits there stays. */
  set(plan: StaticPlan): Way {
    const known = this.#ways.get(plan.node)
    if (known !== undefined) {
      known.plan = plan
      return known
    }
    const lane = new Lane({
      underWayMax: TRANSMISSIONS_MAX,
      underWayBytesMax: TRANSMISSION_BYTES_MAX,
      pause: 'lane',
    })
    const way = { lane, plan }
    this.#ways.set(plan.node, way)
    return way
  }

  delete(node: bigint): void {
    this.#ways.delete(node)
  }

  /** Undefined where no plan leads to `destination`. */
  to(destination: EndpointId): Way | undefined {
    if (destination.scheme === 'ipn') return this.#ways.get(destination.node)
    for (const way of this.#ways.values()) if (leadsTo(way.plan, destination)) return way
    return undefined
  }

  values(): Iterable<Way> {
    return this.#ways.values()
  }
}
