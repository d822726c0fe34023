/** What one host may take up: how the bytes of its store are shared out, and what goes together in one object. */

import { OWN_STORE_SHARE } from '../dtn/limits.ts'
import {
  DEAR_OBJECT_BYTES_MAX,
  HELD_STORE_SHARE,
  JOURNAL_STORE_SHARE,
  JOURNAL_STORIES_MAX,
  JOURNAL_STORY_BYTES,
  OBJECT_BYTES_MAX,
} from './limits.ts'
import type { MailHostOptions } from './mail-host-options.ts'
import type { BatchOptions } from './object-transport.ts'

export interface HostBounds {
  /** Of the store, together less than all of it. */
  readonly spoolBytesMax: number
  readonly bundlesBytesMax: number
  readonly parcelsBytesMax: number
  readonly heldBytesMax: number
  /** Stories of mails that are kept. */
  readonly storiesMax: number
  /** Of the mails in an object that comes: what others are told. */
  readonly takenBytesMax: number
  /** Of any object, unpacked. */
  readonly objectBytesMax: number
  /** Of those that go from here. */
  readonly batch: BatchOptions
}

/** Of the store's bytes. What is left is for the records of progress, which must never lack room. */
const SPOOL_SHARE = 0.4
const BUNDLES_SHARE = 0.4
/** Of the bundle store, that one object of several mails may take: below what is left to what is sent here. */
const OBJECT_SHARE = 0.5
/** Of a bundle that comes as fragments: the rest are their headers. */
const PAYLOAD_SHARE = 0.9
/** Of that of the bundles, where there are peers. */
const PARCELS_SHARE = 0.1

/** What dots and the envelope may add to a message: the line `.` grows from three octets to four. */
const STUFFING_FACTOR = 4 / 3
const BATCH_HEAD_BYTES_MAX = 1_048_576

export function hostBounds(options: MailHostOptions): HostBounds {
  const { limits, links = [], heldBack, peers, batch } = options
  const { storeBytesMax, messageBytesMax } = limits
  const heldBytesMax = heldBack?.bytesMax ?? storeBytesMax * HELD_STORE_SHARE
  const holdsBack = links.some(({ holdBackAbove }) => holdBackAbove !== undefined)
  const parcelsShare = peers === undefined ? 0 : PARCELS_SHARE
  const stories = Math.ceil((storeBytesMax * JOURNAL_STORE_SHARE) / JOURNAL_STORY_BYTES)
  const bundlesBytesMax = storeBytesMax * (BUNDLES_SHARE - parcelsShare)
  const readBytesMax = Math.max(messageBytesMax, OBJECT_BYTES_MAX)
  // Several mails never make a larger object: what a smaller store has no room for would never arrive.
  const guestBytes = Math.floor(bundlesBytesMax * (1 - OWN_STORE_SHARE) * PAYLOAD_SHARE)
  // What the bundle store or the node never takes would never leave.
  const storedBytesMax = Math.floor(storeBytesMax * BUNDLES_SHARE * OBJECT_SHARE)
  const roomBytes = Math.min(storedBytesMax, readBytesMax)
  return {
    // Attachments that are held back were in its mails.
    spoolBytesMax: storeBytesMax * SPOOL_SHARE - (holdsBack ? heldBytesMax : 0),
    bundlesBytesMax,
    parcelsBytesMax: storeBytesMax * parcelsShare,
    heldBytesMax,
    storiesMax: Math.min(JOURNAL_STORIES_MAX, stories),
    takenBytesMax:
      guestBytes < DEAR_OBJECT_BYTES_MAX ? Math.min(readBytesMax, guestBytes) : readBytesMax,
    objectBytesMax: readBytesMax * STUFFING_FACTOR + BATCH_HEAD_BYTES_MAX,
    batch: { ...batch, roomBytes },
  }
}
