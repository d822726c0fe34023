/** What the admin programs print for `i` and `l`, in the words of ION. */

import type { WallMs } from '../../base/time.ts'
import type { Contact, Range } from '../../dtn/contact-plan.ts'
import { type EndpointId, formatEndpointId } from '../../proto/bpv7/endpoint-id.ts'
import { isSpoken } from './duct.ts'
import type {
  DuctName,
  IonEndpoint,
  IonExit,
  IonInduct,
  IonOutduct,
  IonPlan,
  IonScheme,
} from './ion-node.ts'
import type { DtpcProfile } from './programs/dtpcadmin.ts'
import { formatInstant } from './time.ts'

/** Of processes ION has many, this node one. */
export interface Processes {
  readonly own: number
  /** Whether a program has the endpoint open: to ION that is a process too. */
  isOpen(endpoint: EndpointId): boolean
}

/** ION's word for no process. */
const NONE = -1

export function describeScheme(
  { name, forwarder, adminEndpoint }: IonScheme,
  { own }: Processes,
): string {
  const pid = name === 'imc' ? NONE : own
  return `${name}\tfwdpid: ${pid} cmd: ${forwarder}  admpid: ${pid} cmd ${adminEndpoint}`
}

export function describeEndpoint(
  { endpoint, rule, script = '' }: IonEndpoint,
  { own, isOpen }: Processes,
): string {
  const pid = isOpen(endpoint) ? own : NONE
  return `${formatEndpointId(endpoint)}  ${pid}\trule: ${rule}  script: ${script}`
}

export function describeInduct(induct: IonInduct, processes: Processes): string {
  return `${describeDuct(induct, processes)}  cmd: ${induct.daemon}`
}

export function describeOutduct(outduct: IonOutduct, processes: Processes): string {
  const { daemon, payloadBytesMax = 0 } = outduct
  return `${describeDuct(outduct, processes)}  cmd: ${daemon || '?'} max: ${payloadBytesMax}`
}

function describeDuct({ protocol, duct }: DuctName, { own }: Processes): string {
  return `${protocol}/${duct}\tpid: ${isSpoken(protocol) ? own : NONE}`
}

/** As bpadmin does. */
export function describePlan(
  { endpoint, rateBytesPerSec = 0 }: IonPlan,
  { own }: Processes,
): string {
  return `${formatEndpointId(endpoint)}\tpid: ${own} xmit rate: ${rateBytesPerSec}`
}

/** As ipnadmin does. */
export function describeEgress({ endpoint, via, ducts, rateBytesPerSec = 0 }: IonPlan): string {
  const node = endpoint.scheme === 'ipn' ? String(endpoint.node) : formatEndpointId(endpoint)
  const way =
    via === undefined ? `xmit ${ducts[0]?.duct ?? 'none'}` : `relay ${formatEndpointId(via)}`
  return `${node} ${way} xmit rate: ${rateBytesPerSec}`
}

export function describeExit({ first, last, gateway }: IonExit): string {
  return `From ${first} through ${last}, forward via ${formatEndpointId(gateway)}.`
}

/** As dtpcadmin does, in five lines. */
export function describeProfile(profile: DtpcProfile): string {
  const { id, retransmissionsMax, lifetimeSec, aggregationBytes, aggregationSec, qos } = profile
  const flags = (profile.reports ?? '').split(',')
  const report = (flag: string): number => Number(flags.includes(flag))
  return [
    `profileID: ${id} maxRtx: ${retransmissionsMax} lifespan: ${lifetimeSec}`,
    `aggrSizeLimit: ${aggregationBytes}, aggTimeLimit: ${aggregationSec} Priority: ${qos.priority} Custody: ${Number(qos.isCustodyWanted)}`,
    `reportToEid: ${formatEndpointId(profile.reportTo)}`,
    `Ordinal: ${qos.ordinal} Unreliable: ${Number(qos.isUnreliable)}  Critical: ${Number(qos.isCritical)}`,
    `rcvReport: ${report('rcv')} ctReport: ${report('ct')} fwdReport: ${report('fwd')} dlvReport: ${report('dlv')} delReport: ${report('del')}`,
  ].join('\n')
}

export function describeContact(contact: Contact): string {
  const { from, until, source, destination, rateBytesPerSec, confidence } = contact
  const rate = String(rateBytesPerSec).padStart(10)
  return `From ${time(from)} to ${time(until)} the xmit rate from node ${source} to node ${destination} is ${rate} bytes/sec, confidence ${confidence.toFixed(6)}.`
}

export function describeRange({ from, until, source, destination, oneWayDelayMs }: Range): string {
  const owltSec = String(oneWayDelayMs / 1000).padStart(10)
  return `From ${time(from)} to ${time(until)} the OWLT from node ${source} to node ${destination} is ${owltSec} seconds.`
}

function time(at: WallMs): string {
  return formatInstant(at).padStart(20)
}
