/**
 * To whom it is reported that mail of a gateway that takes no answers was refused. What an envelope says
 * of its sender may be forged, and a report to one who sent nothing is spam of our own making. So only to
 * senders that the operator has named for that gateway, and to those whose mail goes back the way this one
 * came, where nobody is reached but the forger's own side. RFC 5321 §6.2.
 */

import type { NextHop } from '../mail/next-hop.ts'
import type { Routes } from '../mail/route.ts'
import {
  dtnNodeName,
  type EndpointId,
  formatEndpointId,
  parseEndpointId,
} from '../proto/bpv7/endpoint-id.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import { coversDomain, type InjectionOptions } from './injection-policy.ts'

export class ReportPolicy {
  readonly #named: ReadonlyMap<string, readonly string[]>
  readonly #routes: Pick<Routes, 'of'>

  constructor(
    { gateways = [], peers = [] }: Pick<InjectionOptions, 'gateways' | 'peers'>,
    routes: Pick<Routes, 'of'>,
  ) {
    this.#named = new Map([
      ...gateways.map(({ from, senders }) => [formatEndpointId(from), senders] as const),
      ...peers.map(({ name, senders = [] }) => [name, senders] as const),
    ])
    this.#routes = routes
  }

  /** `gateway` as the mail's carrier calls it. */
  mayReport(gateway: string, sender: Mailbox): boolean {
    const domain = sender.domain.toLowerCase()
    // One that may send as anybody is not said to know its senders.
    const named = (this.#named.get(gateway) ?? []).filter((pattern) => pattern !== '*')
    return (
      named.some((pattern) => coversDomain(pattern, domain)) ||
      leadsBack(this.#routes.of(sender), gateway)
    )
  }
}

function leadsBack(hop: NextHop | undefined, gateway: string): boolean {
  switch (hop?.transport) {
    case 'carry':
    case 'https':
      return hop.peer === gateway
    case 'bp':
      return nodeOf(parseEndpointId(hop.nextHop)) === (nodeOf(parseEndpointId(gateway)) ?? '')
    default:
      return false
  }
}

/** Whatever its service: what came from 128 of DTPC goes to 129. */
function nodeOf(endpoint: EndpointId | undefined): string | undefined {
  if (endpoint?.scheme === 'ipn') return `ipn:${endpoint.node}`
  return endpoint && dtnNodeName(endpoint)
}
