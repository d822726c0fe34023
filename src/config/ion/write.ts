/** A node as ION's files. */

import type { WallMs } from '../../base/time.ts'
import { paramsOf } from './grammar.ts'
import type { IonNode, IonPlan } from './ion-node.ts'
import type { BpadminCommand } from './programs/bpadmin.ts'
import type { IonadminCommand } from './programs/ionadmin.ts'
import type { IpnadminCommand } from './programs/ipnadmin.ts'
import { type IonCommand, PROGRAMS } from './programs.ts'
import type { IonSource } from './sections.ts'
import { formatToken } from './text.ts'
import type { IonTime } from './time.ts'

/**
 * The line that is read as `command` again. Words that came out of a line fit into one; others must
 * have no line end, and in quotes neither a quote nor a brace.
 */
export function formatCommand({ program, command }: IonCommand): string {
  const rule = PROGRAMS[program].rules[command.command]
  const values = command as unknown as Readonly<Record<string, unknown>>
  const words = rule === undefined ? [] : paramsOf(rule)
  const written = words.flatMap(([name, param]) => {
    const value = values[name]
    return value === undefined ? [] : [formatToken(param.write(value), param.isCommand ?? false)]
  })
  return [command.command, ...written].join(' ')
}

/**
 * Files named `name.ionrc` and so on, for ION in the folder they are put in: `ionadmin name.ionrc`
 * first, then each in the order of this list that nothing pulls in. Read again, they are `node`.
 */
export function writeIon(node: IonNode, name: string): readonly IonSource[] {
  const hasLtp =
    node.ltp.sessions !== undefined || node.ltp.spans.length + node.ltp.seats.length > 0
  return [
    file(`${name}.ionrc`, ionrc(node, `${name}.ionconfig`)),
    file(`${name}.ionconfig`, IONCONFIG_LINES),
    file(`${name}.ionsecrc`, ionsecrc(node)),
    ...(hasLtp ? [file(`${name}.ltprc`, ltprc(node))] : []),
    file(`${name}.bprc`, bprc(node, `${name}.ipnrc`)),
    file(`${name}.ipnrc`, ipnrc(node)),
    ...(node.profiles.length > 0 ? [file(`${name}.dtpcrc`, dtpcrc(node))] : []),
  ]
}

function file(name: string, lines: readonly string[]): IonSource {
  return { file: name, text: lines.map((line) => `${line}\n`).join('') }
}

/** Room for mails of some size; ION's own defaults are too small for one of 2 MB. */
const IONCONFIG_LINES = ['wmSize 50000000', 'configFlags 1', 'heapWords 20000000']

function ionrc(node: IonNode, configFile: string): readonly string[] {
  const line = (command: IonadminCommand): string => formatCommand({ program: 'ionadmin', command })
  const { clock, contactPlan } = node
  return [
    line({ command: '1', node: node.node, configFile }),
    line({ command: 's' }),
    ...(clock.utcDeltaSec === 0
      ? []
      : [line({ command: 'm utcdelta', seconds: clock.utcDeltaSec })]),
    ...(clock.errorSec === 1 ? [] : [line({ command: 'm clockerr', seconds: clock.errorSec })]),
    ...(clock.isSynchronized ? [] : [line({ command: 'm clocksync', isSynchronized: false })]),
    ...contactPlan.ranges.map(({ from, until, source, destination, oneWayDelayMs }) =>
      line({
        command: 'a range',
        from: absolute(from),
        until: absolute(until),
        source,
        destination,
        owltSec: Math.ceil(oneWayDelayMs / 1000),
      }),
    ),
    ...contactPlan.contacts.map(({ from, until, confidence, ...contact }) =>
      line({
        command: 'a contact',
        from: absolute(from),
        until: absolute(until),
        ...contact,
        ...(confidence !== 1 && { confidence }),
      }),
    ),
  ]
}

function absolute(at: WallMs): IonTime {
  return { kind: 'absolute', at }
}

function ionsecrc({ keys }: IonNode): readonly string[] {
  const lines = keys.map((key) =>
    formatCommand({ program: 'ionsecadmin', command: { command: 'a key', ...key } }),
  )
  return ['1', ...lines]
}

function ltprc({ ltp }: IonNode): readonly string[] {
  const { sessions, spans, seats } = ltp
  return [
    ...(sessions === undefined
      ? []
      : [formatCommand({ program: 'ltpadmin', command: { command: '1', sessions } })]),
    ...spans.map((span) =>
      formatCommand({ program: 'ltpadmin', command: { command: 'a span', ...span } }),
    ),
    ...seats.map((daemon) =>
      formatCommand({ program: 'ltpadmin', command: { command: 'a seat', daemon } }),
    ),
    's',
  ]
}

/** The plans of ipnrc must be there before the start, so it is pulled in. */
function bprc(node: IonNode, ipnrcFile: string): readonly string[] {
  const line = (command: BpadminCommand): string => formatCommand({ program: 'bpadmin', command })
  return [
    '1',
    ...node.schemes.map((scheme) => line({ command: 'a scheme', ...scheme })),
    ...node.endpoints.map((endpoint) => line({ command: 'a endpoint', ...endpoint })),
    ...node.protocols.map((protocol) => line({ command: 'a protocol', ...protocol })),
    ...node.inducts.map((induct) => line({ command: 'a induct', ...induct })),
    ...node.outducts.map((outduct) => line({ command: 'a outduct', ...outduct })),
    ...node.plans.filter((plan) => simpleNode(plan) === undefined).flatMap(planLines),
    line({ command: 'r', line: `ipnadmin ${ipnrcFile}` }),
    's',
  ]
}

function planLines({
  endpoint,
  rateBytesPerSec,
  ducts,
  via,
  isBlocked,
}: IonPlan): readonly string[] {
  const line = (command: BpadminCommand): string => formatCommand({ program: 'bpadmin', command })
  return [
    line({
      command: 'a plan',
      endpoint,
      ...(rateBytesPerSec !== undefined && { rateBytesPerSec }),
    }),
    ...ducts.map((duct) => line({ command: 'a planduct', endpoint, ...duct })),
    ...(via === undefined ? [] : [line({ command: 'g plan', endpoint, via })]),
    ...(isBlocked ? [line({ command: 'b plan', endpoint })] : []),
  ]
}

/** The node of a plan that one line of ipnrc can say. */
function simpleNode({ endpoint, ducts, via, isBlocked }: IonPlan): bigint | undefined {
  const isSimple = ducts.length === 1 && via === undefined && !isBlocked
  return isSimple && endpoint.scheme === 'ipn' ? endpoint.node : undefined
}

function ipnrc({ plans, exits }: IonNode): readonly string[] {
  const line = (command: IpnadminCommand): string => formatCommand({ program: 'ipnadmin', command })
  const planned = plans.flatMap((plan) => {
    const node = simpleNode(plan)
    const [duct] = plan.ducts
    if (node === undefined || duct === undefined) return []
    const { rateBytesPerSec } = plan
    return line({
      command: 'a plan',
      node,
      duct,
      ...(rateBytesPerSec !== undefined && { rateBytesPerSec }),
    })
  })
  return [...planned, ...exits.map((exit) => line({ command: 'a exit', ...exit }))]
}

function dtpcrc({ profiles }: IonNode): readonly string[] {
  const lines = profiles.map((profile) =>
    formatCommand({ program: 'dtpcadmin', command: { command: 'a profile', ...profile } }),
  )
  return ['1', ...lines, 's']
}
