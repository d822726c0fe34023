/**
 * The ways to a peer, which is a far gateway that is reached without bundles. What is sent waits among
 * the parcels until it is released, and whoever goes there takes it along: `carry out` onto a stick,
 * whatever the route, and by itself what goes by HTTPS.
 */

import { toHex } from '../base/bytes.ts'
import { addMs, type WallMs } from '../base/time.ts'
import type { Entropy } from '../ports/entropy.ts'
import type { Carrier, OutgoingAdu } from './carrier.ts'
import { CARRY_LOOK_MS } from './limits.ts'
import type { Parcels } from './parcels.ts'

/** A far gateway that is reached without bundles. */
export interface Peer {
  /** As it calls itself: `mail-2.a.com`. */
  readonly name: string
  /** What both sides know and nobody else. Default: what comes from there proves nothing. */
  readonly secret?: string
  /** `a.com`, `.a.com` for every name below it, or `*`; in lower case. Default: any. */
  readonly senders?: readonly string[]
}

export interface ParcelPorts {
  readonly parcels: Parcels
  readonly entropy: Entropy
}

const NAME_BYTES = 16

/** For what waits until somebody carries it: nobody knows when that is. */
export class StickCarrier implements Carrier {
  readonly to: string
  readonly #ports: ParcelPorts

  constructor(to: string, ports: ParcelPorts) {
    this.to = to
    this.#ports = ports
  }

  get route(): string {
    return `carry:${this.to}`
  }

  send({ payload, expiresAt, hold, alongside }: OutgoingAdu): Promise<string> {
    const { parcels, entropy } = this.#ports
    const name = hold ?? toHex(entropy.bytes(NAME_BYTES))
    const head = { to: this.to, name, expiresAt, isHeld: hold !== undefined }
    return parcels.put(head, payload, alongside).then(() => name)
  }

  resend(hold: string): boolean {
    return this.#ports.parcels.has(this.to, hold)
  }

  release(hold: string): Promise<void> {
    return this.#ports.parcels.remove([{ to: this.to, name: hold }])
  }

  /** What is to be carried gathers until somebody comes for it, so that few files become of it. */
  opensAt(at: WallMs): WallMs {
    return addMs(at, CARRY_LOOK_MS)
  }

  oneWayDelayMs(): number {
    return 0
  }

  arrivalAt(): undefined {
    return undefined
  }

  answerAt(): undefined {
    return undefined
  }

  patienceMs(): number {
    return 0
  }
}
