/** How objects travel by HTTPS: media types and header fields of posts and their answers. */

import { equalBytes, fromUtf8 } from '../base/bytes.ts'
import { hmacSha256 } from '../base/sha256.ts'
import { certifiesHost, type TlsSession } from '../base/tls.ts'
import type { Peer } from './parcel-carrier.ts'

/** An ADU (`adu.ts`), in posts and in answers. */
export const OBJECT_TYPE = 'application/vnd.lightlag.object'
/** RFC 2442. */
export const BATCH_TYPE = 'application/batch-smtp'
/** Until when a copy may come: POSIX milliseconds. */
export const EXPIRES_FIELD = 'lightlag-expires'

/** The media type, without parameters, in lower case. */
export function typeIn(fields: ReadonlyMap<string, string>): string {
  const [type = ''] = (fields.get('content-type') ?? '').split(';')
  return type.trim().toLowerCase()
}

/** What shows a peer that knows the secret who posts. RFC 6750 §2.1. */
export function bearer(secret: string): string {
  return `Bearer ${secret}`
}

/**
 * Who posts: the peer that has shown all that is asked of it, by the operator: secret, certificate, or
 * both. Undefined where nobody has. A peer of whom neither is known cannot post.
 */
export function peerOf(
  peers: readonly Peer[],
  authorization: string | undefined,
  session: TlsSession | undefined,
): Peer | undefined {
  // Names of schemes are the same in any case.
  const proof = (authorization ?? '').replace(/^bearer +/i, 'Bearer ')
  return peers.find(({ secret, certificate }) => {
    if (secret === undefined && certificate === undefined) return false
    if (secret !== undefined && !isSame(proof, bearer(secret))) return false
    if (certificate === undefined) return true
    const shown = session?.peer
    return shown?.standing === 'trusted' && certifiesHost(shown.names, certificate)
  })
}

/** Takes a time that says nothing of where two texts differ. */
function isSame(a: string, b: string): boolean {
  const key = fromUtf8(b)
  return equalBytes(hmacSha256(key, fromUtf8(a)), hmacSha256(key, key))
}
