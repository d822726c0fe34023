/** `ipnrc`: plans for neighbours by node number, and the way to everybody else. */

import { type EndpointId, formatEndpointId } from '../../../proto/bpv7/endpoint-id.ts'
import { type Program, perVerb, type Rule, type Rules } from '../grammar.ts'
import { endpointId, nodeNumber, optional, whole, wholeAnyBase } from '../params.ts'
import {
  COMMON_RULES,
  type CommonCommand,
  GROUPS,
  letterProgram,
  listRule,
  verbWord,
} from './common.ts'

export interface DuctExpression {
  readonly protocol: string
  readonly duct: string
}

interface Selector {
  readonly label: number
  /** 0 for every node. */
  readonly destination: bigint
  readonly source: bigint
}

export type IpnadminCommand =
  | CommonCommand
  | {
      readonly command: 'a plan'
      readonly node: bigint
      readonly duct: DuctExpression
      readonly rateBytesPerSec?: number
    }
  | { readonly command: 'c plan'; readonly node: bigint; readonly rateBytesPerSec: number }
  | { readonly command: `${'d' | 'i'} plan`; readonly node: bigint }
  | {
      readonly command: `${'a' | 'c'} exit`
      readonly first: bigint
      readonly last: bigint
      readonly gateway: EndpointId
    }
  | { readonly command: `${'d' | 'i'} exit`; readonly first: bigint; readonly last: bigint }
  | (Selector & {
      readonly command: `${'a' | 'c'} rtovrd`
      readonly neighbor: bigint | 'none'
      readonly duct?: DuctExpression
    })
  | (Selector & {
      readonly command: `${'a' | 'c'} cosovrd`
      readonly priority: number
      readonly ordinal: number
      readonly qosFlags?: number
    })
  | (Selector & { readonly command: `${'d' | 'i'} ovrd` })
  | { readonly command: 'l plan' | 'l exit' | 'l ovrd' }

const node = nodeNumber('<node number>')
const rate = wholeAnyBase('<xmit rate>', 'bytes per second, 0 for no bound')
const duct = {
  placeholder: '<duct expression>',
  expected: 'a protocol and an outduct such as udp/172.22.0.3:3113',
  read: (text: string): DuctExpression | undefined => {
    const [, protocol = '', name = ''] = /^([^/]+)\/(.+)$/.exec(text) ?? []
    return name === '' ? undefined : { protocol, duct: name }
  },
  write: (value: DuctExpression): string => `${value.protocol}/${value.duct}`,
}
const exitRange = {
  first: nodeNumber('<first node number>'),
  last: nodeNumber('<last node number>'),
}
const selector = {
  label: whole('<data label>', 'a data label, 0 for every'),
  destination: nodeNumber('<dest node number>', { min: 0n }),
  source: nodeNumber('<src node number>', { min: 0n }),
}
const OVERRIDE_NOTES = ['For all destinations or all sources use node number 0.']
const withoutEffect = 'bundles have no data labels and one class of service'

const RULES: Rules<IpnadminCommand> = {
  ...COMMON_RULES,
  'a plan': {
    params: { node, duct, rateBytesPerSec: optional(rate) },
    summary: 'Adds an egress plan for a neighbour, with the outduct that reaches it',
    explain: ({ node: neighbor, duct: { protocol, duct: name }, rateBytesPerSec }) =>
      `reach node ${neighbor} by ${protocol} at ${name}${rateBytesPerSec ? ` at ${rateBytesPerSec} bytes/s` : ''}`,
  },
  'c plan': {
    params: { node, rateBytesPerSec: rate },
    summary: "Changes a plan's rate",
    explain: ({ node: neighbor, rateBytesPerSec }) =>
      `send to node ${neighbor} at ${rateBytesPerSec === 0 ? 'any rate' : `${rateBytesPerSec} bytes/s`}`,
  },
  ...perVerb(['d', 'i'], 'plan', (verb) => ({
    params: { node },
    summary: verb === 'd' ? 'Deletes a plan' : 'Shows a plan',
    explain: (command: { readonly command: string; readonly node: bigint }) =>
      `${verbWord(command)} the plan for node ${command.node}`,
  })),
  ...perVerb(['a', 'c'], 'exit', (verb) => ({
    params: { ...exitRange, gateway: { ...endpointId, placeholder: '<endpoint ID>' } },
    summary: `${verb === 'a' ? 'Adds' : 'Changes'} an exit: by which node a range of nodes is reached that have no plan`,
    explain: (command: { first: bigint; last: bigint; gateway: EndpointId }) =>
      `reach nodes ${command.first} to ${command.last} by way of ${formatEndpointId(command.gateway)}`,
    aliases: ['group'],
  })),
  ...perVerb(['d', 'i'], 'exit', (verb) => ({
    params: exitRange,
    summary: verb === 'd' ? 'Deletes an exit' : 'Shows an exit',
    explain: (command: {
      readonly command: string
      readonly first: bigint
      readonly last: bigint
    }) => `${verbWord(command)} the exit for nodes ${command.first} to ${command.last}`,
    aliases: ['group'],
  })),
  ...perVerb(['a', 'c'], 'rtovrd', (verb) => routeOverride(verb)),
  ...perVerb(['a', 'c'], 'cosovrd', (verb) => serviceOverride(verb)),
  ...perVerb(['d', 'i'], 'ovrd', (verb) => ({
    params: selector,
    summary: `${verb === 'd' ? 'Deletes' : 'Shows'} an override`,
    explain: (command: Selector & { readonly command: string }) =>
      `${verbWord(command)} the override for ${describeSelector(command)}`,
    withoutEffect,
  })),
  ...perVerb(['l'], 'plan', () => listRule('plans')),
  ...perVerb(['l'], 'exit', () => ({ ...listRule('exits'), aliases: ['group'] })),
  ...perVerb(['l'], 'ovrd', () => ({ ...listRule('overrides'), withoutEffect })),
}

export const IPNADMIN: Program = letterProgram({
  name: 'ipnadmin',
  extension: 'ipnrc',
  purpose: 'plans for neighbours and exits to the rest',
  tokensMax: 9,
  introduction: ["Syntax of 'duct expression' is:", '\t<protocol name>/<outduct name>'],
  groups: [GROUPS.add, GROUPS.change, GROUPS.deleteInfo, GROUPS.list],
  rules: RULES,
})

function routeOverride(
  verb: string,
): Rule<Selector & { command: string; neighbor: bigint | 'none'; duct?: DuctExpression }> {
  const neighbor = nodeNumber('<neighbor node number>')
  return {
    params: {
      ...selector,
      neighbor: {
        ...neighbor,
        expected: `${neighbor.expected}, or -1 for none`,
        read: (text) => (text === '-1' ? 'none' : neighbor.read(text)),
        write: (value) => (value === 'none' ? '-1' : neighbor.write(value)),
      },
      duct: optional(duct),
    },
    summary: `${verb === 'a' ? 'Adds' : 'Changes'} an override of routing for some bundles`,
    explain: (command) =>
      `send ${describeSelector(command)} by way of ${command.neighbor === 'none' ? 'no node in particular' : `node ${command.neighbor}`}`,
    notes: OVERRIDE_NOTES,
    withoutEffect,
  }
}

function serviceOverride(verb: string): Rule<
  Selector & {
    command: string
    priority: number
    ordinal: number
    qosFlags?: number
  }
> {
  return {
    params: {
      ...selector,
      priority: whole('<p#>', 'a priority', { max: 255 }),
      ordinal: whole('<o#>', 'an ordinal', { max: 255 }),
      qosFlags: optional(whole('<QoS flags>', 'flags', { max: 255 })),
    },
    summary: `${verb === 'a' ? 'Adds' : 'Changes'} an override of the class of service for some bundles`,
    explain: (command) =>
      `send ${describeSelector(command)} with priority ${command.priority}.${command.ordinal}`,
    notes: [
      'Class of service override: <p#> is overriding CoS and <o#> is overriding ordinal.',
      ...OVERRIDE_NOTES,
    ],
    withoutEffect,
  }
}

function describeSelector({ label, destination, source }: Selector): string {
  const from = source === 0n ? 'any node' : `node ${source}`
  const to = destination === 0n ? 'any node' : `node ${destination}`
  return `bundles from ${from} to ${to} with data label ${label}`
}
