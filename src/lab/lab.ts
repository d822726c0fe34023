/** A scenario come to life: its networks and links, and on every host the real services. */

import type { Fault } from '../base/fault.ts'
import { type Random, seededRandom } from '../base/random.ts'
import { addMs, type MonoMs, type WallMs, wallMs } from '../base/time.ts'
import { MailHost } from '../bridge/mail-host.ts'
import { certificateNamesOf } from '../bridge/mail-host-options.ts'
import type { MailHostPorts } from '../bridge/mail-host-ports.ts'
import type { Scenario, ScenarioHost } from '../config/scenario.ts'
import { clientPorts, serviceRecords } from '../mail/client-config.ts'
import { isUserName } from '../mail/user-file.ts'
import type { Clock } from '../ports/clock.ts'
import type { DiskFaultCode } from '../ports/disk.ts'
import type { Dns } from '../ports/dns.ts'
import type { HostEvent } from '../ports/events.ts'
import { ownerDirectory } from '../ports/local-users.ts'
import type { DatedSigningKey, MailAuthentication } from '../ports/mail-authentication.ts'
import type { Network } from '../ports/network.ts'
import type { Packing } from '../ports/packing.ts'
import type { Store, StoreFaultCode } from '../ports/store.ts'
import type { Capture } from './capture.ts'
import { labIdentity, labTrust } from './certificate.ts'
import { labCompression } from './compression.ts'
import { type DiskImage, LabDisk, type LabDiskOptions } from './disk.ts'
import { type LabName, labDns } from './dns.ts'
import { labEntropy } from './entropy.ts'
import type { LabHost } from './host.ts'
import { labHttps } from './https.ts'
import { MAIL_LOG_CHARACTERS_MAX } from './limits.ts'
import { serveNames } from './name-server.ts'
import { LabNetwork } from './network.ts'
import { labPacking } from './packing.ts'
import { labPasswords } from './password.ts'
import { LabProcess, type ProcessOutput } from './process.ts'
import { type LabProgram, labProcesses } from './processes.ts'
import { labResolver } from './resolver.ts'
import { type CommandHost, complain, homeOf } from './shell/command.ts'
import { ShownFiles } from './shell/files.ts'
import { runWords } from './shell/shell.ts'
import { LabStore, type LabStoreOptions, type StoreImage } from './store.ts'
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

/** What a host is made of, each where it is not the ordinary one. */
export interface Hardware {
  readonly disk?: (options: LabDiskOptions, image: DiskImage | undefined) => LabDisk
  readonly store?: (options: LabStoreOptions, image: StoreImage | undefined) => LabStore
  /** What its programs get in place of the host's clock. */
  readonly clock?: (clock: Clock) => Clock
}

export type LogLines = (
  event: HostEvent,
  context: { readonly wall: WallMs; readonly host: string; readonly pid: number },
) => readonly string[]

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

export interface LabResult {
  readonly outcomes: readonly TimelineOutcome[]
  /** Mails that can never arrive or be acknowledged, and why. */
  readonly stuck: readonly (WaitingMail & { readonly reason: string })[]
}

/** How often it is looked whether mail still waits: many retries fit in between. */
const LOOK_EVERY_MS = 600_000

/** Where every host keeps its users' files. */
export const HOMES = '/home'

/** Where commands on a host find its bundle node, and where they are started. */
const CONTROL = { host: '/run/lightlag/control.sock', port: 0 }
/** Where programs on a host hand in mail and ask what waits. */
const PICKUP = { host: '/run/lightlag/submit.sock', port: 0 }
const QUEUE_SOCKET = '/run/lightlag/queue.sock'
/** Of the services. */
const SERVICES_PROCESS_ID = 123

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

/** What all hosts share. */
interface Outside extends Pick<MailHostPorts, 'https' | 'packing'> {
  readonly names: {
    readonly table: ReadonlyMap<string, LabName>
    /** For hosts that ask no name server. */
    readonly known: Dns
    /** Addresses of those that are one. */
    readonly servers: ReadonlySet<string>
  }
  readonly authentication: MakeAuthentication | undefined
  readonly hardware: (host: string) => Hardware
  readonly logLines: LogLines | undefined
}

export interface ExecOptions {
  /** Who runs it. Default: root. */
  readonly user?: string
  /** Somebody types, or looks at what is printed, on a terminal. */
  readonly terminal?: { readonly input: boolean; readonly output: boolean }
  /** Takes what it writes; without it, that is kept with the process. */
  readonly hear?: ProcessOutput
}

/** One host: what survives a crash (disk and store) and what does not (everything else). */
export class LabMachine {
  readonly options: ScenarioHost
  readonly machine: LabHost
  readonly #tell: (event: HostEvent) => void
  readonly #outside: Outside
  /** What each commit fails with from now on. */
  storeFault: Fault<StoreFaultCode> | undefined
  /** What anything that is written to the disk fails with from now on. */
  diskFault: DiskFaultCode | undefined
  /** Those that `pipe` routes may start here, by path. */
  readonly programs: Map<string, LabProgram> = new Map()
  readonly #processes = new Set<LabProcess>()
  #processCount = 0
  #signingKeys: readonly DatedSigningKey[] = []
  readonly #entropy: ReturnType<typeof labEntropy>
  readonly #hardware: Hardware
  #disk: LabDisk
  #store: LabStore
  #dns: Dns
  #services: MailHost
  /** Where it answers as a name server. */
  #servesNamesOn: Network | undefined
  readonly #log: string[] = []
  #logCharacters = 0
  /** What programs have made to show whose they are, and whose it is. */
  readonly #owners = new Map<string, string>()
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
    this.#tell = (event) => {
      this.#write(event)
      tell(event)
    }
    this.#hardware = outside.hardware(options.host)
    this.#disk = this.#newDisk(undefined)
    this.#store = this.#newStore(undefined)
    this.#dns = this.#newDns()
    this.#services = this.#newServices()
  }

  /** The disk that the services use now. */
  get disk(): LabDisk {
    return this.#disk
  }

  get isOn(): boolean {
    return this.#off === undefined
  }

  /** What has not yet gone on from here, as far as a host with power knows. */
  get waiting(): MailHost['waiting'] {
    return this.#services.waiting
  }

  /** The store that the services use now. */
  get store(): LabStore {
    return this.#store
  }

  /** After `kill` and `wipe`, with what was durable. */
  async start(): Promise<void> {
    if (this.#off !== undefined) {
      const { disk, store } = this.#off
      this.#off = undefined
      this.machine.restart()
      this.#disk = this.#newDisk(disk)
      this.#store = this.#newStore(store)
      this.#dns = this.#newDns()
      this.#services = this.#newServices()
    }
    await this.#serveNames()
    await this.#services.start()
  }

  async #serveNames(): Promise<void> {
    const { network, address } = this.machine
    const { table, servers } = this.#outside.names
    if (!servers.has(address) || this.#servesNamesOn === network) return
    this.#servesNamesOn = network
    await serveNames(network, address, table)
  }

  #newDns(): Dns {
    const { nameServer: server } = this.options
    const { network, clock, address } = this.machine
    return server === undefined
      ? this.#outside.names.known
      : labResolver({ network, clock, address, server })
  }

  /** Nothing is left to stop of a host without power. */
  async stop(): Promise<void> {
    if (this.isOn) await this.#services.stop()
  }

  /**
   * Runs a command on this host: its words, or a text cut at its spaces. `sh -c` and `bash` know quotes,
   * pipes and redirections. Nobody types unless `type` and `endInput` say so. It starts in the user's
   * home directory. Not for a host without power.
   */
  exec(command: string | readonly string[], options: ExecOptions = {}): LabProcess {
    const words = typeof command === 'string' ? command.trim().split(/\s+/) : command
    const { user = 'root', terminal = NO_TERMINAL, hear } = options
    const host = this.#commandHost()
    const directory = homeOf(user)
    const folders = ['/tmp', '/root', ...this.options.users.map(({ name }) => homeOf(name))]
    const process = new LabProcess(async (io) => {
      if (user !== 'root' && !isUserName(user)) {
        complain(io, `${JSON.stringify(user)}: a name such as user would be right`)
        return 1
      }
      for (const folder of [...folders, directory]) await host.disk.makeDirectory(folder)
      return runWords(words, { ...io, terminal }, { host, user, directory })
    }, hear)
    this.#processes.add(process)
    void process.status.finally(() => this.#processes.delete(process)).catch(() => {})
    return process
  }

  #commandHost(): CommandHost {
    const { clock, network } = this.machine
    const { packing } = this.#outside
    const dns = this.#dns
    return {
      clock,
      network,
      dns,
      packing,
      machine: this.machine,
      disk: this.#disk,
      files: new ShownFiles({
        disk: this.#disk,
        homes: HOMES,
        users: this.options.users.map(({ name }) => name),
        log: () => this.#log,
      }),
      entropy: this.#entropy,
      control: CONTROL,
      pickup: PICKUP,
      owners: {
        make: (directory, user) => {
          this.#owners.set(directory, user)
          return true
        },
        remove: (directory) => void this.#owners.delete(directory),
      },
      processId: FIRST_PROCESS_ID + this.#processCount++,
    }
  }

  #write(event: HostEvent): void {
    const { logLines } = this.#outside
    if (logLines === undefined) return
    const context = { wall: this.machine.clock.wall(), host: this.options.host }
    const lines = logLines(event, { ...context, pid: SERVICES_PROCESS_ID })
    this.#log.push(...lines)
    for (const { length } of lines) this.#logCharacters += length
    if (this.#logCharacters <= MAIL_LOG_CHARACTERS_MAX) return
    for (const { length } of this.#log.splice(0, this.#log.length / 2)) {
      this.#logCharacters -= length
    }
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
    this.#log.length = 0
    this.#logCharacters = 0
  }

  /** The power fails, and comes back at once: what was durable is all that is left. */
  crash(): Promise<void> {
    this.kill()
    return this.start()
  }

  #newDisk(image: DiskImage | undefined): LabDisk {
    const make = this.#hardware.disk ?? ((options, from) => new LabDisk(options, from))
    return make({ clock: this.machine.clock, writeFault: () => this.diskFault }, image)
  }

  #newStore(image: StoreImage | undefined): LabStore {
    const capacityBytes = this.options.limits.storeBytesMax
    const latency = { clock: this.machine.clock, durationMs: COMMIT_MS }
    const make = this.#hardware.store ?? ((options, from) => new LabStore(options, from))
    return make({ capacityBytes, latency, fault: () => this.storeFault }, image)
  }

  #newServices(): MailHost {
    const { clock: hostClock, network } = this.machine
    const clock = this.#hardware.clock?.(hostClock) ?? hostClock
    // A program that has been killed tells nothing any more.
    const events = (event: HostEvent): void => {
      if (this.machine.clock === hostClock) this.#tell(event)
    }
    const { authentication, https, packing } = this.#outside
    const dns = this.#dns
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
      https,
      packing,
      dns,
      ...(authentication && {
        authentication: authentication({ dns, clock, hostname }),
      }),
      processes: labProcesses(this.programs, clock),
      events,
      passwords: labPasswords,
      control: CONTROL,
      localPrograms: {
        submission: PICKUP.host,
        queue: QUEUE_SOCKET,
        users: {
          superusers: ['root'],
          isOwner: async (session, socket, user) =>
            this.#owners.get(ownerDirectory(session, socket)) === user,
        },
      },
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

const NO_TERMINAL = { input: false, output: false }

/** Those before it are the system's own. */
const FIRST_PROCESS_ID = 1000

/** That of every host, and all believe it. */
const AUTHORITY = 'lab'
const ALWAYS = { from: wallMs(0), until: wallMs(Number.MAX_SAFE_INTEGER) } as const

/** What a flushed commit takes on an ordinary disk. */
const COMMIT_MS = 1
