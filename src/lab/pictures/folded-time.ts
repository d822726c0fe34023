import { formatDuration } from '../../base/quantity.ts'
import { type MonoMs, monoMs } from '../../base/time.ts'
import { type Span, type Tick, timeTicks } from './axis.ts'

interface Stretch extends Span {
  /** Where it begins. */
  readonly px: number
}

/** Pixels that a packet needs so that its slant is seen, and what is written along it stays clear of the next. */
const PX_PER_DELAY = 90
const PX_PER_PACKET = 24
/** All stretches in which something moves, together. */
const LENGTH_MIN = 240
const LENGTH_MAX = 2400
/** A stretch in which nothing does. */
const FOLD_PX = 34
/** Folds of one picture: the longest pauses. */
export const FOLDS_MAX = 40
const PX_PER_TICK = 50

/** Time as it runs down a picture: straight, but long pauses in which nothing moves are folded away. */
export class FoldedTime {
  /** From one to the next is a fold. */
  readonly #stretches: readonly Stretch[]
  readonly #pxPerMs: number

  constructor(flights: readonly { readonly sentAt: MonoMs; readonly arrivesAt: MonoMs }[]) {
    const spans = busySpans(flights)
    const busyMs = Math.max(
      1,
      spans.reduce((sum, span) => sum + lengthOf(span), 0),
    )
    const wanted = Math.max(
      (busyMs / usualDelayMs(flights)) * PX_PER_DELAY,
      flights.length * PX_PER_PACKET,
    )
    this.#pxPerMs = Math.min(LENGTH_MAX, Math.max(LENGTH_MIN, wanted)) / busyMs
    let px = 0
    this.#stretches = spans.map((span) => {
      const stretch = { ...span, px }
      px += lengthOf(span) * this.#pxPerMs + FOLD_PX
      return stretch
    })
  }

  get length(): number {
    const last = this.#stretches.at(-1)
    return last === undefined ? 0 : last.px + lengthOf(last) * this.#pxPerMs
  }

  get folds(): readonly Span[] {
    return this.#stretches.slice(1).map((next, i) => ({
      from: this.#stretches[i]?.until ?? next.from,
      until: next.from,
    }))
  }

  pxAt(at: number): number {
    const stretch = this.#stretches.findLast(({ from }) => from <= at) ?? this.#stretches[0]
    if (stretch === undefined) return 0
    const within = Math.min(Math.max(0, at - stretch.from), lengthOf(stretch))
    return stretch.px + within * this.#pxPerMs
  }

  /** In each stretch one at least: it says where one is after a fold. */
  ticks(): readonly Tick[] {
    return this.#stretches.flatMap((stretch) => {
      const ticksMax = Math.max(1, (lengthOf(stretch) * this.#pxPerMs) / PX_PER_TICK)
      const ticks = timeTicks(stretch, ticksMax)
      const { from } = stretch
      return ticks.length > 0 ? ticks : [{ value: from, label: formatDuration(Math.round(from)) }]
    })
  }
}

/** When something moves, with the shorter pauses between; always one. */
function busySpans(
  flights: readonly { readonly sentAt: MonoMs; readonly arrivesAt: MonoMs }[],
): readonly Span[] {
  const sorted = flights.toSorted((a, b) => a.sentAt - b.sentAt)
  const first = sorted[0]?.sentAt ?? monoMs(0)
  const spans: { from: MonoMs; until: MonoMs }[] = [{ from: first, until: first }]
  const pauseMs = pauseWorthFolding(sorted)
  for (const { sentAt, arrivesAt } of sorted) {
    const last = spans.at(-1)
    if (last === undefined || sentAt - last.until > pauseMs) {
      spans.push({ from: sentAt, until: arrivesAt })
    } else if (arrivesAt > last.until) last.until = arrivesAt
  }
  return spans
}

/** Longer than twice what a packet takes; and long enough that there are not too many. */
function pauseWorthFolding(
  sorted: readonly { readonly sentAt: MonoMs; readonly arrivesAt: MonoMs }[],
): number {
  const pauses: number[] = []
  let until = sorted[0]?.sentAt ?? monoMs(0)
  for (const { sentAt, arrivesAt } of sorted) {
    if (sentAt > until) pauses.push(sentAt - until)
    if (arrivesAt > until) until = arrivesAt
  }
  const longest = pauses.sort((a, b) => b - a)[FOLDS_MAX] ?? 0
  return Math.max(2 * usualDelayMs(sorted), longest)
}

function usualDelayMs(
  flights: readonly { readonly sentAt: MonoMs; readonly arrivesAt: MonoMs }[],
): number {
  const delays = flights.map(({ sentAt, arrivesAt }) => arrivesAt - sentAt).sort((a, b) => a - b)
  return Math.max(1, delays[delays.length >> 1] ?? 1)
}

function lengthOf({ from, until }: Span): number {
  return until - from
}
