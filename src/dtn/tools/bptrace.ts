import { concat, fromUtf8 } from '../../base/bytes.ts'
import { formatTimestamp } from '../../base/calendar.ts'
import { addMs, dtnMs, dtnToWall, type WallMs } from '../../base/time.ts'
import { type EndpointId, formatEndpointId, sameEndpoint } from '../../proto/bpv7/endpoint-id.ts'
import {
  decodeAdministrativeRecord,
  STATUS_KINDS,
  type StatusKind,
  type StatusReport,
} from '../../proto/bpv7/status-report.ts'
import type { ReceivedAdu } from '../node.ts'
import { readWhole } from './files.ts'
import { TRACE_REPORTS_MAX } from './limits.ts'
import { sendPatiently } from './patience.ts'
import { Receiver } from './reception.ts'
import { reportKinds } from './report-flags.ts'
import { endpointOf, leadingInteger, printLine, type Tool, type ToolPorts } from './tool.ts'

interface TraceOptions {
  readonly source: EndpointId
  readonly destination: EndpointId
  readonly reportTo: EndpointId
  readonly lifetimeMs: number
  /** How long reports are awaited. */
  readonly waitMs: number
  /** `@name` is the content of a file. */
  readonly message: string
  readonly reports: readonly StatusKind[]
}

const LIFETIME_SEC = 10
const MESSAGE = 'No message supplied.'
const ALL_REPORTS = 'rcv,fwd,dlv,del'

/** Sends a bundle and prints what the nodes on its way report of it. */
export const bptrace: Tool = {
  usage: `Usage: bptrace [-v] [-msg <message>] [-ttl <seconds>] [-rtt <seconds>] [-qos <class of service>] [-flags <flags>] <source EID> <destination EID> <report-to EID>
   or: bptrace <own endpoint ID> <destination endpoint ID> <report-to endpoint ID> <time to live (seconds)> <class of service> '<trace text>' [<status report flag string>]
  Flags are rcv, fwd, dlv and del, delimited by ',' without spaces.
  A text that begins with '@' names a file whose content is sent.
`,
  usageOn: 'errors',
  parse: (args) => {
    const options = args[0]?.startsWith('-') || args.length <= 3 ? newForm(args) : oldForm(args)
    if (options === undefined) return undefined
    return { own: options.source, run: (ports) => trace(options, ports) }
  },
}

function newForm(args: readonly string[]): TraceOptions | undefined {
  const values = new Map<string, string>()
  let at = 0
  while (args[at]?.startsWith('-')) {
    const name = (args[at++] ?? '').slice(1)
    if (name === 'v') continue
    const value = args[at++]
    if (!['msg', 'ttl', 'rtt', 'qos', 'flags'].includes(name) || value === undefined) {
      return undefined
    }
    values.set(name, value)
  }
  return optionsOf(args.slice(at), {
    lifetime: values.get('ttl') ?? String(LIFETIME_SEC),
    wait: values.get('rtt'),
    message: values.get('msg') ?? MESSAGE,
    flags: values.get('flags') ?? ALL_REPORTS,
  })
}

function oldForm(args: readonly string[]): TraceOptions | undefined {
  const [lifetime, _classOfService, message, flags] = args.slice(3)
  if (lifetime === undefined || message === undefined || args.length > 7) return undefined
  return optionsOf(args.slice(0, 3), { lifetime, wait: undefined, message, flags: flags ?? '' })
}

function optionsOf(
  endpoints: readonly string[],
  words: { lifetime: string; wait: string | undefined; message: string; flags: string },
): TraceOptions | undefined {
  const [source, destination, reportTo, ...more] = endpoints.map(endpointOf)
  const lifetimeSec = leadingInteger(words.lifetime)
  const waitSec = leadingInteger(words.wait ?? '')
  if (source === undefined || destination === undefined || reportTo === undefined) return undefined
  if (more.length > 0 || lifetimeSec < 1) return undefined
  return {
    source,
    destination,
    reportTo,
    lifetimeMs: lifetimeSec * 1000,
    waitMs: (waitSec > 0 ? waitSec : 2 * lifetimeSec) * 1000,
    message: words.message,
    reports: reportKinds(words.flags),
  }
}

async function trace(options: TraceOptions, ports: ToolPorts): Promise<number> {
  const { source, destination, reportTo, lifetimeMs, reports, message } = options
  const payload = message.startsWith('@')
    ? await readWhole(message.slice(1), ports)
    : concat(fromUtf8(message), new Uint8Array(1))
  const own = await Receiver.open(source, ports)
  const receiver = await receiverOfReports(options, own, ports)
  await sendPatiently({ source, destination, payload, lifetimeMs, reportTo, reports }, ports)
  if (receiver === undefined) return 0
  const heard = await collect(receiver, options, ports)
  if (heard.length === 0) return 0
  printLine(ports, '\nDone, printing in time order: ')
  printLine(ports, '------------------------------')
  for (const line of heard.sort((a, b) => a.at - b.at)) printLine(ports, lineOf(line))
  return 0
}

/** Undefined where the reports go to another node, or to the node's own administrative endpoint. */
async function receiverOfReports(
  { source, reportTo }: TraceOptions,
  own: Receiver,
  ports: ToolPorts,
): Promise<Receiver | undefined> {
  if (sameEndpoint(source, reportTo)) return own
  const isHere =
    reportTo.scheme === 'ipn' && reportTo.node === ports.client.node && reportTo.service !== 0n
  return isHere ? Receiver.open(reportTo, ports) : undefined
}

interface Heard {
  readonly report: StatusReport
  /** When it happened, or, where nobody says, when we heard of it. */
  readonly at: WallMs
  readonly by: EndpointId
}

async function collect(
  receiver: Receiver,
  { waitMs }: TraceOptions,
  { clock }: ToolPorts,
): Promise<Heard[]> {
  const until = addMs(clock.now(), waitMs)
  const heard: Heard[] = []
  for (;;) {
    const reception = await receiver.next(until)
    if (reception.type !== 'payload') return heard
    const { adu, take } = reception.received
    const report = reportIn(adu, clock.wall())
    take()
    if (report !== undefined) heard.push(report)
    if (heard.length >= TRACE_REPORTS_MAX) return heard
  }
}

/** Undefined for anything but a status report. */
function reportIn(
  { administrative, payload, source }: ReceivedAdu,
  now: WallMs,
): Heard | undefined {
  const record = administrative ? decodeAdministrativeRecord(payload) : undefined
  if (!record?.ok || record.value.type !== 'status-report') return undefined
  const { report } = record.value
  const times = STATUS_KINDS.flatMap((kind) => report[kind].time ?? [])
  const last = times.at(-1)
  const at = last === undefined ? now : dtnToWall(dtnMs(Number(last)))
  return { report, at, by: source }
}

const WORDS: Readonly<Record<StatusKind, string>> = {
  received: 'rcv',
  forwarded: 'fwd',
  delivered: 'dlv',
  deleted: 'del',
}

/** By the reason code of a deletion. RFC 9171 §9.5. */
const REASONS: readonly string[] = [
  '(unknown)',
  'TTL expired',
  'one-way link',
  'canceled',
  'out of space',
  'bad destination',
  'no route to destination',
  'would expire before contact',
  'bad block',
  'hop limit exceeded',
  'bundle discarded',
  'block not supported',
  'missing security service',
  'unknown security service',
  'unexpected security service',
  'failed security service',
  'conflicting security services',
]

/** `24/0 rcv, dlv at 2026-11-23T03:59:38.345 on ipn:3.0, 'okay'.` Times are of UTC. */
function lineOf({ report, at, by }: Heard): string {
  const { sequence } = report.creationTimestamp
  const which = sequence > 0n ? `${sequence}/${report.fragment?.offset ?? 0n} ` : ''
  const what = STATUS_KINDS.filter((kind) => report[kind].asserted)
    .map((kind) => WORDS[kind])
    .join(', ')
  const reason = report.deleted.asserted ? (REASONS[report.reason] ?? '(unknown)') : 'okay'
  const time = formatTimestamp(at).slice(0, -1)
  return `${which}${what.padStart(8)} at ${time} on ${formatEndpointId(by)}, '${reason}'.`
}
