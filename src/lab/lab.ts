/** A scenario come to life: its networks and links, and on every host the real services. */

import { seededRandom } from '../base/random.ts'
import { addMs, type MonoMs } from '../base/time.ts'
import type { Scenario, ScenarioHost } from '../config/scenario.ts'
import { clientPorts, serviceRecords } from '../mail/client-config.ts'
import type { HostEvent } from '../ports/events.ts'
import type { Packing } from '../ports/packing.ts'
import type { Capture } from './capture.ts'
import { type LabName, labDns } from './dns.ts'
import { labEntropy } from './entropy.ts'
import { labHttps } from './https.ts'
import {
  type Hardware,
  HOMES,
  LabMachine,
  type LogLines,
  type MakeAuthentication,
} from './machine.ts'
import { LabNetwork } from './network.ts'
import { labPacking } from './packing.ts'
import { Timeline, type TimelineOutcome } from './timeline.ts'
import { obstacleOf, type WaitingMail, WaitingMails } from './waiting.ts'
import { World } from './world.ts'

export interface LabOptions {
  /** Resolves once every promise that can settle has settled. */
  readonly settle: () => Promise<void>
  /** Hears what happens on every host, as it happens. */
  readonly onEvent: (happening: Happening) => void
  /**
   * Of every host, by the names and the time of the lab: a lab signs and verifies nothing by itself.
   * Default: mail is neither looked at for where it is from, nor signed.
   */
  readonly authentication?: MakeAuthentication
  /** Of what goes in bundles, where sizes matter. Default: nothing becomes smaller. */
  readonly packing?: Packing
  /**
   * Writes what happens on a host as the lines of its /var/log/mail.log; `pid` is that of its services.
   * Default: that is empty.
   */
  readonly logLines?: LogLines
  /** What keeps the packets. Default: one that keeps as many as it may, and their sum. */
  readonly capture?: Capture
  /** For hosts with hardware of their own, such as a disk that fails. Default: all is sound. */
  readonly hardware?: (host: string) => Hardware
}

export interface Happening {
  readonly at: MonoMs
  /** The host's name. */
  readonly host: string
  readonly event: HostEvent
}

export interface LabResult {
  readonly outcomes: readonly TimelineOutcome[]
  /** Mails that can never arrive or be acknowledged, and why. */
  readonly stuck: readonly (WaitingMail & { readonly reason: string })[]
}

export class Lab {
  readonly world: World
  readonly network: LabNetwork
  /** What every host learns of names, and every name server knows: those of the hosts from the start, and what is added. */
  readonly names: Map<string, LabName>
  /** What web servers have, by URL. */
  readonly pages: Map<string, string> = new Map()
  /** What the scenario has happen: it begins with `start`. */
  readonly timeline: Timeline
  /** What hosts have accepted and not settled, since the start of the lab. */
  readonly waiting: WaitingMails = new WaitingMails()
  readonly #hosts: ReadonlyMap<string, LabMachine>

  constructor(scenario: Scenario, options: LabOptions) {
    this.world = new World({
      settle: options.settle,
      ...(scenario.startsAt !== undefined && { wallAtStart: scenario.startsAt }),
    })
    const random = seededRandom(scenario.seed)
    const { world } = this
    this.network = new LabNetwork({
      world,
      random,
      captureLocal: true,
      tcp: scenario.tcp,
      tls: scenario.tls,
      ...(options.capture && { capture: options.capture }),
    })
    for (const { between, back, ...quality } of scenario.links) {
      this.network.addLink(between, quality, back)
    }
    this.names = new Map(scenario.hosts.flatMap(namesOf))
    const { authentication, packing = labPacking, hardware = () => ({}), logLines } = options
    const https = labHttps(this.pages)
    const names = {
      table: this.names,
      known: labDns(this.names),
      servers: new Set(scenario.hosts.flatMap(({ nameServer }) => nameServer ?? [])),
    }
    const outside = { names, https, packing, authentication, hardware, logLines }
    this.#hosts = new Map(
      scenario.hosts.map((host) => {
        const machine = this.network.addHost(host.host, host.network, host.address)
        const tell = (event: HostEvent): void => {
          this.waiting.hear(host.host, event)
          options.onEvent({ at: this.world.now(), host: host.host, event })
        }
        return [host.host, new LabMachine(host, machine, labEntropy(random), tell, outside)]
      }),
    )
    this.timeline = new Timeline(this, scenario.timeline ?? [], HOMES)
  }

  host(name: string): LabMachine {
    const host = this.#hosts.get(name)
    if (host === undefined) throw new RangeError(`no host ${name}`)
    return host
  }

  get hosts(): readonly LabMachine[] {
    return [...this.#hosts.values()]
  }

  /** Starts every host, and the timeline. */
  async start(): Promise<void> {
    await this.perform(Promise.all(this.hosts.map((host) => host.start())))
    this.timeline.begin()
  }

  /**
   * Lets time pass until everything of the timeline has happened and no mail waits any more that may still come
   * about; what waits for something that never comes is not waited for, but told.
   */
  async play(): Promise<LabResult> {
    const { world, timeline, waiting } = this
    await world.run(() => timeline.isOver)
    for (;;) {
      const stuck = [...waiting].map((mail) => ({ ...mail, reason: obstacleOf(this, mail) }))
      const isAtRest = world.nextAt === undefined
      if (isAtRest || stuck.every(({ reason }) => reason !== undefined)) {
        const reasonOf = (reason = 'nothing happens any more') => reason
        return {
          outcomes: timeline.outcomes,
          stuck: stuck.map(({ reason, ...mail }) => ({ ...mail, reason: reasonOf(reason) })),
        }
      }
      await world.run(addMs(world.now(), LOOK_EVERY_MS))
    }
  }

  async stop(): Promise<void> {
    await this.perform(Promise.all(this.hosts.map((host) => host.stop())))
  }

  /** As `World.perform`. */
  perform<T>(work: Promise<T>): Promise<T> {
    return this.world.perform(work)
  }
}

/** The host's address, and where mail programs of its domains' users find it. RFC 6186. */
function namesOf(host: ScenarioHost): readonly (readonly [string, LabName])[] {
  const ports = clientPorts(host)
  const services = host.domains.flatMap((domain) =>
    serviceRecords({ address: `postmaster@${domain}`, hostname: host.host, ports }),
  )
  return [
    [host.host, { a: [host.address] }],
    ...services.map(({ name, target, ...record }): readonly [string, LabName] => [
      name.slice(0, -1),
      { srv: [{ ...record, target: target.slice(0, -1) }] },
    ]),
  ]
}

/** How often it is looked whether mail still waits: many retries fit in between. */
const LOOK_EVERY_MS = 600_000
