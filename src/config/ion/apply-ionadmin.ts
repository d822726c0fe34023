/** What `ionrc` makes of a node. */

import type { Interval } from '../../base/interval.ts'
import { type WallMs, wallMs } from '../../base/time.ts'
import type { NodePair } from '../../dtn/contact-plan.ts'
import type { Draft } from './draft.ts'
import type { CommandOf } from './grammar.ts'
import type { IonadminCommand } from './programs/ionadmin.ts'
import type { Step } from './read.ts'
import { formatInstant, type IonTime, resolveIonTime, TIME_EXPECTED } from './time.ts'
import type { Timelines } from './timelines.ts'

/** One run of ionadmin: what its relative times count from. */
export interface IonadminRun {
  readonly startedAt: WallMs
  reference: WallMs
}

/** ION's times are whole seconds. */
export function newRun(startedAt: WallMs): IonadminRun {
  const secondMs = wallMs(Math.floor(startedAt / 1000) * 1000)
  return { startedAt: secondMs, reference: secondMs }
}

type Of<Name> = CommandOf<IonadminCommand, Name>

export function applyIonadmin(
  draft: Draft,
  step: Step,
  command: IonadminCommand,
  run: IonadminRun,
): void {
  switch (command.command) {
    case '1':
      createNode(draft, step, command)
      return
    case '@': {
      const { time } = command
      const at = time === 'now' ? run.startedAt : resolve(draft, step, 'time', time, run)
      if (at !== undefined) run.reference = at
      return
    }
    case 'a contact':
      addContact(draft, step, command, run)
      return
    case 'c contact':
      changeContact(draft, step, command, run)
      return
    case 'd contact':
      deleteTimed(draft, step, { what: 'contact', lines: draft.contacts }, command, run)
      return
    case 'a range':
      addRange(draft, step, command, run)
      return
    case 'd range':
      deleteTimed(draft, step, { what: 'range', lines: draft.ranges }, command, run)
      return
    case 'm utcdelta':
      draft.clock = { ...draft.clock, utcDeltaSec: command.seconds }
      return
    case 'm clockerr':
      draft.clock = { ...draft.clock, errorSec: command.seconds }
      return
    case 'm clocksync': {
      const { isSynchronized } = command
      if (isSynchronized !== undefined) draft.clock = { ...draft.clock, isSynchronized }
      return
    }
    default:
      return
  }
}

function createNode(draft: Draft, step: Step, { node }: Of<'1'>): void {
  if (draft.node === undefined) {
    draft.node = node
    return
  }
  const code = draft.node === node ? 'ion/duplicate' : 'ion/contradiction'
  const message = `the node is ${draft.node} already: one "1 ${draft.node}" would be right`
  draft.problem(step, 'node', code, message)
}

function addContact(draft: Draft, step: Step, command: Of<'a contact'>, run: IonadminRun): void {
  const { from, until, source, destination, rateBytesPerSec, confidence = 1 } = command
  if (typeof from === 'string') {
    checkUnscheduled(draft, step, from, command)
    return
  }
  if (typeof until === 'string') {
    const message = `a contact that begins at a time and ends at none: ${TIME_EXPECTED} would be right`
    draft.problem(step, 'until', 'ion/bad-value', message)
    return
  }
  const interval = resolveInterval(draft, step, { from, until }, run)
  if (interval === undefined) return
  if (rateBytesPerSec === 0) {
    const message = 'a contact at 0 bytes per second: a rate of at least 1 would be right'
    draft.problem(step, 'rateBytesPerSec', 'ion/bad-value', message)
    return
  }
  const other = draft.contacts.add({
    ...interval,
    source,
    destination,
    rateBytesPerSec,
    confidence,
  })
  if (other !== undefined) {
    const message = `a contact from ${source} to ${destination} that overlaps or touches the one ${spell(other)}, so that ION drops it: one apart from it would be right`
    draft.problem(step, 'from', 'ion/contradiction', message)
  }
}

/** Neither kind gates anything, but ION refuses some. */
function checkUnscheduled(
  draft: Draft,
  step: Step,
  kind: 'hypothetical' | 'registration',
  { source, destination }: Of<'a contact'>,
): void {
  if (kind === 'registration') {
    if (source === destination) return
    const message = `a registration of ${source} with ${destination}: the same node twice would be right`
    draft.problem(step, 'destination', 'ion/contradiction', message)
    return
  }
  const isOwn = draft.node === undefined || source === draft.node || destination === draft.node
  if (isOwn && source !== destination) return
  const message = `a hypothetical contact from ${source} to ${destination}: this node${draft.node === undefined ? '' : `, ${draft.node},`} at one end would be right`
  draft.problem(step, 'source', 'ion/contradiction', message)
}

function changeContact(draft: Draft, step: Step, command: Of<'c contact'>, run: IonadminRun): void {
  const from = resolve(draft, step, 'from', command.from, run)
  if (from === undefined) return
  const { rateBytesPerSec, confidence } = command
  const isThere = draft.contacts.change(command, from, (contact) => ({
    ...contact,
    rateBytesPerSec,
    confidence: confidence ?? contact.confidence,
  }))
  if (!isThere) missing(draft, step, 'contact', command, from)
}

function addRange(draft: Draft, step: Step, command: Of<'a range'>, run: IonadminRun): void {
  const interval = resolveInterval(draft, step, command, run)
  if (interval === undefined) return
  const { source, destination, owltSec } = command
  const range = { ...interval, source, destination, oneWayDelayMs: owltSec * 1000 }
  const other = draft.ranges.add(range)
  if (other !== undefined) {
    const message = `a range of ${source} and ${destination} that overlaps the one ${spell(other)}: one beside it would be right`
    draft.problem(step, 'from', 'ion/contradiction', message)
  }
}

/** Of contacts, those that are no scheduled ones have nothing to delete. */
function deleteTimed<Item extends NodePair & Interval<WallMs>>(
  draft: Draft,
  step: Step,
  timed: { readonly what: 'contact' | 'range'; readonly lines: Timelines<Item> },
  command: Of<'d contact' | 'd range'>,
  run: IonadminRun,
): void {
  const { what, lines } = timed
  const { from } = command
  if (from === 'hypothetical' || from === 'registration') return
  if (from === 'all') {
    lines.deleteAll(command)
    return
  }
  const at = resolve(draft, step, 'from', from, run)
  if (at === undefined || lines.delete(command, at)) return
  missing(draft, step, what, command, at)
}

const NOT_FOUND = {
  contact: 'Contact not found in database.',
  range: 'Range not found in database.',
} as const

/** Says that none begins at `from`. */
export function missing(
  draft: Draft,
  step: Step,
  what: keyof typeof NOT_FOUND,
  pair: NodePair,
  from: WallMs,
): void {
  const { source, destination } = pair
  const message = `there is no ${what} of ${source} and ${destination} from ${formatInstant(from)}: the very time at which one begins would be right`
  draft.problem(step, 'from', 'ion/contradiction', message, NOT_FOUND[what])
}

function spell({ from, until }: Interval<WallMs>): string {
  return `from ${formatInstant(from)} until ${formatInstant(until)}`
}

function resolveInterval(
  draft: Draft,
  step: Step,
  times: { readonly from: IonTime; readonly until: IonTime },
  run: IonadminRun,
): Interval<WallMs> | undefined {
  const from = resolve(draft, step, 'from', times.from, run)
  const until = resolve(draft, step, 'until', times.until, run)
  if (from === undefined || until === undefined) return undefined
  if (from < until) return { from, until }
  const message = `an end at ${formatInstant(until)}, not after the beginning at ${formatInstant(from)}: a later one would be right`
  draft.problem(step, 'until', 'ion/contradiction', message)
  return undefined
}

/** Undefined, and said, beyond what ION can hold. */
export function resolve(
  draft: Draft,
  step: Step,
  param: string,
  time: IonTime,
  { reference }: IonadminRun,
): WallMs | undefined {
  const at = resolveIonTime(time, reference)
  if (at !== undefined) return at
  const message = 'a time beyond what ION can hold: one before 2038/01/19-03:14:07 would be right'
  draft.problem(step, param, 'ion/bad-value', message)
  return undefined
}
