/** One host of a lab: its disk and store, its services, and the commands that are run on it. */

import type { Fault } from '../base/fault.ts'
import type { Random } from '../base/random.ts'
import { type WallMs, wallMs } from '../base/time.ts'
import { MailHost } from '../bridge/mail-host.ts'
import { certificateNamesOf } from '../bridge/mail-host-options.ts'
import type { MailHostPorts } from '../bridge/mail-host-ports.ts'
import type { ScenarioHost } from '../config/scenario.ts'
import { isUserName } from '../mail/user-file.ts'
import type { Clock } from '../ports/clock.ts'
import type { DiskFaultCode } from '../ports/disk.ts'
import type { Dns } from '../ports/dns.ts'
import type { HostEvent } from '../ports/events.ts'
import { ownerDirectory } from '../ports/local-users.ts'
import type { DatedSigningKey, MailAuthentication } from '../ports/mail-authentication.ts'
import type { Network } from '../ports/network.ts'
import type { Store, StoreFaultCode } from '../ports/store.ts'
import { labIdentity, labTrust } from './certificate.ts'
import { labCompression } from './compression.ts'
import { type DiskImage, LabDisk, type LabDiskOptions } from './disk.ts'
import type { LabName } from './dns.ts'
import type { labEntropy } from './entropy.ts'
import type { LabHost } from './host.ts'
import { MailLog } from './mail-log.ts'
import { serveNames } from './name-server.ts'
import { labPasswords } from './password.ts'
import { LabProcess, type ProcessOutput } from './process.ts'
import { type LabProgram, labProcesses } from './processes.ts'
import { labResolver } from './resolver.ts'
import { type CommandHost, complain, homeOf } from './shell/command.ts'
import { ShownFiles } from './shell/files.ts'
import { runWords } from './shell/shell.ts'
import { LabStore, type LabStoreOptions, type StoreImage } from './store.ts'

/** Where every host keeps its users' files. */
export const HOMES = '/home'

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

/** What all hosts share. */
export interface Outside extends Pick<MailHostPorts, 'https' | 'packing'> {
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
  readonly #log = new MailLog()
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
        log: () => this.#log.lines,
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
    this.#log.add(logLines(event, { ...context, pid: SERVICES_PROCESS_ID }))
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
    this.#log.clear()
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

/** Where commands on a host find its bundle node, and where they are started. */
const CONTROL = { host: '/run/lightlag/control.sock', port: 0 }
/** Where programs on a host hand in mail and ask what waits. */
const PICKUP = { host: '/run/lightlag/submit.sock', port: 0 }
const QUEUE_SOCKET = '/run/lightlag/queue.sock'
/** Of the services. */
const SERVICES_PROCESS_ID = 123
