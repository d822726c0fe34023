/** What can be asked of a mailbox: search keys, orders and threads, as values. RFC 9051 §6.4.4, RFC 5256. */

import type { WallMs } from '../../base/time.ts'
import type { Flag, ModSeq, Uid } from './mailbox.ts'

/** Of days: milliseconds of the day's beginning as if its zone were UTC; zones are disregarded. RFC 9051 §6.4.4. */
export type SearchDay = WallMs

export type SearchKey =
  | { readonly type: 'all' }
  | { readonly type: 'and' | 'or'; readonly keys: readonly SearchKey[] }
  | { readonly type: 'not'; readonly key: SearchKey }
  /** Ascending ranges of both ends; sequence numbers and `*` have been resolved by the session. */
  | { readonly type: 'uids'; readonly ranges: readonly (readonly [Uid, Uid])[] }
  | { readonly type: 'flag'; readonly flag: Flag }
  /** Without regard to case, wherever it stands. `text` is Unicode. */
  | {
      readonly type: 'header'
      /** In lower case: any field's. An empty `text` matches every message that has the field. */
      readonly field: string
      readonly text: string
    }
  /** BODY: in the text of the body's parts. TEXT: in the header as well. */
  | { readonly type: 'body' | 'text'; readonly text: string }
  /** Larger, or smaller, than so many octets. */
  | { readonly type: 'larger' | 'smaller'; readonly sizeBytes: number }
  /** Of the internal date, or of the header field */
  | {
      readonly type: 'before' | 'on' | 'since'
      readonly of: 'internal-date' | 'sent-date'
      readonly day: SearchDay
    }
  /** By the internal date; the session has subtracted the interval of OLDER and YOUNGER. RFC 5032 §2. */
  | { readonly type: 'older' | 'younger'; readonly than: WallMs }
  /** RFC 7162 §3.1.5: those whose modSeq is as great or greater. */
  | { readonly type: 'modseq'; readonly modSeq: ModSeq }
  | { readonly type: 'email-id'; readonly emailId: string }

export interface SortKey {
  readonly by: 'arrival' | 'cc' | 'date' | 'from' | 'size' | 'subject' | 'to'
  readonly isReverse: boolean
}

export type ThreadAlgorithm = 'orderedsubject' | 'references'

/** `uid` is absent where a message is missing that would hold the others together. */
export interface ThreadNode {
  readonly uid?: Uid
  readonly children: readonly ThreadNode[]
}
