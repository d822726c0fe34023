/** How much goes in one object: what was set, or what the way is worth, and no more than the far gateway takes. */

import { Fault } from '../base/fault.ts'
import { addMs, type MonoMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import type { Carrier } from './carrier.ts'
import type { BridgeFaultCode } from './fault.ts'
import { OBJECT_BYTES_MAX, OBJECT_LOOK_MS } from './limits.ts'
import type { PeerReads } from './object-packing.ts'
import { objectBytesFor, type Way } from './way-worth.ts'

export interface ObjectSizeOptions {
  /** Octets in one object; default: by what the way is worth. */
  readonly bytesMax?: number
  /** More than that would never leave; default: no bound. */
  readonly roomBytes?: number
}

export class ObjectSize {
  readonly #options: ObjectSizeOptions
  readonly #carriers: ReadonlyMap<string, Carrier>
  readonly #peers: PeerReads
  readonly #clock: Clock
  readonly #known = new Map<string, { readonly bytes: number; readonly until: MonoMs }>()

  /** `carriers`: the way to each far gateway by its name, as far as one has been used. */
  constructor(
    options: ObjectSizeOptions,
    carriers: ReadonlyMap<string, Carrier>,
    peers: PeerReads,
    clock: Clock,
  ) {
    this.#options = options
    this.#carriers = carriers
    this.#peers = peers
    this.#clock = clock
  }

  /** Octets of mails in one object that goes this way. */
  bytesMax(to: string, way: Way): number {
    const { bytesMax, roomBytes = Number.POSITIVE_INFINITY } = this.#options
    const wanted = bytesMax ?? objectBytesFor(way, this.#clock.wall())
    // So much every gateway takes.
    const { objectBytesMax = OBJECT_BYTES_MAX } = this.#peers.of(to)
    const carried = this.#carriers.get(to)?.objectBytesMax ?? objectBytesMax
    return Math.min(wanted, roomBytes, objectBytesMax, carried)
  }

  /** As `bytesMax` was when it was last looked at: it is asked for each mail. */
  recentBytesMax(to: string): number {
    const now = this.#clock.now()
    const known = this.#known.get(to)
    if (known !== undefined && now < known.until) return known.bytes
    const carrier = this.#carriers.get(to)
    const bytes = carrier === undefined ? OBJECT_BYTES_MAX : this.bytesMax(to, carrier)
    this.#known.set(to, { bytes, until: addMs(now, OBJECT_LOOK_MS) })
    return bytes
  }

  /**
   * The far gateway has said that it takes no mail like this one. That it takes less than all do is left
   * for it to say of each mail: one that never goes could never be taken again.
   */
  requireFitting({ length }: Uint8Array, to: string): void {
    const { objectBytesMax = length } = this.#peers.of(to)
    if (length <= Math.max(objectBytesMax, OBJECT_BYTES_MAX)) return
    const message = `a message of ${length} bytes, and ${to} takes ${objectBytesMax} at the most`
    throw new Fault<BridgeFaultCode>('bridge/too-large', message, { temporary: false })
  }
}
