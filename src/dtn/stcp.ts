/** The STCP convergence layer of ION and HDTN, and MTCP of µD3TN and dtn7: nothing is acknowledged. */

import { Slab } from '../base/slab.ts'
import type { SocketAddress } from '../ports/network.ts'
import type { Framing } from '../proto/stcp/framing.ts'
import { StcpSession } from '../proto/stcp/session.ts'
import { STREAM_BUNDLE_BYTES_MAX } from './limits.ts'
import { type StreamConvergenceLayer, StreamLayer, type StreamLayerPorts } from './stream-layer.ts'

export interface StcpConvergenceLayerOptions {
  /** Also its name in plans. */
  readonly framing: Framing
  /** Default: it does not listen. */
  readonly listen?: SocketAddress
  readonly bundleBytesMax?: number
}

export function stcpConvergenceLayer(
  options: StcpConvergenceLayerOptions,
  ports: StreamLayerPorts,
): StreamConvergenceLayer {
  const { framing, listen, bundleBytesMax = STREAM_BUNDLE_BYTES_MAX } = options
  const slab = new Slab()
  return new StreamLayer(
    {
      protocol: framing,
      listen,
      bundleBytesMax,
      hasLeft: true,
      session: (role) => new StcpSession({ role, framing, bundleBytesMax, slab }),
    },
    ports,
  )
}
