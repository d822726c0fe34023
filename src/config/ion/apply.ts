/** What the lines of all programs make of a node, one after the other. */

import type { WallMs } from '../../base/time.ts'
import { applyBpadmin, applyIpnadmin } from './apply-bp.ts'
import { applyIonadmin, type IonadminRun, newRun } from './apply-ionadmin.ts'
import { Draft } from './draft.ts'
import { isSpoken } from './duct.ts'
import { splitName } from './grammar.ts'
import type { Notice } from './problem.ts'
import type { DtpcadminCommand } from './programs/dtpcadmin.ts'
import type { IonsecadminCommand } from './programs/ionsecadmin.ts'
import type { LtpadminCommand } from './programs/ltpadmin.ts'
import type { ProgramName } from './programs.ts'
import type { ReadText, Step } from './read.ts'

export interface Applied {
  /** What the lines have made, and what is wrong with them. */
  readonly draft: Draft
  readonly notices: readonly Notice[]
}

/** `startedAt` is when ionadmin is started: relative times count from it. */
export function applySteps({ units, steps }: ReadText, startedAt: WallMs): Applied {
  const draft = new Draft(new Set<ProgramName>(units.map(({ program }) => program)))
  const runs = new Map<string, IonadminRun>()
  const creations = creationsIn(steps)
  for (const [turn, step] of steps.entries()) {
    checkCreated(draft, step, turn, creations.get(step.read.program) ?? 0)
    const run = runs.get(step.file) ?? newRun(startedAt)
    runs.set(step.file, run)
    applyStep(draft, step, run)
  }
  return { draft, notices: noticesOf(steps) }
}

/** What one line changes, or a problem of the draft's. `run` is for ionadmin. */
export function applyStep(draft: Draft, step: Step, run: IonadminRun): void {
  const { program, command } = step.read
  switch (program) {
    case 'ionadmin':
      applyIonadmin(draft, step, command, run)
      return
    case 'ionsecadmin':
      applyIonsecadmin(draft, step, command)
      return
    case 'ltpadmin':
      applyLtpadmin(draft, step, command)
      return
    case 'bpadmin':
      applyBpadmin(draft, step, command)
      return
    case 'ipnadmin':
      applyIpnadmin(draft, step, command)
      return
    case 'dtpcadmin':
      applyDtpcadmin(draft, step, command)
      return
    case 'ionconfig':
      return
  }
}

/** The turn of each program's first `1`. */
function creationsIn(steps: readonly Step[]): ReadonlyMap<ProgramName, number> {
  const turns = new Map<ProgramName, number>()
  for (const [turn, { read }] of steps.entries()) {
    if (read.command.command === '1' && !turns.has(read.program)) turns.set(read.program, turn)
  }
  return turns
}

/** A program takes nothing before its `1`, where it has one: `creation` is that one's turn. */
function checkCreated(draft: Draft, step: Step, turn: number, creation: number): void {
  const { command } = step.read.command
  if (turn >= creation || !'acdgms'.includes(command.charAt(0))) return
  const message = `${command} before "1": "1" first would be right`
  draft.problem(step, undefined, 'ion/contradiction', message)
}

function applyIonsecadmin(draft: Draft, step: Step, command: IonsecadminCommand): void {
  switch (command.command) {
    case 'a key':
    case 'c key': {
      const { name, file } = command
      if (command.command === 'a key') {
        draft.keys.add(step, name, { name, file })
        return
      }
      draft.keys.change(step, 'name', name, () => ({ name, file }))
      return
    }
    case 'd key':
      draft.keys.delete(step, 'name', command.name)
      return
    default:
      return
  }
}

function applyLtpadmin(draft: Draft, step: Step, command: LtpadminCommand): void {
  switch (command.command) {
    case '1':
      draft.sessions = command.sessions
      return
    case 'a span':
    case 'c span': {
      const { command: name, ...span } = command
      if (name === 'a span') {
        draft.spans.add(step, String(span.peer), span)
        return
      }
      draft.spans.change(step, 'peer', String(span.peer), () => span)
      return
    }
    case 'd span':
      draft.spans.delete(step, 'peer', String(command.peer))
      return
    case 'a seat':
      draft.seats.add(step, command.daemon, command.daemon)
      return
    case 'd seat':
      draft.seats.delete(step, 'daemon', command.daemon)
      return
    case 's': {
      const { daemon } = command
      if (daemon) draft.seats.add(step, daemon, daemon)
      return
    }
    default:
      return
  }
}

function applyDtpcadmin(draft: Draft, step: Step, command: DtpcadminCommand): void {
  if (command.command === 'd profile') {
    draft.profiles.delete(step, 'id', String(command.id))
  } else if (command.command === 'a profile') {
    const { command: _, ...profile } = command
    const { id: own, ...values } = profile
    const twin = draft.profiles
      .values()
      .find(({ id, ...other }) => id !== own && same(other, values))
    if (twin !== undefined) {
      const message = `profile ${own} says the same as profile ${twin.id}, so that ION refuses it: one of the two would be right`
      draft.problem(step, 'id', 'ion/duplicate', message)
      return
    }
    draft.profiles.add(step, String(own), profile)
  }
}

function same(a: object, b: object): boolean {
  const spell = (value: object): string =>
    JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? `${item}n` : item))
  return spell(a) === spell(b)
}

/** What is read and changes nothing, each said at its first line. */
function noticesOf(steps: readonly Step[]): readonly Notice[] {
  const said = new Set<string>()
  return steps.flatMap((step) => {
    const { file, line, column } = step
    const remark = remarkOn(step)
    if (remark === undefined || said.has(remark.subject)) return []
    said.add(remark.subject)
    return [{ file, line, column, message: remark.message }]
  })
}

export interface Remark {
  /** The same for all ways to say the same thing, as adding and changing. */
  readonly subject: string
  readonly message: string
}

/** Of a line that is read and changes nothing. */
export function remarkOn({ read, rule }: Step): Remark | undefined {
  const { program, command } = read
  const { verb, noun } = splitName(command.command)
  if (rule.withoutEffect !== undefined && !'ilb'.includes(verb)) {
    const message = `${command.command} is read and changes nothing: ${rule.withoutEffect}`
    return { subject: `${program} ${noun || verb}`, message }
  }
  if (
    program === 'ionadmin' &&
    command.command === 'a contact' &&
    typeof command.from === 'string'
  ) {
    const message = `a ${command.from} contact is read and changes nothing: those with times let bundles go`
    return { subject: `${command.from} contact`, message }
  }
  if (program === 'bpadmin' && command.command === 'a protocol') {
    const { name } = command
    if (isSpoken(name)) return undefined
    return { subject: `protocol ${name}`, message: `protocol ${name} is not spoken` }
  }
  if (program === 'bpadmin' && command.command === 'a scheme' && command.name === 'imc') {
    const message = 'scheme imc is read and changes nothing: there is no multicast'
    return { subject: 'scheme imc', message }
  }
  return undefined
}
