/**
 * What the spool keeps of a mail, as keys and values of one table:
 *
 * - `b/ID/00000000`, …: the message, in chunks
 * - `e/ID`: the envelope; a mail is accepted when this is durable, and it never changes
 * - `h/ID`: what an operator has decided about when it goes; absent where nothing was
 * - `r/ID/00000`: how far the delivery to one recipient has come; absent while nothing has happened
 */

import { fromUtf8, toUtf8 } from '../base/bytes.ts'
import type { WallMs } from '../base/time.ts'
import type { StoreChange, TableName } from '../ports/store.ts'
import type { Mailbox, MailFrom, RecipientParameters } from '../proto/smtp/envelope.ts'
import type { Placement } from './maildir-draft.ts'

export interface Envelope {
  readonly queueId: string
  readonly from: MailFrom
  readonly acceptedAt: WallMs
  readonly sizeBytes: number
  readonly chunkCount: number
  /** Header fields that stand above the first chunk; one character per byte. */
  readonly head?: string
  readonly recipients: readonly EnvelopeRecipient[]
}

/** Of a mail of which only the mailboxes of its recipients hold the text. */
export function isElsewhere({ chunkCount, sizeBytes }: Envelope): boolean {
  return chunkCount === 0 && sizeBytes > 0
}

export interface EnvelopeRecipient extends Mailbox {
  /** Absent where there are none. */
  readonly parameters?: RecipientParameters
  /** An alias, whose members follow: nothing is delivered to it, but it may be reported. */
  readonly isExpanded?: true
}

export type RecipientStatus =
  | {
      readonly type: 'deferred'
      readonly attempts: number
      readonly retryAt: WallMs
      readonly reason: string
      /** The sender has heard that it takes longer. */
      readonly isWarned?: true
    }
  /** Written and about to appear in its mailboxes: must only be placed, never written again. */
  | {
      readonly type: 'placing'
      readonly placements: readonly Placement[]
      readonly detail?: string
    }
  | { readonly type: 'settled' }

export const SPOOL_TABLE: TableName = 'spool'

/** The keys of one group, for ranges. */
export type KeyGroup = 'b' | 'e' | 'h' | 'r'

/** `held`: not tried until it is released. `released`: though its sender asked for a later time. */
export type Decision = 'held' | 'released'

export function decisionChange(queueId: string, decision: Decision): StoreChange {
  return { table: SPOOL_TABLE, key: decisionKey(queueId), value: fromUtf8(decision) }
}

export function decisionKey(queueId: string): string {
  return `h/${queueId}`
}

export function envelopeChange(envelope: Envelope): StoreChange {
  return { table: SPOOL_TABLE, key: envelopeKey(envelope.queueId), value: encode(envelope) }
}

export function chunkChange(queueId: string, index: number, value: Uint8Array): StoreChange {
  return { table: SPOOL_TABLE, key: chunkKey(queueId, index), value }
}

export function statusChange(
  queueId: string,
  recipient: number,
  status: RecipientStatus,
): StoreChange {
  return { table: SPOOL_TABLE, key: statusKey(queueId, recipient), value: encode(status) }
}

export function removalOf(key: string): StoreChange {
  return { table: SPOOL_TABLE, key, value: undefined }
}

export function envelopeKey(queueId: string): string {
  return `e/${queueId}`
}

export function chunkKey(queueId: string, index: number): string {
  return `b/${queueId}/${String(index).padStart(8, '0')}`
}

export function statusKey(queueId: string, recipient: number): string {
  return `r/${queueId}/${String(recipient).padStart(5, '0')}`
}

export function queueIdOf(key: string): string {
  return key.split('/')[1] ?? ''
}

export function recipientOf(key: string): number {
  return Number(key.split('/')[2])
}

/** Of a value that this table holds. */
export function decodeEnvelope(value: Uint8Array): Envelope {
  return JSON.parse(toUtf8(value)) as Envelope
}

/** Of a value that this table holds. */
export function decodeDecision(value: Uint8Array): Decision {
  return toUtf8(value) as Decision
}

/** Of a value that this table holds. */
export function decodeStatus(value: Uint8Array): RecipientStatus {
  return JSON.parse(toUtf8(value)) as RecipientStatus
}

function encode(value: Envelope | RecipientStatus): Uint8Array {
  return fromUtf8(JSON.stringify(value))
}
