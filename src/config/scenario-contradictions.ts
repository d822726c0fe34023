/** What cannot be meant in a scenario, and what could never come of it. */

import { toCivil } from '../base/calendar.ts'
import {
  type IpPrefix,
  isInPrefix,
  parseIpAddress,
  parseIpPrefix,
  parseSocketAddress,
} from '../base/ip-address.ts'
import { parseEndpointId, sameEndpoint } from '../proto/bpv7/endpoint-id.ts'
import { BundleRoutes } from './bundle-routes.ts'
import { type ConstellationText, constellationContradictions } from './constellation.ts'
import { hostContradictions } from './host.ts'
import { EPHEMERIS_FROM_YEAR, EPHEMERIS_UNTIL_YEAR } from './light-time.ts'
import { delayKeys, qualityContradictions } from './link-text.ts'
import { ACCESS_SERVICES } from './mail-access.ts'
import { type Contradiction, repeated } from './problems.ts'
import type { ScenarioDraft } from './scenario-draft.ts'
import type { LinkText, NetworkText, ScenarioHostText, ScenarioText } from './scenario-text.ts'
import { SMTP_SERVICES } from './smtp.ts'
import { some, unknown } from './suggestion.ts'
import { timelineContradictions } from './timeline-text.ts'
import type { Path } from './yaml.ts'

export function scenarioContradictions(draft: ScenarioDraft): readonly Contradiction[] {
  const { text, topology } = draft
  const { networks, hosts } = text
  const routes = new BundleRoutes(hosts, topology)
  const stage = timelineContradictions(text.timeline, ['timeline'], {
    startsAt: draft.startsAt,
    hosts: hosts.map(({ host }) => host),
    links: text.links.map(({ between }) => between),
    mailboxes: mailboxesOf(hosts),
    senders: mailboxesOf(
      hosts.filter(({ submission, smtp }) => submission !== undefined || smtp !== undefined),
    ),
  })
  if (text.constellation !== undefined) {
    return [...constellationProblems(text.constellation, draft), ...stage]
  }
  if (hosts.length === 0) {
    const message = 'a scenario without hosts: hosts, or a constellation, would be right'
    return [{ path: ['hosts'], message }]
  }
  return [
    ...networkContradictions(networks),
    ...repeatedIn(hosts, ({ host }) => host, 'host'),
    ...repeatedIn(hosts, ({ address }) => normalAddress(address), 'address'),
    ...repeatedIn(hosts, ({ node }) => `ipn:${node}`, 'node'),
    ...repeatedDomains(hosts),
    ...linkContradictions(draft),
    ...hosts.flatMap((host, index) => [
      ...hostContradictions(host, ['hosts', index], (plan) => routes.delayMs(host, plan)),
      ...placeContradictions(text, host, ['hosts', index]),
      ...nameServerContradictions(text, host, ['hosts', index]),
      ...neighbourContradictions(text, host, routes, ['hosts', index]),
      ...routeContradictions(host, routes, ['hosts', index]),
    ]),
    ...stage,
  ]
}

/** What it is made of is right by itself. */
function constellationProblems(
  text: ConstellationText,
  { isMixed }: ScenarioDraft,
): readonly Contradiction[] {
  const path = ['constellation']
  if (!isMixed) return constellationContradictions(text, path)
  const message = 'constellation beside networks, links or hosts: one of the two would be right'
  return [{ path, message }]
}

function repeatedIn(
  hosts: readonly ScenarioHostText[],
  value: (host: ScenarioHostText) => string,
  what: string,
): readonly Contradiction[] {
  return repeated(hosts.map(value), ['hosts'], what)
}

/** The same for all ways to write it. */
function normalAddress(address: string): string {
  const parsed = parseIpAddress(address)
  return parsed?.bits === 128 ? `[${parsed.value.toString(16)}]` : address
}

/** Mail for a domain can be at home in one place only. */
function repeatedDomains(hosts: readonly ScenarioHostText[]): readonly Contradiction[] {
  const owners = new Map<string, string>()
  return hosts.flatMap((host, index) =>
    domainsOf(host).flatMap((domain, place): readonly Contradiction[] => {
      const owner = owners.get(domain)
      owners.set(domain, owner ?? host.host)
      if (owner === undefined || owner === host.host) return []
      const written = host.domains === undefined ? [] : ['domains', place]
      const message = `domain ${domain} is that of ${owner} too: one host for a domain would be right`
      return [{ path: ['hosts', index, ...written], message }]
    }),
  )
}

function domainsOf({ host, domains = [host] }: ScenarioHostText): readonly string[] {
  return domains
}

function mailboxesOf(hosts: readonly ScenarioHostText[]): readonly string[] {
  return hosts.flatMap((host) =>
    host.users.flatMap(({ name }) => domainsOf(host).map((domain) => `${name}@${domain}`)),
  )
}

function networkContradictions(networks: readonly NetworkText[]): readonly Contradiction[] {
  const names = networks.map(({ name }) => name)
  return [
    ...repeated(names, ['networks'], 'network'),
    ...networks.flatMap(({ prefix, name }, index): readonly Contradiction[] => {
      const own = parseIpPrefix(prefix)
      const other = networks
        .slice(0, index)
        .find((earlier) => overlap(parseIpPrefix(earlier.prefix), own))
      if (other === undefined) return []
      const message = `prefix ${prefix} of ${name} overlaps ${other.prefix} of ${other.name}: one apart from it would be right`
      return [{ path: ['networks', index, 'prefix'], message }]
    }),
  ]
}

function overlap(a: IpPrefix | undefined, b: IpPrefix | undefined): boolean {
  return (
    a !== undefined && b !== undefined && (isInPrefix(a.address, b) || isInPrefix(b.address, a))
  )
}

function linkContradictions(draft: ScenarioDraft): readonly Contradiction[] {
  const { text, startsAt, plans } = draft
  const names = text.networks.map(({ name }) => name)
  const pairs = text.links.map(({ between }) => [...between].sort().join(' and '))
  return [
    ...text.links.flatMap((link, index): readonly Contradiction[] => {
      const at = ['links', index]
      return [
        ...betweenContradictions(link.between, names, [...at, 'between']),
        ...delayContradictions(link, at),
        ...qualityContradictions(link, at, startsAt),
        ...qualityContradictions(link.back ?? {}, [...at, 'back'], startsAt),
        ...dateContradictions(link, at, draft),
        ...planFileContradictions(link, at, plans),
        ...neverUpContradictions(draft, index),
      ]
    }),
    ...repeated(pairs, ['links'], 'link between'),
  ]
}

function betweenContradictions(
  between: readonly string[],
  names: readonly string[],
  path: Path,
): readonly Contradiction[] {
  if (between.length !== 2 || between[0] === between[1]) {
    return [{ path, message: `between ${between.join(', ')}: two networks would be right` }]
  }
  return between.flatMap((name, index) =>
    names.includes(name)
      ? []
      : [{ path: [...path, index], message: unknown('network', name, names) }],
  )
}

function delayContradictions(link: LinkText, path: Path): readonly Contradiction[] {
  if (delayKeys(link).length > 0) return []
  const message = 'a link without a delay: oneWayDelay, delays or lightTime would be right'
  return [{ path, message }]
}

function dateContradictions(
  { lightTime, back }: LinkText,
  at: Path,
  { startsAt }: ScenarioDraft,
): readonly Contradiction[] {
  const { year } = toCivil(startsAt)
  const isKnown = year >= EPHEMERIS_FROM_YEAR && year < EPHEMERIS_UNTIL_YEAR
  if (isKnown || (lightTime ?? back?.lightTime) === undefined) return []
  const message = `lightTime in ${year}: a start from ${EPHEMERIS_FROM_YEAR} to ${EPHEMERIS_UNTIL_YEAR - 1} would be right`
  return [{ path: [...at, ...(lightTime ? ['lightTime'] : ['back', 'lightTime'])], message }]
}

function planFileContradictions(
  { contactPlan, contacts, back, between }: LinkText,
  at: Path,
  plans: ScenarioDraft['plans'],
): readonly Contradiction[] {
  const reading = contactPlan === undefined ? undefined : plans.get(contactPlan)
  if (reading === undefined) return []
  const path = [...at, 'contactPlan']
  if (contacts !== undefined || back?.contacts !== undefined) {
    const message = 'contactPlan beside contacts: one of the two would be right'
    return [{ path, message }]
  }
  if (reading.problems.length > 0) return reading.problems.map((message) => ({ path, message }))
  if (reading.plan.contacts.length > 0) return []
  const message = `no contact in ${contactPlan}: one between nodes of ${between.join(' and ')} would be right`
  return [{ path, message }]
}

/** What a link without any time, or any packet, would make of all that waits for it. */
function neverUpContradictions(
  { text, links }: ScenarioDraft,
  index: number,
): readonly Contradiction[] {
  const link = links[index]
  const said = text.links[index]
  if (link === undefined || said === undefined) return []
  const isChanged = text.timeline.some(
    ({ change }) =>
      change?.between.every((name) => link.between.includes(name)) &&
      (change.loss !== undefined || change.gemodel !== undefined || change.contacts !== undefined),
  )
  if (isChanged) return []
  const wrong: Contradiction[] = []
  const back = { ...link, ...link.back }
  for (const [quality, from, at] of [
    [link, link.between, ['links', index]],
    [back, [...link.between].reverse(), ['links', index, ...(said.back ? ['back'] : [])]],
  ] as const) {
    const direction = from.join(' to ')
    if (quality.contacts?.length === 0) {
      const message = `${direction} has no contact, so that nothing ever gets through: a contact would be right`
      wrong.push({
        path: [...at, said.contactPlan === undefined ? 'contacts' : 'contactPlan'],
        message,
      })
    } else if (quality.lossShare === 1) {
      const message = `${direction} loses everything, so that nothing ever gets through: less, or down and up in the timeline, would be right`
      wrong.push({ path: [...at, 'loss'], message })
    }
  }
  // What holds for both directions is said once.
  const isOneThing = said.back === undefined
  return isOneThing ? wrong.slice(0, 1) : wrong
}

function placeContradictions(
  text: ScenarioText,
  host: ScenarioHostText,
  at: Path,
): readonly Contradiction[] {
  const names = text.networks.map(({ name }) => name)
  const network = text.networks.find(({ name }) => name === host.network)
  if (network === undefined) {
    return [{ path: [...at, 'network'], message: unknown('network', host.network, names) }]
  }
  const wrong: Contradiction[] = []
  const address = parseIpAddress(host.address)
  const prefix = parseIpPrefix(network.prefix)
  if (address !== undefined && prefix !== undefined && !isInPrefix(address, prefix)) {
    const message = `address ${host.address} on ${network.name}: one in ${network.prefix} would be right`
    wrong.push({ path: [...at, 'address'], message })
  }
  for (const service of [
    ...SMTP_SERVICES,
    ...ACCESS_SERVICES,
    'udp',
    'tcp',
    'stcp',
    'mtcp',
  ] as const) {
    const listen = host[service]?.listen
    if (listen === undefined || listen.host === host.address) continue
    const message = `${service} listens on ${listen.host}: this host's address ${host.address} would be right`
    wrong.push({ path: [...at, service, 'listen'], message })
  }
  return wrong
}

function nameServerContradictions(
  text: ScenarioText,
  { nameServer }: ScenarioHostText,
  at: Path,
): readonly Contradiction[] {
  const addresses = text.hosts.map(({ address }) => address)
  if (nameServer === undefined || addresses.includes(nameServer)) return []
  const message = `nameServer ${nameServer}, which no host is: one of ${some(addresses)} would be right`
  return [{ path: [...at, 'nameServer'], message }]
}

function neighbourContradictions(
  text: ScenarioText,
  host: ScenarioHostText,
  routes: BundleRoutes,
  at: Path,
): readonly Contradiction[] {
  return host.plans.flatMap((plan, index): readonly Contradiction[] => {
    const path = [...at, 'plans', index]
    const neighbour = routes.hostOf(plan.to)
    if (neighbour === undefined) {
      const nodes = text.hosts.map(({ node }) => `ipn:${node}`).join(', ')
      const message = `plan to ipn:${plan.to}, which no host is: one of ${nodes} would be right`
      return [{ path: [...path, 'to'], message }]
    }
    if (routes.delayMs(host, plan) === undefined) {
      const message = `plan to ipn:${plan.to}, but no link joins ${host.network} and ${neighbour.network}: a link would be right`
      return [{ path: [...path, 'to'], message }]
    }
    const duct = parseSocketAddress(plan.duct)
    const listen = neighbour[plan.protocol]?.listen
    if (listen === undefined) {
      const message = `plan over ${plan.protocol} to ${neighbour.host}, which does not listen there: ${plan.protocol} with listen at ${neighbour.host} would be right`
      return [{ path: [...path, 'protocol'], message }]
    }
    if (duct?.host === listen.host && duct?.port === listen.port) return []
    const message = `duct ${plan.duct} to ${neighbour.host}: its ${plan.protocol} address ${listen.host}:${listen.port} would be right`
    return [{ path: [...path, 'duct'], message }]
  })
}

/** Bundles that come nowhere, or cannot be answered: what waits for them would wait for ever. */
function routeContradictions(
  host: ScenarioHostText,
  routes: BundleRoutes,
  at: Path,
): readonly Contradiction[] {
  return [
    ...host.groups.flatMap((group, index): readonly Contradiction[] => {
      const path = [...at, 'groups', index, 'nodes']
      // Without a plan to the neighbour that is told already.
      if (!host.plans.some(({ to }) => to === group.via)) return []
      const members = routes.membersOf(group)
      if (members.length === 0) {
        return [
          { path, message: 'a group of nodes that no host is: nodes of hosts would be right' },
        ]
      }
      return members
        .flatMap(({ node }) => problemOf(host, node, routes) ?? [])
        .slice(0, 1)
        .map((message) => ({ path, message }))
    }),
    ...(typeof host.transport === 'string' ? [] : host.transport).flatMap(([name, route]) => {
      const message = mailProblem(host, route, routes)
      return message === undefined ? [] : [{ path: [...at, 'transport', name], message }]
    }),
  ]
}

function problemOf(from: ScenarioHostText, node: bigint, routes: BundleRoutes): string | undefined {
  const journey = routes.follow(from, node)
  switch (journey.end) {
    case 'there':
      return undefined
    case 'lost':
      return `bundles for ipn:${node} come no further than ${journey.host}, which has no way there: a plan or a group there would be right`
    case 'circle':
      return `bundles for ipn:${node} go round in a circle, ${journey.hosts.join(' to ')}: groups that lead there would be right`
  }
}

/** Why mail by a route of bundles is never taken or never acknowledged. */
function mailProblem(
  host: ScenarioHostText,
  route: string,
  routes: BundleRoutes,
): string | undefined {
  const endpoint = route.startsWith('bp:') ? parseEndpointId(route.slice(3)) : undefined
  if (endpoint?.scheme !== 'ipn') return undefined
  const target = routes.hostOf(endpoint.node)
  // A route to where no plan leads is told with the plans.
  if (target === undefined || routes.follow(host, endpoint.node).end !== 'there') return undefined
  const isBpmail = host.bpmail?.some(({ to }) => sameEndpoint(to, endpoint)) ?? false
  if (!isBpmail && endpoint.service !== target.mailService) {
    return `mail to ${route}, while ${target.host} takes it on service ${target.mailService}: bp:ipn:${target.node}.${target.mailService} would be right`
  }
  const back = problemOf(target, host.node, routes)
  return back && `mail to ${route} is never acknowledged, as ${back}`
}
