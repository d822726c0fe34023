/** A scenario's text with its links as they will be: what is checked, and what is made into a scenario. */

import type { WallMs } from '../base/time.ts'
import { constellationParts, isWhole } from './constellation.ts'
import { type ContactPlanReading, linkContacts } from './link-contact-plan.ts'
import type { LinkQuality } from './link-quality.ts'
import { completeQuality } from './link-text.ts'
import type { ScenarioLink } from './scenario.ts'
import { host, type LinkText, type ScenarioText } from './scenario-text.ts'
import { Topology } from './topology.ts'

/** What the file says, with its links as they will be. */
export interface ScenarioDraft {
  readonly text: ScenarioText
  readonly startsAt: WallMs
  readonly links: readonly ScenarioLink[]
  readonly topology: Topology
  /** Whether there are networks, links or hosts beside a constellation. */
  readonly isMixed: boolean
  /** By the name of their file. */
  readonly plans: ReadonlyMap<string, ContactPlanReading>
}

export function draftOf(
  said: ScenarioText,
  startsAt: WallMs,
  plans: ReadonlyMap<string, ContactPlanReading>,
): ScenarioDraft {
  const { constellation, networks, links: ownLinks, hosts } = said
  const isMixed = networks.length + ownLinks.length + hosts.length > 0
  const isMade = constellation !== undefined && !isMixed && isWhole(constellation)
  const text = isMade
    ? { ...said, ...constellationParts(constellation, (one) => host.parse(one)) }
    : said
  const planned = (
    { contactPlan }: LinkText,
    direction: readonly [string, string],
  ): Partial<LinkQuality> => {
    const reading = contactPlan === undefined ? undefined : plans.get(contactPlan)
    if (reading === undefined) return {}
    const [sources = [], destinations = []] = direction.map((name) =>
      text.hosts.flatMap(({ network, node }) => (network === name ? [node] : [])),
    )
    return { contacts: linkContacts(reading.plan, { sources, destinations }, startsAt) }
  }
  const links = text.links.map((link): ScenarioLink => {
    const [a = '', b = ''] = link.between
    const there = { ...completeQuality(link, startsAt), ...planned(link, [a, b]) }
    const back = { ...completeQuality(link.back ?? {}, startsAt), ...planned(link, [b, a]) }
    return {
      oneWayDelayMs: 0,
      lossShare: 0,
      ...there,
      between: [a, b],
      ...(Object.keys(back).length > 0 && { back: withOwnDelay(back) }),
    }
  })
  return { text, startsAt, links, topology: new Topology(links, startsAt), plans, isMixed }
}

/** A way of saying how long it takes takes the place of the others. */
function withOwnDelay(back: Partial<LinkQuality>): Partial<LinkQuality> {
  const { oneWayDelayMs, delays, lightTime } = back
  if (oneWayDelayMs === undefined && delays === undefined && lightTime === undefined) return back
  return { delays: undefined, lightTime: undefined, ...back }
}
