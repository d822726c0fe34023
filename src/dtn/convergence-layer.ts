/** What carries bundles between neighbours. RFC 9171 §7. */

import type { Fault } from '../base/fault.ts'
import type { Scattered } from '../base/scattered.ts'
import type { Piece } from '../base/slab.ts'
import type { EndpointId } from '../proto/bpv7/endpoint-id.ts'

export interface ConvergenceLayer {
  /** ION's name of the protocol: `udp`. */
  readonly protocol: string
  /** Largest bundle that one transmission can carry; a larger one is fragmented first. */
  readonly bundleBytesMax: number
  /**
   * What a bundle that goes again is cut to, where a large piece may have been lost because it is large.
   * Default: no smaller than `bundleBytesMax`.
   */
  readonly repeatBytesMax?: number
  /**
   * Whether a bundle that was transmitted has left this host: a peer's word alone, which can come early,
   * does not tell. Default: no.
   */
  readonly hasLeft?: boolean
  /** Begins to receive. `onFault` hears of whatever peers do wrong that is not about a bundle. */
  start(receive: Receive, onFault?: (fault: Fault) => void): Promise<void>
  /**
   * `duct` is the neighbour's address as the plan gives it. `done` hears once: undefined when the
   * bundle has been sent as surely as this protocol can know, or the Fault that kept it from that. A
   * temporary one means that it may be sent again. The bytes must not change until then, and not after
   * it either where it failed or the layer does not say `hasLeft`.
   */
  transmit(bundle: Scattered, duct: string, done: (fault: Fault | undefined) => void): void
  stop(): Promise<void>
}

/**
 * Takes a bundle that has come. Bytes are borrowed for the length of the call, but where the layer
 * gives them away: then the piece begins with them, with room behind them; `from` is for the log.
 *
 * `answer` is called once, at any time: with undefined when the bundle is on the disk or not wanted
 * any more, with a temporary Fault where there is no room for it now, with another one where there
 * never will be. A layer that cannot tell its peer leaves it out. `neighbour` is the node that handed it
 * over, where its certificate has shown that.
 */
export type Receive = (
  bundle: Uint8Array,
  from: string,
  answer?: (fault: Fault | undefined) => void,
  piece?: Piece,
  neighbour?: EndpointId,
) => void
