import type { Credentials } from '../../proto/sasl/mechanism.ts'
import { formatNextHop, type NextHop, parseNextHop } from '../next-hop.ts'

/** Mail to other servers, by SMTP and LMTP. */
export interface OutgoingOptions extends RouteOptions {
  /** Whether what domains publish of TLS to their servers is heeded. RFC 8461. Default: not. */
  readonly mtaSts?: boolean
  /** What is different for some next hops: `smtp:b.com`, `smtp:[10.0.0.1]:587`. */
  readonly routes?: readonly OutgoingRoute[]
}

export interface OutgoingRoute extends Partial<RouteOptions> {
  readonly route: string
  /** For a smart host that wants to know who comes. */
  readonly credentials?: Credentials
}

export interface RouteOptions {
  /**
   * `offered`: where the server has it, whatever its certificate. `required`: with a certificate for
   * its name. A mail with REQUIRETLS asks for that wherever it goes.
   */
  readonly tls: 'never' | 'offered' | 'required'
  /** What it takes beyond this planet's usual delays: twice as much is added to every time limit. */
  readonly oneWayDelayMs: number
  /** Commands in groups where the server takes them; default: so. RFC 2920. */
  readonly pipelining?: boolean
}

export type RouteChoice = RouteOptions & Pick<OutgoingRoute, 'credentials'>

/** What holds for each next hop. */
export class OutgoingRoutes {
  readonly #common: RouteOptions
  readonly #own = new Map<string, OutgoingRoute>()

  constructor({ tls, oneWayDelayMs, pipelining = true, routes = [] }: OutgoingOptions) {
    this.#common = { tls, oneWayDelayMs, pipelining }
    for (const route of routes) {
      const hop = parseNextHop(route.route)
      this.#own.set(hop === undefined ? route.route : formatNextHop(hop), route)
    }
  }

  of(hop: NextHop): RouteChoice {
    return { ...this.#common, ...this.#own.get(formatNextHop(hop)) }
  }
}
