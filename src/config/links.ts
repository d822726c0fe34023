/** What a host's file says of expensive links: bounds, budgets, prices, and what is held back. */

import type { z } from 'zod'
import { formatDuration, parseDuration, parseSize } from '../base/quantity.ts'
import type { MailHostOptions } from '../bridge/mail-host-options.ts'
import { type EndpointId, formatEndpointId, parseEndpointId } from '../proto/bpv7/endpoint-id.ts'
import { formatNextHop, type NextHop, parseNextHop } from '../proto/smtp/next-hop.ts'
import { type BundleText, reachesNode } from './bundles.ts'
import type { RoutingText } from './mail-routing.ts'
import type { Contradiction } from './problems.ts'
import { duration, mapping, pairsOf, type Shape, size, word } from './schema.ts'
import type { Path } from './yaml.ts'

type Link = Required<MailHostOptions>['links'][number]
type Budget = Required<Link>['budget']

interface Amount {
  readonly amount: number
  readonly currency: string
}

interface LinkText {
  readonly messageSizeMax?: number
  readonly holdBackAbove?: number
  readonly budget?: Budget
  readonly userBudget?: Budget
  readonly pricePerMB?: Amount
  readonly pricePerSecond?: Amount
}

export interface LinksText {
  readonly links: readonly (readonly [to: string, link: LinkText])[]
  readonly heldBack?: { readonly keepFor?: number; readonly sizeMax?: number }
}

/** What the bridge does where nothing is said: HELD_KEPT_MS. */
const KEPT_DEFAULT_MS = 30 * 86_400_000

/** A notice is about as large: to hold back less would cost more than it saves. */
const HOLD_BACK_BYTES_MIN = 1024

const farRoute = word(
  'a route such as bp:ipn:3.2525, carry:mail-2.a.com or https:mail-2.a.com',
  (text) => (nameOf(text) === undefined ? undefined : text),
) as z.ZodType<string, string>

/** A route has one name; undefined where it leads to no far gateway. */
function nameOf(route: string): string | undefined {
  const hop = parseNextHop(route)
  if (hop?.transport === 'carry' || hop?.transport === 'https') return formatNextHop(hop)
  const endpoint = endpointOf(hop)
  return endpoint && `bp:${formatEndpointId(endpoint)}`
}

function endpointOf(hop: NextHop | undefined): EndpointId | undefined {
  return hop?.transport === 'bp' ? parseEndpointId(hop.nextHop) : undefined
}

const PERIODS: Readonly<Record<string, string>> = { h: '1h', d: '1d', w: '7d' }

const budget = word('a size in a period such as 10MiB/d, 1GiB/30d or 100kB/h', (text) => {
  const slash = text.indexOf('/')
  const bytes = parseSize(text.slice(0, Math.max(0, slash)))
  const period = text.slice(slash + 1)
  const periodMs = parseDuration(PERIODS[period] ?? period)
  return bytes && periodMs ? { bytes, periodMs } : undefined
})

const price = word('an amount and its currency such as 4.20 EUR', (text): Amount | undefined => {
  const [, digits = '', currency = ''] = /^(\d{1,9}(?:\.\d{1,9})?) ([A-Z]{3})$/.exec(text) ?? []
  return currency === '' ? undefined : { amount: Number(digits), currency }
})

const linkShape: Shape<LinkText> = {
  messageSizeMax: size.optional(),
  holdBackAbove: word('a size from 1KiB on such as 100KiB', (text) => {
    const bytes = parseSize(text)
    return bytes !== undefined && bytes >= HOLD_BACK_BYTES_MIN ? bytes : undefined
  }).optional(),
  budget: budget.optional(),
  userBudget: budget.optional(),
  pricePerMB: price.optional(),
  pricePerSecond: price.optional(),
}

export const linksShape: Shape<LinksText> = {
  links: pairsOf(
    farRoute,
    mapping<LinkText>(linkShape),
    'a mapping such as bp:ipn:3.2525: { budget: 10MiB/d }',
  ).default([]),
  heldBack: mapping<Required<LinksText>['heldBack']>({
    keepFor: word('a duration such as 30d, up to 3650d', (text) => {
      const parsed = duration.safeParse(text)
      return parsed.success && parsed.data > 0 ? parsed.data : undefined
    }).optional(),
    sizeMax: size.optional(),
  }).optional(),
}

export function completeLinks({ links, heldBack }: LinksText): {
  readonly links?: readonly Link[]
  readonly heldBack?: Required<MailHostOptions>['heldBack']
} {
  return {
    ...(links.length > 0 && {
      links: links.flatMap(([route, link]) => {
        const name = nameOf(route)
        return name === undefined ? [] : [completeLink(name, link)]
      }),
    }),
    ...(heldBack && {
      heldBack: {
        ...(heldBack.keepFor !== undefined && { keepMs: heldBack.keepFor }),
        ...(heldBack.sizeMax !== undefined && { bytesMax: heldBack.sizeMax }),
      },
    }),
  }
}

function completeLink(route: string, link: LinkText): Link {
  const { messageSizeMax, holdBackAbove, budget, userBudget, pricePerMB, pricePerSecond } = link
  const currency = (pricePerMB ?? pricePerSecond)?.currency
  return {
    route,
    ...(messageSizeMax !== undefined && { mailBytesMax: messageSizeMax }),
    ...(holdBackAbove !== undefined && { holdBackAbove }),
    ...(budget && { budget }),
    ...(userBudget && { userBudget }),
    ...(currency !== undefined && {
      price: {
        currency,
        perMegabyte: pricePerMB?.amount ?? 0,
        perSecond: pricePerSecond?.amount ?? 0,
      },
    }),
  }
}

interface Host extends LinksText, Pick<RoutingText, 'retry'> {
  readonly plans: readonly { readonly to: bigint }[]
  readonly groups: BundleText<unknown>['groups']
  readonly peers?: readonly { readonly name: string }[]
  readonly domains?: readonly string[]
  readonly limits: { readonly storeSizeMax: number }
}

/** Of the store: it is taken out of the share of the queue, which is a little more. */
const HELD_SHARE_MAX = 0.3

export function linkContradictions(host: Host, at: Path): readonly Contradiction[] {
  const { links, heldBack, peers = [], domains, limits } = host
  const wrong: Contradiction[] = []
  const known = new Set<string>()
  const heldMax = Math.floor(limits.storeSizeMax * HELD_SHARE_MAX)
  if (heldBack?.sizeMax !== undefined && heldBack.sizeMax > heldMax) {
    const message = `sizeMax of ${heldBack.sizeMax} bytes: at most 30% of limits.storeSizeMax, ${heldMax}B, would be right`
    wrong.push({ path: [...at, 'heldBack', 'sizeMax'], message })
  }
  for (const [route, { holdBackAbove, pricePerMB, pricePerSecond }] of links) {
    const path = [...at, 'links', route]
    const hop = parseNextHop(route)
    const name = nameOf(route)
    if (name !== undefined && known.has(name)) {
      wrong.push({ path, message: `${name} appears again: once would be right` })
    }
    if (name !== undefined) known.add(name)
    const endpoint = endpointOf(hop)
    if (endpoint?.scheme === 'ipn' && !reachesNode(host, endpoint.node)) {
      const message = `${route}, but there is no plan to ipn:${endpoint.node}: a plan to it would be right`
      wrong.push({ path, message })
    }
    if (hop !== undefined && 'peer' in hop && !peers.some((peer) => peer.name === hop.peer)) {
      const message = `${route}, but there is no peer ${hop.peer}: one under peers would be right`
      wrong.push({ path, message })
    }
    if (holdBackAbove !== undefined && domains?.length === 0) {
      const message =
        'holdBackAbove, while domains is empty, so that nobody could ask for anything: one domain would be right'
      wrong.push({ path: [...path, 'holdBackAbove'], message })
    }
    const keepMs = heldBack?.keepFor ?? KEPT_DEFAULT_MS
    const giveUpMs = giveUpOf(name, host)
    if (holdBackAbove !== undefined && keepMs <= giveUpMs) {
      const message = `holdBackAbove, while a mail may wait ${formatDuration(giveUpMs)} for this route, and an attachment is kept ${formatDuration(keepMs)}: a longer heldBack.keepFor would be right`
      wrong.push({ path: [...path, 'holdBackAbove'], message })
    }
    const [one, other] = [pricePerMB?.currency, pricePerSecond?.currency]
    if (one !== undefined && other !== undefined && one !== other) {
      const message = `pricePerSecond in ${other}, while pricePerMB is in ${one}: one currency for both would be right`
      wrong.push({ path: [...path, 'pricePerSecond'], message })
    }
  }
  return wrong
}

/** How long a mail may wait for this route: what is held back of it is to be there when it has come. */
function giveUpOf(name: string | undefined, { retry }: Host): number {
  const own = retry.routes.filter(([route]) => nameOf(route) === name)
  return Math.max(...(own.length === 0 ? [retry.giveUpAfter] : own.map(([, t]) => t.giveUpAfter)))
}
