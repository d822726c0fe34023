/** Which neighbour's duct a bundle takes, by its destination node: ION's `a plan 3 udp/172.22.0.3:3113`. */

import { dtnNodeName, type EndpointId } from '../proto/bpv7/endpoint-id.ts'

export interface StaticPlan {
  /** The node number of the destination. */
  readonly node: bigint
  /** The last of those that it leads to, where they are several: ION's `a exit`. Default: `node` alone. */
  readonly until?: bigint
  /** Of the convergence layer: `udp`. */
  readonly protocol: string
  /** The neighbour's address, in the convergence layer's own notation. */
  readonly duct: string
  /** Whose address that is, and whose contacts count. Default: the destination's own. */
  readonly via?: bigint
  /** Where no contact says. Default: as fast as the convergence layer takes them. */
  readonly rateBytesPerSec?: number
  /** Names of the dtn scheme that lead there too: the neighbour's own, those behind it, groups. */
  readonly dtnNames?: readonly string[]
  /** A bundle with a dtn-scheme name in it is kept from it: it ends an ION node that has no such scheme. */
  readonly ipnOnly?: boolean
}

/** The node number of the neighbour that its bundles are given to. */
export function neighbourOf({ node, via = node }: StaticPlan): bigint {
  return via
}

/** Whether a bundle for `destination` takes it. */
export function leadsTo(plan: StaticPlan, destination: EndpointId): boolean {
  const { node, until = node, dtnNames } = plan
  if (destination.scheme === 'ipn') return node <= destination.node && destination.node <= until
  const name = dtnNodeName(destination)
  return name !== undefined && dtnNames?.includes(name) === true
}

/** Of which nodes it is, which is what tells it from others. */
export type PlanPlace = Pick<StaticPlan, 'node' | 'until'>

/** Whether one takes the place of the other: they are for the same nodes. */
export function isSamePlace(a: PlanPlace, b: PlanPlace): boolean {
  return a.node === b.node && a.until === b.until
}
