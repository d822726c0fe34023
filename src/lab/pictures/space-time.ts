/**
 * A space–time diagram: places side by side, time running down, every packet a line from where and
 * when it set out to where and when it came in. The slant is the light time. What got lost ends in a
 * cross on its way.
 */

import { formatDuration } from '../../base/quantity.ts'
import type { MonoMs } from '../../base/time.ts'
import { FoldedTime } from './folded-time.ts'
import {
  arrow,
  box,
  type Colour,
  cross,
  LINE_PX,
  line,
  seriesColour,
  svgDocument,
  text,
  textWidth,
} from './svg.ts'

/** Lines of one diagram: beyond, all of it is one grey. */
export const FLIGHTS_MAX = 3000

export interface Flight {
  readonly from: string
  readonly to: string
  readonly sentAt: MonoMs
  /** Where it is lost, when it would have come in as far as is known. */
  readonly arrivesAt: MonoMs
  readonly lost: boolean
  /** What it is of: those of one kind have one colour. */
  readonly kind: string
  readonly label: string
}

export interface SpaceTime {
  readonly title: string
  /** In the order in which they shall stand. */
  readonly places: readonly string[]
  readonly flights: readonly Flight[]
  readonly remark?: string | undefined
}

const MARGIN = 16
const AXIS_WIDTH = 76
const HEAD = 70
const GAP_MIN = 240
const GAP_MAX = 560
export function spaceTimeDiagram(picture: SpaceTime): string {
  const flights = picture.flights.slice(0, FLIGHTS_MAX)
  const places = placesOf(picture.places, flights)
  const scale = new FoldedTime(flights)
  const kinds = [...new Set(flights.map(({ kind }) => kind))].sort()
  const gap = gapFor(places, flights)
  const xOf = (place: string): number =>
    MARGIN + AXIS_WIDTH + 60 + Math.max(0, places.indexOf(place)) * gap
  const yOf = (at: number): number => HEAD + 24 + scale.pxAt(at)
  const bottom = HEAD + 24 + scale.length + 12
  const right = xOf(places.at(-1) ?? '') + 80
  const body = [
    text({ x: MARGIN, y: MARGIN + 8 }, picture.title, { isBold: true }),
    ...legend(kinds),
    ...scale.ticks().flatMap(({ value, label }) => {
      const y = yOf(value)
      const grid = { from: { x: MARGIN + AXIS_WIDTH, y }, to: { x: right - 16, y } }
      const at = { x: MARGIN + AXIS_WIDTH - 8, y: y + 4 }
      return [line(grid, 'faint', '1 5'), text(at, label, { anchor: 'end', colour: 'faint' })]
    }),
    ...scale.folds.map(({ from, until }) => {
      const at = { x: (xOf(places[0] ?? '') + xOf(places.at(-1) ?? '')) / 2, y: yOf(from) + 22 }
      const said = `${roughly(until - from)} without a packet`
      return text(at, said, { anchor: 'middle', colour: 'faint' })
    }),
    ...places.flatMap((place) => {
      const x = xOf(place)
      const wide = textWidth(place) * 1.08 + 20
      return [
        line({ from: { x, y: HEAD + 12 }, to: { x, y: bottom } }, 'ink'),
        box({ x: x - wide / 2, y: HEAD - 14, width: wide, height: 26 }, 'box', 'faint'),
        text({ x, y: HEAD + 4 }, place, { anchor: 'middle', isBold: true }),
      ]
    }),
  ]
  const labelled = new Map<string, number>()
  for (const flight of flights) {
    const way = {
      from: { x: xOf(flight.from), y: yOf(flight.sentAt) },
      to: { x: xOf(flight.to), y: yOf(flight.arrivesAt) },
    }
    const colour = seriesColour(kinds.indexOf(flight.kind))
    body.push(flightLine(way, flight.lost, colour))
    body.push(...label(flight, way, labelled))
  }
  const remarks = remarksOn(picture, flights.length)
  for (const [i, said] of remarks.entries()) {
    body.push(text({ x: MARGIN, y: bottom + (i + 1.4) * LINE_PX }, said, { colour: 'bad' }))
  }
  const height = bottom + (remarks.length + 1) * LINE_PX + 8
  const width = Math.max(right, MARGIN * 2 + textWidth(picture.title) * 1.1)
  return svgDocument({ width, height }, picture.title, body)
}

interface Way {
  readonly from: { readonly x: number; readonly y: number }
  readonly to: { readonly x: number; readonly y: number }
}

function flightLine(way: Way, lost: boolean, colour: Colour): string {
  if (!lost) return arrow(way, colour)
  const { from, to } = way
  const end = { x: from.x + (to.x - from.x) * 0.55, y: from.y + (to.y - from.y) * 0.55 }
  return `${line({ from, to: end }, 'bad')}${cross(end)}`
}

/** Along the line, above it, where there is room since the last label between the same places. */
function label(
  flight: Flight,
  { from, to }: Way,
  labelled: Map<string, number>,
): readonly string[] {
  if (from.x === to.x) return []
  const pair = `${Math.min(from.x, to.x)} ${Math.max(from.x, to.x)}`
  const y = (from.y + to.y) / 2
  if (y - (labelled.get(pair) ?? Number.NEGATIVE_INFINITY) < LINE_PX) return []
  labelled.set(pair, y)
  const turned = (Math.atan2(to.y - from.y, to.x - from.x) * 180) / Math.PI
  // Never upside down.
  const upright = turned > 90 ? turned - 180 : turned < -90 ? turned + 180 : turned
  const room = Math.hypot(to.x - from.x, to.y - from.y) - 30
  const said = fitting(flight.label, room)
  const at = { x: (from.x + to.x) / 2, y: y - 5 }
  return [
    text(at, said, { anchor: 'middle', turned: upright, colour: flight.lost ? 'bad' : 'ink' }),
  ]
}

function fitting(said: string, room: number): string {
  if (textWidth(said) <= room) return said
  const characters = [...said]
  while (characters.length > 1 && textWidth(`${characters.join('')}…`) > room) characters.pop()
  return `${characters.join('')}…`
}

function legend(kinds: readonly string[]): readonly string[] {
  let x = MARGIN
  return kinds.flatMap((kind, i) => {
    const at = { x, y: MARGIN + 24 }
    x += textWidth(kind) * 1.1 + 48
    const swatch = { from: { x: at.x, y: at.y - 4 }, to: { x: at.x + 22, y: at.y - 4 } }
    return [line(swatch, seriesColour(i)), text({ x: at.x + 28, y: at.y }, kind)]
  })
}

function placesOf(first: readonly string[], flights: readonly Flight[]): readonly string[] {
  const named = new Set(flights.flatMap(({ from, to }) => [from, to]))
  return [...new Set([...first.filter((place) => named.has(place)), ...named])]
}

function gapFor(places: readonly string[], flights: readonly Flight[]): number {
  const widest = Math.max(0, ...flights.slice(0, 200).map(({ label }) => textWidth(label)))
  const heads = Math.max(0, ...places.map((place) => textWidth(place) * 1.08 + 40))
  return Math.max(heads, Math.min(GAP_MAX, Math.max(GAP_MIN, widest + 50)))
}

function remarksOn({ flights, remark }: SpaceTime, drawn: number): readonly string[] {
  return [
    ...(drawn < flights.length
      ? [`Only the first ${drawn} of ${flights.length} packets are drawn.`]
      : []),
    ...(remark === undefined ? [] : [remark]),
  ]
}

/** To a tenth of the unit in which it is told. */
function roughly(durationMs: number): string {
  const unitMs = [86_400_000, 3_600_000, 60_000, 1000].find((ms) => durationMs >= ms) ?? 10
  const stepMs = unitMs / 10
  return formatDuration(Math.round(durationMs / stepMs) * stepMs)
}
