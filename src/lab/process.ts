/** A command that runs on a host of the lab, with its standard streams, in virtual time. */

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

/** The standard streams of a program, and what a terminal tells it. */
export interface ProcessIo {
  /** The next bytes of standard input; undefined at its end. */
  readonly input: () => Promise<Uint8Array | undefined>
  readonly output: (bytes: Uint8Array) => void
  readonly errors: (bytes: Uint8Array) => void
  /** Resolves at the next Ctrl-C. */
  readonly interrupted: () => Promise<void>
}

/** Resolves with its exit status. */
export type ProcessRun = (io: ProcessIo) => Promise<number>

export type ProcessOutput = (stream: 'output' | 'errors', bytes: Uint8Array) => void

/** As a shell tells of a process that a signal has ended. */
export const INTERRUPTED: number = 128 + 2
const KILLED = 128 + 9

export class LabProcess {
  /** Resolves when it has ended, with its exit status: 127 where there is no such command. */
  readonly status: Promise<number>
  readonly #output = new ByteQueue()
  readonly #errors = new ByteQueue()
  readonly #typed = new ByteQueue()
  readonly #hear: ProcessOutput | undefined
  #hasInputEnded = false
  #read: ((bytes: Uint8Array | undefined) => void) | undefined
  #interrupted!: Promise<void>
  #interrupt = (): void => {}
  #kill = (): void => {}
  #isKilled = false

  /** `hear` takes what it writes; without it, that is kept. */
  constructor(run: ProcessRun, hear?: ProcessOutput) {
    this.#hear = hear
    this.#expectInterrupt()
    const killed = new Promise<number>((resolve) => {
      this.#kill = () => resolve(KILLED)
    })
    this.status = Promise.race([run(this.#io()), killed])
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

  /** Typed, and not yet read. */
  get unreadBytes(): number {
    return this.#typed.length
  }

  /** Ctrl-D: nothing more comes. */
  endInput(): void {
    this.#hasInputEnded = true
    this.#feed()
  }

  /** Ctrl-C. */
  interrupt(): void {
    const interrupt = this.#interrupt
    this.#expectInterrupt()
    interrupt()
  }

  /** Its host has lost power, or whoever started it has gone: it does nothing more. */
  kill(): void {
    this.#isKilled = true
    this.#kill()
  }

  #io(): ProcessIo {
    return {
      input: () => this.#input(),
      output: (bytes) => this.#write('output', bytes),
      errors: (bytes) => this.#write('errors', bytes),
      interrupted: () => this.#interrupted,
    }
  }

  #expectInterrupt(): void {
    this.#interrupted = new Promise((resolve) => {
      this.#interrupt = resolve
    })
  }

  #write(stream: 'output' | 'errors', bytes: Uint8Array): void {
    if (this.#isKilled) return
    if (this.#hear !== undefined) {
      this.#hear(stream, bytes)
      return
    }
    const kept = stream === 'output' ? this.#output : this.#errors
    kept.append(bytes.subarray(0, PROCESS_OUTPUT_BYTES_MAX - kept.length))
  }

  #input(): Promise<Uint8Array | undefined> {
    return new Promise((resolve) => {
      this.#read = resolve
      this.#feed()
    })
  }

  #feed(): void {
    const hasBytes = this.#typed.length > 0
    if (this.#isKilled || this.#read === undefined || !(hasBytes || this.#hasInputEnded)) return
    this.#read(hasBytes ? this.#typed.takeAll() : undefined)
    this.#read = undefined
  }
}

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

/** One of ION's tools; `words` are its name and its arguments. */
export function ionTool([name = '', ...args]: readonly string[], ports: ProcessPorts): ProcessRun {
  return async (io) => {
    await ports.disk.makeDirectory(ports.directory)
    return runTool(name, args, {
      ...ports,
      attach: () => attach(ports),
      flushed: async () => {},
      names: () => ports.dns ?? NO_NAMES,
      packing: ports.packing ?? labPacking,
      input: io.input,
      output: io.output,
      errors: io.errors,
      interrupted: io.interrupted(),
    })
  }
}

/** A session with the bundle node of this host; rejects with a Fault where there is none. */
export async function attach({
  control,
  network,
  clock,
}: Pick<ProcessPorts, 'control' | 'network' | 'clock'>): Promise<NodeClient> {
  try {
    return await connectNode(control, { network, clock })
  } catch (error) {
    const { code, message, temporary } = asFault(error)
    const reason = code === 'network/refused' ? 'no node runs here' : message
    throw new Fault(code, `Can't attach to BP: ${reason}`, { temporary, cause: error })
  }
}
