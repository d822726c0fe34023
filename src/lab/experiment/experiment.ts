/** Experiments: what is varied, what is measured, and the runs that are made of both. */

import type { Packing } from '../../ports/packing.ts'

/** What differs from run to run, beside the seed. An experiment that does not vary something has one value of it. */
export interface Point {
  /** How mail travels, or is fetched. */
  readonly way: string
  readonly oneWayDelayMs: number
  /** Of packets, in both directions: 0 to 1. */
  readonly lossShare: number
  /** How often a day the link is there; 0: always. */
  readonly contactsPerDay: number
}

/** What is the same in every run. */
export interface Settings {
  readonly messages: number
  /** Of each message. */
  readonly messageBytes: number
  readonly rateBytesPerSec: number
  /** How long each contact is. */
  readonly contactMs: number
}

/** What the points of an experiment are made of: each with each. */
export interface Grid {
  readonly ways: readonly string[]
  readonly oneWayDelaysMs: readonly number[]
  readonly lossShares: readonly number[]
  readonly contactsPerDay: readonly number[]
}

export interface Measure {
  /** The column's name in files: `all_s`. */
  readonly key: string
  readonly title: string
  readonly unit: string
  /** Digits behind the point, where it is printed. */
  readonly digits: number
}

/** By key of the measure; absent where there was nothing to measure, as a time of what never came. */
export type Values = Readonly<Record<string, number | undefined>>

export interface Staging {
  /** As for a lab. */
  readonly settle: () => Promise<void>
  readonly packing: Packing
}

export interface Experiment {
  readonly name: string
  /** One line. */
  readonly about: string
  readonly settings: Settings
  /** Its ways are all that there are. */
  readonly grid: Grid
  /** The first is what is drawn. */
  readonly measures: readonly Measure[]
  /** Rejects with a Fault where the lab cannot go on. */
  run(point: Point, settings: Settings, seed: number, staging: Staging): Promise<Values>
}

/** One point with one seed. */
export interface Job {
  readonly point: Point
  readonly seed: number
}

export interface Run extends Job {
  readonly values: Values
}

export function pointsOf(grid: Grid): readonly Point[] {
  const { ways, oneWayDelaysMs, lossShares, contactsPerDay } = grid
  return oneWayDelaysMs.flatMap((oneWayDelayMs) =>
    lossShares.flatMap((lossShare) =>
      contactsPerDay.flatMap((perDay) =>
        ways.map((way) => ({ way, oneWayDelayMs, lossShare, contactsPerDay: perDay })),
      ),
    ),
  )
}

/** A part of the work, for one machine of several: every `of`-th job, from the `number`-th on, counted from 1. */
export interface Shard {
  readonly number: number
  readonly of: number
}

/** In the order in which they run and are written, whatever machine does which. */
export function jobsOf(
  grid: Grid,
  seeds: readonly number[],
  { number, of }: Shard,
): readonly Job[] {
  return pointsOf(grid)
    .flatMap((point) => seeds.map((seed) => ({ point, seed })))
    .filter((_, index) => index % of === number - 1)
}

export function isSamePoint(a: Point, b: Point): boolean {
  return (
    a.way === b.way &&
    a.oneWayDelayMs === b.oneWayDelayMs &&
    a.lossShare === b.lossShare &&
    a.contactsPerDay === b.contactsPerDay
  )
}
