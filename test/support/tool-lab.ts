import { setImmediate } from 'node:timers/promises'
import { fromUtf8 } from '../../src/base/bytes.ts'
import { seededRandom } from '../../src/base/random.ts'
import { monoMs } from '../../src/base/time.ts'
import type { LinkQuality } from '../../src/config/link-quality.ts'
import {
  BundleHost,
  type BundleHostOptions,
  type BundleHostPorts,
} from '../../src/dtn/bundle-host.ts'
import { NO_CONTACTS } from '../../src/dtn/contact-plan.ts'
import type { EndpointOptions } from '../../src/dtn/registrations.ts'
import { LabDisk } from '../../src/lab/disk.ts'
import { labEntropy } from '../../src/lab/entropy.ts'
import type { LabHost } from '../../src/lab/host.ts'
import { LabNetwork } from '../../src/lab/network.ts'
import { ionTool, LabProcess, type ProcessPorts } from '../../src/lab/process.ts'
import { LabStore } from '../../src/lab/store.ts'
import { World } from '../../src/lab/world.ts'
import type { HostEvent } from '../../src/ports/events.ts'

/** ION's `a endpoint ipn:N.S x`, of the services that the tests use. */
const ENDPOINTS: readonly EndpointOptions[] = [0n, 1n, 2n, 3n].map((service) => ({
  service: service + 1n,
  whenInactive: service === 2n ? 'defer' : 'abandon',
}))

const CONTROL = { host: '/run/lightlag/control.sock', port: 0 }
export const DIRECTORY = '/home/ion'

/** Nodes 2 and 3 of the note, half a second apart, and ION's tools on both machines. */
export class ToolLab {
  readonly world: World = new World({ settle: () => setImmediate() })
  readonly network: LabNetwork = new LabNetwork({ world: this.world, random: seededRandom(1) })
  readonly nodes: readonly [ToolNode, ToolNode]

  private constructor(
    quality: Partial<LinkQuality>,
    options: Partial<BundleHostOptions>,
    ports: Partial<BundleHostPorts>,
  ) {
    const node = (machine: LabHost, own: Omit<BundleHostOptions, 'endpoints'>): ToolNode =>
      new ToolNode(this, machine, { endpoints: ENDPOINTS, ...own, ...options }, ports)
    const two = this.network.addHost('mail-1', 'earth', '172.21.0.3')
    const three = this.network.addHost('mail-2', 'moon', '172.22.0.3')
    this.network.addLink(['earth', 'moon'], { oneWayDelayMs: 500, lossShare: 0, ...quality })
    this.nodes = [
      node(two, {
        node: 2n,
        contactPlan: NO_CONTACTS,
        plans: [{ node: 3n, protocol: 'udp', duct: '172.22.0.3:3113' }],
        inducts: [{ protocol: 'udp', listen: { host: '172.21.0.3', port: 2113 } }],
      }),
      node(three, {
        node: 3n,
        contactPlan: NO_CONTACTS,
        plans: [{ node: 2n, protocol: 'udp', duct: '172.21.0.3:2113' }],
        inducts: [{ protocol: 'udp', listen: { host: '172.22.0.3', port: 3113 } }],
      }),
    ]
  }

  static async start(
    quality: Partial<LinkQuality> = {},
    options: Partial<BundleHostOptions> = {},
    ports: Partial<BundleHostPorts> = {},
  ): Promise<ToolLab> {
    const lab = new ToolLab(quality, options, ports)
    await lab.perform(Promise.all(lab.nodes.map(({ host }) => host.start())))
    return lab
  }

  /** Lets time pass until `action` is done. */
  perform<T>(action: Promise<T>): Promise<T> {
    return this.world.perform(action)
  }

  runFor(durationMs: number): Promise<void> {
    return this.world.run(monoMs(this.world.now() + durationMs))
  }
}

export class ToolNode {
  readonly events: HostEvent[] = []
  readonly host: BundleHost
  readonly machine: LabHost
  readonly disk: LabDisk
  readonly store: LabStore = new LabStore()
  readonly #lab: ToolLab

  constructor(
    lab: ToolLab,
    machine: LabHost,
    options: BundleHostOptions,
    ports: Partial<BundleHostPorts>,
  ) {
    this.#lab = lab
    this.machine = machine
    this.disk = new LabDisk({ clock: machine.clock })
    const { clock, network } = machine
    this.host = new BundleHost(
      { control: CONTROL, ...options },
      {
        clock,
        network,
        store: this.store,
        events: (event) => void this.events.push(event),
        ...ports,
      },
    )
  }

  /** Where the tools look for files. */
  async write(file: string, text: string): Promise<void> {
    await this.disk.makeDirectory(DIRECTORY)
    const writer = await this.disk.create(`${DIRECTORY}/${file}`)
    await writer.append(fromUtf8(text))
    await writer.close()
  }

  /** Starts `bpsink ipn:3.2` and the like; `input` is its standard input, which ends behind it. */
  start(
    command: string,
    input?: string | Uint8Array,
    more: Partial<ProcessPorts> = {},
  ): LabProcess {
    const { clock, network } = this.machine
    const tool = ionTool(command.split(' '), {
      clock,
      network,
      disk: this.disk,
      entropy: labEntropy(seededRandom(1)),
      control: CONTROL,
      directory: DIRECTORY,
      processId: 4711,
      ...more,
    })
    const process = new LabProcess(tool)
    if (input !== undefined) {
      process.type(input)
      process.endInput()
    }
    return process
  }

  /** The same, until it ends. */
  async run(
    command: string,
    input?: string | Uint8Array,
    more: Partial<ProcessPorts> = {},
  ): Promise<LabProcess> {
    const process = this.start(command, input, more)
    await this.#lab.perform(process.status)
    return process
  }
}
