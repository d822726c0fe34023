/** What programs and a host say to each other about its mail, as JSON. */

export type QueueAction = 'hold' | 'release' | 'requeue' | 'delete' | 'bounce'

export interface QueueEntry {
  readonly queueId: string
  readonly state: 'active' | 'deferred' | 'hold'
  readonly sizeBytes: number
  /** POSIX milliseconds. */
  readonly acceptedAt: number
  /** Until when its sender has it held back. RFC 4865. */
  readonly releaseAt?: number
  /** Empty for the null reverse-path. */
  readonly sender: string
  /** Those that are not settled. */
  readonly recipients: readonly {
    readonly address: string
    readonly route: string
    /** Why the last attempt failed, and when the next one is made. */
    readonly reason?: string
    readonly retryAt?: number
    /** Of one on its way in a bundle: when it is predicted to be there. */
    readonly arrivalAt?: number
  }[]
}

/** Ends the list of a queue, which is told as JSON, on a line each. */
export const END_OF_QUEUE = 'end'
/** In place of a list, where many are being told. */
export const TOO_MANY_LISTS = 'too many programs ask at once'

/** All that is given must be so. */
export interface QueueSelection {
  readonly queueIds?: readonly string[]
  /** Of the sender or of a recipient. */
  readonly address?: string
  /** Of a recipient. */
  readonly domain?: string
  readonly olderThanMs?: number
}

export function matches(entry: QueueEntry, selection: QueueSelection, now: number): boolean {
  const { queueIds, olderThanMs } = selection
  const address = selection.address?.toLowerCase()
  const domain = selection.domain?.toLowerCase()
  const recipients = entry.recipients.map((recipient) => recipient.address.toLowerCase())
  return (
    (queueIds === undefined || queueIds.includes(entry.queueId)) &&
    (address === undefined || [entry.sender.toLowerCase(), ...recipients].includes(address)) &&
    (domain === undefined || recipients.some((name) => name.endsWith(`@${domain}`))) &&
    (olderThanMs === undefined || now - entry.acceptedAt >= olderThanMs)
  )
}
