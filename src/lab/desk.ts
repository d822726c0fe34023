/**
 * All that people and programs outside do to a lab, each a value: so that a lab driven by hand can be
 * recorded, and played again to the same packets.
 */

import { assert } from '../base/assert.ts'
import { fromBase64, toBase64 } from '../base/bytes.ts'
import { asFault, type Fault } from '../base/fault.ts'
import type { LinkQuality } from '../config/link-quality.ts'
import type { SocketAddress } from '../ports/network.ts'
import type { Lab } from './lab.ts'
import { PUBLISHED_CONNECT_MS } from './limits.ts'
import type { LabProcess } from './process.ts'
import { SecureStream } from './secure-stream.ts'

/** Processes and connections are numbered by whoever begins them; bytes are Base64. */
export type LabInput =
  | {
      readonly type: 'exec'
      readonly process: number
      readonly host: string
      readonly words: readonly string[]
      readonly user?: string
      readonly terminal?: { readonly input: boolean; readonly output: boolean }
    }
  | { readonly type: 'type'; readonly process: number; readonly bytes: string }
  | { readonly type: 'end-input' | 'interrupt' | 'kill'; readonly process: number }
  | {
      readonly type: 'set-link'
      readonly between: readonly [string, string]
      /** Only the direction from the first to the second. */
      readonly oneWay?: boolean
      readonly change: Partial<LinkQuality>
    }
  | { readonly type: 'power'; readonly host: string; readonly action: PowerAction }
  | {
      readonly type: 'connect'
      readonly connection: number
      /** The host from which it is made. */
      readonly from: string
      readonly to: SocketAddress
    }
  | { readonly type: 'send'; readonly connection: number; readonly bytes: string }
  | {
      /** `end`: nothing more is sent. */
      readonly type: 'end' | 'abort' | 'pause' | 'resume'
      readonly connection: number
    }

export type PowerAction = 'kill' | 'start' | 'wipe'

export type LabOutput =
  | {
      readonly type: 'written'
      readonly process: number
      readonly stream: 'output' | 'errors'
      readonly bytes: Uint8Array
    }
  | { readonly type: 'ended'; readonly process: number; readonly status: number }
  | { readonly type: 'connected'; readonly connection: number }
  | { readonly type: 'received'; readonly connection: number; readonly bytes: Uint8Array }
  | { readonly type: 'drained'; readonly connection: number }
  /** With the reason where it broke, or never came about. */
  | { readonly type: 'closed'; readonly connection: number; readonly fault: Fault | undefined }
  /** A host could not be started. */
  | { readonly type: 'trouble'; readonly host: string; readonly fault: Fault }

interface Connection {
  stream: SecureStream | undefined
  /** Until it is open. */
  readonly waiting: ((stream: SecureStream) => void)[]
}

/** What was begun; what comes for something that has ended is without effect. */
export class LabDesk {
  readonly #lab: Lab
  readonly #hear: (output: LabOutput) => void
  readonly #processes = new Map<number, LabProcess>()
  readonly #connections = new Map<number, Connection>()

  constructor(lab: Lab, hear: (output: LabOutput) => void) {
    this.#lab = lab
    this.#hear = hear
  }

  /** Between two events of the world. Hosts and links are those of the lab. */
  apply(input: LabInput): void {
    switch (input.type) {
      case 'exec':
        this.#exec(input)
        break
      case 'type':
        this.#processes.get(input.process)?.type(decoded(input.bytes))
        break
      case 'end-input':
        this.#processes.get(input.process)?.endInput()
        break
      case 'interrupt':
        this.#processes.get(input.process)?.interrupt()
        break
      case 'kill':
        // What it has open is closed by those that know how to.
        this.#processes.get(input.process)?.interrupt()
        this.#processes.get(input.process)?.kill()
        break
      case 'set-link':
        this.#setLink(input)
        break
      case 'power':
        this.#power(input.host, input.action)
        break
      case 'connect':
        this.#connect(input)
        break
      default:
        this.#onStream(input)
    }
  }

  /** What was typed for a process and not yet read; 0 where it has ended. */
  unreadBytes(process: number): number {
    return this.#processes.get(process)?.unreadBytes ?? 0
  }

  #exec({ process: number, host, words, user, terminal }: LabInput & { type: 'exec' }): void {
    const machine = this.#lab.host(host)
    if (!machine.isOn) {
      this.#hear({ type: 'ended', process: number, status: NO_POWER })
      return
    }
    const process = machine.exec(words, {
      ...(user !== undefined && { user }),
      ...(terminal && { terminal }),
      hear: (stream, bytes) =>
        this.#hear({ type: 'written', process: number, stream, bytes: bytes.slice() }),
    })
    this.#processes.set(number, process)
    void process.status.then((status) => {
      this.#processes.delete(number)
      this.#hear({ type: 'ended', process: number, status })
    })
  }

  #setLink({ between, oneWay = false, change }: LabInput & { type: 'set-link' }): void {
    const [from, to] = between
    if (oneWay) this.#lab.network.link(from, to).change(change)
    else this.#lab.network.setLink(between, change)
  }

  #power(host: string, action: PowerAction): void {
    const machine = this.#lab.host(host)
    if (action !== 'start') machine[action]()
    else if (!machine.isOn) {
      machine
        .start()
        .catch((error: unknown) => this.#hear({ type: 'trouble', host, fault: asFault(error) }))
    }
  }

  #connect({ connection: number, from, to }: LabInput & { type: 'connect' }): void {
    const connection: Connection = { stream: undefined, waiting: [] }
    this.#connections.set(number, connection)
    const ended = (fault: Fault | undefined): void => {
      this.#connections.delete(number)
      this.#hear({ type: 'closed', connection: number, fault })
    }
    const { network } = this.#lab.host(from).machine
    network.connect(to, PUBLISHED_CONNECT_MS).then(
      (stream) => {
        assert(stream instanceof SecureStream, 'a stream of the lab')
        connection.stream = stream
        stream.onBytes = (bytes) =>
          this.#hear({ type: 'received', connection: number, bytes: bytes.slice() })
        stream.onDrained = () => this.#hear({ type: 'drained', connection: number })
        stream.onEnd = ended
        for (const act of connection.waiting) act(stream)
        this.#hear({ type: 'connected', connection: number })
      },
      (error: unknown) => ended(asFault(error)),
    )
  }

  #onStream(
    input: LabInput & { readonly type: 'send' | 'end' | 'abort' | 'pause' | 'resume' },
  ): void {
    const connection = this.#connections.get(input.connection)
    if (connection === undefined) return
    const act = (stream: SecureStream): void => {
      if (input.type === 'send') stream.send(decoded(input.bytes))
      else if (input.type === 'end') stream.endSending()
      else stream[input.type]()
    }
    if (connection.stream === undefined) connection.waiting.push(act)
    else act(connection.stream)
  }
}

/** As of a shell whose command cannot be run. */
const NO_POWER = 126

/** Bytes for an input. */
export function encoded(bytes: Uint8Array): string {
  return toBase64(bytes)
}

function decoded(text: string): Uint8Array {
  const bytes = fromBase64(text)
  assert(bytes !== undefined, 'an input holds Base64')
  return bytes
}
