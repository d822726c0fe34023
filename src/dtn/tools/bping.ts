import { fromUtf8, toLatin1 } from '../../base/bytes.ts'
import { addMs, type MonoMs } from '../../base/time.ts'
import { type EndpointId, formatEndpointId, sameEndpoint } from '../../proto/bpv7/endpoint-id.ts'
import type { StatusKind } from '../../proto/bpv7/status-report.ts'
import type { SendAdu } from '../control/message.ts'
import type { ReceivedAdu } from '../node.ts'
import { PING_BYTES_MAX, PINGS_REMEMBERED_MAX } from './limits.ts'
import { sendPatiently } from './patience.ts'
import { Receiver } from './reception.ts'
import { reportKinds } from './report-flags.ts'
import { endpointOf, leadingInteger, printLine, type Tool, type ToolPorts } from './tool.ts'

interface PingOptions {
  /** Undefined: until interrupted. */
  readonly count: number | undefined
  readonly intervalMs: number
  /** After the last probe; undefined: until all are answered. */
  readonly waitMs: number | undefined
  readonly payloadBytes: number
  readonly lifetimeMs: number
  readonly reports: readonly StatusKind[]
  readonly isVerbose: boolean
  readonly source: EndpointId
  readonly destination: EndpointId
  readonly reportTo: EndpointId | undefined
  /** What the options themselves print. */
  readonly remarks: readonly string[]
}

/** Sends probes and measures how long their echoes take. */
export const bping: Tool = {
  usage: `Usage: bping [options] <source EID> <destination EID> [report-to EID]

Sends bundles from <source EID> to <destination EID>.  If responses are
received, prints the elapsed round trip time.
Options:
  -c <count>     Sends <count> bundles before stopping.
  -i <interval>  Wait <interval> seconds between bundles.  Default: 1.
  -p <priority>  Bundles have priority <priority> (default 0 = bulk).
  -q <wait>      Wait <wait> seconds after sending the last bundle to
                   accumulate responses.  Defaults to 10s, pass -1 to
                   wait until all bundles are acked before quitting.
  -r <flags>     <flags> can be any combination of rcv,ct,fwd,dlv,del,ctr
                   delimited by ',' (without spaces).  Sets the 
                   corresponding report request flag.
  -s <size>      Payloads have <size> bytes (default 64).
  -t <ttl>       Bundles have lifetime of <ttl> seconds.
                   (default 3600)
  -v             Set verbosity
`,
  usageOn: 'errors',
  parse: (args) => {
    const options = optionsOf(args)
    if (options === undefined) return undefined
    return { own: options.source, run: (ports) => new Pinger(options, ports).run() }
  },
}

function optionsOf(args: readonly string[]): PingOptions | undefined {
  const values = new Map<string, string>()
  const remarks: string[] = []
  let at = 0
  for (; args[at]?.startsWith('-'); at++) {
    const [, letter = '', glued = ''] = /^-([a-z])(.*)$/.exec(args[at] ?? '') ?? []
    if (letter === 'v') {
      values.set('v', '')
      continue
    }
    const value = glued === '' ? args[++at] : glued
    if (!/^[cipqrst]$/.test(letter) || value === undefined) return undefined
    values.set(letter, value)
    const seconds = Number.parseFloat(value)
    if (letter === 'i') remarks.push(`read interval of ${value} ad ${seconds.toFixed(6)}`)
    if (letter === 's') remarks.push(`payloadSize is: ${leadingInteger(value)}`)
  }
  const [source, destination, reportTo] = args.slice(at, at + 3).map(endpointOf)
  if (source === undefined || destination === undefined) return undefined
  const number = (letter: string, otherwise: number): number =>
    leadingInteger(values.get(letter) ?? String(otherwise))
  const [count, waitSec, lifetimeSec] = [number('c', -1), number('q', 10), number('t', 3600)]
  const intervalSec = Number.parseFloat(values.get('i') ?? '1')
  const payloadBytes = number('s', 64)
  if (!(intervalSec >= 0) || payloadBytes < 1 || payloadBytes > PING_BYTES_MAX) return undefined
  if (lifetimeSec < 1) return undefined
  return {
    count: count < 0 ? undefined : count,
    intervalMs: intervalSec * 1000,
    waitMs: waitSec < 0 ? undefined : waitSec * 1000,
    payloadBytes,
    lifetimeMs: lifetimeSec * 1000,
    reports: reportKinds(values.get('r') ?? ''),
    isVerbose: values.has('v'),
    source,
    destination,
    reportTo,
    remarks,
  }
}

class Pinger {
  readonly #options: PingOptions
  readonly #ports: ToolPorts
  readonly #sentAt = new Map<number, MonoMs>()
  #sent = 0
  #received = 0
  readonly #times = { min: Number.POSITIVE_INFINITY, max: 0, sum: 0, squares: 0 }

  constructor(options: PingOptions, ports: ToolPorts) {
    this.#options = options
    this.#ports = ports
  }

  async run(): Promise<number> {
    const { source, destination, reportTo, intervalMs, remarks } = this.#options
    const { clock } = this.#ports
    for (const remark of remarks) printLine(this.#ports, remark)
    const receiver = await Receiver.open(source, this.#ports)
    const [from, to] = [formatEndpointId(source), formatEndpointId(destination)]
    const rpt = reportTo === undefined ? 'none' : formatEndpointId(reportTo)
    const every = (intervalMs / 1000).toFixed(2)
    const { count } = this.#options
    this.#remark(
      `Sending ${count ?? -1} bundles from ${from} to ${to} (rpt-to: ${rpt}) every ${every} seconds`,
    )
    const startedAt = clock.now()
    await this.#probe(receiver, startedAt)
    this.#remark('receiveResponses done.')
    this.#tell(clock.now() - startedAt)
    return this.#received >= this.#sent ? 0 : 1
  }

  /** Sends at its times and hears answers in between, until the wait for the last is over. */
  async #probe(receiver: Receiver, startedAt: MonoMs): Promise<void> {
    const { count, intervalMs, waitMs } = this.#options
    let nextAt: MonoMs | undefined = startedAt
    let endAt: MonoMs | undefined
    for (;;) {
      const now = this.#ports.clock.now()
      if (nextAt !== undefined && now >= nextAt) {
        if (count === 0 || !(await this.#send())) return
        const isLast = this.#sent === count
        nextAt = isLast ? undefined : addMs(now, intervalMs)
        if (isLast) this.#remark(`Sent ${this.#sent} bundles.`)
        if (isLast && waitMs !== undefined) endAt = addMs(now, waitMs)
      }
      const reception = await receiver.next(nextAt ?? endAt)
      if (reception.type === 'payload') {
        this.#hear(reception.received.adu)
        reception.received.take()
        if (nextAt === undefined && waitMs === undefined && this.#received >= this.#sent) return
        continue
      }
      if (reception.type !== 'timed-out' || nextAt === undefined) return
    }
  }

  async #send(): Promise<boolean> {
    const { source, destination, reportTo, lifetimeMs, reports, payloadBytes } = this.#options
    const { clock, processId } = this.#ports
    const wall = clock.wall()
    const [seconds, micros] = [Math.floor(wall / 1000), (wall % 1000) * 1000]
    const payload = new Uint8Array(payloadBytes)
    const text = fromUtf8(`${this.#sent} ${seconds} ${micros} ${processId} bping payload`)
    payload.set(text.subarray(0, payloadBytes))
    this.#sentAt.set(this.#sent, clock.now())
    this.#sentAt.delete(this.#sent - PINGS_REMEMBERED_MAX)
    const adu: SendAdu = {
      source,
      destination,
      payload,
      lifetimeMs,
      reportTo: reportTo ?? source,
      reports,
    }
    if ((await sendPatiently(adu, this.#ports)) === undefined) return false
    this.#sent++
    return true
  }

  #hear({ source, payload }: ReceivedAdu): void {
    const from = formatEndpointId(source)
    if (!sameEndpoint(source, this.#options.destination)) {
      this.#remark(`Ignoring a bundle from ${from}`)
      return
    }
    const words = /^(\d{1,15}) \d+ \d+ (\d+)(?!\d)/.exec(toLatin1(payload.subarray(0, 80)))
    const sequence = Number(words?.[1])
    const sentAt = this.#sentAt.get(sequence)
    if (sentAt === undefined || words?.[2] !== String(this.#ports.processId)) return
    const durationMs = this.#ports.clock.now() - sentAt
    const time = secondsOf(durationMs)
    printLine(this.#ports, `${payload.length} bytes from ${from}  seq=${sequence} time=${time} s`)
    this.#received++
    this.#times.min = Math.min(this.#times.min, durationMs)
    this.#times.max = Math.max(this.#times.max, durationMs)
    this.#times.sum += durationMs
    this.#times.squares += durationMs ** 2
  }

  #tell(durationMs: number): void {
    const [sent, received] = [this.#sent, this.#received]
    const loss = sent === 0 ? 0 : (100 * (sent - received)) / sent
    printLine(
      this.#ports,
      `${sent} bundles transmitted, ${received} bundles received, ${loss.toFixed(2)}% bundle loss, time ${secondsOf(durationMs)} s`,
    )
    if (received === 0) return
    const { min, max, sum, squares } = this.#times
    const mean = sum / received
    const deviation = Math.sqrt(Math.max(0, squares / received - mean ** 2))
    const values = [min, mean, max, deviation].map((ms) => ms.toFixed(3)).join('/')
    printLine(this.#ports, `rtt min/avg/max/sdev = ${values} ms`)
  }

  #remark(text: string): void {
    if (this.#options.isVerbose) this.#ports.errors(fromUtf8(`${text}\n`))
  }
}

function secondsOf(durationMs: number): string {
  return (durationMs / 1000).toFixed(6)
}
