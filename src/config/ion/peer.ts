/** The ION node at the other end of one of our plans, set up so that the two hear each other. */

import { Fault, type Result } from '../../base/fault.ts'
import { ipnEndpoint } from '../../proto/bpv7/endpoint-id.ts'
import type { NodeConfig } from '../node-config.ts'
import { DUCT_EXPECTED, parseDuctAddress } from './duct.ts'
import type { IonFaultCode } from './fault.ts'
import type { IonNode } from './ion-node.ts'

/** What a node of ours says that matters to its neighbours. */
export type PeerView = Pick<
  NodeConfig,
  'node' | 'mailService' | 'udp' | 'tcp' | 'stcp' | 'mtcp' | 'plans' | 'contactPlan'
>

/** What receives and what sends; `tcpcli` does both. ION has no MTCP. */
const DAEMONS: Readonly<Record<string, { readonly induct: string; readonly outduct: string }>> = {
  udp: { induct: 'udpcli', outduct: 'udpclo' },
  tcp: { induct: 'tcpcli', outduct: '' },
  stcp: { induct: 'stcpcli', outduct: 'stcpclo' },
}

/** Services that ION's samples declare: administration, applications, CFDP. */
const SERVICES = [0n, 1n, 2n, 64n, 65n]

/**
 * The contacts and ranges are the same on both sides; without any, ION sends at once, at the rate of
 * its plan. The fault says what was read and what would be right.
 */
export function ionPeerOf(config: PeerView, neighbor: bigint): Result<IonNode, IonFaultCode> {
  const plan = config.plans.find(({ node }) => node === neighbor)
  if (plan === undefined) {
    return no(`there is no plan to ipn:${neighbor}: a plan to it would be right`)
  }
  const { protocol } = plan
  const daemons = DAEMONS[protocol]
  if (daemons === undefined) {
    return no(
      `the plan to ipn:${neighbor} is over ${protocol}, which ION does not speak: ${Object.keys(DAEMONS).join(' or ')} would be right`,
    )
  }
  if (protocol === 'tcp' && config.tcp?.versions?.[0] !== 3) {
    return no('tcp speaks TCPCL version 4 first, and ION knows 3: versions: [3, 4] would be right')
  }
  const listen = config[protocol]?.listen
  if (listen === undefined) {
    return no(`${protocol} does not listen: ${protocol} with listen would be right`)
  }
  if (listen.port === 0 || /^(0\.0\.0\.0|::)$/.test(listen.host)) {
    return no(
      `${protocol} listens on ${listen.host}:${listen.port}, where nobody can send to: an address and a port such as 172.21.0.3:2113 would be right`,
    )
  }
  const ours = `${listen.host}:${listen.port}`
  const unfit = [plan.duct, ours].find((duct) => parseDuctAddress(protocol, duct) === undefined)
  if (unfit !== undefined)
    return no(`${unfit} is no address to ION: ${DUCT_EXPECTED} would be right`)
  if (config.contactPlan?.isFromStart) {
    return no(
      'contacts are told from the start of this node, which is not that of ION: dates, as 2026-11-23T08:00:00Z, would be right',
    )
  }
  const { contacts = [], ranges = [] } = config.contactPlan ?? {}
  const rateBytesPerSec = protocol === 'udp' ? config.udp?.rateBytesPerSec : undefined
  return {
    ok: true,
    value: {
      node: neighbor,
      clock: { errorSec: 1, isSynchronized: true, utcDeltaSec: 0 },
      contactPlan: { contacts, ranges },
      keys: [],
      ltp: { sessions: undefined, spans: [], seats: [] },
      schemes: [{ name: 'ipn', forwarder: 'ipnfw', adminEndpoint: 'ipnadminep' }],
      endpoints: [...new Set([...SERVICES, config.mailService])].map((service) => ({
        endpoint: ipnEndpoint(neighbor, service),
        // Mail waits for its reader; what nobody asked for does not fill the node.
        rule: service === config.mailService ? 'q' : 'x',
      })),
      protocols: [{ name: protocol }],
      inducts: [{ protocol, duct: plan.duct, daemon: daemons.induct }],
      outducts: [{ protocol, duct: ours, daemon: daemons.outduct }],
      plans: [
        {
          endpoint: ipnEndpoint(config.node, 0n),
          ducts: [{ protocol, duct: ours }],
          isBlocked: false,
          ...(rateBytesPerSec !== undefined && { rateBytesPerSec }),
        },
      ],
      exits: [],
      profiles: [],
    },
  }
}

function no(message: string): Result<IonNode, IonFaultCode> {
  return { ok: false, fault: new Fault('ion/contradiction', message, { temporary: false }) }
}
