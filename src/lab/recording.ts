/**
 * A run of a lab as a file: the scenario with its seed, each input with the place in the order of events
 * at which it came, and in the end what was captured. One JSON object a line.
 */

import { Fault, type Result } from '../base/fault.ts'
import { type MonoMs, monoMs } from '../base/time.ts'
import { LabDesk, type LabInput } from './desk.ts'
import type { LabFaultCode } from './fault.ts'
import type { Lab } from './lab.ts'

export const RECORDING_FORMAT = 'lightlag-recording-1'

export interface RecordingHead {
  readonly format: typeof RECORDING_FORMAT
  /** The version of the program: another one may do otherwise. */
  readonly version: string
  /** Text of the scenario's file, and what it is called in messages. */
  readonly scenario: string
  readonly file: string
  /** In place of that of the scenario. */
  readonly seed: number
}

/** Where in a run: so many events have happened, and it is this time. */
export interface Place {
  readonly events: number
  readonly at: number
}

export interface RecordedInput extends Place {
  readonly input: LabInput
}

export interface RecordingEnd extends Place {
  readonly packets: number
  readonly hash: string
}

export interface Recording {
  readonly head: RecordingHead
  readonly inputs: readonly RecordedInput[]
  /** Undefined where the lab was killed. */
  readonly end: RecordingEnd | undefined
}

export type RecordingLine = RecordingHead | RecordedInput | { readonly end: RecordingEnd }

export function formatLine(line: RecordingLine): string {
  return `${JSON.stringify(line)}\n`
}

export function placeOf({ world }: Lab): Place {
  return { events: world.eventCount, at: world.now() }
}

export function endOf(lab: Lab): RecordingEnd {
  const { capture } = lab.network
  return { ...placeOf(lab), packets: capture.count, hash: capture.hash() }
}

/** A line that a crash cut off is left out. */
export function parseRecording(text: string, file: string): Result<Recording, LabFaultCode> {
  const lines = text.split('\n').slice(0, -1)
  const values: unknown[] = []
  for (const [index, line] of lines.entries()) {
    try {
      values.push(JSON.parse(line))
    } catch {
      return bad(`${file}:${index + 1}: no JSON: a line of a recording would be right`)
    }
  }
  const [head, ...others] = values as readonly Record<string, unknown>[]
  if (head?.['format'] !== RECORDING_FORMAT || typeof head['scenario'] !== 'string') {
    return bad(`${file}:1: no recording of this version: "lightlag lab up --record" makes one`)
  }
  const inputs: RecordedInput[] = []
  let end: RecordingEnd | undefined
  for (const [index, value] of others.entries()) {
    if (isPlace(value) && typeof value['input'] === 'object') {
      inputs.push(value as unknown as RecordedInput)
    } else if (isPlace(value?.['end'])) end = value['end'] as unknown as RecordingEnd
    else return bad(`${file}:${index + 2}: neither an input nor the end of a recording`)
  }
  return { ok: true, value: { head: head as unknown as RecordingHead, inputs, end } }
}

/**
 * Plays the inputs into a lab that has just been started as it was then. Rejects with a Fault
 * `lab/diverged` where it does not get to where an input came, or the end is not the same.
 */
export async function replay(lab: Lab, { inputs, end }: Recording): Promise<RecordingEnd> {
  const desk = new LabDesk(lab, () => {})
  for (const { input, ...place } of inputs) {
    await runTo(lab, place)
    desk.apply(input)
    // What it sets off at once settles before the next, as when it was recorded.
    await lab.world.run(() => true)
  }
  if (end === undefined) return endOf(lab)
  await runTo(lab, end)
  const now = endOf(lab)
  if (now.hash !== end.hash) {
    throw diverged(`its capture has the hash ${now.hash}, and ${end.hash} was recorded`)
  }
  return now
}

/** Until so many events have happened, and then to that time. */
async function runTo({ world }: Lab, { events, at }: Place): Promise<void> {
  if (world.eventCount < events) await world.run(() => world.eventCount >= events)
  if (world.now() < at) await world.run(monoMs(at))
  if (world.eventCount === events && world.now() === at) return
  const [was, is] = [
    { events, at },
    { events: world.eventCount, at: world.now() },
  ].map(placeText)
  throw diverged(`it came to ${is}, and was recorded at ${was}`)
}

function placeText({ events, at }: Place): string {
  return `event ${events} at ${timeText(monoMs(at))}`
}

/** `12.345 s`. */
export function timeText(at: MonoMs): string {
  return `${(Math.round(at) / 1000).toFixed(3)} s`
}

function isPlace(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const { events, at } = value as Record<string, unknown>
  return typeof events === 'number' && typeof at === 'number'
}

function diverged(what: string): Fault<LabFaultCode> {
  const message = `the run went another way: ${what}`
  return new Fault('lab/diverged', message, { temporary: false })
}

function bad(message: string): { readonly ok: false; readonly fault: Fault<LabFaultCode> } {
  return { ok: false, fault: new Fault('lab/bad-recording', message, { temporary: false }) }
}
