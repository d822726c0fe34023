/** Which neighbour's duct a bundle takes, by its destination node: ION's `a plan 3 udp/172.22.0.3:3113`. */

import { dtnNodeName, type EndpointId } from '../proto/bpv7/endpoint-id.ts'

export interface StaticPlan {
  /** The node number of the destination. */
  readonly node: bigint
  /** Of the convergence layer: `udp`. */
  readonly protocol: string
  /** The neighbour's address, in the convergence layer's own notation. */
  readonly duct: string
  /** Default: as fast as the convergence layer takes them. */
  readonly rateBytesPerSec?: number
  /** Names of the dtn scheme that lead there too: the neighbour's own, those behind it, groups. */
  readonly dtnNames?: readonly string[]
  /** A bundle with a dtn-scheme name in it is kept from it: it ends an ION node that has no such scheme. */
  readonly ipnOnly?: boolean
}

/** Undefined where no plan leads to `destination`. */
export function choosePlan(
  plans: readonly StaticPlan[],
  destination: EndpointId,
): StaticPlan | undefined {
  if (destination.scheme === 'ipn') return plans.find(({ node }) => node === destination.node)
  const name = dtnNodeName(destination)
  return name === undefined ? undefined : plans.find(({ dtnNames }) => dtnNames?.includes(name))
}
