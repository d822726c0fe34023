/** The mails that wait on the hosts of a lab, and what keeps them for ever. */

import { nextWindow, windowAt } from '../config/link-schedule.ts'
import type { ScenarioHost } from '../config/scenario.ts'
import { leadsTo, neighbourOf } from '../dtn/static-plan.ts'
import type { HostEvent } from '../ports/events.ts'
import { type EndpointId, ipnEndpoint, parseEndpointId } from '../proto/bpv7/endpoint-id.ts'
import type { Lab } from './lab.ts'

export interface WaitingMail {
  /** In whose queue it is. */
  readonly host: string
  readonly queueId: string
  readonly recipient: string
}

/** Hears what hosts tell, and knows what they have accepted and not yet settled. */
export class WaitingMails {
  /** By host, by the name in its queue: the recipients that are left. */
  readonly #mails = new Map<string, Map<string, Set<string>>>()

  hear(host: string, event: HostEvent): void {
    if (event.type === 'mail-accepted') {
      const mails = this.#mails.get(host) ?? new Map()
      this.#mails.set(host, mails.set(event.queueId, new Set(event.recipients)))
    } else if (event.type === 'mail-delivered' || event.type === 'mail-failed') {
      const recipients = this.#mails.get(host)?.get(event.queueId)
      recipients?.delete(event.recipient)
      if (recipients?.size === 0) this.#mails.get(host)?.delete(event.queueId)
    } else if (event.type === 'mail-removed') this.#mails.get(host)?.delete(event.queueId)
  }

  /** Its disk is gone. */
  forget(host: string): void {
    this.#mails.delete(host)
  }

  /** Mails in the queue of a host. */
  countAt(host: string): number {
    return this.#mails.get(host)?.size ?? 0
  }

  *[Symbol.iterator](): Iterator<WaitingMail> {
    for (const [host, mails] of this.#mails) {
      for (const [queueId, recipients] of mails) {
        for (const recipient of recipients) yield { host, queueId, recipient }
      }
    }
  }
}

/**
 * Why a mail can never arrive, or never be acknowledged, by what the lab and its timeline have ahead of them; undefined
 * where it may still. What people do by hand is not foreseen.
 */
export function obstacleOf(lab: Lab, { host, recipient }: WaitingMail): string | undefined {
  const from = lab.host(host).options
  const domain = recipient.slice(recipient.lastIndexOf('@') + 1).toLowerCase()
  const power = powerObstacle(lab, from)
  if (power !== undefined || from.domains.includes(domain)) return power
  const node = nodeOf(from, domain)
  if (node === undefined) {
    const owner = lab.hosts.find(({ options }) => options.domains.includes(domain))?.options
    return owner && ipObstacle(lab, from, owner)
  }
  const target = lab.hosts.find(({ options }) => leadsToNode(options, node))?.options
  if (target === undefined) return `no host is ${nodeName(node)}`
  return bundleObstacle(lab, from, target) ?? bundleObstacle(lab, target, from)
}

function leadsToNode({ node }: ScenarioHost, endpoint: EndpointId): boolean {
  return endpoint.scheme === 'ipn' && endpoint.node === node
}

function nodeName(endpoint: EndpointId): string {
  return endpoint.scheme === 'ipn' ? `ipn:${endpoint.node}` : endpoint.ssp
}

/** The next hop of mail for a domain, where it goes in bundles. */
function nodeOf({ transport }: ScenarioHost, domain: string): EndpointId | undefined {
  const rule =
    transport.find((one) => one.domain === domain) ??
    transport.find((one) => one.domain.startsWith('.') && domain.endsWith(one.domain)) ??
    transport.find((one) => one.domain === '*')
  return rule?.route.startsWith('bp:') ? parseEndpointId(rule.route.slice(3)) : undefined
}

/** On the way that plans and groups lead. */
function bundleObstacle(lab: Lab, from: ScenarioHost, to: ScenarioHost): string | undefined {
  const visited = new Set<ScenarioHost>()
  for (let at = from; at !== to; ) {
    if (visited.has(at)) return `bundles for ipn:${to.node} go round in a circle at ${at.host}`
    visited.add(at)
    const next = nextHost(lab, at, to)
    if (next === undefined) return `${at.host} has no way to ipn:${to.node}`
    const obstacle = ipObstacle(lab, at, next)
    if (obstacle !== undefined) return obstacle
    at = next
  }
  return undefined
}

function nextHost(lab: Lab, at: ScenarioHost, to: ScenarioHost): ScenarioHost | undefined {
  const destination = ipnEndpoint(to.node, 0n)
  const plans = at.plans.filter((plan) => leadsTo(plan, destination))
  const [narrowest] = plans.sort((a, b) => Number(sizeOf(a) - sizeOf(b)))
  const node = narrowest && neighbourOf(narrowest)
  return lab.hosts.find(({ options }) => options.node === node)?.options
}

function sizeOf({ node, until = node }: ScenarioHost['plans'][number]): bigint {
  return until - node
}

/** Between two hosts that speak to each other: packets must come there, and back. */
function ipObstacle(lab: Lab, a: ScenarioHost, b: ScenarioHost): string | undefined {
  return (
    powerObstacle(lab, b) ??
    pathObstacle(lab, a.network, b.network) ??
    pathObstacle(lab, b.network, a.network)
  )
}

function powerObstacle(lab: Lab, { host }: ScenarioHost): string | undefined {
  const returns = lab.timeline.ahead.some(
    ({ action }) => 'host' in action && action.host === host && action.type !== 'kill',
  )
  return lab.host(host).isOn || returns ? undefined : `${host} has no power, and gets none any more`
}

function pathObstacle(lab: Lab, from: string, to: string): string | undefined {
  for (let at = from; at !== to; ) {
    const next = lab.network.nextNetwork(at, to)
    if (next === undefined) return `no link leads from ${at} to ${to}`
    const obstacle = linkObstacle(lab, at, next)
    if (obstacle !== undefined) return obstacle
    at = next
  }
  return undefined
}

function linkObstacle(lab: Lab, from: string, to: string): string | undefined {
  const changes = lab.timeline.ahead.some(
    ({ action }) =>
      'link' in action &&
      action.type !== 'link-down' &&
      action.link.between.includes(from) &&
      action.link.between.includes(to),
  )
  if (changes) return undefined
  const { isDown, lossShare, contacts } = lab.network.link(from, to).quality
  const name = `the link from ${from} to ${to}`
  const now = lab.world.now()
  if (isDown === true) return `${name} is down, and comes up no more`
  if (lossShare === 1) return `${name} loses everything`
  const isOver = contacts && (windowAt(contacts, now) ?? nextWindow(contacts, now)) === undefined
  return isOver ? `${name} has no contact any more` : undefined
}
