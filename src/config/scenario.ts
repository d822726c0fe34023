/** The file of a scenario: networks, the links between them, and the hosts on them. */

import type { Result } from '../base/fault.ts'
import {
  isInPrefix,
  parseIpAddress,
  parseIpPrefix,
  parseSocketAddress,
} from '../base/ip-address.ts'
import type { WallMs } from '../base/time.ts'
import type { MailHostOptions } from '../bridge/mail-host-options.ts'
import { type PlanText, planShape } from './bundles.ts'
import type { ConfigFaultCode } from './fault.ts'
import {
  completeHost,
  type HostText,
  hostContradictions,
  hostShape,
  plainUsers,
  type UserText,
} from './host.ts'
import type { LinkQuality } from './link-quality.ts'
import { ACCESS_SERVICES } from './mail-access.ts'
import { plainOutgoingText } from './mail-outgoing.ts'
import { aliasesText, transportText } from './mail-routing.ts'
import { plainPeersShape } from './peers.ts'
import { type Contradiction, parseWith, repeated } from './problems.ts'
import { count, duration, ipAddress, listOf, mapping, orOff, rate, share, word } from './schema.ts'
import { SMTP_SERVICES } from './smtp.ts'
import { type TcpSettings, tcpShape } from './tcp-settings.ts'
import type { TimelineEvent } from './timeline.ts'
import { type TlsSettings, type TlsSettingsText, tlsShape } from './tls-settings.ts'
import type { Path } from './yaml.ts'

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

/** On failure the fault's message lists every problem, one line each. `fileName` is for these lines. */
export function parseScenario(text: string, fileName: string): Result<Scenario, ConfigFaultCode> {
  const parsed = parseWith(text, fileName, scenarioSchema, contradictions)
  return parsed.ok ? { ok: true, value: complete(parsed.value) } : parsed
}

interface ScenarioText extends TcpSettings, TlsSettingsText {
  readonly name: string
  readonly seed: number
  readonly networks: readonly ScenarioNetwork[]
  readonly links: readonly LinkText[]
  readonly hosts: readonly ScenarioHostText[]
}

interface LinkText {
  readonly between: readonly string[]
  readonly oneWayDelay: number
  readonly loss: number
  readonly rate?: number
}

interface ScenarioPlanText extends PlanText {
  /** Default: that of the link to the neighbour's network. */
  readonly oneWayDelay?: number
}

type ScenarioHostText = HostText<ScenarioPlanText> & {
  readonly users: readonly UserText[]
  readonly nameServer?: string
  readonly address: string
  readonly network: string
}

const SEED_MAX = 2 ** 32 - 1

const networkName = word('a name such as earth', (text) =>
  /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/.test(text) ? text : undefined,
)

const scenarioSchema = mapping<ScenarioText>({
  name: networkName,
  seed: count(SEED_MAX),
  ...tcpShape,
  ...tlsShape,
  networks: listOf(
    mapping<ScenarioNetwork>({
      name: networkName,
      prefix: word('a prefix such as 172.21.0.0/24', (text) =>
        parseIpPrefix(text) === undefined ? undefined : text,
      ),
    }),
    'a list of networks',
  ),
  links: listOf(
    mapping<LinkText>({
      between: listOf(networkName, 'two networks such as [earth, moon]'),
      oneWayDelay: duration,
      loss: share.default(0),
      rate: orOff(rate),
    }),
    'a list of links',
  ).default([]),
  hosts: listOf(
    mapping<ScenarioHostText>({
      ...hostShape(mapping<ScenarioPlanText>({ ...planShape, oneWayDelay: duration.optional() })),
      users: plainUsers,
      outgoing: plainOutgoingText,
      ...plainPeersShape,
      transport: transportText.default([]),
      aliases: aliasesText.default([]),
      address: ipAddress,
      network: networkName,
      nameServer: ipAddress.optional(),
    }),
    'a list of hosts',
  ),
})

function complete(text: ScenarioText): Scenario {
  return {
    name: text.name,
    seed: text.seed,
    tcp: { synRetries: text.synRetries, synAckRetries: text.synAckRetries },
    tls: { version: text.tlsVersion, resumption: text.tlsResumption },
    networks: text.networks,
    links: text.links.map((link) => ({
      between: [link.between[0] ?? '', link.between[1] ?? ''],
      oneWayDelayMs: link.oneWayDelay,
      lossShare: link.loss,
      ...(link.rate !== undefined && { rateBytesPerSec: link.rate }),
    })),
    hosts: text.hosts.map((host) => ({
      ...completeHost(host, (plan) => plan.oneWayDelay ?? linkDelay(text, host, plan) ?? 0),
      users: host.users,
      address: host.address,
      network: host.network,
      ...(host.nameServer !== undefined && { nameServer: host.nameServer }),
    })),
  }
}

/** Undefined where no link leads to the neighbour; 0 on a network of its own. */
function linkDelay(text: ScenarioText, host: ScenarioHostText, plan: PlanText): number | undefined {
  const neighbour = text.hosts.find(({ node }) => node === plan.to)
  if (neighbour === undefined) return undefined
  if (neighbour.network === host.network) return 0
  return text.links.find(
    ({ between }) => between.includes(host.network) && between.includes(neighbour.network),
  )?.oneWayDelay
}

function contradictions(text: ScenarioText): readonly Contradiction[] {
  return [
    ...repeated(
      text.networks.map(({ name }) => name),
      ['networks'],
      'network',
    ),
    ...repeated(
      text.hosts.map(({ host }) => host),
      ['hosts'],
      'host',
    ),
    ...repeated(
      text.hosts.map(({ address }) => address),
      ['hosts'],
      'address',
    ),
    ...repeated(
      text.hosts.map(({ node }) => `ipn:${node}`),
      ['hosts'],
      'node',
    ),
    ...linkContradictions(text),
    ...text.hosts.flatMap((host, index) => [
      ...hostContradictions(
        host,
        ['hosts', index],
        (plan) => plan.oneWayDelay ?? linkDelay(text, host, plan),
      ),
      ...placeContradictions(text, host, ['hosts', index]),
      ...nameServerContradictions(text, host, ['hosts', index]),
      ...neighbourContradictions(text, host, ['hosts', index]),
    ]),
  ]
}

function linkContradictions(text: ScenarioText): readonly Contradiction[] {
  const names = text.networks.map(({ name }) => name)
  const wrong = text.links.flatMap(({ between }, index): readonly Contradiction[] => {
    const path = ['links', index, 'between']
    if (between.length !== 2 || between[0] === between[1]) {
      return [{ path, message: `between ${between.join(', ')}: two networks would be right` }]
    }
    return between
      .filter((name) => !names.includes(name))
      .map((name) => ({ path, message: unknownNetwork(name, names) }))
  })
  const pairs = text.links.map(({ between }) => [...between].sort().join(' and '))
  return [...wrong, ...repeated(pairs, ['links'], 'link between')]
}

function placeContradictions(
  text: ScenarioText,
  host: ScenarioHostText,
  at: Path,
): readonly Contradiction[] {
  const names = text.networks.map(({ name }) => name)
  const network = text.networks.find(({ name }) => name === host.network)
  if (network === undefined) {
    return [{ path: [...at, 'network'], message: unknownNetwork(host.network, names) }]
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
  const message = `nameServer ${nameServer}, which no host is: one of ${addresses.join(', ')} would be right`
  return [{ path: [...at, 'nameServer'], message }]
}

function neighbourContradictions(
  text: ScenarioText,
  host: ScenarioHostText,
  at: Path,
): readonly Contradiction[] {
  return host.plans.flatMap((plan, index): readonly Contradiction[] => {
    const path = [...at, 'plans', index]
    const neighbour = text.hosts.find(({ node }) => node === plan.to)
    if (neighbour === undefined) {
      const nodes = text.hosts.map(({ node }) => `ipn:${node}`).join(', ')
      const message = `plan to ipn:${plan.to}, which no host is: one of ${nodes} would be right`
      return [{ path: [...path, 'to'], message }]
    }
    if (linkDelay(text, host, plan) === undefined) {
      const message = `plan to ipn:${plan.to}, but no link joins ${host.network} and ${neighbour.network}: a link would be right`
      return [{ path: [...path, 'to'], message }]
    }
    const duct = parseSocketAddress(plan.duct)
    const listen = neighbour[plan.protocol]?.listen
    if (listen === undefined || (duct?.host === listen.host && duct?.port === listen.port))
      return []
    const message = `duct ${plan.duct} to ${neighbour.host}: its ${plan.protocol} address ${listen.host}:${listen.port} would be right`
    return [{ path: [...path, 'duct'], message }]
  })
}

function unknownNetwork(name: string, names: readonly string[]): string {
  return `unknown network ${name}: one of ${names.join(', ')} would be right`
}
