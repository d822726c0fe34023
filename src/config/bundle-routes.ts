/** The ways of bundles through a scenario, as the plans and groups of its hosts lead. */

import { addMs, type WallMs } from '../base/time.ts'
import type { ContactPlanOptions } from '../bridge/mail-host-options.ts'
import type { GroupText } from './bundles.ts'
import type { ScenarioHostText, ScenarioPlanText } from './scenario-text.ts'
import type { Topology } from './topology.ts'

/** How far a bundle comes. */
export type Journey =
  | { readonly end: 'there'; readonly delayMs: number }
  /** `host` has no way on. */
  | { readonly end: 'lost'; readonly host: string }
  /** It comes to hosts where it has been: their names, the first of them again at the end. */
  | { readonly end: 'circle'; readonly hosts: readonly string[] }

export class BundleRoutes {
  readonly #topology: Topology
  readonly #byNode: ReadonlyMap<bigint, ScenarioHostText>

  constructor(hosts: readonly ScenarioHostText[], topology: Topology) {
    this.#topology = topology
    this.#byNode = new Map(hosts.map((host) => [host.node, host]))
  }

  hostOf(node: bigint): ScenarioHostText | undefined {
    return this.#byNode.get(node)
  }

  /** To a neighbour; undefined where no links lead there. */
  delayMs(
    host: ScenarioHostText,
    { to, oneWayDelay }: Pick<ScenarioPlanText, 'to' | 'oneWayDelay'>,
  ): number | undefined {
    const neighbour = this.#byNode.get(to)
    if (neighbour === undefined) return oneWayDelay
    const linksDelay = this.#topology.delayMs(host.network, neighbour.network)
    return linksDelay === undefined ? undefined : (oneWayDelay ?? linksDelay)
  }

  follow(from: ScenarioHostText, node: bigint): Journey {
    const visited = [from]
    let delayMs = 0
    for (let at = from; at.node !== node; ) {
      const next = nextNode(at, node)
      const neighbour = next === undefined ? undefined : this.#byNode.get(next)
      const hopMs = next === undefined ? undefined : this.delayMs(at, { to: next })
      if (neighbour === undefined || hopMs === undefined) return { end: 'lost', host: at.host }
      delayMs += hopMs
      at = neighbour
      const before = visited.indexOf(at)
      visited.push(at)
      if (before >= 0) {
        return { end: 'circle', hosts: visited.slice(before).map(({ host }) => host) }
      }
    }
    return { end: 'there', delayMs }
  }

  /** The hosts that a group is for. */
  membersOf({ nodes }: GroupText): readonly ScenarioHostText[] {
    return [...this.#byNode.values()].filter(
      ({ node }) => nodes.first <= node && node <= nodes.last,
    )
  }

  /** With the delay of the whole way to the farthest of its nodes. */
  groupWithDelay(host: ScenarioHostText, group: GroupText): GroupText {
    if (group.oneWayDelay !== undefined) return group
    const delays = this.membersOf(group).map(({ node }) => {
      const journey = this.follow(host, node)
      return journey.end === 'there' ? journey.delayMs : 0
    })
    return { ...group, oneWayDelay: Math.max(0, ...delays) }
  }

  /** What a host knows of the contacts with its neighbours, where it has none in its own file. */
  announcedContacts(
    host: ScenarioHostText,
    announced: (a: string, b: string) => boolean,
    startsAt: WallMs,
  ): { readonly contactPlan?: ContactPlanOptions } {
    if (host.contacts.length + host.ranges.length > 0) return {}
    const directions = host.plans.flatMap(({ to }) => {
      const neighbour = this.#byNode.get(to)
      if (neighbour === undefined || !announced(host.network, neighbour.network)) return []
      return [
        { source: host, destination: neighbour },
        { source: neighbour, destination: host },
      ]
    })
    const openings = directions.flatMap(({ source, destination }) =>
      (this.#topology.openings(source.network, destination.network) ?? []).map((opening) => ({
        from: addMs(startsAt, opening.fromMs),
        until: addMs(startsAt, opening.untilMs),
        source: source.node,
        destination: destination.node,
        opening,
      })),
    )
    if (openings.length === 0) return {}
    return {
      contactPlan: {
        isFromStart: false,
        contacts: openings.map(({ opening, ...stretch }) => ({
          ...stretch,
          rateBytesPerSec: opening.rateBytesPerSec,
          confidence: 1,
        })),
        ranges: openings.flatMap(({ opening: { oneWayDelayMs }, ...stretch }) =>
          oneWayDelayMs === undefined ? [] : [{ ...stretch, oneWayDelayMs }],
        ),
      },
    }
  }
}

/** The neighbour that bundles for a node are given to. */
function nextNode({ plans, groups }: ScenarioHostText, node: bigint): bigint | undefined {
  if (plans.some(({ to }) => to === node)) return node
  const [narrowest] = groups
    .filter(({ nodes }) => nodes.first <= node && node <= nodes.last)
    .sort((a, b) => Number(a.nodes.last - a.nodes.first - (b.nodes.last - b.nodes.first)))
  return narrowest?.via
}
