/** A scenario come to life: its networks and links, and on every host the real services. */

import { type Random, seededRandom } from '../base/random.ts'
import { type MonoMs, wallMs } from '../base/time.ts'
import { MailHost, type MailHostPorts } from '../bridge/mail-host.ts'
import { certificateNamesOf } from '../bridge/mail-host-options.ts'
import type { Scenario, ScenarioHost } from '../config/scenario.ts'
import { clientPorts, serviceRecords } from '../mail/client-config.ts'
import type { Clock } from '../ports/clock.ts'
import type { Dns } from '../ports/dns.ts'
import type { HostEvent } from '../ports/events.ts'
import type { DatedSigningKey, MailAuthentication } from '../ports/mail-authentication.ts'
import type { Packing } from '../ports/packing.ts'
import type { Store } from '../ports/store.ts'
import { labIdentity, labTrust } from './certificate.ts'
import { labCompression } from './compression.ts'
import { type DiskImage, LabDisk, type LabDiskOptions } from './disk.ts'
import { type LabName, labDns } from './dns.ts'
import { labEntropy } from './entropy.ts'
import type { LabHost } from './host.ts'
import { labHttps } from './https.ts'
import { LabNetwork } from './network.ts'
import { labPacking } from './packing.ts'
import { labPasswords } from './password.ts'
import { LabProcess } from './process.ts'
import { type LabProgram, labProcesses } from './processes.ts'
import { LabStore, type LabStoreOptions, type StoreImage } from './store.ts'
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
  /** For hosts with hardware of their own, such as a disk that fails. Default: all is sound. */
  readonly hardware?: (host: string) => Hardware
}

/** What a host is made of, each where it is not the ordinary one. */
export interface Hardware {
  readonly disk?: (options: LabDiskOptions, image: DiskImage | undefined) => LabDisk
  readonly store?: (options: LabStoreOptions, image: StoreImage | undefined) => LabStore
  /** What its programs get in place of the host's clock. */
  readonly clock?: (clock: Clock) => Clock
}

export type MakeAuthentication = (host: {
  readonly dns: Dns
  readonly clock: Clock
  readonly hostname: string
}) => MailAuthentication

export interface Happening {
  readonly at: MonoMs
  /** The host's name. */
  readonly host: string
  readonly event: HostEvent
}

/** Where every host keeps its users' files. */
export const HOMES = '/home'

/** Where commands on a host find its bundle node, and where they are started. */
const CONTROL = { host: '/run/lightlag/control.sock', port: 0 }
const WORKING_DIRECTORY = '/root'

export class Lab {
  readonly world: World
  readonly network: LabNetwork
  /** What every host learns of names: those of the hosts from the start, and what is added. */
  readonly names: Map<string, LabName>
  /** What web servers have, by URL. */
  readonly pages: Map<string, string> = new Map()
  readonly #hosts: ReadonlyMap<string, LabMachine>

  constructor(scenario: Scenario, options: LabOptions) {
    this.world = new World({
      settle: options.settle,
      ...(scenario.startsAt !== undefined && { wallAtStart: scenario.startsAt }),
    })
    const random = seededRandom(scenario.seed)
    const { world } = this
    this.network = new LabNetwork({ world, random, captureLocal: true, tcp: scenario.tcp })
    for (const { between, back, ...quality } of scenario.links) {
      this.network.addLink(between, quality, back)
    }
    this.names = new Map(scenario.hosts.flatMap(namesOf))
    const { authentication, packing = labPacking, hardware = () => ({}) } = options
    const [dns, https] = [labDns(this.names), labHttps(this.pages)]
    const outside = { dns, https, packing, authentication, hardware }
    this.#hosts = new Map(
      scenario.hosts.map((host) => {
        const machine = this.network.addHost(host.host, host.network, host.address)
        const tell = (event: HostEvent): void =>
          options.onEvent({ at: this.world.now(), host: host.host, event })
        return [host.host, new LabMachine(host, machine, labEntropy(random), tell, outside)]
      }),
    )
  }

  host(name: string): LabMachine {
    const host = this.#hosts.get(name)
    if (host === undefined) throw new RangeError(`no host ${name}`)
    return host
  }

  get hosts(): readonly LabMachine[] {
    return [...this.#hosts.values()]
  }

  /** Starts every host. */
  async start(): Promise<void> {
    await this.perform(Promise.all(this.hosts.map((host) => host.start())))
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

/** What all hosts share. */
interface Outside extends Pick<MailHostPorts, 'dns' | 'https' | 'packing'> {
  readonly authentication: MakeAuthentication | undefined
  readonly hardware: (host: string) => Hardware
}

/** One host: what survives a crash (disk and store) and what does not (everything else). */
export class LabMachine {
  readonly options: ScenarioHost
  readonly machine: LabHost
  readonly #tell: (event: HostEvent) => void
  readonly #outside: Outside
  /** Those that `pipe` routes may start here, by path. */
  readonly programs: Map<string, LabProgram> = new Map()
  readonly #processes = new Set<LabProcess>()
  #processCount = 0
  #signingKeys: readonly DatedSigningKey[] = []
  readonly #entropy: ReturnType<typeof labEntropy>
  readonly #hardware: Hardware
  #disk: LabDisk
  #store: LabStore
  #services: MailHost
  /** While it has no power: what is durable. */
  #off: { readonly disk?: DiskImage; readonly store?: StoreImage } | undefined

  constructor(
    options: ScenarioHost,
    machine: LabHost,
    entropy: ReturnType<typeof labEntropy>,
    tell: (event: HostEvent) => void,
    outside: Outside,
  ) {
    this.#outside = outside
    this.options = options
    this.machine = machine
    this.#entropy = entropy
    this.#tell = tell
    this.#hardware = outside.hardware(options.host)
    this.#disk = this.#newDisk(undefined)
    this.#store = this.#newStore(undefined)
    this.#services = this.#newServices()
  }

  /** The disk that the services use now. */
  get disk(): LabDisk {
    return this.#disk
  }

  get isOn(): boolean {
    return this.#off === undefined
  }

  /** The store that the services use now. */
  get store(): LabStore {
    return this.#store
  }

  /** After `kill` and `wipe`, with what was durable. */
  start(): Promise<void> {
    if (this.#off !== undefined) {
      const { disk, store } = this.#off
      this.#off = undefined
      this.machine.restart()
      this.#disk = this.#newDisk(disk)
      this.#store = this.#newStore(store)
      this.#services = this.#newServices()
    }
    return this.#services.start()
  }

  /** Nothing is left to stop of a host without power. */
  async stop(): Promise<void> {
    if (this.isOn) await this.#services.stop()
  }

  /**
   * Runs a command on this host, one of ION's tools: `bpsource ipn:3.1 hello`, cut at its spaces, or
   * its words. Nobody types unless `type` and `endInput` say so. Files are in `/root`.
   */
  exec(command: string | readonly string[]): LabProcess {
    const words = typeof command === 'string' ? command.trim().split(/\s+/) : command
    const process = new LabProcess(words, {
      clock: this.machine.clock,
      network: this.machine.network,
      disk: this.#disk,
      entropy: this.#entropy,
      control: CONTROL,
      directory: WORKING_DIRECTORY,
      processId: FIRST_PROCESS_ID + this.#processCount++,
    })
    this.#processes.add(process)
    void process.status.finally(() => this.#processes.delete(process)).catch(() => {})
    return process
  }

  /** What mail from here is signed with, also after a crash, as files would be. */
  setSigningKeys(keys: readonly DatedSigningKey[]): void {
    this.#signingKeys = keys
    this.#services.setSigningKeys(keys)
  }

  /**
   * The power fails: what is durable is all that the next `start` finds, and, with `luck`, some of what
   * was on its way to the disk, as `LabDisk.crash` and `LabStore.crash` say.
   */
  kill(luck?: Random): void {
    if (!this.isOn) return
    this.machine.crash()
    for (const process of this.#processes) process.kill()
    this.#off = { disk: this.#disk.crash(luck), store: this.#store.crash(luck) }
  }

  /** The power fails, and the disk is lost with all that was on it. */
  wipe(): void {
    this.kill()
    this.#off = {}
  }

  /** The power fails, and comes back at once: what was durable is all that is left. */
  crash(): Promise<void> {
    this.kill()
    return this.start()
  }

  #newDisk(image: DiskImage | undefined): LabDisk {
    const make = this.#hardware.disk ?? ((options, from) => new LabDisk(options, from))
    return make({ clock: this.machine.clock }, image)
  }

  #newStore(image: StoreImage | undefined): LabStore {
    const capacityBytes = this.options.limits.storeBytesMax
    const latency = { clock: this.machine.clock, durationMs: COMMIT_MS }
    const make = this.#hardware.store ?? ((options, from) => new LabStore(options, from))
    return make({ capacityBytes, latency }, image)
  }

  #newServices(): MailHost {
    const { clock: hostClock, network } = this.machine
    const clock = this.#hardware.clock?.(hostClock) ?? hostClock
    // A program that has been killed tells nothing any more.
    const events = (event: HostEvent): void => {
      if (this.machine.clock === hostClock) this.#tell(event)
    }
    const { authentication, ...outside } = this.#outside
    const hostname = this.options.host
    const services = new MailHost(this.options, {
      homes: HOMES,
      clock,
      network,
      disk: this.#disk,
      store: this.#store,
      openIndex: async () => keptOpen(this.#store),
      entropy: this.#entropy,
      compression: labCompression(clock),
      ...outside,
      ...(authentication && {
        authentication: authentication({ dns: outside.dns, clock, hostname }),
      }),
      processes: labProcesses(this.programs, clock),
      events,
      passwords: labPasswords,
      control: CONTROL,
      tls: {
        identity: labIdentity(AUTHORITY, certificateNamesOf(this.options), ALWAYS),
        trust: labTrust(AUTHORITY),
      },
    })
    services.setSigningKeys(this.#signingKeys)
    return services
  }
}

/** It is the host's, whoever else uses it. */
function keptOpen(store: LabStore): Store {
  return {
    get: (table, key) => store.get(table, key),
    range: (table, range) => store.range(table, range),
    keys: (table, range) => store.keys(table, range),
    commit: (changes) => store.commit(changes),
    close: async () => {},
  }
}

/** Those before it are the system's own. */
const FIRST_PROCESS_ID = 1000

/** That of every host, and all believe it. */
const AUTHORITY = 'lab'
const ALWAYS = { from: wallMs(0), until: wallMs(Number.MAX_SAFE_INTEGER) } as const

/** What a flushed commit takes on an ordinary disk. */
const COMMIT_MS = 1
