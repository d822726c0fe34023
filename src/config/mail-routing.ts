/** Where mail goes and how long it is tried, as a host's file says it. */

import type { z } from 'zod'
import { type IpPrefix, parseIpPrefix } from '../base/ip-address.ts'
import type { MailHostOptions } from '../bridge/mail-host-options.ts'
import type { BatchOptions } from '../bridge/object-transport.ts'
import type { Alias } from '../mail/aliases.ts'
import type { RelayRules } from '../mail/route.ts'
import { parseEndpointId } from '../proto/bpv7/endpoint-id.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import { parseNextHop } from '../proto/smtp/next-hop.ts'
import { parseMailbox } from '../proto/smtp/path.ts'
import { type BundleText, reachesNode } from './bundles.ts'
import type { Contradiction } from './problems.ts'
import {
  countFromOne,
  domain,
  duration,
  listOf,
  mapping,
  oneOf,
  orFile,
  pairsOf,
  patience,
  type Shape,
  size,
  word,
} from './schema.ts'
import type { Path } from './yaml.ts'

type RetryText = MailHostOptions['retry']

type TransportText = readonly (readonly [pattern: string, route: string])[]
type AliasesText = readonly (readonly [address: string, members: readonly Mailbox[]])[]

/** Mails in one bundle: what acknowledges them still fits into one. */
const MAILS_MAX = 1000

interface BatchText {
  readonly wait?: number
  readonly mails?: number
  readonly size?: number
}

export interface RelayText extends Omit<RelayRules, 'recipients'> {
  /** Or the file that has them; from the folder of the file that names it. */
  readonly recipients?: readonly string[] | string
}

export interface RoutingText {
  /** Or the file that has it, in the notation of Postfix; from the folder of the file that names it. */
  readonly transport: TransportText | string
  readonly aliases: AliasesText | string
  readonly relay?: RelayText
  readonly subaddress: MailHostOptions['subaddress']
  readonly batch?: BatchText
  readonly retry: {
    readonly giveUpAfter: number
    readonly warnAfter?: number
    readonly routes: readonly (readonly [route: string, times: { readonly giveUpAfter: number }])[]
  }
}

/** RFC 5321 §4.5.4.1: at least 4 to 5 days. */
const GIVE_UP_DEFAULT_MS = 5 * 86_400_000

const ROUTES =
  'local, discard, or a route such as bp:ipn:3.2525, carry:mail-2.a.com, https:mail-2.a.com, smtp:[host]:port, lmtp:host:port'

/** As the operator wrote it, once it is understood. */
export const route: z.ZodType<string, unknown> = word(ROUTES, (text) => {
  const hop = parseNextHop(text)
  if (hop === undefined) return undefined
  return hop.transport === 'bp' && parseBpRoute(text) === undefined ? undefined : text
})

export const pattern: z.ZodType<string, string> = word(
  'a domain such as mail-2.a.com, .a.com, user@a.com or *',
  (text) => {
    const lower = text.toLowerCase()
    if (lower === '*' || parseMailbox(lower) !== undefined) return lower
    return domain.safeParse(lower.replace(/^\./, '')).success ? lower : undefined
  },
) as z.ZodType<string, string>

export const aliasAddress: z.ZodType<string, string> = word(
  'an address such as info@a.com, or @a.com for all others',
  (text) => parseMailbox(text.startsWith('@') ? `all${text}` : text) && text.toLowerCase(),
) as z.ZodType<string, string>

export const member: z.ZodType<Mailbox, unknown> = word(
  'an address such as user@a.com',
  parseMailbox,
)

export const transportText: z.ZodType<TransportText, unknown> = pairsOf(
  pattern,
  route,
  'a mapping such as mail-2.a.com: bp:ipn:3.2525',
)

export const aliasesText: z.ZodType<AliasesText, unknown> = pairsOf(
  aliasAddress,
  listOf(member, 'a list of addresses such as [user@a.com]'),
  'a mapping such as info@a.com: [user@a.com]',
)

const relayDomain: z.ZodType<string, unknown> = word(
  'a domain such as b.com, or .b.com for the names below it',
  (text) => {
    const lower = text.toLowerCase()
    return domain.safeParse(lower.replace(/^\./, '')).success ? lower : undefined
  },
)

export const network: z.ZodType<IpPrefix, unknown> = word(
  'a network such as 192.0.2.0/24 or ::1/128',
  parseIpPrefix,
)

export const relayRecipient: z.ZodType<string, unknown> = word(
  'an address such as ann@b.com, or @b.com for all there may be',
  (text) =>
    parseMailbox(text.startsWith('@') ? `all${text}` : text) === undefined
      ? undefined
      : text.toLowerCase(),
)

const relay = mapping<RelayText>({
  domains: listOf(relayDomain, 'a list of domains such as [b.com]').default([]),
  networks: listOf(network, 'a list of networks such as [192.0.2.0/24]').default([]),
  recipients: orFile(
    listOf(relayRecipient, 'a list of addresses such as [ann@b.com]'),
    'a list of addresses, or a file such as recipients',
  ).optional(),
})

export const routingShape: Shape<RoutingText> = {
  transport: orFile(transportText, 'a mapping, or a file such as transport').default([]),
  aliases: orFile(aliasesText, 'a mapping, or a file such as aliases').default([]),
  relay: relay.optional(),
  subaddress: oneOf(['inbox', 'folder']).default('inbox'),
  batch: mapping<BatchText>({
    wait: patience.optional(),
    mails: countFromOne(MAILS_MAX).optional(),
    size: size.optional(),
  }).optional(),
  retry: mapping<RoutingText['retry']>({
    giveUpAfter: duration.default(GIVE_UP_DEFAULT_MS),
    warnAfter: patience.optional(),
    routes: pairsOf(
      route as z.ZodType<string, string>,
      mapping<{ readonly giveUpAfter: number }>({ giveUpAfter: duration }),
      'a mapping such as bp:ipn:3.2525: { giveUpAfter: 30d }',
    ).default([]),
  }).prefault({}),
}

export function completeRouting(text: RoutingText): {
  readonly transport: MailHostOptions['transport']
  readonly aliases: readonly Alias[]
  readonly relay?: RelayRules
  readonly subaddress: MailHostOptions['subaddress']
  readonly retry: RetryText
  readonly batch?: BatchOptions
} {
  const { batch } = text
  const { giveUpAfter, warnAfter, routes } = text.retry
  return {
    transport: writtenOut(text.transport).map(([domain, route]) => ({ domain, route })),
    aliases: writtenOut(text.aliases).map(([address, members]) => ({ address, members })),
    ...(text.relay && { relay: completeRelay(text.relay) }),
    subaddress: text.subaddress,
    ...(batch && {
      batch: {
        ...(batch.wait !== undefined && { waitMs: batch.wait }),
        ...(batch.mails !== undefined && { mailsMax: batch.mails }),
        ...(batch.size !== undefined && { bytesMax: batch.size }),
      },
    }),
    retry: {
      giveUpAfterMs: giveUpAfter,
      ...(warnAfter !== undefined && { warnAfterMs: warnAfter }),
      routes: routes.map(([route, times]) => ({ route, giveUpAfterMs: times.giveUpAfter })),
    },
  }
}

/** Until their file is read, there are none. */
function completeRelay({ domains, networks, recipients }: RelayText): RelayRules {
  if (recipients === undefined) return { domains, networks }
  return { domains, networks, recipients: writtenOut(recipients) }
}

/** How long a mail for a node is tried. */
export function patienceFor({ retry }: RoutingText, node: bigint): number {
  const own = retry.routes.filter(([route]) => parseBpRoute(route) === node)
  return Math.min(...(own.length === 0 ? [retry.giveUpAfter] : own.map(([, t]) => t.giveUpAfter)))
}

interface Host extends RoutingText {
  readonly peers?: readonly RoutingPeer[]
  readonly host: string
  readonly node: bigint
  readonly domains?: readonly string[]
  readonly plans: readonly { readonly to: bigint }[]
  readonly groups: BundleText<unknown>['groups']
}

export function routingContradictions(host: Host, at: Path): readonly Contradiction[] {
  const domains = host.domains ?? [host.host]
  const reaches = (node: bigint): boolean => reachesNode(host, node)
  const { peers = [] } = host
  const rules = writtenOut(host.transport).flatMap(([name, route]) => {
    const message = ruleProblem(name, route, { node: host.node, domains, reaches, peers })
    return message === undefined ? [] : [{ path: [...at, 'transport', name], message }]
  })
  const { relay } = host
  if (relay === undefined) return rules
  const strangers = writtenOut(relay.recipients ?? []).flatMap((address, index) => {
    const message = strangerProblem(address, relay.domains)
    if (message === undefined) return []
    return [{ path: [...at, 'relay', 'recipients', index], message }]
  })
  return [...rules, ...strangers]
}

/** Why an address is none of the domains that mail is relayed to, which nothing would come of. */
export function strangerProblem(address: string, domains: readonly string[]): string | undefined {
  const domain = address.slice(address.lastIndexOf('@') + 1)
  const isWithin = domains.some(
    (one) => domain === one || (one.startsWith('.') && domain.endsWith(one)),
  )
  if (isWithin) return undefined
  const among = domains.length === 0 ? 'its domain among them' : `one of ${domains.join(', ')}`
  return `${address} is in none of relay.domains: ${among} would be right`
}

export interface RoutingHost {
  readonly node: bigint
  readonly domains: readonly string[]
  /** Whether a plan leads to it. */
  readonly reaches: (node: bigint) => boolean
  /** Those that are reached without bundles. */
  readonly peers: readonly RoutingPeer[]
}

interface RoutingPeer {
  readonly name: string
  readonly url?: unknown
}

/** Why a host cannot have this rule of a transport map, and what would be right. */
export function ruleProblem(
  name: string,
  route: string,
  { node, domains, reaches, peers }: RoutingHost,
): string | undefined {
  if (/^local:?$/.test(route)) {
    if (domains.includes(name) || name.includes('@')) return undefined
    return `${name} is local, but not among the domains: ${domains.join(', ')} would be right`
  }
  if (domains.includes(name)) {
    return `${name} goes to ${route}, but is among this host's own domains: local would be right`
  }
  const hop = parseNextHop(route)
  if (hop?.transport === 'carry' || hop?.transport === 'https') {
    const peer = peers.find((one) => one.name === hop.peer)
    if (peer === undefined) {
      const known = peers.map((one) => one.name).join(' or ') || 'one under peers'
      return `${name} goes to ${route}, but there is no peer ${hop.peer}: ${known} would be right`
    }
    if (hop.transport === 'carry' || peer.url !== undefined) return undefined
    return `${name} goes to ${route}, but peer ${hop.peer} has no url: one such as https://${hop.peer}/mail would be right`
  }
  const next = parseBpRoute(route)
  if (next === undefined || (next !== node && reaches(next))) return undefined
  return `${name} goes to ${route}, but there is no plan to ipn:${next}: a plan to it would be right`
}

/** None where they are in a file of their own. */
function writtenOut<Pair>(pairs: readonly Pair[] | string): readonly Pair[] {
  return typeof pairs === 'string' ? [] : pairs
}

/** The node in `bp:ipn:3.2525`. */
function parseBpRoute(text: string): bigint | undefined {
  const endpoint = text.startsWith('bp:') ? parseEndpointId(text.slice(3)) : undefined
  return endpoint?.scheme === 'ipn' && endpoint.node > 0n && endpoint.service > 0n
    ? endpoint.node
    : undefined
}
