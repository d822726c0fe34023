import { fromHex, fromUtf8, toLatin1 } from '../../base/bytes.ts'
import { wallToDtn } from '../../base/time.ts'
import { BUNDLE_FLAGS } from '../../proto/bpv7/bundle.ts'
import { formatEndpointId } from '../../proto/bpv7/endpoint-id.ts'
import type { BundleSummary } from '../control/status.ts'
import { endpointOf, leadingInteger, printLine, type Tool, type ToolPorts } from './tool.ts'

interface ListOptions {
  readonly type: 'count' | 'detail'
  /** Of the neighbour's plan; undefined lists everything. */
  readonly plan: string | undefined
  /** Below 0 for all three. */
  readonly priority: number
}

/** ION's queues of a plan; version 7 of the protocol has no priorities, and all is standard. */
const QUEUES = ['Bulk', 'Std', 'Urgent']
const STANDARD = 1

/** Lists the bundles that a node holds. */
export const bplist: Tool = {
  usage: 'Usage: bplist [{count | detail} [<node ID (EID)>[/<priority>]]]\n',
  usageOn: 'output',
  parse: (args) => {
    const options = optionsOf(args)
    if (options === undefined) return undefined
    return { own: undefined, run: (ports) => list(options, ports) }
  },
}

function optionsOf([type = 'detail', filter]: readonly string[]): ListOptions | undefined {
  if (type !== 'count' && type !== 'detail') return undefined
  if (filter === undefined) return { type, plan: undefined, priority: -1 }
  const [eid, digits] = filter.split('/')
  const endpoint = endpointOf(eid)
  const priority = digits === undefined ? -1 : leadingInteger(digits)
  if (endpoint === undefined || priority > 2 || (digits !== undefined && priority < 0)) {
    return undefined
  }
  return { type, plan: formatEndpointId(endpoint), priority }
}

async function list(options: ListOptions, ports: ToolPorts): Promise<number> {
  const { type, plan, priority } = options
  const which = plan === undefined ? '.' : ` destined for '${plan}', priority ${priority}.`
  printLine(ports, `Reporting ${type} of all bundles${which}`)
  const count = plan === undefined ? await listAll(type, ports) : await listPlan(options, ports)
  printLine(ports, `\nReport count is ${count}.`)
  return 0
}

async function listAll(type: ListOptions['type'], ports: ToolPorts): Promise<number> {
  let count = 0
  for await (const bundle of bundlesOf(ports)) {
    count++
    if (type === 'count') continue
    const now = Math.floor(wallToDtn(ports.clock.wall()) / 1000)
    printLine(ports, `Current ctime sec ${now}`)
    printLine(ports, `Event ctime sec   ${bundle.expiresSec}`)
    printBundle(bundle, ports)
  }
  return count
}

async function listPlan(options: ListOptions, ports: ToolPorts): Promise<number> {
  const { plan, priority, type } = options
  const { neighbours } = await ports.client.status()
  if (!neighbours.some(({ node, until }) => node === plan && until === undefined)) {
    printLine(ports, `No egress plan for endpoint '${plan}'.`)
    return 0
  }
  let total = 0
  for (const [queue, name] of QUEUES.entries()) {
    if (priority >= 0 && queue !== priority) continue
    let count = 0
    printLine(ports, `\n**   ${name} queue`)
    if (queue === STANDARD) {
      for await (const bundle of bundlesOf(ports)) {
        if (bundle.plan !== plan) continue
        count++
        if (type === 'detail') printBundle(bundle, ports)
      }
    }
    printLine(ports, `Queue count is ${count}.`)
    total += count
  }
  return total
}

async function* bundlesOf({ client }: ToolPorts): AsyncIterable<BundleSummary> {
  let after: number | undefined
  for (;;) {
    const page = await client.bundles(after)
    yield* page
    after = page.at(-1)?.key
    if (after === undefined) return
  }
}

function printBundle(bundle: BundleSummary, ports: ToolPorts): void {
  const flag = (name: keyof typeof BUNDLE_FLAGS): 0 | 1 =>
    (BigInt(bundle.flags) & BUNDLE_FLAGS[name]) === 0n ? 0 : 1
  const number = (value: string | number): string => String(value).padStart(10)
  const lines = [
    '\n**** Bundle',
    `Source EID      '${bundle.source}'`,
    `Destination EID '${bundle.destination}'`,
    `Report-to EID   '${bundle.reportTo}'`,
    `Creation msec   ${bundle.creationTime}   count ${number(bundle.sequence)}   frag offset ${number(bundle.fragmentOffset)}`,
    `- is a fragment:        ${flag('isFragment')}`,
    `- is admin:             ${flag('administrativeRecord')}`,
    `- does not fragment:    ${flag('mustNotFragment')}`,
    `- app ack requested:    ${flag('applicationAcknowledgement')}`,
    `Priority                ${STANDARD}`,
    'Ordinal                 0',
    'Unreliable:             0',
    'Critical:               0',
    `Expiration sec ${number(bundle.expiresSec)}`,
    `Total ADU len  ${number(bundle.totalAduLength)}`,
    ...bundle.extensions
      .filter((hex) => hex !== '')
      .flatMap((hex) => ['****** Extension', ...dump(hex)]),
    `Payload len ${number(bundle.payloadBytes)}`,
    '****** Payload',
    ...dump(bundle.payload),
    queueLine(bundle),
    '**** End of bundle',
  ]
  ports.output(fromUtf8(lines.map((line) => `${line}\n`).join('')))
}

function queueLine({ state, plan }: BundleSummary): string {
  switch (state) {
    case 'delivery':
      return '****** Queued for delivery.'
    case 'forwarding':
      return `Queued for forwarding to '${plan}'.`
    case 'release':
      return '****** Awaiting completion of convergence-layer transmission.'
    case 'limbo':
      return '****** In limbo.'
  }
}

const DUMP_BYTES_PER_LINE = 20
/** Where the characters begin. */
const DUMP_TEXT_COLUMN = 57

/** ION's dump of octets: twenty to a line, a gap behind every fourth, then as characters. */
function dump(hex: string): readonly string[] {
  const bytes = fromHex(hex) ?? new Uint8Array(0)
  const lines: string[] = []
  for (let at = 0; at <= bytes.length; at += DUMP_BYTES_PER_LINE) {
    const part = bytes.subarray(at, at + DUMP_BYTES_PER_LINE)
    const digits = [...part].map(
      (byte, i) => `${byte.toString(16).padStart(2, '0')}${i % 4 === 3 ? ' ' : ''}`,
    )
    const head = `(${String(at).padStart(6)})  ${digits.join('')}`
    const text = toLatin1(part).replace(/[^\x20-\x7e]/g, '.')
    lines.push(head.padEnd(DUMP_TEXT_COLUMN) + text)
  }
  return lines
}
