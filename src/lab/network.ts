import { assert } from '../base/assert.ts'
import type { Random } from '../base/random.ts'
import { Slab } from '../base/slab.ts'
import type { MonoMs } from '../base/time.ts'
import type { LinkQuality } from '../config/link-quality.ts'
import { Routes } from '../config/routes.ts'
import { LINUX_TCP, type TcpSettings } from '../config/tcp-settings.ts'
import { DEFAULT_TLS, type TlsSettings } from '../config/tls-settings.ts'
import { isLocalSocket } from '../ports/network.ts'
import { Capture, type CapturedPacket } from './capture.ts'
import { Egress } from './egress.ts'
import { isWithinHost, LabHost } from './host.ts'
import { LOOPBACK_MTU_BYTES, MTU_BYTES } from './limits.ts'
import { Link } from './link.ts'
import {
  type DatagramPacket,
  type Packet,
  type SegmentPacket,
  segmentKind,
  wireBytes,
} from './packet.ts'
import type { World } from './world.ts'

export interface LabNetworkOptions {
  readonly world: World
  /** Decides what gets lost. */
  readonly random: Random
  readonly capture?: Capture
  /** Whether what stays within one network or one host is captured as well. */
  readonly captureLocal?: boolean
  /** Default: as Linux has them. */
  readonly tcp?: TcpSettings | undefined
  /** Default: 1.3, each session anew. */
  readonly tls?: TlsSettings | undefined
}

/**
 * Hosts on named networks, and links between networks. A packet between two networks crosses the
 * link that joins them, or several by way of others: over the fewest there are, whether they are up
 * or not.
 */
export class LabNetwork {
  readonly capture: Capture
  readonly #options: LabNetworkOptions
  readonly #hosts = new Map<string, LabHost>()
  /** By the network that one direction leaves, and the one that it leads to. */
  readonly #links = new Map<string, Map<string, Link>>()
  /** By the networks where a way begins and ends; found when they are first asked for. */
  readonly #steps = new Map<string, Map<string, Step | undefined>>()
  readonly #joined: (readonly [string, string])[] = []
  readonly #routes = new Routes()
  readonly #slab = new Slab()

  constructor(options: LabNetworkOptions) {
    this.#options = options
    this.capture = options.capture ?? new Capture()
  }

  /** `site` is the network that the host is on; it need not be declared. */
  addHost(name: string, site: string, address: string): LabHost {
    assert(!this.#hosts.has(address), `two hosts at ${address}`)
    const host = new LabHost(name, site, address, {
      world: this.#options.world,
      tcp: this.#options.tcp ?? LINUX_TCP,
      tls: this.#options.tls ?? DEFAULT_TLS,
      slab: this.#slab,
      mtuBytes: (from, target) => mtuOf(from, this.#target(from, target)),
      transmit: (from, packet) => this.#transmit(from, packet),
      newEgress: (options) => {
        const { random, world } = this.#options
        const link = new Link(options.quality, { random, startsAt: world.startsAt })
        return new Egress(options, link, world)
      },
    })
    this.#hosts.set(address, host)
    return host
  }

  /** Joins two networks, with one quality in both directions or another for the way back. */
  addLink(
    between: readonly [string, string],
    quality: LinkQuality,
    back: Partial<LinkQuality> = {},
  ): void {
    const [a, b] = between
    assert(a !== b && !this.#links.get(a)?.has(b), `one link joins ${a} and ${b}`)
    const { random, world } = this.#options
    const options = { random, startsAt: world.startsAt }
    this.#linksFrom(a).set(b, new Link(quality, options))
    this.#linksFrom(b).set(a, new Link({ ...quality, ...back }, options))
    this.#joined.push([a, b], [b, a])
    this.#routes.add(a, b)
    this.#steps.clear()
  }

  #linksFrom(site: string): Map<string, Link> {
    const known = this.#links.get(site)
    if (known !== undefined) return known
    const links = new Map<string, Link>()
    this.#links.set(site, links)
    return links
  }

  /** The networks that each direction of a link joins. */
  get links(): readonly (readonly [string, string])[] {
    return this.#joined
  }

  /** The one that comes next on the way from a network to another; undefined where no links lead there. */
  nextNetwork(from: string, to: string): string | undefined {
    return this.#routes.next(from, to)
  }

  /** One direction of a link, to be looked at or changed at any time. */
  link(from: string, to: string): Link {
    const link = this.#links.get(from)?.get(to)
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
    const target = this.#target(from, packet.target.host)
    if (target === undefined) return
    const { egress } = from
    if (egress === undefined || target === from) {
      this.#leave(packet, from, target)
      return
    }
    egress.send(packet, () => this.#leave(packet, from, target))
  }

  #leave(packet: Packet, from: LabHost, target: LabHost): void {
    if (target.site !== from.site) {
      this.#cross(packet, from, target)
      return
    }
    // Within one network a packet takes no time and is never lost.
    const { world, captureLocal } = this.#options
    const sentAt = world.now()
    // What goes over local sockets is on no wire.
    if (captureLocal && !this.capture.isBlind && !isLocalSocket(packet.target)) {
      this.#capture(packet, { sentAt, arrivesAt: sentAt, from: from.name, to: target.name })
    }
    world.at(sentAt, () => target.receive(packet))
  }

  /** Over the next link on the way from a place to a host on another network. */
  #cross(packet: Packet, from: Place, target: LabHost): void {
    const step = this.#step(from.site, target.site)
    if (step === undefined) return
    const { next, link } = step
    const { world } = this.#options
    const sentAt = world.now()
    const transit = link.transmit(wireBytes(packet), sentAt)
    const place = next === target.site ? target : { name: next, site: next }
    const times: MonoMs[] = []
    for (const { at, wrongBitAt } of transit.arrivals) {
      const arrived = wrongBitAt === undefined ? packet : corrupted(packet, wrongBitAt, link)
      if (arrived === undefined) continue
      times.push(at)
      world.at(at, () => {
        if (place === target) target.receive(arrived)
        else this.#cross(arrived, place, target)
      })
    }
    if (this.capture.isBlind) return
    const [first, second] = times
    this.#capture(packet, {
      sentAt,
      arrivesAt: first ?? 'lost',
      ...(second !== undefined && { arrivesAgainAt: second }),
      ...(first === undefined && { lostTo: transit.lostTo ?? 'checksum' }),
      from: from.name,
      to: place.name,
      link: [from.site, next],
      ...(transit.leavesAt !== undefined && { leavesAt: transit.leavesAt }),
      ...(from instanceof LabHost ? {} : { isOnward: true }),
    })
  }

  /** The first on the way from a network to another; undefined where no links lead there. */
  #step(from: string, to: string): Step | undefined {
    let steps = this.#steps.get(from)
    if (steps === undefined) {
      steps = new Map()
      this.#steps.set(from, steps)
    }
    const known = steps.get(to)
    if (known !== undefined || steps.has(to)) return known
    const next = this.#routes.next(from, to)
    const step = next === undefined ? undefined : { next, link: this.link(from, next) }
    steps.set(to, step)
    return step
  }

  #capture(
    packet: Packet,
    journey: Omit<
      CapturedPacket,
      | 'local'
      | keyof DatagramPacket
      | keyof SegmentPacket
      | 'segment'
      | 'tcp'
      | 'retransmitted'
      | 'wireBytes'
    >,
  ): void {
    this.capture.add({
      ...journey,
      local: journey.link === undefined,
      source: packet.source,
      target: packet.target,
      protocol: packet.protocol,
      segment: packet.protocol === 'tcp' ? segmentKind(packet) : undefined,
      tcp: packet.protocol === 'tcp' ? packet.header : undefined,
      fragment: packet.protocol === 'udp' ? packet.fragment : undefined,
      retransmitted: packet.protocol === 'tcp' && packet.retransmitted,
      payload: packet.payload,
      wireBytes: wireBytes(packet),
    })
  }

  /** Undefined where there is no way. */
  #target(from: LabHost, address: string): LabHost | undefined {
    if (isWithinHost(address) || address === from.address) return from
    const host = this.#hosts.get(address)
    if (host === undefined || host.site === from.site) return host
    return this.#step(from.site, host.site) === undefined ? undefined : host
  }
}

/** Over a link, to the network that it leads to. */
interface Step {
  readonly next: string
  readonly link: Link
}

/** A host, or a network on the way, whose name is its own. */
type Place = Pick<LabHost, 'name' | 'site'>

/**
 * What is left of a packet with one wrong bit: nothing where a checksum finds it, as those of IP's header and of TCP do,
 * and that of UDP where datagrams have one.
 */
function corrupted(packet: Packet, wrongBitAt: number, link: Link): Packet | undefined {
  if (packet.protocol !== 'udp' || link.quality.udpChecksum !== 'off') return undefined
  const bytes = wireBytes(packet)
  const bit = Math.floor(wrongBitAt * bytes * 8) - (bytes - packet.payload.length) * 8
  if (bit < 0) return undefined
  const payload = packet.payload.slice()
  payload[bit >> 3] = (payload[bit >> 3] ?? 0) ^ (0x80 >> (bit & 7))
  return { ...packet, payload }
}

function mtuOf(from: LabHost, target: LabHost | undefined): number | undefined {
  if (target === undefined) return undefined
  return target === from ? LOOPBACK_MTU_BYTES : MTU_BYTES
}
