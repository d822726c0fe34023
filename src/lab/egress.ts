import { assert } from '../base/assert.ts'
import type { LinkQuality } from '../config/link-quality.ts'
import type { Link } from './link.ts'
import type { Packet } from './packet.ts'
import { wireBytes } from './packet.ts'
import type { World } from './world.ts'

export interface NetemOptions {
  readonly quality: LinkQuality
  /** Packets that it holds; what comes while it is full is lost. */
  readonly limitPackets: number
}

/** What stands between a host and its network, as Linux's netem on its interface: it holds what the host sends. */
export class Egress {
  readonly options: NetemOptions
  readonly #link: Link
  readonly #world: World
  #held = 0
  #isGone = false

  /** `link` is made of the same quality, and nobody else's. */
  constructor(options: NetemOptions, link: Link, world: World) {
    assert(options.limitPackets >= 1, 'it holds one packet at least')
    this.options = options
    this.#link = link
    this.#world = world
  }

  /** Calls `leave` each time that the packet leaves, when it does. What has a wrong bit arrives nowhere. */
  send(packet: Packet, leave: () => void): void {
    const { arrivals } = this.#link.transmit(wireBytes(packet), this.#world.now())
    for (const { at, wrongBitAt } of arrivals) {
      if (this.#held >= this.options.limitPackets) return
      this.#held++
      this.#world.at(at, () => {
        this.#held--
        if (!this.#isGone && wrongBitAt === undefined) leave()
      })
    }
  }

  /** What it holds is lost. */
  remove(): void {
    this.#isGone = true
  }
}
