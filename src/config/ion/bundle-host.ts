/** What ION's files say of a node, as the options of ours. */

import type { BundleHostOptions, InductOptions, Protocol } from '../../dtn/bundle-host.ts'
import type { ServiceProfile } from '../../dtn/dtpc/service.ts'
import type { StaticPlan } from '../../dtn/static-plan.ts'
import { formatEndpointId, ipnEndpoint } from '../../proto/bpv7/endpoint-id.ts'
import { isSpoken, parseDuctAddress } from './duct.ts'
import type { DuctName, IonExit, IonNode, IonPlan } from './ion-node.ts'
import type { DtpcProfile } from './programs/dtpcadmin.ts'

export interface IonHost {
  readonly options: Omit<BundleHostOptions, 'control' | 'limits'>
  /** What is said in the files and not done, a sentence each. */
  readonly notices: readonly string[]
}

/** ION's tools speak the first and accept both. */
const TCPCL_VERSIONS = [3, 4] as const

/** The names of hosts in ducts that are no addresses, for `bundleHostOf`; `@` is this machine's own. */
export function hostNamesIn({ inducts, outducts }: IonNode): readonly string[] {
  const hosts = [...inducts, ...outducts].flatMap(
    ({ protocol, duct }) => parseDuctAddress(protocol, duct)?.host ?? [],
  )
  return [...new Set(hosts)].filter((host) => !isAddress(host))
}

/** `addresses` are those of `hostNamesIn` that have one. */
export function bundleHostOf(ion: IonNode, addresses: ReadonlyMap<string, string>): IonHost {
  const notices: string[] = []
  const exitNotices: string[] = []
  const exits = ion.exits.flatMap((exit) =>
    exitPlansOf(exit, ion, { addresses, notices: exitNotices }),
  )
  const options = {
    node: ion.node,
    endpoints: ion.endpoints.flatMap(({ endpoint, rule, script }) => {
      const name = formatEndpointId(endpoint)
      if (script !== undefined) notices.push(`endpoint ${name}: its script is not run`)
      if (endpoint.scheme !== 'ipn' || endpoint.node !== ion.node) {
        notices.push(`endpoint ${name} is not of node ${ion.node}; it is left out`)
        return []
      }
      // The administrative endpoint is the node's own.
      if (endpoint.service === 0n) return []
      const whenInactive = rule === 'q' ? ('defer' as const) : ('abandon' as const)
      return [{ service: endpoint.service, whenInactive }]
    }),
    inducts: ion.inducts.flatMap((induct): readonly InductOptions[] => {
      const at = addressOf(induct, addresses)
      if (at === undefined) notices.push(`induct ${nameOf(induct)} is not listened on`)
      if (at === undefined) return []
      const { protocol, ...listen } = at
      return [{ protocol, listen }]
    }),
    plans: [
      ...ion.plans.flatMap((plan) => plansOf(plan, ion, { addresses, notices, exits })),
      ...exits,
    ],
    contactPlan: ion.contactPlan,
    ...(ion.profiles.length > 0 && {
      dtpc: ion.profiles.map((profile) => serviceProfileOf(profile, notices)),
    }),
    tcpclVersions: TCPCL_VERSIONS,
    // ION sends those that a bundle asks for.
    statusReports: {},
  }
  return { options, notices: [...notices, ...exitNotices] }
}

function serviceProfileOf(profile: DtpcProfile, notices: string[]): ServiceProfile {
  const { id, reports = '', reportTo, qos } = profile
  const flags = reports.split(',')
  const kinds = REPORT_KINDS.flatMap(([flag, kind]) => (flags.includes(flag) ? [kind] : []))
  if (qos.isCustodyWanted || flags.includes('ct')) {
    notices.push(`profile ${id}: there is no custody in version 7 of the protocol`)
  }
  if (qos.priority !== STANDARD_PRIORITY || qos.ordinal > 0 || qos.isUnreliable || qos.isCritical) {
    notices.push(
      `profile ${id}: its bundles go as all others do, whatever their quality of service`,
    )
  }
  return {
    id,
    retransmissionsMax: profile.retransmissionsMax,
    aggregationBytes: profile.aggregationBytes,
    // ION completes an ADU at once where either limit is 0.
    aggregationMs: profile.aggregationBytes === 0 ? 0 : profile.aggregationSec * 1000,
    lifetimeMs: profile.lifetimeSec * 1000,
    ...(kinds.length > 0 && { reports: { kinds, to: reportTo, times: true } }),
  }
}

const STANDARD_PRIORITY = 1

const REPORT_KINDS = [
  ['rcv', 'received'],
  ['fwd', 'forwarded'],
  ['dlv', 'delivered'],
  ['del', 'deleted'],
] as const

interface Context {
  readonly addresses: ReadonlyMap<string, string>
  readonly notices: string[]
}

function plansOf(
  plan: IonPlan,
  ion: IonNode,
  { addresses, notices, exits }: Context & { readonly exits: readonly StaticPlan[] },
): StaticPlan[] {
  const { endpoint, via, isBlocked } = plan
  const name = formatEndpointId(endpoint)
  if (endpoint.scheme !== 'ipn') {
    notices.push(`plan ${name} is left out: only neighbours of the ipn scheme are reached`)
    return []
  }
  if (isBlocked) {
    notices.push(`plan ${name} is blocked: its bundles ${withoutPlan(endpoint.node, exits)}`)
    return []
  }
  const neighbour = via?.scheme === 'ipn' ? via.node : endpoint.node
  const way = wayTo(neighbour, ion, addresses)
  if (way === undefined) {
    const what = `plan ${name} has no duct that can be used here`
    notices.push(`${what}: its bundles ${withoutPlan(endpoint.node, exits)}`)
    return []
  }
  return [{ node: endpoint.node, ...way, ...(neighbour !== endpoint.node && { via: neighbour }) }]
}

/** What bundles do whose own plan is left out: the narrowest exit that has their node takes them. */
function withoutPlan(node: bigint, exits: readonly StaticPlan[]): string {
  let narrowest: { readonly first: bigint; readonly last: bigint } | undefined
  for (const { node: first, until: last = first } of exits) {
    if (node < first || node > last) continue
    if (narrowest !== undefined && narrowest.last - narrowest.first <= last - first) continue
    narrowest = { first, last }
  }
  return narrowest === undefined ? 'wait' : `take exit ${narrowest.first} to ${narrowest.last}`
}

function exitPlansOf(
  { first, last, gateway }: IonExit,
  ion: IonNode,
  { addresses, notices }: Context,
): StaticPlan[] {
  const name = `exit ${first} to ${last}`
  const way = gateway.scheme === 'ipn' ? wayTo(gateway.node, ion, addresses) : undefined
  if (gateway.scheme !== 'ipn' || way === undefined) {
    const by = formatEndpointId(gateway)
    notices.push(`${name}: no plan for ${by} has a duct that can be used here: its bundles wait`)
    return []
  }
  return [{ node: first, until: last, ...way, via: gateway.node }]
}

/** By the plan for a neighbour, which a plan or an exit by way of it takes; undefined where none can be used. */
function wayTo(
  neighbour: bigint,
  ion: IonNode,
  addresses: Context['addresses'],
): Omit<StaticPlan, 'node'> | undefined {
  const next = formatEndpointId(ipnEndpoint(neighbour, 0n))
  const direct = ion.plans.find((other) => formatEndpointId(other.endpoint) === next)
  const [duct] = (direct?.ducts ?? []).flatMap((one) => addressOf(one, addresses) ?? [])
  if (duct === undefined || direct?.isBlocked) return undefined
  const { protocol, host, port } = duct
  // A node that has no such scheme may end at a name of it, so only who has it gets one.
  const ipnOnly = !ion.schemes.some((scheme) => scheme.name === 'dtn')
  return {
    protocol,
    duct: `${host}:${port}`,
    ipnOnly,
    // Of a gateway's plan it is the gateway's, whoever the bundles are for.
    ...(direct?.rateBytesPerSec && { rateBytesPerSec: direct.rateBytesPerSec }),
  }
}

interface DuctTarget {
  readonly protocol: Protocol
  readonly host: string
  readonly port: number
}

/** Undefined where the protocol is not spoken or the name has no address. */
function addressOf(
  { protocol, duct }: DuctName,
  addresses: ReadonlyMap<string, string>,
): DuctTarget | undefined {
  const parsed = parseDuctAddress(protocol, duct)
  if (parsed === undefined || !isSpoken(protocol)) return undefined
  const host = isAddress(parsed.host) ? parsed.host : addresses.get(parsed.host)
  return host === undefined ? undefined : { protocol, host, port: parsed.port }
}

function isAddress(host: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+$/.test(host)
}

function nameOf({ protocol, duct }: DuctName): string {
  return `${protocol}/${duct}`
}
