/** What DTPC sends in a bundle: application data under their topics, or the receipt of such. */

export type DtpcPdu = DtpcData | DtpcAcknowledgement

export interface DtpcData {
  readonly type: 'data'
  readonly profile: number
  /** 0 without the transport service, else from 1. */
  readonly sequence: number
  readonly topics: readonly DtpcTopic[]
}

export interface DtpcTopic {
  readonly topic: number
  /** In the order in which the application gave them. */
  readonly records: readonly Uint8Array[]
}

export interface DtpcAcknowledgement {
  readonly type: 'acknowledgement'
  readonly profile: number
  readonly sequence: number
}

/** Agreed between sender and receiver beforehand; ION's `a profile`. */
export interface DtpcProfile {
  readonly id: number
  /** 0: no transport service, so neither order nor acknowledgements. */
  readonly retransmissionsMax: number
  /** Bytes of records at which an ADU is complete; 0: at once. */
  readonly aggregationBytes: number
  /** How long the first record of an ADU waits for others; 0: not at all. */
  readonly aggregationMs: number
  readonly lifetimeMs: number
}

/** Whoever numbers, counts for each destination and profile of its own. */
export function streamName(endpoint: string, profile: number): string {
  return `${endpoint} ${profile}`
}
