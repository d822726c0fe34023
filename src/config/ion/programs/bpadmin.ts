/** `bprc`: schemes, endpoints, convergence layers, ducts and plans. */

import { type EndpointId, formatEndpointId } from '../../../proto/bpv7/endpoint-id.ts'
import { type Program, perVerb, type Rule, type Rules } from '../grammar.ts'
import { choice, endpointId, optional, shellCommand, whole, wholeAnyBase, word } from '../params.ts'
import {
  COMMON_RULES,
  type CommonCommand,
  GROUPS,
  letterProgram,
  listRule,
  verbWord,
  type WatchCommand,
  watchRule,
} from './common.ts'

/** What an arriving bundle meets where no application has the endpoint open: wait, or be dropped. */
export type ReceiveRule = 'q' | 'x'

type Named<Verbs extends string, Noun extends string> = {
  readonly command: `${Verbs} ${Noun}`
  readonly name: string
}
type OfDuct<Verbs extends string, Noun extends string> = {
  readonly command: `${Verbs} ${Noun}`
  readonly protocol: string
  readonly duct: string
}
type OfPlan<Verbs extends string> = {
  readonly command: `${Verbs} plan`
  readonly endpoint: EndpointId
}

export type BpadminCommand =
  | CommonCommand
  | { readonly command: '1' | 's' | 'x' }
  | (Named<'a' | 'c', 'scheme'> & { readonly forwarder: string; readonly adminEndpoint: string })
  | Named<'d' | 'i' | 's' | 'x', 'scheme'>
  | {
      readonly command: `${'a' | 'c'} endpoint`
      readonly endpoint: EndpointId
      readonly rule: ReceiveRule
      readonly script?: string
    }
  | { readonly command: `${'d' | 'i'} endpoint`; readonly endpoint: EndpointId }
  | (Named<'a', 'protocol'> & { readonly protocolClass?: number })
  | Named<'d' | 'i' | 's' | 'x', 'protocol'>
  | (OfDuct<'a' | 'c', 'induct'> & { readonly daemon: string })
  | OfDuct<'d' | 'i' | 's' | 'x', 'induct'>
  | (OfDuct<'a' | 'c', 'outduct'> & {
      readonly daemon: string
      readonly payloadBytesMax?: number
    })
  | OfDuct<'d' | 'i' | 's' | 'x', 'outduct'>
  | (OfPlan<'a'> & { readonly rateBytesPerSec?: number })
  | (OfPlan<'c'> & { readonly rateBytesPerSec: number })
  | OfPlan<'d' | 'i' | 's' | 'x' | 'b' | 'u'>
  | (OfDuct<'a', 'planduct'> & { readonly endpoint: EndpointId })
  | OfDuct<'d', 'planduct'>
  | (OfPlan<'g'> & { readonly via: EndpointId | 'none' })
  | { readonly command: 'l scheme' | 'l protocol' | 'l plan' }
  | { readonly command: 'l endpoint'; readonly scheme?: string }
  | { readonly command: 'l induct' | 'l outduct'; readonly protocol?: string }
  | { readonly command: 'm heapmax'; readonly bytesMax: number }
  | { readonly command: 'm maxcount'; readonly sequenceMax: number }
  | WatchCommand
  | { readonly command: 'r'; readonly line: string }

const scheme = choice('<scheme name>', ['ipn', 'dtn', 'imc'])
const protocol = word('<protocol name>', 'a protocol such as udp')
const duct = {
  protocol,
  duct: word('<duct name>', 'a duct such as 127.0.0.1:4556'),
}
const outduct = {
  protocol,
  // ION keeps these names for outducts that it discovers.
  duct: {
    ...word('<duct name>', 'a duct such as 127.0.0.1:4556, that does not begin with *'),
    read: (text: string) => (text.startsWith('*') ? undefined : text || undefined),
  },
}
const plan = { endpoint: endpointId }
const rate = wholeAnyBase('<transmission rate>', 'bytes per second, 0 for no bound')
const startStop = ['s', 'x'] as const
const NOT_STARTED_APART = 'the node is started and stopped as a whole'

const THIRD_PERSON: Readonly<Record<string, string>> = {
  d: 'Deletes',
  i: 'Shows',
  s: 'Starts',
  x: 'Stops',
  b: 'Blocks',
  u: 'Unblocks',
}

const RULES: Rules<BpadminCommand> = {
  ...COMMON_RULES,
  '1': { params: {}, summary: 'Creates the bundle node', explain: () => 'create the bundle node' },
  s: { params: {}, summary: 'Starts the bundle node', explain: () => 'start the bundle node' },
  x: { params: {}, summary: 'Stops the bundle node', explain: () => 'stop the bundle node' },
  ...perVerb(['a', 'c'], 'scheme', (verb) => schemeRule(verb)),
  ...perVerb(['d', 'i', 's', 'x'], 'scheme', (verb) => namedRule(verb, 'scheme', scheme)),
  ...perVerb(['a', 'c'], 'endpoint', (verb) => endpointRule(verb)),
  ...perVerb(['d', 'i'], 'endpoint', (verb) => ofEndpoint(verb, 'endpoint')),
  'a protocol': {
    params: {
      name: protocol,
      protocolClass: optional(whole('<protocol class>', 'a protocol class', { max: 26 })),
    },
    summary: 'Adds a convergence-layer protocol',
    explain: ({ name }) => `carry bundles over ${name}`,
    oldForm: (words) => (words === 3 ? [0] : words === 4 ? [0, 3] : undefined),
    oldFormNote:
      'the sizes of payload and overhead that older files give here mean nothing any more',
  },
  ...perVerb(['d', 'i', 's', 'x'], 'protocol', (verb) => namedRule(verb, 'protocol', protocol)),
  ...perVerb(['a', 'c'], 'induct', (verb) => ({
    params: { ...duct, daemon: shellCommand('<CLI command>', 'udpcli') },
    summary: `${verb === 'a' ? 'Adds' : 'Changes'} an induct: where bundles come in`,
    explain: (command: { protocol: string; duct: string; daemon: string }) =>
      `receive bundles by ${command.protocol} at ${command.duct} (${command.daemon || 'no daemon'})`,
  })),
  ...perVerb(['d', 'i', 's', 'x'], 'induct', (verb) => ductRule(verb, 'induct')),
  ...perVerb(['a', 'c'], 'outduct', (verb) => ({
    params: {
      ...outduct,
      daemon: shellCommand('<CLO command>', 'udpclo'),
      payloadBytesMax: optional(wholeAnyBase('max payload length', 'bytes, 0 for no bound')),
    },
    summary: `${verb === 'a' ? 'Adds' : 'Changes'} an outduct: where bundles go out`,
    explain: (command: {
      protocol: string
      duct: string
      daemon: string
      payloadBytesMax?: number
    }) =>
      `send bundles by ${command.protocol} to ${command.duct} (${command.daemon || 'no daemon'})${command.payloadBytesMax ? `, in pieces of at most ${command.payloadBytesMax} bytes` : ''}`,
  })),
  ...perVerb(['d', 'i', 's', 'x'], 'outduct', (verb) => ductRule(verb, 'outduct')),
  'a plan': {
    params: { ...plan, rateBytesPerSec: optional(rate) },
    summary: 'Adds an egress plan: that a neighbour is reached from here',
    explain: ({ endpoint, rateBytesPerSec }) =>
      `plan for neighbour ${formatEndpointId(endpoint)}${rateBytesPerSec ? ` at ${rateBytesPerSec} bytes/s` : ''}`,
  },
  'c plan': {
    params: { ...plan, rateBytesPerSec: rate },
    summary: "Changes a plan's rate",
    explain: ({ endpoint, rateBytesPerSec }) =>
      `send to ${formatEndpointId(endpoint)} at ${rateBytesPerSec === 0 ? 'any rate' : `${rateBytesPerSec} bytes/s`}`,
  },
  ...perVerb(['d', 'i'], 'plan', (verb) => ofEndpoint(verb, 'plan')),
  ...perVerb(startStop, 'plan', (verb) => ({
    ...ofEndpoint(verb, 'plan'),
    withoutEffect: NOT_STARTED_APART,
  })),
  ...perVerb(['b', 'u'], 'plan', (verb) => ofEndpoint(verb, 'plan')),
  'g plan': {
    params: {
      ...plan,
      via: {
        placeholder: '<via endpoint name>',
        expected: "an endpoint such as ipn:5.0, or '' for none",
        read: (text) => (text === '' ? 'none' : endpointId.read(text)),
        write: (via) => (via === 'none' ? '' : endpointId.write(via)),
      },
    },
    summary: 'Sends what a plan would send to a gateway instead',
    explain: ({ endpoint, via }) =>
      via === 'none'
        ? `send to ${formatEndpointId(endpoint)} directly`
        : `send what is for ${formatEndpointId(endpoint)} by way of ${formatEndpointId(via)}`,
  },
  'a planduct': {
    params: { ...plan, ...duct },
    summary: 'Attaches an outduct to a plan',
    explain: ({ endpoint, protocol: name, duct: address }) =>
      `reach ${formatEndpointId(endpoint)} by ${name} at ${address}`,
  },
  'd planduct': ductRule('d', 'planduct'),
  ...perVerb(['l'], 'scheme', () => listRule('schemes')),
  ...perVerb(['l'], 'protocol', () => listRule('protocols')),
  ...perVerb(['l'], 'plan', () => listRule('plans')),
  'l endpoint': { ...listRule('endpoints'), params: { scheme: optional(scheme) } },
  ...perVerb(['l'], 'induct', () => ({
    ...listRule('inducts'),
    params: { protocol: optional(protocol) },
  })),
  ...perVerb(['l'], 'outduct', () => ({
    ...listRule('outducts'),
    params: { protocol: optional(protocol) },
  })),
  'm heapmax': {
    params: {
      bytesMax: wholeAnyBase('<max database heap for any single acquisition>', 'bytes', {
        min: 560,
      }),
    },
    summary: 'Bounds the heap that one arriving bundle may take; the rest goes to a file',
    explain: ({ bytesMax }) => `keep at most ${bytesMax} bytes of an arriving bundle in the heap`,
    withoutEffect: 'there is no shared heap',
  },
  'm maxcount': {
    params: {
      sequenceMax: wholeAnyBase('<max value of bundle ID sequence number>', 'a number'),
    },
    summary: 'Bounds the sequence number in the identity of bundles',
    explain: ({ sequenceMax }) => `number bundles up to ${sequenceMax}`,
    withoutEffect: 'sequence numbers have no bound of their own',
  },
  w: watchRule('abcyz~!#jk', {
    example: 'acz~',
    withoutEffect: 'events are in the log and the counters',
  }),
  r: {
    params: { line: shellCommand('<admin command>', 'ipnadmin bench.ipnrc') },
    summary: 'Runs another program, such as an admin program',
    explain: ({ line }) => `run ${line}`,
  },
}

export const BPADMIN: Program = letterProgram({
  name: 'bpadmin',
  extension: 'bprc',
  purpose: 'schemes, endpoints, convergence layers, ducts and plans',
  tokensMax: 9,
  groups: [
    GROUPS.initialize,
    GROUPS.add,
    GROUPS.change,
    GROUPS.deleteInfo,
    GROUPS.list,
    { letters: ['b'], titles: ['Block an egress plan'] },
    { letters: ['u'], titles: ['Unblock an egress plan'] },
    { letters: ['g'], titles: ["Set gateway 'via' EID for an egress plan"] },
    GROUPS.manage,
    GROUPS.run,
    GROUPS.startStop,
    { letters: ['w'], titles: ['Watch BP activity'] },
  ],
  rules: RULES,
})

interface NamedCommand {
  readonly command: string
  readonly name: string
}
interface DuctCommand {
  readonly command: string
  readonly protocol: string
  readonly duct: string
}
interface EndpointCommand {
  readonly command: string
  readonly endpoint: EndpointId
}

function namedRule(
  verb: string,
  noun: string,
  name: Rule<NamedCommand>['params']['name'],
): Rule<NamedCommand> {
  return {
    params: { name },
    summary: `${THIRD_PERSON[verb]} a ${noun}`,
    explain: (command) => `${verbWord(command)} ${noun} ${command.name}`,
    ...(verb === 's' || verb === 'x' ? { withoutEffect: NOT_STARTED_APART } : {}),
  }
}

function ductRule(verb: string, noun: string): Rule<DuctCommand> {
  return {
    params: duct,
    summary:
      noun === 'planduct'
        ? 'Detaches an outduct from the plan that has it'
        : `${THIRD_PERSON[verb]} an ${noun}`,
    explain: (command) =>
      noun === 'planduct'
        ? `detach ${command.protocol}/${command.duct} from its plan`
        : `${verbWord(command)} ${noun} ${command.protocol}/${command.duct}`,
    ...(verb === 's' || verb === 'x' ? { withoutEffect: NOT_STARTED_APART } : {}),
  }
}

function ofEndpoint(verb: string, noun: string): Rule<EndpointCommand> {
  return {
    params: { endpoint: endpointId },
    summary: `${THIRD_PERSON[verb]} ${noun === 'plan' ? 'a plan' : 'an endpoint'}`,
    explain: (command) => `${verbWord(command)} ${noun} ${formatEndpointId(command.endpoint)}`,
  }
}

function schemeRule(
  verb: string,
): Rule<NamedCommand & { readonly forwarder: string; readonly adminEndpoint: string }> {
  return {
    params: {
      name: scheme,
      forwarder: shellCommand('<forwarder cmd>', 'ipnfw'),
      adminEndpoint: shellCommand('<admin app cmd>', 'ipnadminep'),
    },
    summary: `${verb === 'a' ? 'Adds' : 'Changes'} a scheme of endpoint names`,
    explain: ({ name, forwarder, adminEndpoint }) =>
      `know endpoints of the ${name} scheme, forwarded by ${forwarder}, administered by ${adminEndpoint}`,
  }
}

function endpointRule(verb: string): Rule<{
  readonly command: string
  readonly endpoint: EndpointId
  readonly rule: ReceiveRule
  readonly script?: string
}> {
  return {
    params: {
      endpoint: endpointId,
      rule: choice('{q|x}', ['q', 'x']),
      script: optional(shellCommand('<recv script>', 'bpsink ipn:2.1')),
    },
    summary: `${verb === 'a' ? 'Adds' : 'Changes'} an endpoint: bundles for it wait (q) or are dropped (x) until an application has it open`,
    explain: ({ endpoint, rule, script }) =>
      `take bundles for ${formatEndpointId(endpoint)}; without an application they ${rule === 'q' ? 'wait' : 'are dropped'}${script ? `, and ${script} is run` : ''}`,
  }
}
