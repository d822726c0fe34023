/**
 * What all protocols that carry bundles over one byte stream have in common: what their machines
 * hear and say. To them a bundle is bytes.
 */

import type { Fault } from '../../base/fault.ts'
import type {
  FlowEffect,
  Machine,
  SecuredEvent,
  SecureEffect,
  StreamEffect,
  StreamEvent,
} from '../../base/machine.ts'
import type { Scattered } from '../../base/scattered.ts'
import type { Piece } from '../../base/slab.ts'

/** `active` is the side that has connected. */
export type SessionRole = 'active' | 'passive'

export type BundleSessionEvent = StreamEvent | SecuredEvent | SessionOrder
export type BundleSessionEffect = StreamEffect | FlowEffect | SecureEffect | SessionReport

/** What the owner of a session wants of it. */
export type SessionOrder =
  /**
   * Answered once, by `transmitted` or `not-transmitted`, also by a session that is over. The bytes
   * must not change until then.
   */
  | { readonly type: 'transmit'; readonly transmission: number; readonly bundle: Scattered }
  /** Answers to `received`: the bundle is durable, or not wanted any more. */
  | { readonly type: 'accepted'; readonly reception: number }
  /** Only where it may be refused. */
  | { readonly type: 'refused'; readonly reception: number; readonly isTemporary: boolean }
  /** What is being transferred may be finished, nothing new begins, then the stream is closed. */
  | { readonly type: 'terminate'; readonly reason: TerminationReason }

export type TerminationReason = 'shutdown' | 'resource-exhaustion'

export type SessionReport =
  /** Bundles can be transferred. `node` is what the peer says that it is, and `isProven` whether its certificate shows it. */
  | {
      readonly type: 'established'
      readonly node: string | undefined
      readonly isProven: boolean
    }
  /** Complete. Waits for its answer, which `mayRefuse` allows to be a refusal. */
  | {
      readonly type: 'received'
      readonly reception: number
      readonly bundle: Uint8Array
      /** Begins with the bundle; behind it are ROOM_BYTES for its owner. */
      readonly piece: Piece
      readonly mayRefuse: boolean
    }
  /** As surely as the protocol can know. */
  | { readonly type: 'transmitted'; readonly transmission: number }
  | { readonly type: 'not-transmitted'; readonly transmission: number; readonly fault: Fault }
  /** The peer did what it must not and was answered; the session goes on. */
  | { readonly type: 'violation'; readonly fault: Fault }
  /** The last of all: with the reason where it was not ended in good order. */
  | { readonly type: 'over'; readonly fault: Fault | undefined }

export interface BundleSession extends Machine<BundleSessionEvent, BundleSessionEffect> {
  /** Bytes of memory taken up by what the peer has sent and the owner has not yet answered for. */
  readonly heldBytes: number
}
