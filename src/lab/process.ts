/** A command that runs on a host of the lab, with its standard streams: ION's tools, in virtual time. */

import { ByteQueue } from '../base/byte-queue.ts'
import { fromUtf8, toUtf8 } from '../base/bytes.ts'
import { asFault, Fault } from '../base/fault.ts'
import { connectNode, type NodeClient } from '../dtn/control/node-client.ts'
import { runTool } from '../dtn/tools/run.ts'
import type { Clock } from '../ports/clock.ts'
import type { Disk } from '../ports/disk.ts'
import type { Dns } from '../ports/dns.ts'
import type { Entropy } from '../ports/entropy.ts'
import type { Network, SocketAddress } from '../ports/network.ts'
import type { Packing } from '../ports/packing.ts'
import { labDns } from './dns.ts'
import { PROCESS_OUTPUT_BYTES_MAX } from './limits.ts'
import { labPacking } from './packing.ts'

export interface ProcessPorts {
  readonly clock: Clock
  readonly network: Network
  readonly disk: Disk
  readonly entropy: Entropy
  /** Default: there are no names. */
  readonly dns?: Dns
  /** Default: one that makes nothing smaller. */
  readonly packing?: Packing
  /** Of the bundle node on this host. */
  readonly control: SocketAddress
  /** Where it is started; made where it is not there. */
  readonly directory: string
  readonly processId: number
}

const NO_NAMES = labDns(new Map())

/** As a shell tells of a process that SIGKILL has ended. */
const KILLED = 128 + 9

export class LabProcess {
  /** Resolves when it has ended, with its exit status: 127 where there is no such command. */
  readonly status: Promise<number>
  readonly #output = new ByteQueue()
  readonly #errors = new ByteQueue()
  readonly #typed = new ByteQueue()
  #hasInputEnded = false
  #read: ((bytes: Uint8Array | undefined) => void) | undefined
  #interrupt = (): void => {}
  #kill = (): void => {}

  /** `words` are the name of the command and its arguments. */
  constructor(words: readonly string[], ports: ProcessPorts) {
    const interrupted = new Promise<void>((resolve) => {
      this.#interrupt = resolve
    })
    const killed = new Promise<number>((resolve) => {
      this.#kill = () => resolve(KILLED)
    })
    this.status = Promise.race([this.#run(words, ports, interrupted), killed])
  }

  /** What it has written to standard output. */
  get output(): string {
    return toUtf8(this.#output.view)
  }

  get outputBytes(): Uint8Array {
    return this.#output.view.slice()
  }

  /** What it has written to standard error. */
  get errors(): string {
    return toUtf8(this.#errors.view)
  }

  /** Goes to its standard input. */
  type(input: string | Uint8Array): void {
    this.#typed.append(typeof input === 'string' ? fromUtf8(input) : input)
    this.#feed()
  }

  /** Ctrl-D: nothing more comes. */
  endInput(): void {
    this.#hasInputEnded = true
    this.#feed()
  }

  /** Ctrl-C. */
  interrupt(): void {
    this.#interrupt()
  }

  /** Its host has lost power: it does nothing more. */
  kill(): void {
    this.#kill()
  }

  async #run(
    [name = '', ...args]: readonly string[],
    ports: ProcessPorts,
    interrupted: Promise<void>,
  ): Promise<number> {
    await ports.disk.makeDirectory(ports.directory)
    return runTool(name, args, {
      ...ports,
      attach: () => attach(ports),
      output: (bytes) => write(this.#output, bytes),
      flushed: async () => {},
      names: () => ports.dns ?? NO_NAMES,
      packing: ports.packing ?? labPacking,
      errors: (bytes) => write(this.#errors, bytes),
      input: () => this.#input(),
      interrupted,
    })
  }

  #input(): Promise<Uint8Array | undefined> {
    return new Promise((resolve) => {
      this.#read = resolve
      this.#feed()
    })
  }

  #feed(): void {
    const hasBytes = this.#typed.length > 0
    if (this.#read === undefined || !(hasBytes || this.#hasInputEnded)) return
    this.#read(hasBytes ? this.#typed.takeAll() : undefined)
    this.#read = undefined
  }
}

async function attach({ control, network, clock }: ProcessPorts): Promise<NodeClient> {
  try {
    return await connectNode(control, { network, clock })
  } catch (error) {
    const { code, message, temporary } = asFault(error)
    const reason = code === 'network/refused' ? 'no node runs here' : message
    throw new Fault(code, `Can't attach to BP: ${reason}`, { temporary, cause: error })
  }
}

function write(stream: ByteQueue, bytes: Uint8Array): void {
  stream.append(bytes.subarray(0, PROCESS_OUTPUT_BYTES_MAX - stream.length))
}
