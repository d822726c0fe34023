/** What a file says of a host's bundle node: its convergence layers and the ways to its neighbours. */

import type { z } from 'zod'
import { parseIpAddress, parseSocketAddress } from '../base/ip-address.ts'
import type { MailHostOptions } from '../bridge/mail-host-options.ts'
import { parseEndpointId } from '../proto/bpv7/endpoint-id.ts'
import { type Contradiction, nameOf, repeated } from './problems.ts'
import {
  duration,
  ipnNode,
  listOf,
  mapping,
  oneOf,
  orOff,
  patience,
  rate,
  type Shape,
  socketAddress,
  word,
  yesOrNo,
} from './schema.ts'
import {
  completeTcpclTls,
  type TcpclTlsText,
  tcpclTlsContradictions,
  tcpclTlsShape,
} from './tls.ts'
import type { Path } from './yaml.ts'

export interface BundleText<Plan> {
  readonly dtnName?: string
  readonly udp?: { readonly listen: SocketAddress; readonly rate?: number }
  readonly tcp?: TcpText
  readonly stcp?: StreamText
  readonly mtcp?: StreamText
  readonly plans: readonly Plan[]
  readonly groups: readonly GroupText[]
  readonly statusReports?: { readonly rate?: number }
  readonly payloadCrc?: PayloadCrc
  readonly echo: boolean
}

/** What every plan says, in whichever file. */
export interface PlanText {
  readonly to: bigint
  readonly protocol: Protocol
  readonly duct: string
  readonly rate?: number
  readonly dtnNames?: readonly string[]
  readonly ipnOnly: boolean
}

/** Nodes that are reached by way of a neighbour. */
export interface GroupText {
  readonly nodes: NodeRange
  readonly via: bigint
  readonly oneWayDelay?: number
}

export interface NodeRange {
  readonly first: bigint
  readonly last: bigint
}

interface StreamText {
  readonly listen?: SocketAddress
}

interface TcpText extends StreamText, TcpclTlsText {
  readonly versions?: readonly TcpclVersion[]
  readonly keepalive?: number
  readonly idle?: number
}

type Host = Required<MailHostOptions>
type SocketAddress = Host['smtp']['listen']
type Protocol = Host['plans'][number]['protocol']
type PayloadCrc = Host['payloadCrc']
type TcpclVersion = Required<Host['tcp']>['versions'][number]

const PROTOCOLS = ['udp', 'tcp', 'stcp', 'mtcp'] as const satisfies readonly Protocol[]

/** That of `ipn:2.7`. */
const ECHO_SERVICE = 7n

/** Seconds in 16 bits. RFC 9174 §4.6. */
const KEEPALIVE_SEC_MAX = 65_535

const dtnName = word('a name such as mail-1, for dtn://mail-1/', (text) =>
  /^[^/]+$/.test(text) && parseEndpointId(`dtn://${text}/`) ? text : undefined,
)

export const planShape: Shape<PlanText> = {
  to: ipnNode,
  protocol: oneOf(PROTOCOLS),
  duct: word('an IP address and a port such as 172.22.0.3:3113', (text) =>
    parseSocketAddress(text)?.port ? text : undefined,
  ),
  rate: orOff(rate),
  dtnNames: listOf(dtnName, 'a list of names such as [mail-2]').optional(),
  ipnOnly: yesOrNo.default(false),
}

const nodeRange = word('a node such as ipn:4, or several such as ipn:100-199', (text) => {
  const [, first = '', last = first] = /^ipn:(\d{1,10})(?:-(\d{1,10}))?$/.exec(text) ?? []
  const range = [first, last].map((digits) => ipnNode.safeParse(`ipn:${digits}`).data)
  const [from, until] = range
  return from === undefined || until === undefined || until < from
    ? undefined
    : { first: from, last: until }
})

const group = mapping<GroupText>({
  nodes: nodeRange,
  via: ipnNode,
  oneWayDelay: duration.optional(),
})

const stream = mapping<StreamText>({ listen: orOff(socketAddress) })

export function bundleShape<Plan>(plan: z.ZodType<Plan, unknown>): Shape<BundleText<Plan>> {
  return {
    dtnName: dtnName.optional(),
    udp: orOff(
      mapping<Required<BundleText<Plan>>['udp']>({ listen: socketAddress, rate: orOff(rate) }),
    ),
    tcp: orOff(
      mapping<TcpText>({
        listen: orOff(socketAddress),
        versions: listOf(
          word('4 or 3', (text) => (text === '4' ? 4 : text === '3' ? 3 : undefined)),
          'a list of versions such as [4, 3]',
        ).optional(),
        keepalive: word('whole seconds such as 30s, up to 65535s, or off', (text) => {
          const seconds = text === 'off' ? 0 : Number(/^(\d{1,5}) ?s$/.exec(text)?.[1])
          return seconds <= KEEPALIVE_SEC_MAX ? seconds : undefined
        }).optional(),
        idle: orOff(patience),
        ...tcpclTlsShape,
      }),
    ),
    stcp: orOff(stream),
    mtcp: orOff(stream),
    plans: listOf(plan, 'a list of plans').default([]),
    groups: listOf(group, 'a list of groups').default([]),
    statusReports: orOff(
      mapping<Required<BundleText<Plan>>['statusReports']>({
        rate: word('reports a second such as 10/s', (text) =>
          /^[1-9]\d{0,5}\/s$/.test(text) ? Number.parseInt(text, 10) : undefined,
        ).optional(),
      }),
    ),
    payloadCrc: oneOf(['crc-32c', 'none'] as const satisfies readonly PayloadCrc[]).optional(),
    echo: oneOf(['on', 'off'])
      .transform((text) => text === 'on')
      .default(true),
  }
}

/** Fills in what was left out. */
export function completeBundles<Plan extends PlanText>(
  text: BundleText<Plan>,
  delayOf: (plan: Plan) => number,
): Pick<
  MailHostOptions,
  'dtnName' | 'udp' | 'tcp' | 'stcp' | 'mtcp' | 'plans' | 'statusReports' | 'payloadCrc' | 'echo'
> {
  const { udp, tcp, stcp, mtcp, statusReports } = text
  return {
    ...(text.dtnName !== undefined && { dtnName: text.dtnName }),
    ...(udp && {
      udp: {
        listen: udp.listen,
        ...(udp.rate !== undefined && { rateBytesPerSec: udp.rate }),
      },
    }),
    ...(tcp && { tcp: tcpOptions(tcp) }),
    ...(stcp && { stcp }),
    ...(mtcp && { mtcp }),
    plans: [
      ...text.plans.map((plan) => ({ ...planOptions(plan), oneWayDelayMs: delayOf(plan) })),
      ...text.groups.flatMap((group) => {
        const direct = text.plans.find(({ to }) => to === group.via)
        return direct === undefined ? [] : [groupOptions(group, direct, delayOf(direct))]
      }),
    ],
    ...(statusReports && {
      statusReports: statusReports.rate === undefined ? {} : { ratePerSec: statusReports.rate },
    }),
    ...(text.payloadCrc !== undefined && { payloadCrc: text.payloadCrc }),
    echo: text.echo,
  }
}

function planOptions(plan: PlanText): Omit<Host['plans'][number], 'oneWayDelayMs'> {
  return {
    node: plan.to,
    protocol: plan.protocol,
    duct: plan.duct,
    ...(plan.rate !== undefined && { rateBytesPerSec: plan.rate }),
    ...(plan.dtnNames && { dtnNames: plan.dtnNames }),
    ...(plan.ipnOnly && { ipnOnly: true }),
  }
}

/** The plan of a neighbour, for the nodes behind it. */
function groupOptions(
  { nodes, via, oneWayDelay }: GroupText,
  direct: PlanText,
  directDelay: number,
): Host['plans'][number] {
  const { dtnNames: _, ...plan } = planOptions(direct)
  return {
    ...plan,
    node: nodes.first,
    until: nodes.last,
    via,
    oneWayDelayMs: oneWayDelay ?? directDelay,
  }
}

function tcpOptions(text: TcpText): Host['tcp'] {
  const { listen, versions, keepalive, idle } = text
  const [first, ...others] = versions ?? []
  const tls = completeTcpclTls(text)
  return {
    ...(listen && { listen }),
    ...(first !== undefined && { versions: [first, ...others] }),
    ...(keepalive !== undefined && { keepaliveSec: keepalive }),
    ...(idle !== undefined && { idleMs: idle }),
    ...(tls && { tls }),
  }
}

type NodeText = BundleText<PlanText> & { readonly node: bigint; readonly mailService: bigint }

/** `at` is where the host stands in its file. */
export function bundleContradictions(host: NodeText, at: Path): readonly Contradiction[] {
  const { plans, tcp, echo, mailService } = host
  const nodes = plans.map(({ to }) => `ipn:${to}`)
  return [
    ...repeated(nodes, [...at, 'plans'], 'plan to'),
    ...groupContradictions(host, [...at, 'groups']),
    ...plans.flatMap((plan, index) => planContradictions(host, plan, at, [...at, 'plans', index])),
    ...nameContradictions(host, at),
    ...versionContradictions(tcp?.versions, [...at, 'tcp', 'versions']),
    ...(tcp ? tcpclTlsContradictions(tcp, [...at, 'tcp']) : []),
    ...(echo && mailService === ECHO_SERVICE
      ? [
          {
            path: [...at, 'mailService'],
            message: `mailService is ${ECHO_SERVICE}, where the echo service is: another one, or echo: off, would be right`,
          },
        ]
      : []),
  ]
}

function planContradictions(
  host: NodeText,
  plan: PlanText,
  at: Path,
  path: Path,
): readonly Contradiction[] {
  const { to, protocol, duct } = plan
  const wrong: Contradiction[] = []
  if (to === host.node) {
    const message = `plan to ipn:${to}, which is this node: another node would be right`
    wrong.push({ path: [...path, 'to'], message })
  }
  if (host[protocol] === undefined) {
    const message = `plan over ${protocol}, while ${nameOf([...at, protocol])} is off: ${protocol} with listen would be right`
    wrong.push({ path: [...path, 'protocol'], message })
  }
  const listen = protocol === 'udp' ? host.udp?.listen.host : undefined
  const family = familyOf(listen)
  if (family !== undefined && family !== familyOf(parseSocketAddress(duct)?.host)) {
    const message = `duct ${duct}, while udp listens at ${listen}: an ${family} address would be right`
    wrong.push({ path: [...path, 'duct'], message })
  }
  if (plan.ipnOnly && plan.dtnNames !== undefined) {
    const message = `dtnNames of a plan that is ipnOnly: one of the two would be right`
    wrong.push({ path: [...path, 'dtnNames'], message })
  }
  return wrong
}

function groupContradictions({ plans, groups }: NodeText, at: Path): readonly Contradiction[] {
  const ranges = groups.map(({ nodes }) => formatNodes(nodes))
  return [
    ...repeated(ranges, at, 'group of'),
    ...groups.flatMap(({ nodes, via }, index): readonly Contradiction[] => {
      const wrong: Contradiction[] = []
      if (!plans.some(({ to }) => to === via)) {
        const message = `group by way of ipn:${via}, but there is no plan to it: a plan to it would be right`
        wrong.push({ path: [...at, index, 'via'], message })
      }
      if (nodes.first === nodes.last && plans.some(({ to }) => to === nodes.first)) {
        const message = `group of ${formatNodes(nodes)}, to which there is a plan: one of the two would be right`
        wrong.push({ path: [...at, index, 'nodes'], message })
      }
      return wrong
    }),
  ]
}

function formatNodes({ first, last }: NodeRange): string {
  return first === last ? `ipn:${first}` : `ipn:${first}-${last}`
}

/** Whether bundles for a node have a way: a plan or a group. */
export function reachesNode(
  { plans, groups }: Pick<BundleText<{ readonly to: bigint }>, 'plans' | 'groups'>,
  node: bigint,
): boolean {
  return (
    plans.some(({ to }) => to === node) ||
    groups.some(({ nodes }) => nodes.first <= node && node <= nodes.last)
  )
}

/** A socket of one family reaches no address of the other. */
function familyOf(address: string | undefined): 'IPv4' | 'IPv6' | undefined {
  const bits = address === undefined ? undefined : parseIpAddress(address)?.bits
  return bits === undefined ? undefined : bits === 32 ? 'IPv4' : 'IPv6'
}

/** Each name of the dtn scheme leads one way only. */
function nameContradictions(host: NodeText, at: Path): readonly Contradiction[] {
  const known = new Set([host.dtnName])
  const wrong: Contradiction[] = []
  for (const [index, { dtnNames = [] }] of host.plans.entries()) {
    for (const [place, name] of dtnNames.entries()) {
      const path = [...at, 'plans', index, 'dtnNames', place]
      const isOwn = name === host.dtnName
      const message = isOwn
        ? `dtn://${name}/ is this node: another node's name would be right`
        : `dtn://${name}/ appears again: once would be right`
      if (known.has(name)) wrong.push({ path, message })
      known.add(name)
    }
  }
  return wrong
}

function versionContradictions(
  versions: readonly TcpclVersion[] | undefined,
  path: Path,
): readonly Contradiction[] {
  if (versions?.length !== 0) return repeated((versions ?? []).map(String), path, 'version')
  return [{ path, message: 'no version of TCPCL: [4, 3], or one of the two, would be right' }]
}
