/** What a host's file says of far gateways that are reached without bundles. */

import type { z } from 'zod'
import type { MailHostOptions } from '../bridge/mail-host-options.ts'
import { type Contradiction, repeated } from './problems.ts'
import { domain, listOf, mapping, type Shape, senderDomain, word } from './schema.ts'
import type { Path } from './yaml.ts'

type Peer = Required<MailHostOptions>['peers'][number]

export interface PeersText {
  readonly peers?: readonly PeerText[]
}

interface PeerText {
  readonly name: string
  /** The secret itself, or the file that has it, from the folder of the file that names it. */
  readonly secret?: Secret | string
  readonly senders?: readonly string[]
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
    }),
    'a list of far gateways',
  ).optional()
}

/** As a host's file has them. */
export const peersShape: Shape<PeersText> = {
  peers: peersWith(word('a file such as mail-2.secret', (text) => text || undefined)),
}

/** As a scenario has them: nothing in it is secret. */
export const plainPeersShape: Shape<PeersText> = {
  peers: peersWith(
    word(`a secret: ${SECRET_EXPECTED}`, (text): Secret | undefined => {
      const secret = parseSecret(text)
      return secret === undefined ? undefined : { text: secret }
    }),
  ),
}

/** Secrets in files are for whoever reads them. */
export function completePeers({ peers }: PeersText): { readonly peers?: readonly Peer[] } {
  if (peers === undefined) return {}
  return {
    peers: peers.map(({ secret, ...peer }) => ({
      ...peer,
      ...(typeof secret === 'object' && { secret: secret.text }),
    })),
  }
}

/** By peer, the file that has its secret. */
export function secretFilesOf({ peers = [] }: PeersText): ReadonlyMap<string, string> {
  return new Map(
    peers.flatMap(({ name, secret }) => (typeof secret === 'string' ? [[name, secret]] : [])),
  )
}

/** `at` is where the host stands in its file. */
export function peerContradictions(
  { host, peers = [] }: PeersText & { readonly host: string },
  at: Path,
): readonly Contradiction[] {
  const path = [...at, 'peers']
  const names = peers.map(({ name }) => name)
  const own = names.indexOf(host)
  const message = `${host} is this host itself: the name of another would be right`
  return [
    ...repeated(names, path, 'peer'),
    ...(own < 0 ? [] : [{ path: [...path, own, 'name'], message }]),
  ]
}
