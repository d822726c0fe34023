/** What a running lab answers to its commands. */

import { fromUtf8, toUtf8 } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import type { Scenario } from '../config/scenario.ts'
import type { ControlFaultCode } from '../dtn/control/fault.ts'
import type { ControlledNode } from '../dtn/control/service.ts'
import { encoded, type LabInput, type LabOutput } from '../lab/desk.ts'
import type { Happenings } from '../lab/happenings.ts'
import type { Lab } from '../lab/lab.ts'
import type { LabMachine } from '../lab/machine.ts'
import { drawSequence, type Recording, recordingOf } from '../lab/pictures/pictures.ts'
import { formatEndpointId, ipnEndpoint } from '../proto/bpv7/endpoint-id.ts'
import { Failure } from './failure.ts'
import type { LabDriver } from './lab-driver.ts'
import type {
  CaptureStopped,
  CaptureStopRequest,
  DiagramRequest,
  ExecProgress,
  ExecRequest,
  LabState,
  LinkRequest,
  PowerRequest,
  ProcessRequest,
  ServiceState,
  TypeRequest,
} from './lab-requests.ts'
import { writePictures } from './write-pictures.ts'

export interface LabServiceOptions {
  readonly lab: Lab
  readonly driver: LabDriver
  /** What does not change, and is told with the rest. */
  readonly about: Pick<LabState, 'name' | 'scenario' | 'speed' | 'recording'>
  /** What hosts have told so far. */
  readonly happenings: Happenings
  readonly played: Scenario
  /** Where the services of a host are published, by port. */
  readonly published: (host: string) => ReadonlyMap<number, string>
  /** Somebody wants it to end. */
  readonly onDown: () => void
}

/** Typed or written, and not yet read, of one process: then its other side waits. */
const UNREAD_BYTES_MAX = 262_144
/** How often a side that waits is looked at; no event tells of what a program has read. */
const LOOK_MS = 20
/** Of one process that nobody reads from: what is more is thrown away. */
const UNREAD_OUTPUT_BYTES_MAX = 16_777_216

interface Running {
  readonly host: string
  readonly words: readonly string[]
  readonly written: { readonly stream: 'output' | 'errors'; readonly bytes: Uint8Array }[]
  writtenBytes: number
  status: number | undefined
  wake: () => void
}

export class LabService implements ControlledNode {
  readonly node = 0n
  readonly #options: LabServiceOptions
  readonly #running = new Map<number, Running>()
  #processCount = 0
  /** The first packet that is asked for. */
  #captureFrom = 0

  constructor(options: LabServiceOptions) {
    this.#options = options
  }

  /** What the lab tells of processes. */
  hear(output: LabOutput & { readonly type: 'written' | 'ended' }): void {
    const running = this.#running.get(output.process)
    if (running === undefined) return
    if (output.type === 'ended') running.status = output.status
    else if (running.writtenBytes <= UNREAD_OUTPUT_BYTES_MAX) {
      running.written.push(output)
      running.writtenBytes += output.bytes.length
    }
    running.wake()
  }

  async call(name: string, body: Uint8Array, left: Promise<void>): Promise<Uint8Array> {
    let request: unknown
    try {
      request = JSON.parse(toUtf8(body))
    } catch {
      throw refused('a request that is no JSON')
    }
    return fromUtf8(JSON.stringify(await this.#answer(name, request, left)))
  }

  #answer(name: string, request: unknown, left: Promise<void>): unknown {
    switch (name) {
      case 'state':
        return this.state()
      case 'exec':
        return this.#exec(request as ExecRequest, left)
      case 'type':
        return this.#type(request as TypeRequest)
      case 'end-input':
      case 'interrupt':
        return this.#post({ type: name, process: (request as ProcessRequest).process })
      case 'read':
        return this.#read(request as ProcessRequest)
      case 'set-link':
        return this.#setLink(request as LinkRequest)
      case 'power':
        return this.#power(request as PowerRequest)
      case 'capture-start':
        this.#captureFrom = this.#options.lab.network.capture.count
        return {}
      case 'capture-stop':
        return this.#stopCapture(request as CaptureStopRequest)
      case 'diagram': {
        const { detail, form, filter } = request as DiagramRequest
        const hosts = filter.hosts?.map((name) => this.#machine(name).options.host)
        return drawSequence(this.#captured(), detail, form, { ...filter, hosts })
      }
      case 'down':
        this.#options.onDown()
        return {}
      default:
        throw refused(`a lab does nothing called ${name}`)
    }
  }

  /** Answered when it is so. */
  async #post(input: LabInput): Promise<object> {
    await this.#options.driver.post(input)
    return {}
  }

  #exec({ host, words, user, terminal }: ExecRequest, left: Promise<void>): ProcessRequest {
    const machine = this.#machine(host)
    if (!machine.isOn) {
      const advice = `"lightlag lab host start ${host}" gives it back`
      throw refused(`${machine.options.host} has no power: ${advice}`)
    }
    const process = this.#processCount++
    this.#running.set(process, {
      host: machine.options.host,
      words,
      written: [],
      writtenBytes: 0,
      status: undefined,
      wake: () => {},
    })
    void this.#post({
      type: 'exec',
      process,
      host: machine.options.host,
      words,
      ...(user !== undefined && { user }),
      ...(terminal && { terminal }),
    })
    void left.then(() => {
      if (this.#running.delete(process)) void this.#post({ type: 'kill', process })
    })
    return { process }
  }

  /** Answered when there is room for more. */
  async #type({ process, bytes }: TypeRequest): Promise<object> {
    const { driver } = this.#options
    await driver.post({ type: 'type', process, bytes })
    while (this.#running.has(process) && driver.desk.unreadBytes(process) > UNREAD_BYTES_MAX) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
    return {}
  }

  /** Answered when there is something to tell. */
  async #read({ process }: ProcessRequest): Promise<ExecProgress> {
    const running = this.#running.get(process)
    if (running === undefined) throw refused(`no process ${process}`)
    if (running.written.length === 0 && running.status === undefined) {
      await new Promise<void>((resolve) => {
        running.wake = resolve
      })
    }
    const written = running.written.splice(0).map(({ stream, bytes }) => ({
      stream,
      bytes: encoded(bytes),
    }))
    running.writtenBytes = 0
    if (running.status === undefined) return { written }
    this.#running.delete(process)
    return { written, status: running.status }
  }

  #setLink({ between, oneWay, change }: LinkRequest): Promise<object> {
    const { lab } = this.#options
    const [from, to] = between
    const isLink = lab.network.links.some(([a, b]) => a === from && b === to)
    if (!isLink) {
      const links = [...new Set(lab.network.links.map((link) => [...link].sort().join(' ')))]
      const all = links.join(', ')
      throw refused(`no link joins ${from} and ${to}: one of ${all} would be right`)
    }
    return this.#post({ type: 'set-link', between, ...(oneWay && { oneWay }), change })
  }

  #power({ host, action }: PowerRequest): Promise<object> {
    return this.#post({ type: 'power', host: this.#machine(host).options.host, action })
  }

  #stopCapture({ file, at }: CaptureStopRequest): CaptureStopped {
    const host = at === undefined ? undefined : this.#machine(at).options.host
    const captured = this.#captured()
    try {
      writePictures(captured, { pcapng: file, ...(host !== undefined && { at: host }) })
    } catch (error) {
      if (error instanceof Failure) throw refused(error.message)
      throw error
    }
    this.#captureFrom = 0
    return { packets: captured.packets.length }
  }

  /** Since the capture was started, or else since the lab was. */
  #captured(): Recording {
    const { lab, played, happenings } = this.#options
    const recording = recordingOf(lab, played, happenings)
    return { ...recording, packets: recording.packets.slice(this.#captureFrom) }
  }

  #machine(name: string): LabMachine {
    const machine = machineOf(this.#options.lab, name)
    if (typeof machine === 'string') throw refused(machine)
    return machine
  }

  state(): LabState {
    const { lab, about, driver } = this.#options
    const { now, behindMs } = driver
    return {
      ...about,
      pid: process.pid,
      now,
      behindMs,
      wall: Math.floor(lab.world.wall() + now - lab.world.now()),
      packets: lab.network.capture.count,
      hosts: lab.hosts.map(({ options, isOn }) => ({
        host: options.host,
        address: options.address,
        network: options.network,
        node: formatEndpointId(ipnEndpoint(options.node, 0n)).replace(/\.0$/, ''),
        isOn,
        services: servicesOf(options, this.#options.published(options.host)),
        commands: [...this.#running.values()]
          .filter(({ host }) => host === options.host)
          .map(({ words }) => words.join(' ')),
      })),
      links: lab.network.links.map(([from, to]) => ({
        from,
        to,
        quality: lab.network.link(from, to).quality,
      })),
    }
  }

  open(): never {
    throw noBundles()
  }

  send(): never {
    throw noBundles()
  }

  openTopic(): never {
    throw noBundles()
  }

  sendItem(): never {
    throw noBundles()
  }

  status(): never {
    throw noBundles()
  }

  bundles(): never {
    throw noBundles()
  }

  administer(): never {
    throw noBundles()
  }
}

/** By its name, or what that begins with: `mail-1` of `mail-1.a.com`; else why there is none. */
export function machineOf({ hosts }: Lab, name: string): LabMachine | string {
  const exact = hosts.find(({ options }) => options.host === name)
  const beginning = hosts.filter(({ options }) => options.host.startsWith(`${name}.`))
  const machine = exact ?? (beginning.length === 1 ? beginning[0] : undefined)
  const names = hosts.map(({ options }) => options.host)
  return machine ?? `no host ${name}: one of ${names.join(', ')} would be right`
}

const SERVICES = [
  'smtp',
  'submission',
  'submissions',
  'lmtp',
  'pop3',
  'pop3s',
  'imap',
  'imaps',
] as const

/** Those of a host that mail programs may use. */
export function servicesOf(
  options: LabMachine['options'],
  published: ReadonlyMap<number, string>,
): readonly ServiceState[] {
  return SERVICES.flatMap((service) => {
    const port = options[service]?.listen.port
    if (port === undefined) return []
    const at = published.get(port)
    return [{ service, port, ...(at !== undefined && { published: at }) }]
  })
}

function noBundles(): Fault<ControlFaultCode> {
  return refused('this is a lab: its hosts have nodes, "lightlag lab exec" runs commands on them')
}

function refused(message: string): Fault<ControlFaultCode> {
  return new Fault('control/unavailable', message, { temporary: false })
}
