import type { Interval } from '../base/interval.ts'
import { addMs, type WallMs } from '../base/time.ts'
import type { ContactPlan } from '../dtn/contact-plan.ts'
import type { ConvergenceLayer } from '../dtn/convergence-layer.ts'
import { BundleNode } from '../dtn/node.ts'
import { stcpConvergenceLayer } from '../dtn/stcp.ts'
import { tcpclConvergenceLayer } from '../dtn/tcpcl.ts'
import { udpConvergenceLayer } from '../dtn/udp.ts'
import { formatEndpointId, ipnEndpoint } from '../proto/bpv7/endpoint-id.ts'
import type { HostBounds } from './host-bounds.ts'
import { LIFETIME_MAX_MS } from './limits.ts'
import type { ContactPlanOptions, MailHostOptions } from './mail-host-options.ts'
import type { MailHostPorts } from './mail-host-ports.ts'

/** The bundle node of a mail host. Throws a Fault where a plan leads nowhere. */
export function mailNode(
  options: MailHostOptions,
  { bundlesBytesMax, objectBytesMax }: HostBounds,
  ports: MailHostPorts,
): BundleNode {
  const { node, dtnName, plans, contactPlan, statusReports, payloadCrc } = options
  return new BundleNode(
    {
      node,
      ...(dtnName !== undefined && { dtnName }),
      plans,
      ...(contactPlan && { contactPlan: datedPlan(contactPlan, ports.clock.wall()) }),
      ...(statusReports !== undefined && { statusReports }),
      ...(payloadCrc !== undefined && { payloadCrc }),
      limits: {
        storeBytesMax: bundlesBytesMax,
        lifetimeMsMax: LIFETIME_MAX_MS,
        aduBytesMax: objectBytesMax,
      },
    },
    { ...ports, layers: layersOf(options, ports) },
  )
}

function layersOf(
  { node, udp, tcp, stcp, mtcp }: MailHostOptions,
  ports: MailHostPorts,
): readonly ConvergenceLayer[] {
  const nodeId = formatEndpointId(ipnEndpoint(node, 0n))
  const { identity, trust } = ports.tls
  const tls = tcp?.tls && { ...tcp.tls, identity, trust }
  return [
    ...(udp ? [udpConvergenceLayer(udp, ports.network, ports.clock)] : []),
    ...(tcp ? [tcpclConvergenceLayer({ nodeId, ...tcp, tls }, ports)] : []),
    ...(stcp ? [stcpConvergenceLayer({ framing: 'stcp', ...stcp }, ports)] : []),
    ...(mtcp ? [stcpConvergenceLayer({ framing: 'mtcp', ...mtcp }, ports)] : []),
  ]
}

function datedPlan(plan: ContactPlanOptions, startedAt: WallMs): ContactPlan {
  const { contacts, ranges, isFromStart } = plan
  if (!isFromStart) return { contacts, ranges }
  const dated = <Item extends Interval<WallMs>>(item: Item): Item => ({
    ...item,
    from: addMs(startedAt, item.from),
    until: addMs(startedAt, item.until),
  })
  return { contacts: contacts.map(dated), ranges: ranges.map(dated) }
}
