/**
 * The one thing that all ways to a far gateway are: in bundles, as files on a stick, by HTTPS. What
 * travels is the same on each (`adu.ts`), and so is what makes it arrive once: names of transactions,
 * acknowledgements, and questions after those that did not come.
 */

import type { Fault } from '../base/fault.ts'
import type { WallMs } from '../base/time.ts'
import type { StoreChange } from '../ports/store.ts'
import type { Acknowledgement } from './adu.ts'

/** The way to one far gateway. */
export interface Carrier {
  /** Names that gateway in records and events: `ipn:3.2525`, or `mail-2.a.com` for a peer. */
  readonly to: string
  /** As the transport map has it: `bp:ipn:3.2525`, `carry:mail-2.a.com`. */
  readonly route: string
  /** Of mails in one object, where something on the way bears no more; undefined where nothing says so. */
  readonly objectBytesMax?: number | undefined
  /**
   * Resolves, once it is durable, with the name under which it travels. Rejects with a Fault:
   * temporary where there is no room for now.
   */
  send(adu: OutgoingAdu): Promise<string>
  /** Has what is held go once more; false where it is held no more. */
  resend(hold: string): boolean
  /** Resolves once it has left the disk. */
  release(hold: string): Promise<void>
  /** When something may leave: `at`, or later. */
  opensAt(at: WallMs): WallMs
  oneWayDelayMs(at: WallMs): number
  /** When the last of so many bytes is there, if their turn comes at `at`; undefined where nobody knows. */
  arrivalAt(at: WallMs, bytes: number): WallMs | undefined
  /** When the answer is here to what has left at `at`, if nothing is lost; undefined where nobody knows. */
  answerAt(at: WallMs): WallMs | undefined
  /**
   * When what leaves from `at` on is late, so that its sender should know; undefined where no plan says
   * when it can be there.
   */
  lateAt(at: WallMs, bytes: number): WallMs | undefined
  /** What is waited for an answer beyond that, the more the more often it was sent already. */
  patienceMs(at: WallMs): number
}

export interface OutgoingAdu {
  readonly payload: Uint8Array
  readonly expiresAt: WallMs
  /** It is kept under this name, to go again, until it is released. Default: it goes once. */
  readonly hold?: string
  /** On the disk together with it, or not at all. */
  readonly alongside?: readonly StoreChange[]
}

/** What a way tells of what it holds. */
export interface CarrierEvents {
  readonly forwarded: (hold: string) => void
  /** It will never leave again, and was not released. */
  readonly lost: (hold: string) => void
}

/** All far gateways that are reached in one way. */
export interface Carriers {
  /** Once, before anything is sent. */
  tell(events: CarrierEvents): void
}

/** What has come from a far gateway. */
export interface ReceivedAdu {
  /** The `to` of the carriers that lead back. */
  readonly from: string
  /** The same for each copy, and of nothing else. */
  readonly id: string
  readonly payload: Uint8Array
  /** Until when a copy may come. */
  readonly expiresAt: WallMs
  /** Its sender is told where it is refused whole. Default: nobody is. */
  readonly hearsRefusal?: boolean
}

/** What is to be said to the one it came from. */
export interface Reception {
  readonly answers: readonly Acknowledgement[]
  /** Why something in it was not taken for now: it has to come again. */
  readonly later: Fault | undefined
}
