/** Which neighbour's duct a bundle takes, by its destination node: ION's `a plan 3 udp/172.22.0.3:3113`. */

import type { EndpointId } from '../proto/bpv7/endpoint-id.ts'

export interface StaticPlan {
  /** The node number of the destination. */
  readonly node: bigint
  /** Of the convergence layer: `udp`. */
  readonly protocol: string
  /** The neighbour's address, in the convergence layer's own notation. */
  readonly duct: string
  /** Default: as fast as the convergence layer takes them. */
  readonly rateBytesPerSec?: number
}

/** Undefined where no plan leads to `destination`. */
export function choosePlan(
  plans: readonly StaticPlan[],
  destination: EndpointId,
): StaticPlan | undefined {
  if (destination.scheme !== 'ipn') return undefined
  return plans.find((plan) => plan.node === destination.node)
}
