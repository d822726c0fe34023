import { assert } from '../base/assert.ts'
import type { Random } from '../base/random.ts'
import type { LinkQuality } from '../config/link-quality.ts'
import { isLocalSocket } from '../ports/network.ts'
import { Capture } from './capture.ts'
import { isWithinHost, LabHost } from './host.ts'
import { Link } from './link.ts'
import { type Packet, wireBytes } from './packet.ts'
import type { World } from './world.ts'

export interface LabNetworkOptions {
  readonly world: World
  /** Decides what gets lost. */
  readonly random: Random
  readonly capture?: Capture
  /** Whether what stays within one network or one host is captured as well. */
  readonly captureLocal?: boolean
}

/**
 * Hosts on named networks, and links between networks. A packet between two networks crosses the
 * link that joins them; there is no way over a third. A datagram is one packet whatever its size:
 * there is no fragmentation below it.
 */
export class LabNetwork {
  readonly capture: Capture
  readonly #options: LabNetworkOptions
  readonly #hosts = new Map<string, LabHost>()
  readonly #links = new Map<string, Link>()

  constructor(options: LabNetworkOptions) {
    this.#options = options
    this.capture = options.capture ?? new Capture()
  }

  /** `site` is the network that the host is on; it need not be declared. */
  addHost(name: string, site: string, address: string): LabHost {
    assert(!this.#hosts.has(address), `two hosts at ${address}`)
    const host = new LabHost(name, site, address, {
      world: this.#options.world,
      reaches: (from, target) => this.#way(from, target) !== undefined,
      transmit: (from, packet) => this.#transmit(from, packet),
    })
    this.#hosts.set(address, host)
    return host
  }

  /** Joins two networks, with the same quality in both directions. */
  addLink(between: readonly [string, string], quality: LinkQuality): void {
    const [a, b] = between
    assert(a !== b && !this.#links.has(linkKey(a, b)), `one link joins ${a} and ${b}`)
    this.#links.set(linkKey(a, b), new Link(quality, this.#options.random))
    this.#links.set(linkKey(b, a), new Link(quality, this.#options.random))
  }

  /** One direction of a link, to be looked at or changed at any time. */
  link(from: string, to: string): Link {
    const link = this.#links.get(linkKey(from, to))
    assert(link !== undefined, `no link from ${from} to ${to}`)
    return link
  }

  /** Changes both directions of a link, for what is sent from now on. */
  setLink(between: readonly [string, string], change: Partial<LinkQuality>): void {
    const [a, b] = between
    this.link(a, b).change(change)
    this.link(b, a).change(change)
  }

  #transmit(from: LabHost, packet: Packet): void {
    const way = this.#way(from, packet.target.host)
    if (way === undefined) return
    const { world, captureLocal } = this.#options
    const sentAt = world.now()
    const bytes = wireBytes(packet)
    // Within one network a packet takes no time and is never lost.
    const arrivesAt = way.link === undefined ? sentAt : way.link.transmit(bytes, sentAt)
    // What goes over local sockets is on no wire.
    if (way.link !== undefined || (captureLocal && !isLocalSocket(packet.target))) {
      this.capture.add({
        sentAt,
        arrivesAt: arrivesAt ?? 'lost',
        local: way.link === undefined,
        from: from.name,
        to: way.host.name,
        source: packet.source,
        target: packet.target,
        protocol: packet.protocol,
        segment: packet.protocol === 'tcp' ? packet.segment.kind : undefined,
        tcp: packet.protocol === 'tcp' ? packet.header : undefined,
        fragment: packet.protocol === 'udp' ? packet.fragment : undefined,
        retransmitted: packet.protocol === 'tcp' && packet.segment.retransmitted,
        payload: packet.payload,
        wireBytes: bytes,
      })
    }
    if (arrivesAt !== undefined) world.at(arrivesAt, () => way.host.receive(packet))
  }

  /** Undefined where there is no way. */
  #way(from: LabHost, address: string): Way | undefined {
    if (isWithinHost(address) || address === from.address) {
      return { host: from, link: undefined }
    }
    const host = this.#hosts.get(address)
    if (host === undefined) return undefined
    if (host.site === from.site) return { host, link: undefined }
    const link = this.#links.get(linkKey(from.site, host.site))
    return link === undefined ? undefined : { host, link }
  }
}

interface Way {
  readonly host: LabHost
  /** Undefined within one network or host. */
  readonly link: Link | undefined
}

function linkKey(from: string, to: string): string {
  return `${from}\n${to}`
}
