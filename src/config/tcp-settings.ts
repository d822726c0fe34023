/** What the hosts of a scenario have TCP do otherwise. */

import { count, type Shape } from './schema.ts'

export interface TcpSettings {
  /** How often a SYN is sent again: Linux's `tcp_syn_retries`. */
  readonly synRetries: number
  /** How often the answer to one is: Linux's `tcp_synack_retries`. */
  readonly synAckRetries: number
}

/** A SYN is given up after 127 s, the answer to one after 63 s. */
export const LINUX_TCP: TcpSettings = { synRetries: 6, synAckRetries: 5 }

/** As Linux bounds them. */
const RETRIES_MAX = 127

const retries = count(RETRIES_MAX)

export const tcpShape: Shape<TcpSettings> = {
  synRetries: retries
    .prefault(`${LINUX_TCP.synRetries}`)
    .describe(
      'how often each host sends a SYN of TCP again; as Linux has it, no stream opens where a round trip takes over a minute (see [the virtual network](virtual-network.md))',
    ),
  synAckRetries: retries
    .prefault(`${LINUX_TCP.synAckRetries}`)
    .describe('how often it sends the answer to one again'),
}
