/** The neighbours of a running node: plans and contacts as they change, and who has to know of it. */

import type { WallMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import type { BundleAgent } from './agent.ts'
import type { AgentEvent } from './agent-events.ts'
import { ContactGates } from './contact-gates.ts'
import type { ContactPlan, Gate } from './contact-plan.ts'
import type { Outbound } from './outbound.ts'
import { isSamePlace, neighbourOf, type PlanPlace, type StaticPlan } from './static-plan.ts'

export interface NeighboursPorts {
  readonly clock: Clock
  readonly agent: BundleAgent
  readonly outbound: Outbound
  readonly feed: (event: AgentEvent) => void
}

export class Neighbours {
  readonly #ports: NeighboursPorts
  readonly #gates: ContactGates

  constructor(node: bigint, contactPlan: ContactPlan, ports: NeighboursPorts) {
    const { clock, outbound, feed } = ports
    this.#ports = ports
    this.#gates = new ContactGates(contactPlan, {
      node,
      clock,
      onWindow: (neighbour, window) => {
        outbound.setWindow(neighbour, window)
        feed({ type: 'contact', neighbour, window })
      },
    })
  }

  get contactPlan(): ContactPlan {
    return this.#gates.plan
  }

  gate(neighbour: bigint, at: WallMs): Gate {
    return this.#gates.gate(neighbour, at)
  }

  /** When the contact ends that is open to the neighbour of a plan; undefined where there is none. */
  openUntil(plan: StaticPlan): WallMs | undefined {
    return this.#gates.openUntil(neighbourOf(plan))
  }

  oneWayDelayMs(neighbour: bigint, at: WallMs): number | undefined {
    return this.#gates.oneWayDelayMs(neighbour, at)
  }

  /** Before anything is forwarded: the plans that there are keep to their contacts. */
  start(): void {
    for (const plan of this.#ports.agent.plans) this.setPlan(plan)
  }

  stop(): void {
    this.#gates.stop()
  }

  setContactPlan(contactPlan: ContactPlan): void {
    this.#gates.setPlan(contactPlan)
  }

  /**
   * Adds a plan, or puts it in the place of the one for the same node: what waits for it goes. Throws
   * a Fault where it wants a convergence layer that is not there.
   */
  setPlan(plan: StaticPlan): void {
    const { agent, outbound, feed } = this.#ports
    outbound.setPlan(plan)
    const before = agent.plans.find((one) => isSamePlace(one, plan))
    const neighbour = neighbourOf(plan)
    const window = this.#gates.watch(neighbour)
    outbound.setWindow(neighbour, window)
    feed({ type: 'planned', plan, window })
    if (before !== undefined) this.#leave(neighbourOf(before))
  }

  /** False where there is none. What waited for it waits for another. */
  removePlan(place: PlanPlace): boolean {
    const { agent, feed } = this.#ports
    const plan = agent.plans.find((one) => isSamePlace(one, place))
    if (plan === undefined) return false
    feed({ type: 'unplanned', ...place })
    this.#leave(neighbourOf(plan))
    return true
  }

  #leave(neighbour: bigint): void {
    const { agent, outbound } = this.#ports
    if (agent.plans.some((plan) => neighbourOf(plan) === neighbour)) return
    this.#gates.unwatch(neighbour)
    outbound.forget(neighbour)
  }
}
