/** Datagrams in words. */

import { describeBundle } from './bundle-words.ts'

export interface DatagramWords {
  readonly protocol: string
  readonly text: string
  /** Transactions of the mails that it carries or answers for. */
  readonly mails: readonly string[]
  /** The bundle that it is, or is a fragment of. */
  readonly adu: string | undefined
}

export function describeDatagram(payload: Uint8Array): DatagramWords {
  const bundle = describeBundle(payload)
  if (bundle !== undefined) return { protocol: 'BP', ...bundle }
  return { protocol: 'UDP', text: `${payload.length} B`, mails: [], adu: undefined }
}
