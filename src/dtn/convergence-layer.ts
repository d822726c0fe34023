/** What carries bundles between neighbours. RFC 9171 §7. */

import type { Fault } from '../base/fault.ts'

export interface ConvergenceLayer {
  /** ION's name of the protocol: `udp`. */
  readonly protocol: string
  /** Largest bundle that one transmission can carry; a larger one is fragmented first. */
  readonly bundleBytesMax: number
  /** Begins to receive. Bytes are borrowed for the length of the call; `from` is for the log. */
  start(receive: (bundle: Uint8Array, from: string) => void): Promise<void>
  /**
   * `duct` is the neighbour's address as the plan gives it. `done` hears once: undefined when the
   * bundle has been sent as surely as this protocol can know, or the Fault that kept it from that.
   */
  transmit(bundle: Uint8Array, duct: string, done: (fault: Fault | undefined) => void): void
  stop(): Promise<void>
}
