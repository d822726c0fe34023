/** What a host's file says of DTPC, and of the next hops that speak bpmail. */

import type { MailHostOptions } from '../bridge/mail-host-options.ts'
import { type EndpointId, formatEndpointId, parseEndpointId } from '../proto/bpv7/endpoint-id.ts'
import { type Contradiction, repeated } from './problems.ts'
import { count, duration, listOf, mapping, type Shape, size, word } from './schema.ts'
import type { Path } from './yaml.ts'

export interface BpmailText {
  readonly dtpc?: { readonly profiles: readonly ProfileText[]; readonly socket?: string }
  readonly bpmail?: readonly PeerText[]
}

interface ProfileText {
  readonly id: number
  readonly retransmissions: number
  readonly aggregationSize: number
  readonly aggregationTime: number
  readonly lifetime: number
}

interface PeerText {
  readonly to: EndpointId
  readonly profile: number
  readonly sendTopic: number
  readonly receiveTopic?: number
}

type Dtpc = Required<MailHostOptions>['dtpc']
type Peers = Required<MailHostOptions>['bpmail']

const UNSIGNED_MAX = 0xffff_ffff
const RETRANSMISSIONS_MAX = 1000

const dtpcEndpoint = word('the endpoint of its DTPC such as ipn:3.129', (text) => {
  const endpoint = parseEndpointId(text)
  return endpoint?.scheme === 'ipn' && endpoint.service > 0n ? endpoint : undefined
})

const socketPath = word('the path of a socket such as /run/lightlag-bpmail/items.sock', (text) =>
  text.startsWith('/') && !text.endsWith('/') ? text : undefined,
)

export const bpmailShape: Shape<BpmailText> = {
  dtpc: mapping<Required<BpmailText>['dtpc']>({
    profiles: listOf(
      mapping<ProfileText>({
        id: count(UNSIGNED_MAX),
        retransmissions: count(RETRANSMISSIONS_MAX),
        aggregationSize: size.default(0),
        aggregationTime: duration.default(0),
        lifetime: duration,
      }),
      'a list of profiles',
    ),
    socket: socketPath.optional(),
  }).optional(),
  bpmail: listOf(
    mapping<PeerText>({
      to: dtpcEndpoint,
      profile: count(UNSIGNED_MAX),
      sendTopic: count(UNSIGNED_MAX),
      receiveTopic: count(UNSIGNED_MAX).optional(),
    }),
    'a list of next hops that speak bpmail',
  ).optional(),
}

export function completeBpmail({ dtpc, bpmail }: BpmailText): {
  readonly dtpc?: Dtpc
  readonly dtpcSocket?: string
  readonly bpmail?: Peers
} {
  return {
    ...(dtpc && {
      dtpc: dtpc.profiles.map((profile) => ({
        id: profile.id,
        retransmissionsMax: profile.retransmissions,
        aggregationBytes: profile.aggregationSize,
        // As ION: an ADU is complete at once where either limit is 0.
        aggregationMs: profile.aggregationSize === 0 ? 0 : profile.aggregationTime,
        lifetimeMs: profile.lifetime,
      })),
    }),
    ...(dtpc?.socket !== undefined && { dtpcSocket: dtpc.socket }),
    ...(bpmail && {
      bpmail: bpmail.map(({ to, ...peer }) => ({ destination: to, ...peer })),
    }),
  }
}

/** `at` is where the host stands in its file. */
export function bpmailContradictions(
  { dtpc, bpmail = [] }: BpmailText,
  at: Path,
): readonly Contradiction[] {
  const profiles = dtpc?.profiles ?? []
  return [
    ...repeated(
      profiles.map(({ id }) => `${id}`),
      [...at, 'dtpc', 'profiles'],
      'profile',
    ),
    ...repeated(
      bpmail.map(({ to }) => formatEndpointId(to)),
      [...at, 'bpmail'],
      'next hop',
    ),
    ...profiles.flatMap(({ lifetime }, index) =>
      lifetime > 0
        ? []
        : [
            {
              path: [...at, 'dtpc', 'profiles', index, 'lifetime'],
              message: 'a lifetime of nothing: one such as 1h would be right',
            },
          ],
    ),
    ...bpmail.flatMap(({ profile, sendTopic, receiveTopic }, index) => {
      const path = [...at, 'bpmail', index]
      const wrong: Contradiction[] = []
      if (!profiles.some(({ id }) => id === profile)) {
        const known = profiles.map(({ id }) => id).join(', ') || 'one under dtpc.profiles'
        const message = `there is no profile ${profile}: ${known} would be right`
        wrong.push({ path: [...path, 'profile'], message })
      }
      if (sendTopic === receiveTopic) {
        // A program of ION has one or the other open.
        const message = `topic ${sendTopic} in both directions: one for each would be right`
        wrong.push({ path: [...path, 'receiveTopic'], message })
      }
      return wrong
    }),
  ]
}
