/** What `bprc` and `ipnrc` make of a node. */

import { type EndpointId, formatEndpointId, ipnEndpoint } from '../../proto/bpv7/endpoint-id.ts'
import type { Draft } from './draft.ts'
import { DUCT_EXPECTED, hasAddress, parseDuctAddress } from './duct.ts'
import type { CommandOf } from './grammar.ts'
import type { DuctName, IonPlan } from './ion-node.ts'
import type { BpadminCommand } from './programs/bpadmin.ts'
import type { IpnadminCommand } from './programs/ipnadmin.ts'
import type { Step } from './read.ts'

type Bp<Name> = CommandOf<BpadminCommand, Name>
type Ipn<Name> = CommandOf<IpnadminCommand, Name>

export function applyBpadmin(draft: Draft, step: Step, command: BpadminCommand): void {
  switch (command.command) {
    case 'a scheme':
    case 'c scheme': {
      const { name, forwarder, adminEndpoint } = command
      const scheme = { name, forwarder, adminEndpoint }
      if (command.command === 'a scheme') {
        draft.schemes.add(step, name, scheme)
        return
      }
      draft.schemes.change(step, 'name', name, () => scheme)
      return
    }
    case 'd scheme':
      draft.schemes.delete(step, 'name', command.name)
      return
    case 'a endpoint':
    case 'c endpoint':
      setEndpoint(draft, step, command)
      return
    case 'd endpoint':
      draft.endpoints.delete(step, 'endpoint', formatEndpointId(command.endpoint))
      return
    case 'a protocol': {
      const { name, protocolClass } = command
      const protocol = { name, ...(protocolClass && { protocolClass }) }
      draft.protocols.add(step, name, protocol)
      return
    }
    case 'd protocol':
      draft.protocols.delete(step, 'name', command.name)
      return
    case 'a induct':
    case 'c induct':
    case 'd induct':
      setInduct(draft, step, command)
      return
    case 'a outduct':
    case 'c outduct':
    case 'd outduct':
      setOutduct(draft, step, command)
      return
    case 'a plan':
    case 'c plan':
    case 'g plan':
    case 'b plan':
    case 'u plan':
    case 'd plan':
      setPlan(draft, step, command)
      return
    case 'a planduct':
      attach(draft, step, command.endpoint, command)
      return
    case 'd planduct':
      detach(draft, step, command)
      return
    default:
      return
  }
}

export function applyIpnadmin(draft: Draft, step: Step, command: IpnadminCommand): void {
  switch (command.command) {
    case 'a plan': {
      const { node, duct, rateBytesPerSec } = command
      const isKnown = isOutductKnown(draft, step, 'duct', duct)
      const ducts = isKnown ? [{ protocol: duct.protocol, duct: duct.duct }] : []
      addPlan(draft, step, ipnEndpoint(node, 0n), rateBytesPerSec, ducts)
      return
    }
    case 'c plan': {
      const name = planName(command.node)
      draft.plans.change(step, 'node', name, (plan) => withRate(plan, command))
      return
    }
    case 'd plan':
      draft.plans.delete(step, 'node', planName(command.node))
      return
    case 'a exit':
    case 'c exit':
      setExit(draft, step, command)
      return
    case 'd exit':
      draft.exits.delete(step, 'first', exitName(command))
      return
    default:
      return
  }
}

function setEndpoint(draft: Draft, step: Step, command: Bp<'a endpoint' | 'c endpoint'>): void {
  const { endpoint, rule, script } = command
  const name = formatEndpointId(endpoint)
  const item = { endpoint, rule, ...(script && { script }) }
  if (command.command === 'c endpoint') {
    draft.endpoints.change(step, 'endpoint', name, () => item)
    return
  }
  if (!draft.schemes.has(endpoint.scheme)) {
    const message = `endpoint ${name} of a scheme that is not there: "a scheme ${endpoint.scheme} …" before it would be right`
    draft.problem(step, 'endpoint', 'ion/contradiction', message)
  }
  if (endpoint.scheme === 'ipn' && draft.node !== undefined && endpoint.node !== draft.node) {
    const own = formatEndpointId(ipnEndpoint(draft.node, endpoint.service))
    const message = `endpoint ${name} of another node: ${own} would be right`
    draft.problem(step, 'endpoint', 'ion/contradiction', message)
    return
  }
  draft.endpoints.add(step, name, item)
}

function setInduct(
  draft: Draft,
  step: Step,
  command: Bp<'a induct'> | Bp<'c induct'> | Bp<'d induct'>,
): void {
  const { protocol, duct } = command
  const name = ductName(command)
  if (!('daemon' in command)) {
    draft.inducts.delete(step, 'duct', name)
    return
  }
  const { daemon } = command
  if (command.command === 'c induct') {
    draft.inducts.change(step, 'duct', name, (item) => ({ ...item, daemon }))
  } else if (isDuctFit(draft, step, command)) {
    draft.inducts.add(step, name, { protocol, duct, daemon })
  }
}

function setOutduct(
  draft: Draft,
  step: Step,
  command: Bp<'a outduct'> | Bp<'c outduct'> | Bp<'d outduct'>,
): void {
  const { protocol, duct } = command
  const name = ductName(command)
  if (!('daemon' in command)) {
    draft.outducts.delete(step, 'duct', name)
    return
  }
  const { daemon, payloadBytesMax } = command
  const item = { protocol, duct, daemon, ...(payloadBytesMax && { payloadBytesMax }) }
  if (command.command === 'c outduct') {
    draft.outducts.change(step, 'duct', name, () => item)
  } else if (isDuctFit(draft, step, command)) {
    draft.outducts.add(step, name, item)
  }
}

function isDuctFit(draft: Draft, step: Step, { protocol, duct }: DuctName): boolean {
  if (!draft.protocols.has(protocol)) {
    draft.protocols.missing(step, 'protocol', protocol)
    return false
  }
  if (!hasAddress(protocol) || parseDuctAddress(protocol, duct) !== undefined) return true
  const message = `duct ${JSON.stringify(duct)}: ${DUCT_EXPECTED} would be right`
  draft.problem(step, 'duct', 'ion/bad-value', message)
  return false
}

function setPlan(
  draft: Draft,
  step: Step,
  command: Bp<'a plan' | 'c plan' | 'g plan' | 'b plan' | 'u plan' | 'd plan'>,
): void {
  const { endpoint } = command
  const name = formatEndpointId(endpoint)
  const change = (changed: (plan: IonPlan) => IonPlan): void =>
    draft.plans.change(step, 'endpoint', name, changed)
  switch (command.command) {
    case 'a plan':
      addPlan(draft, step, endpoint, command.rateBytesPerSec, [])
      return
    case 'c plan':
      change((plan) => withRate(plan, command))
      return
    case 'g plan': {
      const { via } = command
      change(({ via: _, ...plan }) => (via === 'none' ? plan : { ...plan, via }))
      return
    }
    case 'b plan':
      change((plan) => ({ ...plan, isBlocked: true }))
      return
    case 'u plan':
      change((plan) => ({ ...plan, isBlocked: false }))
      return
    default:
      draft.plans.delete(step, 'endpoint', name)
      return
  }
}

function addPlan(
  draft: Draft,
  step: Step,
  endpoint: EndpointId,
  rateBytesPerSec: number | undefined,
  ducts: readonly DuctName[],
): void {
  if (endpoint.scheme === 'ipn' && endpoint.service !== 0n) {
    const right = formatEndpointId(ipnEndpoint(endpoint.node, 0n))
    const message = `a plan for ${formatEndpointId(endpoint)}, which is no node: ${right} would be right`
    draft.problem(step, 'endpoint', 'ion/bad-value', message)
    return
  }
  draft.plans.add(step, formatEndpointId(endpoint), {
    endpoint,
    ...(rateBytesPerSec && { rateBytesPerSec }),
    ducts,
    isBlocked: false,
  })
}

function withRate(plan: IonPlan, { rateBytesPerSec }: { rateBytesPerSec: number }): IonPlan {
  const { rateBytesPerSec: _, ...rest } = plan
  return { ...rest, ...(rateBytesPerSec && { rateBytesPerSec }) }
}

function attach(
  draft: Draft,
  step: Step,
  endpoint: EndpointId,
  { protocol, duct }: DuctName,
): void {
  const own = { protocol, duct }
  if (!isOutductKnown(draft, step, 'duct', own)) return
  const name = formatEndpointId(endpoint)
  const holder = draft.plans.values().find(({ ducts }) => ducts.some((d) => isSame(d, own)))
  if (holder !== undefined) {
    const message = `outduct ${ductName(own)} is attached to ${formatEndpointId(holder.endpoint)} already: once would be right`
    draft.problem(step, 'duct', 'ion/duplicate', message)
    return
  }
  draft.plans.change(step, 'endpoint', name, (plan) => ({ ...plan, ducts: [...plan.ducts, own] }))
}

function detach(draft: Draft, step: Step, own: Bp<'d planduct'>): void {
  const holder = draft.plans.values().find(({ ducts }) => ducts.some((d) => isSame(d, own)))
  if (holder === undefined) {
    const message = `outduct ${ductName(own)} is attached to no plan: one that is would be right`
    draft.problem(step, 'duct', 'ion/contradiction', message)
    return
  }
  draft.plans.change(step, 'duct', formatEndpointId(holder.endpoint), (plan) => ({
    ...plan,
    ducts: plan.ducts.filter((duct) => !isSame(duct, own)),
  }))
}

/** Where no file for bpadmin is read, nobody can tell. */
function isOutductKnown(draft: Draft, step: Step, param: string, duct: DuctName): boolean {
  const name = ductName(duct)
  if (draft.outducts.has(name) || !draft.programs.has('bpadmin')) return true
  draft.outducts.missing(step, param, name)
  return false
}

function setExit(draft: Draft, step: Step, command: Ipn<'a exit' | 'c exit'>): void {
  const { first, last, gateway } = command
  if (last < first) {
    const message = `nodes ${first} to ${last}: the lower number first would be right`
    draft.problem(step, 'last', 'ion/contradiction', message)
    return
  }
  const name = exitName(command)
  if (command.command === 'a exit') {
    draft.exits.add(step, name, { first, last, gateway })
    return
  }
  draft.exits.change(step, 'first', name, (exit) => ({ ...exit, gateway }))
}

export function exitName({
  first,
  last,
}: {
  readonly first: bigint
  readonly last: bigint
}): string {
  return `${first} to ${last}`
}

export function planName(node: bigint): string {
  return formatEndpointId(ipnEndpoint(node, 0n))
}

export function ductName({ protocol, duct }: DuctName): string {
  return `${protocol}/${duct}`
}

function isSame(a: DuctName, b: DuctName): boolean {
  return a.protocol === b.protocol && a.duct === b.duct
}
