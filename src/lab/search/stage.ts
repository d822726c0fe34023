/** The scenario of a trial: each host with its node, its routes and all services that people use. */

import { addMs, wallMs } from '../../base/time.ts'
import type { PlanOptions } from '../../bridge/mail-host-options.ts'
import type { Scenario, ScenarioHost } from '../../config/scenario.ts'
import type { Protocol } from '../../dtn/bundle-host.ts'
import type { Contact } from '../../dtn/contact-plan.ts'
import {
  hostOf,
  linkBetween,
  type Trial,
  type TrialHost,
  type TrialLink,
  wayBetween,
} from './trial.ts'

export const USER = { user: 'user', password: 'a-password' } as const
export const SMTP_PORT = 587
export const POP3_PORT = 110
export const IMAP_PORT = 143

/** The streams with and without a protocol of their own are told apart by port. */
const BUNDLE_PORTS: Readonly<Record<Protocol, number>> = {
  udp: 4556,
  tcp: 4556,
  stcp: 4557,
  mtcp: 4558,
}
const MESSAGE_BYTES_MAX = 120_000
/** Where the link has no rate of its own. */
const CONTACT_RATE = 250_000

export function hostName(number: number): string {
  return `host-${number}.a.com`
}

export function networkName(number: number): string {
  return `net-${number}`
}

export function addressOf({ network, number }: TrialHost): string {
  return `10.0.${network}.${number}`
}

/** Of the machine beside a host on which its users' mail programs are: a crash does not hit them. */
export function clientAddressOf({ network, number }: TrialHost): string {
  return `10.0.${network}.${100 + number}`
}

/** As contact plans need one. */
const STARTS_AT = wallMs(1_795_420_800_000)

export function scenarioOf(trial: Trial): Scenario {
  return {
    name: 'trial',
    startsAt: STARTS_AT,
    seed: trial.seed,
    networks: [...new Set(trial.hosts.map(({ network }) => network))].map((number) => ({
      name: networkName(number),
      prefix: `10.0.${number}.0/24`,
    })),
    links: trial.links.map(({ between: [a, b], quality }) => ({
      between: [networkName(a), networkName(b)],
      ...quality,
    })),
    hosts: trial.hosts.map((host) => scenarioHost(trial, host)),
  }
}

function scenarioHost(trial: Trial, host: TrialHost): ScenarioHost {
  const address = addressOf(host)
  const at = (port: number) => ({ listen: { host: address, port } })
  const open = { plaintextAuth: 'allow', oneWayDelayMs: 0 } as const
  const others = trial.hosts.filter(({ number }) => number !== host.number)
  return {
    host: hostName(host.number),
    address,
    network: networkName(host.network),
    node: BigInt(host.number),
    mailService: 2525n,
    domains: [hostName(host.number)],
    users: [{ name: USER.user, password: USER.password }],
    submission: { ...at(SMTP_PORT), plaintextAuth: 'allow' },
    pop3: { ...at(POP3_PORT), ...open },
    imap: { ...at(IMAP_PORT), ...open },
    ...Object.fromEntries(layersOf(trial, host).map((layer) => [layer, at(BUNDLE_PORTS[layer])])),
    echo: false,
    plans: others.flatMap((other) => planTo(trial, host, other)),
    contactPlan: { isFromStart: false, contacts: contactsOf(trial), ranges: [] },
    transport: others.map(({ number }) => ({
      domain: hostName(number),
      route: `bp:ipn:${number}.2525`,
    })),
    aliases: [],
    subaddress: 'inbox',
    limits: { messageBytesMax: MESSAGE_BYTES_MAX, storeBytesMax: host.storeBytesMax },
    retry: { giveUpAfterMs: host.patienceMs, routes: [] },
  }
}

function planTo(trial: Trial, host: TrialHost, other: TrialHost): readonly PlanOptions[] {
  const via = wayBetween(trial, host.number, other.number)[1]
  if (via === undefined) return []
  const neighbour = hostOf(trial, via)
  const link = linkBetween(trial, host, neighbour)
  const { oneWayDelayMs = 0, rateBytesPerSec } = typeof link === 'object' ? link.quality : {}
  const layer = layerOf(link)
  return [
    {
      node: BigInt(other.number),
      via: BigInt(via),
      protocol: layer,
      duct: `${addressOf(neighbour)}:${BUNDLE_PORTS[layer]}`,
      oneWayDelayMs,
      ...(rateBytesPerSec !== undefined && { rateBytesPerSec }),
    },
  ]
}

function layerOf(link: TrialLink | 'local' | undefined): Protocol {
  return typeof link === 'object' ? (link.layer ?? 'udp') : 'udp'
}

/** UDP always: for hosts on the same network. */
function layersOf({ links }: Trial, { network }: TrialHost): readonly Protocol[] {
  const own = links.filter(({ between }) => between.includes(network))
  return [...new Set<Protocol>(['udp', ...own.map(layerOf)])]
}

/** Those of each pair of hosts at the two ends of a link that comes and goes. */
function contactsOf(trial: Trial): readonly Contact[] {
  return trial.hosts.flatMap((source) =>
    trial.hosts.flatMap((destination) => {
      const link = linkBetween(trial, source, destination)
      if (typeof link !== 'object') return []
      const { contacts = [], rateBytesPerSec = CONTACT_RATE } = link.quality
      return contacts.map(({ fromMs, untilMs }) => ({
        source: BigInt(source.number),
        destination: BigInt(destination.number),
        from: addMs(STARTS_AT, fromMs),
        until: addMs(STARTS_AT, untilMs),
        rateBytesPerSec,
        confidence: 1,
      }))
    }),
  )
}
