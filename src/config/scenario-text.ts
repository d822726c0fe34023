/** The schema of a scenario's file. */

import type { z } from 'zod'
import { parseTimestamp } from '../base/calendar.ts'
import { parseIpPrefix } from '../base/ip-address.ts'
import type { WallMs } from '../base/time.ts'
import { type PlanText, planShape } from './bundles.ts'
import { type ConstellationText, constellation } from './constellation.ts'
import { type HostText, hostShape, plainUsers, type UserText } from './host.ts'
import { type QualityText, qualityShape } from './link-text.ts'
import { plainOutgoingText } from './mail-outgoing.ts'
import { aliasesText, transportText } from './mail-routing.ts'
import { plainPeersShape } from './peers.ts'
import { count, duration, ipAddress, listOf, mapping, type Shape, word, yesOrNo } from './schema.ts'
import { type TcpSettings, tcpShape } from './tcp-settings.ts'
import { type EventText, event } from './timeline-text.ts'
import { type TlsSettingsText, tlsShape } from './tls-settings.ts'

export interface ScenarioText extends TcpSettings, TlsSettingsText {
  readonly name: string
  readonly seed: number
  readonly start?: WallMs
  readonly constellation?: ConstellationText
  readonly networks: readonly NetworkText[]
  readonly links: readonly LinkText[]
  readonly hosts: readonly ScenarioHostText[]
  readonly timeline: readonly EventText[]
}

export interface NetworkText {
  readonly name: string
  readonly prefix: string
}

export interface LinkText extends QualityText {
  readonly between: readonly string[]
  readonly contactPlan?: string
  readonly announced: boolean
  readonly back?: QualityText
}

export interface ScenarioPlanText extends PlanText {
  /** Default: that of the links on the way. */
  readonly oneWayDelay?: number
}

export type ScenarioHostText = HostText<ScenarioPlanText> & {
  readonly users: readonly UserText[]
  readonly address: string
  readonly nameServer?: string
  readonly network: string
}

const SEED_MAX = 2 ** 32 - 1

const networkName = word('a name such as earth', (text) =>
  /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/.test(text) ? text : undefined,
)

export const network: z.ZodType<NetworkText, unknown> = mapping<NetworkText>({
  name: networkName.describe('its name, for links and hosts'),
  prefix: word('a prefix such as 172.21.0.0/24', (text) =>
    parseIpPrefix(text) === undefined ? undefined : text,
  ).describe('the addresses on it: of no other network'),
})

const back: z.ZodType<QualityText, unknown> = mapping<QualityText>(qualityShape)

export const link: z.ZodType<LinkText, unknown> = mapping<LinkText>({
  between: listOf(networkName, 'two networks such as [earth, moon]').describe(
    'the two networks that it joins',
  ),
  ...qualityShape,
  contactPlan: word('a file such as contacts.ionrc', (text) => text || undefined)
    .optional()
    .describe(
      'in place of `contacts`: the file of `ionadmin` that has the contacts and ranges between nodes on one side and nodes on the other, from the folder of this file',
    ),
  announced: yesOrNo
    .prefault('yes')
    .describe(
      'whether the nodes on its networks know its contacts and wait for them; a host with `contacts` of its own knows only these',
    ),
  back: back
    .optional()
    .describe(
      'what is other from the second network to the first: any of the keys above but `between`',
    ),
})

/** Besides those of a mail host's file. */
export const hostPlaceShape: Shape<
  Pick<ScenarioHostText, 'network' | 'address' | 'users' | 'nameServer'>
> = {
  network: networkName.describe('the network that it is on'),
  address: ipAddress.describe('its address there, at which its services listen'),
  nameServer: ipAddress
    .optional()
    .describe(
      'the address of the host that it asks for names over the network, which answers for the whole scenario; without it a host knows all names',
    ),
  users: plainUsers.describe('its users, each with `name` and `password`'),
}

export const host: z.ZodType<ScenarioHostText, unknown> = mapping<ScenarioHostText>({
  ...hostShape(mapping<ScenarioPlanText>({ ...planShape, oneWayDelay: duration.optional() })),
  ...hostPlaceShape,
  outgoing: plainOutgoingText,
  ...plainPeersShape,
  transport: transportText.default([]),
  aliases: aliasesText.default([]),
})

export const scenario: z.ZodType<ScenarioText, unknown> = mapping<ScenarioText>({
  name: networkName.describe('its name'),
  seed: count(SEED_MAX).describe('decides everything random: the same seed, the same run'),
  start: word('a time such as 2026-11-23T08:00:00Z', parseTimestamp)
    .optional()
    .describe('civil time at the beginning; without it 2026-11-23T08:00:00Z'),
  ...tcpShape,
  ...tlsShape,
  constellation: constellation
    .optional()
    .describe(
      'in place of networks, links and hosts: satellites that are made of a few numbers, see below',
    ),
  networks: listOf(network, 'a list of networks').default([]).describe('the networks'),
  links: listOf(link, 'a list of links').default([]).describe('the links between them'),
  hosts: listOf(host, 'a list of hosts').default([]).describe('the hosts on them'),
  timeline: listOf(event, 'a list of events').default([]).describe('what happens, and when'),
})
