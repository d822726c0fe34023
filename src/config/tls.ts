/** What a file says of TLS: the host's certificate, and what TCPCL makes of it. */

import type { MailHostOptions } from '../bridge/mail-host-options.ts'
import type { Contradiction } from './problems.ts'
import { oneOf, type Shape, word } from './schema.ts'
import type { Path } from './yaml.ts'

/** Paths of PEM files, from the folder of the file that names them. */
export interface TlsText {
  readonly certificate?: string
  readonly key?: string
  readonly authority?: string
}

export interface TcpclTlsText {
  readonly tls: 'never' | TcpclTls['policy']
  /** Default: the node ID where TLS is required, else nothing. */
  readonly authentication?: TcpclTls['authentication']
}

type TcpclTls = Required<Required<MailHostOptions>['tcp']>['tls']

const path = word('a path such as certificates/mail-1.pem', (text) => text || undefined)

export const tlsShape: Shape<TlsText> = {
  certificate: path.optional(),
  key: path.optional(),
  authority: path.optional(),
}

export const tcpclTlsShape: Shape<TcpclTlsText> = {
  tls: oneOf(['never', 'offer', 'require']).default('offer'),
  authentication: oneOf(['none', 'authority', 'address', 'node-id']).optional(),
}

/** Undefined where it is never used. */
export function completeTcpclTls({ tls, authentication }: TcpclTlsText): TcpclTls | undefined {
  if (tls === 'never') return undefined
  return {
    policy: tls,
    authentication: authentication ?? (tls === 'require' ? 'node-id' : 'none'),
  }
}

/** `at` is where it stands in its file. */
export function tlsContradictions(
  { certificate, key }: TlsText,
  at: Path,
): readonly Contradiction[] {
  if ((certificate === undefined) === (key === undefined)) return []
  const [given, missing] =
    certificate === undefined ? ['key', 'certificate'] : ['certificate', 'key']
  return [{ path: [...at, given], message: `${given} without ${missing}: both would be right` }]
}

export function tcpclTlsContradictions(
  { tls, authentication = 'none', versions }: TcpclTlsText & VersionsText,
  at: Path,
): readonly Contradiction[] {
  const wrong: Contradiction[] = []
  if (tls !== 'require' && authentication !== 'none') {
    const message = `authentication: ${authentication} while tls is ${tls}, so that a peer without TLS shows nothing: tls: require would be right`
    wrong.push({ path: [...at, 'authentication'], message })
  }
  if (tls === 'require' && versions?.includes(3)) {
    const message = 'version 3 while tls is require, and that version has none: [4] would be right'
    wrong.push({ path: [...at, 'versions'], message })
  }
  return wrong
}

interface VersionsText {
  readonly versions?: readonly number[] | undefined
}
