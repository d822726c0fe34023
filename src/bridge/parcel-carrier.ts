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
  /** Whose `Authentication-Results` are believed of what comes from it, in lower case. Default: nobody's. */
  readonly results?: readonly string[]
  /** Where its objects are posted to. */
  readonly url?: HttpsUrl
  /** A name that its certificate bears when it posts here. Default: its secret alone is asked for. */
  readonly certificate?: string
  /** What is posted: objects as they are, which are acknowledged, or batch SMTP for gateways of other makes. */
  readonly format?: 'objects' | 'batch-smtp'
  /** Default: 0. */
  readonly oneWayDelayMs?: number
}

export interface HttpsUrl {
  /** A name, or an IP address. */
  readonly host: string
  readonly port: number
  /** With a query, if there is one. */
  readonly path: string
}

export interface ParcelPorts {
  readonly parcels: Parcels
  readonly entropy: Entropy
}

const NAME_BYTES = 16

/** What both ways do with what waits. */
export class ParcelBox {
  readonly to: string
  readonly #ports: ParcelPorts

  constructor(to: string, ports: ParcelPorts) {
    this.to = to
    this.#ports = ports
  }

  async send({ payload, expiresAt, hold, alongside }: OutgoingAdu): Promise<string> {
    const { parcels, entropy } = this.#ports
    const name = hold ?? toHex(entropy.bytes(NAME_BYTES))
    const head = { to: this.to, name, expiresAt, isHeld: hold !== undefined }
    await parcels.put(head, payload, alongside)
    return name
  }

  resend(hold: string): boolean {
    return this.#ports.parcels.has(this.to, hold)
  }

  release(hold: string): Promise<void> {
    return this.#ports.parcels.remove([{ to: this.to, name: hold }])
  }
}

/** For what waits until somebody carries it: nobody knows when that is. */
export class StickCarrier extends ParcelBox implements Carrier {
  get route(): string {
    return `carry:${this.to}`
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

  lateAt(): undefined {
    return undefined
  }

  patienceMs(): number {
    return 0
  }
}
