/** What happens in a scenario, and when. */

import { type WallMs, wallMs } from '../base/time.ts'
import type { LinkQuality } from './link-quality.ts'

/** Civil time at the beginning of what says none: 2026-11-23T08:00:00Z. */
export const STARTS_AT_DEFAULT: WallMs = wallMs(1_795_420_800_000)

/** In order of time; those of one moment in the order of the file. */
export interface TimelineEvent {
  /** Milliseconds after the start. */
  readonly atMs: number
  readonly action: TimelineAction
}

export type TimelineAction =
  | { readonly type: 'link-down' | 'link-up'; readonly link: TimelineLink }
  | {
      readonly type: 'link-change'
      readonly link: TimelineLink
      readonly change: Partial<LinkQuality>
    }
  /** By name. `kill` takes the power away, `start` gives it back; `wipe` takes the disk as well. */
  | { readonly type: 'kill' | 'start' | 'restart' | 'wipe'; readonly host: string }
  | { readonly type: 'submit'; readonly mail: TimelineMail }
  | { readonly type: 'assert'; readonly claim: Claim }

export interface TimelineLink {
  /** The networks that it joins. */
  readonly between: readonly [string, string]
  /** Only the direction from the first to the second. Default: both. */
  readonly oneWay?: boolean
}

/** Handed to the sender's own host, which has a submission service or takes mail on its SMTP port. */
export interface TimelineMail {
  /** How claims call it; no other mail of the timeline has this name. */
  readonly name: string
  /** `user@mail-1.a.com`: a user of a host of the scenario. */
  readonly from: string
  readonly to: readonly string[]
  /** Of the body, which is made up. */
  readonly sizeBytes: number
}

/** What has to be so at that moment. */
export type Claim =
  /** In the mailbox of every recipient, once. */
  | { readonly type: 'delivered'; readonly mail: string }
  /** In the mailbox of none. */
  | { readonly type: 'not-delivered'; readonly mail: string }
  /** So many mails are in the mailbox of this address. */
  | { readonly type: 'count'; readonly mailbox: string; readonly count: number }
