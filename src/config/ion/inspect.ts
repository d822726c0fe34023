/** `i` and `l`: what the admin programs show of a node. */

import type { Interval } from '../../base/interval.ts'
import type { WallMs } from '../../base/time.ts'
import type { NodePair } from '../../dtn/contact-plan.ts'
import { formatEndpointId } from '../../proto/bpv7/endpoint-id.ts'
import { ductName, exitName, planName } from './apply-bp.ts'
import { type IonadminRun, missing, resolve } from './apply-ionadmin.ts'
import type { Draft, Items } from './draft.ts'
import type { DuctName } from './ion-node.ts'
import {
  describeContact,
  describeEgress,
  describeEndpoint,
  describeExit,
  describeInduct,
  describeOutduct,
  describePlan,
  describeProfile,
  describeRange,
  describeScheme,
  type Processes,
} from './listing.ts'
import type { BpadminCommand } from './programs/bpadmin.ts'
import type { DtpcadminCommand } from './programs/dtpcadmin.ts'
import type { ContactTime, IonadminCommand } from './programs/ionadmin.ts'
import type { IpnadminCommand } from './programs/ipnadmin.ts'
import type { Step } from './read.ts'
import type { Timelines } from './timelines.ts'

/** What a command is about, beside itself. */
interface Context {
  readonly draft: Draft
  readonly step: Step
  /** What the relative times of ionadmin count from. */
  readonly run: IonadminRun
  readonly processes: Processes
}

/** The lines to print; undefined for a command that shows nothing. What is not there is a problem of the draft's. */
export function inspect(context: Context): readonly string[] | undefined {
  const { program, command } = context.step.read
  switch (program) {
    case 'ionadmin':
      return inspectContacts(context, command)
    case 'bpadmin':
      return inspectBp(context, command)
    case 'ipnadmin':
      return inspectIpn(context, command)
    case 'dtpcadmin':
      return inspectDtpc(context, command)
    default:
      return undefined
  }
}

function inspectContacts(
  context: Context,
  command: IonadminCommand,
): readonly string[] | undefined {
  const { draft } = context
  switch (command.command) {
    case 'l contact':
      return draft.contacts.values().map(describeContact)
    case 'l range':
      return draft.ranges.values().map(describeRange)
    case 'i contact':
      return beginningAt(context, 'contact', draft.contacts, command).map(describeContact)
    case 'i range':
      return beginningAt(context, 'range', draft.ranges, command).map(describeRange)
    default:
      return undefined
  }
}

/** The one that is meant, or none. */
function beginningAt<Item extends NodePair & Interval<WallMs>>(
  { draft, step, run }: Context,
  what: 'contact' | 'range',
  lines: Timelines<Item>,
  command: NodePair & { readonly from: ContactTime },
): readonly Item[] {
  const { from } = command
  // Of these there are none here.
  if (typeof from === 'string') {
    draft.problem(
      step,
      'from',
      'ion/contradiction',
      `${from} ${what}s are not kept: a time at which one begins would be right`,
    )
    return []
  }
  const at = resolve(draft, step, 'from', from, run)
  if (at === undefined) return []
  const found = lines.at(command, at)
  if (found !== undefined) return [found]
  missing(draft, step, what, command, at)
  return []
}

function inspectBp(context: Context, command: BpadminCommand): readonly string[] | undefined {
  const { draft, processes } = context
  switch (command.command) {
    case 'i scheme':
      return one(context, draft.schemes, 'name', command.name, describeScheme)
    case 'i endpoint': {
      const name = formatEndpointId(command.endpoint)
      return one(context, draft.endpoints, 'endpoint', name, describeEndpoint)
    }
    case 'i protocol':
      return one(context, draft.protocols, 'name', command.name, ({ name }) => name)
    case 'i induct':
      return one(context, draft.inducts, 'duct', ductName(command), describeInduct)
    case 'i outduct':
      return one(context, draft.outducts, 'duct', ductName(command), describeOutduct)
    case 'i plan':
      return one(context, draft.plans, 'endpoint', formatEndpointId(command.endpoint), describePlan)
    case 'l scheme':
      return draft.schemes.values().map((scheme) => describeScheme(scheme, processes))
    case 'l endpoint':
      return draft.endpoints
        .values()
        .filter(({ endpoint: { scheme } }) => scheme === (command.scheme ?? scheme))
        .map((endpoint) => describeEndpoint(endpoint, processes))
    case 'l protocol':
      return draft.protocols.values().map(({ name }) => name)
    case 'l induct':
      return ofProtocol(draft.inducts.values(), command).map((duct) =>
        describeInduct(duct, processes),
      )
    case 'l outduct':
      return ofProtocol(draft.outducts.values(), command).map((duct) =>
        describeOutduct(duct, processes),
      )
    case 'l plan':
      return draft.plans.values().map((plan) => describePlan(plan, processes))
    default:
      return undefined
  }
}

function inspectIpn(context: Context, command: IpnadminCommand): readonly string[] | undefined {
  const { draft } = context
  switch (command.command) {
    case 'i plan':
      return one(context, draft.plans, 'node', planName(command.node), describeEgress)
    case 'i exit':
      return one(context, draft.exits, 'first', exitName(command), describeExit)
    case 'l plan':
      return draft.plans.values().map(describeEgress)
    case 'l exit':
      return draft.exits.values().map(describeExit)
    case 'l ovrd':
      return []
    default:
      return undefined
  }
}

function inspectDtpc(context: Context, command: DtpcadminCommand): readonly string[] | undefined {
  const { draft } = context
  switch (command.command) {
    case 'i profile':
      return one(context, draft.profiles, 'id', String(command.id), describeProfile)
    case 'l profile':
      return draft.profiles.values().map(describeProfile)
    default:
      return undefined
  }
}

function one<Item>(
  { step, processes }: Context,
  items: Items<Item>,
  param: string,
  name: string,
  describe: (item: Item, processes: Processes) => string,
): readonly string[] {
  const item = items.get(name)
  if (item !== undefined) return [describe(item, processes)]
  items.missing(step, param, name)
  return []
}

function ofProtocol<Duct extends DuctName>(
  ducts: readonly Duct[],
  { protocol }: { readonly protocol?: string },
): readonly Duct[] {
  return ducts.filter((duct) => duct.protocol === (protocol ?? duct.protocol))
}
