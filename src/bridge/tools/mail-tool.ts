/** What the programs that hand in, list and show mail need of the machine on which they run. */

import type { Clock } from '../../ports/clock.ts'
import type { Disk } from '../../ports/disk.ts'
import type { MailClient } from '../mail-client.ts'
import type { QueueEntry } from '../mail-requests.ts'
import type { PickupSession } from './pickup-session.ts'

export interface MailToolPorts {
  readonly clock: Clock
  /** Where the mailboxes are. */
  readonly disk: Disk
  /** Who runs it; undefined where the system has a number and no name. */
  readonly user: string | undefined
  /** Reads bytes of standard input; undefined at its end. */
  readonly input: () => Promise<Uint8Array | undefined>
  readonly output: (bytes: Uint8Array) => void
  readonly errors: (bytes: Uint8Array) => void
  /** Resolves when all output has left. */
  readonly flushed: () => Promise<void>
  /** Somebody types, or looks at what is printed, on a terminal. */
  readonly terminal: { readonly input: boolean; readonly output: boolean }
  /** What local time is ahead of UTC, at a POSIX millisecond. */
  readonly offsetMs: (at: number) => number
  /** Rejects with a Failure where no host takes mail. */
  readonly openPickup: () => Promise<PickupSession>
  /** Rejects with a Failure where nobody tells. */
  readonly listQueue: () => Promise<readonly QueueEntry[]>
  /** For its owner. Rejects with a Failure where there is no host. */
  readonly connectHost: () => Promise<MailClient>
}
