/** What a host's file says of far gateways that are reached without bundles. */

import type { z } from 'zod'
import { parseIpAddress } from '../base/ip-address.ts'
import type { MailHostOptions } from '../bridge/mail-host-options.ts'
import { type Contradiction, repeated } from './problems.ts'
import {
  countFromOne,
  domain,
  duration,
  listOf,
  mapping,
  oneOf,
  orOff,
  type Shape,
  senderDomain,
  socketAddress,
  word,
} from './schema.ts'
import { perMinute, SESSIONS_CONFIGURED_MAX } from './smtp.ts'
import type { Path } from './yaml.ts'

type Peer = Required<MailHostOptions>['peers'][number]
type Https = Required<MailHostOptions>['https']

export interface PeersText {
  readonly peers?: readonly PeerText[]
  readonly https?: PortText
}

interface PortText extends Omit<Https, 'oneWayDelayMs'> {
  readonly oneWayDelay: number
}

interface PeerText {
  readonly name: string
  /** The secret itself, or the file that has it, from the folder of the file that names it. */
  readonly secret?: Secret | string
  readonly senders?: readonly string[]
  readonly results?: readonly string[]
  readonly url?: Required<Peer>['url']
  readonly certificate?: string
  readonly format: Required<Peer>['format']
  readonly oneWayDelay: number
}

interface Secret {
  readonly text: string
}

/** As one that nobody guesses: `openssl rand -hex 32` has 64 characters. */
const SECRET_LENGTH_MIN = 16

/** The one line of a file of a secret; undefined where it is none. */
export function parseSecret(text: string): string | undefined {
  const line = text.replace(/\r?\n$/, '')
  return /^[!-~]+$/.test(line) && line.length >= SECRET_LENGTH_MIN ? line : undefined
}

export const SECRET_EXPECTED: string = `one line of ${SECRET_LENGTH_MIN} characters or more, without blanks`

function peersWith(
  secret: z.ZodType<Secret | string, unknown>,
): z.ZodType<readonly PeerText[] | undefined, unknown> {
  return listOf(
    mapping<PeerText>({
      name: domain,
      secret: secret.optional(),
      senders: listOf(senderDomain, 'a list of domains such as [a.com, .a.com]').optional(),
      results: listOf(domain, 'a list of hosts such as [mail-2.a.com]').optional(),
      url: word('a URL such as https://mail-2.a.com:8443/mail', parseHttpsUrl).optional(),
      certificate: domain.optional(),
      format: oneOf(['objects', 'batch-smtp']).default('objects'),
      oneWayDelay: duration.default(0),
    }),
    'a list of far gateways',
  ).optional()
}

const https: Shape<PeersText>['https'] = orOff(
  mapping<PortText>({
    listen: socketAddress,
    oneWayDelay: duration.default(0),
    sessionsMax: countFromOne(SESSIONS_CONFIGURED_MAX).optional(),
    sessionsPerPeerMax: countFromOne(SESSIONS_CONFIGURED_MAX).optional(),
    connectionsPerPeerMax: orOff(perMinute),
  }),
)

/** `https://host:port/path`, without a user or a fragment; undefined for anything else. */
export function parseHttpsUrl(text: string): Required<Peer>['url'] | undefined {
  const match = /^https:\/\/(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+))(?::(\d{1,5}))?(\/[!-~]*)?$/i.exec(
    text,
  )
  const host = (match?.[1] ?? match?.[2])?.toLowerCase()
  const port = match?.[3] === undefined ? 443 : Number(match[3])
  const path = match?.[4] ?? '/'
  const isHost =
    host !== undefined && (parseIpAddress(host) !== undefined || domain.safeParse(host).success)
  if (!isHost || port < 1 || port > 65_535 || path.includes('#')) return undefined
  return { host, port, path }
}

/** As a host's file has them. */
export const peersShape: Shape<PeersText> = {
  https,
  peers: peersWith(word('a file such as mail-2.secret', (text) => text || undefined)),
}

/** As a scenario has them: nothing in it is secret. */
export const plainPeersShape: Shape<PeersText> = {
  https,
  peers: peersWith(
    word(`a secret: ${SECRET_EXPECTED}`, (text): Secret | undefined => {
      const secret = parseSecret(text)
      return secret === undefined ? undefined : { text: secret }
    }),
  ),
}

/** Secrets in files are for whoever reads them. */
export function completePeers({ peers, https }: PeersText): {
  readonly peers?: readonly Peer[]
  readonly https?: Https
} {
  return {
    ...(peers && { peers: peers.map(completePeer) }),
    ...(https && { https: completePort(https) }),
  }
}

function completePeer({ secret, oneWayDelay, ...peer }: PeerText): Peer {
  return {
    ...peer,
    oneWayDelayMs: oneWayDelay,
    ...(typeof secret === 'object' && { secret: secret.text }),
  }
}

function completePort({ oneWayDelay, ...port }: PortText): Https {
  return { ...port, oneWayDelayMs: oneWayDelay }
}

/** By peer, the file that has its secret. */
export function secretFilesOf({ peers = [] }: PeersText): ReadonlyMap<string, string> {
  return new Map(
    peers.flatMap(({ name, secret }) => (typeof secret === 'string' ? [[name, secret]] : [])),
  )
}

/** `at` is where the host stands in its file. */
export function peerContradictions(
  { host, peers = [], https: port }: PeersText & { readonly host: string },
  at: Path,
): readonly Contradiction[] {
  const path = [...at, 'peers']
  const names = peers.map(({ name }) => name)
  const own = names.indexOf(host)
  const message = `${host} is this host itself: the name of another would be right`
  const isOpenToSome = peers.some(
    ({ secret, certificate }) => (secret ?? certificate) !== undefined,
  )
  const nobody =
    'https, but no peer has a secret or a certificate, so that nobody could post: one of them would be right'
  return [
    ...(port === undefined || isOpenToSome ? [] : [{ path: [...at, 'https'], message: nobody }]),
    ...repeated(names, path, 'peer'),
    ...(own < 0 ? [] : [{ path: [...path, own, 'name'], message }]),
  ]
}
