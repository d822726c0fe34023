/** The file of a scenario: networks, the links between them, the hosts on them, and what happens. */

import type { Result } from '../base/fault.ts'
import type { Interval } from '../base/interval.ts'
import { addMs, type WallMs } from '../base/time.ts'
import type { MailHostOptions } from '../bridge/mail-host-options.ts'
import { BundleRoutes } from './bundle-routes.ts'
import type { ConfigFaultCode } from './fault.ts'
import { completeHost, type UserText } from './host.ts'
import type { ReadFile } from './ion/read.ts'
import { type ContactPlanReading, readContactPlan } from './link-contact-plan.ts'
import type { LinkQuality } from './link-quality.ts'
import { parseWith } from './problems.ts'
import { scenarioContradictions } from './scenario-contradictions.ts'
import { draftOf, type ScenarioDraft } from './scenario-draft.ts'
import { type ScenarioText, scenario } from './scenario-text.ts'
import type { TcpSettings } from './tcp-settings.ts'
import { STARTS_AT_DEFAULT, type TimelineEvent } from './timeline.ts'
import { completeTimeline } from './timeline-text.ts'
import type { TlsSettings } from './tls-settings.ts'

export interface Scenario {
  readonly name: string
  /** Of everything random in it. */
  readonly seed: number
  /** Civil time at the beginning. Default: that of the world that plays it. */
  readonly startsAt?: WallMs
  readonly networks: readonly ScenarioNetwork[]
  readonly links: readonly ScenarioLink[]
  readonly hosts: readonly ScenarioHost[]
  /** Of every host. Default: as Linux has it. */
  readonly tcp?: TcpSettings
  /** Of every host. Default: 1.3, each session anew. */
  readonly tls?: TlsSettings
  /** Default: nothing happens by itself. */
  readonly timeline?: readonly TimelineEvent[]
}

export interface ScenarioNetwork {
  readonly name: string
  /** `172.21.0.0/24`. */
  readonly prefix: string
}

/** The quality is that from the first to the second, and the other way where `back` says nothing else. */
export interface ScenarioLink extends LinkQuality {
  /** Names of two networks. */
  readonly between: readonly [string, string]
  readonly back?: Partial<LinkQuality>
}

export interface ScenarioHost extends MailHostOptions {
  readonly address: string
  /** Name of the network that `address` lies in. */
  readonly network: string
  readonly users: readonly UserText[]
  /** The address of the host that it asks for names, which answers. Default: it knows them all. */
  readonly nameServer?: string
}

/**
 * On failure the fault's message lists every problem, one line each. `fileName` is for these lines, and files that
 * the scenario names are read from its folder. Default: none can be read.
 */
export function parseScenario(
  text: string,
  fileName: string,
  readFile: ReadFile = (name) => ({ file: name, reason: 'no files are read here' }),
): Result<Scenario, ConfigFaultCode> {
  const plans = new Map<string, ContactPlanReading>()
  const drafted = (value: ScenarioText): ScenarioDraft => {
    const startsAt = value.start ?? STARTS_AT_DEFAULT
    for (const { contactPlan } of value.links) {
      if (contactPlan === undefined || plans.has(contactPlan)) continue
      plans.set(contactPlan, readContactPlan(contactPlan, fileName, { readFile, startsAt }))
    }
    return draftOf(value, startsAt, plans)
  }
  const parsed = parseWith(text, fileName, scenario, (value) =>
    scenarioContradictions(drafted(value)),
  )
  return parsed.ok ? { ok: true, value: complete(drafted(parsed.value)) } : parsed
}

function complete({ text, startsAt, links, topology }: ScenarioDraft): Scenario {
  const routes = new BundleRoutes(text.hosts, topology)
  const announced = new Set(
    text.links.filter((link) => link.announced).map(({ between }) => bothOf(between)),
  )
  const isAnnounced = (a: string, b: string): boolean => announced.has(bothOf([a, b]))
  return {
    name: text.name,
    seed: text.seed,
    startsAt,
    tcp: { synRetries: text.synRetries, synAckRetries: text.synAckRetries },
    tls: { version: text.tlsVersion, resumption: text.tlsResumption },
    networks: text.networks,
    links,
    hosts: text.hosts.map((host) => ({
      ...dated(
        completeHost(
          { ...host, groups: host.groups.map((group) => routes.groupWithDelay(host, group)) },
          (plan) => plan.oneWayDelay ?? routes.delayMs(host, plan) ?? 0,
        ),
        startsAt,
      ),
      ...routes.announcedContacts(host, isAnnounced, startsAt),
      users: host.users,
      address: host.address,
      network: host.network,
      ...(host.nameServer !== undefined && { nameServer: host.nameServer }),
      ...(host.nameServer !== undefined && { nameServer: host.nameServer }),
    })),
    ...(text.timeline.length > 0 && { timeline: completeTimeline(text.timeline, startsAt) }),
  }
}

/** The same either way round. */
function bothOf(networks: readonly string[]): string {
  return networks.toSorted().join(' ')
}

/** With contacts at dates: a host that starts again later counts from no other moment than the links do. */
function dated(options: MailHostOptions, startsAt: WallMs): MailHostOptions {
  const { contactPlan } = options
  if (contactPlan?.isFromStart !== true) return options
  const shifted = <T extends Interval<WallMs>>(one: T): T => ({
    ...one,
    from: addMs(startsAt, one.from),
    until: addMs(startsAt, one.until),
  })
  return {
    ...options,
    contactPlan: {
      isFromStart: false,
      contacts: contactPlan.contacts.map(shifted),
      ranges: contactPlan.ranges.map(shifted),
    },
  }
}
