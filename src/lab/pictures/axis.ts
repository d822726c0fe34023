/** Axes: round numbers to write beside a picture, and where they belong. */

import type { MonoMs } from '../../base/time.ts'

export interface Span {
  readonly from: MonoMs
  readonly until: MonoMs
}

export interface Tick {
  readonly value: number
  readonly label: string
}

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** Steps of time that people count in. */
const TIME_STEPS: readonly number[] = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((count) => count * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * MINUTE),
  ...[1, 2, 3, 6, 12].map((count) => count * HOUR),
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500].map((count) => count * DAY),
]

/** Times since the start, at most `ticksMax` of them. */
export function timeTicks({ from, until }: Span, ticksMax: number): readonly Tick[] {
  const step =
    TIME_STEPS.find((candidate) => (until - from) / candidate <= ticksMax) ??
    (until - from) / ticksMax
  return ticks(from, until, step, (value) => timeLabel(value, step))
}

/** `250 ms`, `1.5 s`, `20 min`, `3 h`, `2 d`: by the step between one and the next. */
function timeLabel(ms: number, step: number): string {
  if (ms === 0) return '0'
  if (step >= DAY) return `${ms / DAY} d`
  if (step >= HOUR) return `${ms / HOUR} h`
  if (step >= MINUTE) return `${ms / MINUTE} min`
  return step >= 0.1 * SECOND ? `${Math.round(ms) / SECOND} s` : `${Math.round(ms)} ms`
}

/** From 0 to at least `max`: 1, 2 or 5 times a power of ten apart; 1 at least where only whole numbers mean anything. */
export function valueTicks(max: number, ticksMax: number, isWhole: boolean): readonly Tick[] {
  const rough = Math.max(max / ticksMax, isWhole ? 1 : 1e-9)
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power
  return ticks(0, Math.ceil(max / step - 1e-9) * step || step, step, valueLabel)
}

/** `950`, `1.5 k`, `20 M`. */
export function valueLabel(value: number): string {
  const [size, unit] =
    value >= 1e9 ? [1e9, ' G'] : value >= 1e6 ? [1e6, ' M'] : value >= 1e3 ? [1e3, ' k'] : [1, '']
  return `${Number((value / size).toPrecision(3))}${unit}`
}

function ticks(
  from: number,
  until: number,
  step: number,
  label: (value: number) => string,
): readonly Tick[] {
  const first = Math.ceil(from / step - 1e-9)
  const last = Math.floor(until / step + 1e-9)
  return Array.from({ length: Math.max(0, last - first) + 1 }, (_, i) => {
    const value = (first + i) * step
    return { value, label: label(value) }
  })
}
