/** `tc qdisc`, as far as it is about netem at the root of eth0: the words, errors and output of iproute2. */

import type { Egress } from '../egress.ts'
import type { LabHost } from '../host.ts'
import { type Command, type CommandIo, complain, say } from './command.ts'
import { formatNetem, parseNetem } from './netem.ts'

const FAILED = 1
/** The kernel's. */
const REFUSED = 2
/** tc's own. */
const NOT_UNDERSTOOD = 255

const DEVICE = 'eth0'
const VERBS = ['add', 'del', 'delete', 'replace', 'change', 'show', 'list', 'ls'] as const

const USAGE = `Usage: ... netem [ limit PACKETS ]
                 [ delay TIME [ JITTER [CORRELATION]]]
                 [ distribution {uniform|normal|pareto|paretonormal} ]
                 [ corrupt PERCENT [CORRELATION]]
                 [ duplicate PERCENT [CORRELATION]]
                 [ loss random PERCENT [CORRELATION]]
                 [ loss gemodel PERCENT [R [1-H [1-K]]]
                 [ reorder PERCENT [CORRELATION] ]
                 [ rate RATE ]`

export const tc: Command = async ([object = 'help', verb = 'show', ...words], io, { host }) => {
  if (object === '-V' || object === 'help') {
    say(
      io,
      'tc of the lab: tc qdisc { add | del | replace | change | show } dev eth0 root netem …\n',
    )
    return 0
  }
  if (!'qdisc'.startsWith(object)) {
    complain(io, `Object "${object}" is unknown, try "tc help".`)
    return NOT_UNDERSTOOD
  }
  if (!VERBS.some((one) => one === verb)) {
    complain(io, `Command "${verb}" is unknown, try "tc qdisc help".`)
    return NOT_UNDERSTOOD
  }
  const left = [...words]
  let device: string | undefined
  let isRoot = false
  let kind: string | undefined
  for (let word = left.shift(); word !== undefined; word = left.shift()) {
    if (word === 'dev') device = left.shift()
    else if (word === 'root') isRoot = true
    else {
      kind = word
      break
    }
  }
  if (device !== undefined && device !== DEVICE && device !== 'lo') {
    complain(io, `Cannot find device "${device}"`)
    return FAILED
  }
  if (['show', 'list', 'ls'].includes(verb)) return show(device, host.machine, io)
  if (device === undefined) {
    complain(io, 'RTNETLINK answers: No such device')
    return REFUSED
  }
  if (device === 'lo') {
    complain(io, `Error: the lab shapes ${DEVICE} only.`)
    return REFUSED
  }
  if (!isRoot) {
    complain(io, 'Error: Handle cannot be zero.')
    return REFUSED
  }
  return verb === 'del' || verb === 'delete'
    ? remove(host.machine, io)
    : change(verb, kind, left, host.machine, io)
}

function remove(machine: LabHost, io: CommandIo): number {
  if (machine.egress === undefined) {
    complain(io, 'Error: Cannot delete qdisc with handle of zero.')
    return REFUSED
  }
  machine.setEgress(undefined)
  return 0
}

function change(
  verb: string,
  kind: string | undefined,
  words: readonly string[],
  machine: LabHost,
  io: CommandIo,
): number {
  if (kind !== 'netem') {
    const what = kind === undefined ? 'Error: Attribute failed policy validation.' : undefined
    complain(io, what ?? `Unknown qdisc "${kind}", hence option is unparsable: netem is there`)
    return kind === undefined ? REFUSED : FAILED
  }
  const parsed = parseNetem(words)
  if (parsed.type === 'incomplete') {
    complain(io, 'Command line is not complete. Try option "help"')
    return NOT_UNDERSTOOD
  }
  if (parsed.type === 'wrong') {
    complain(io, parsed.showsUsage ? `${parsed.message}\n${USAGE}` : parsed.message)
    return FAILED
  }
  if (verb === 'add' && machine.egress !== undefined) {
    complain(io, 'Error: Exclusivity flag on, cannot modify.')
    return REFUSED
  }
  if (verb === 'change' && machine.egress === undefined) {
    complain(io, 'Error: Qdisc not found. To create specify NLM_F_CREATE flag.')
    return REFUSED
  }
  machine.setEgress(parsed.options)
  return 0
}

function show(device: string | undefined, machine: LabHost, io: CommandIo): number {
  for (const name of ['lo', DEVICE]) {
    if (device !== undefined && device !== name) continue
    const where = device === undefined ? `dev ${name} ` : ''
    say(io, `${qdiscText(name === 'lo' ? undefined : machine.egress, where)}\n`)
  }
  return 0
}

function qdiscText(egress: Egress | undefined, where: string): string {
  return egress === undefined
    ? `qdisc noqueue 0: ${where}root refcnt 2 `
    : `qdisc netem 8001: ${where}root refcnt 2 ${formatNetem(egress.options)}`
}
