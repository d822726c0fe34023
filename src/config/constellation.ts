/**
 * A constellation of satellites made of a few numbers: planes of a Walker pattern, four links each, stations on the
 * ground. Bundles find their way by static plans: across the planes first, then along the plane.
 */

import type { z } from 'zod'
import type { ContactText } from './link-text.ts'
import type { Contradiction } from './problems.ts'
import type { LinkText, NetworkText, ScenarioHostText } from './scenario-text.ts'
import { countFromOne, mapping, patience } from './schema.ts'
import type { Path } from './yaml.ts'

export interface ConstellationText {
  readonly planes: number
  readonly satellites: number
  readonly stations: number
  readonly orbit: number
  readonly for: number
}

/** What a prefix of ten has room for. */
const PLANES_MAX = 199
const SATELLITES_MAX = 255
const STATIONS_MAX = 250

export const constellation: z.ZodType<ConstellationText, unknown> = mapping<ConstellationText>({
  planes: countFromOne(PLANES_MAX).describe('planes, evenly around the Earth; 3 or more'),
  satellites: countFromOne(SATELLITES_MAX).describe('satellites in each plane; 3 or more'),
  stations: countFromOne(STATIONS_MAX).describe(
    'stations on the ground, each with a user, a mail service and one satellite that passes once in an orbit',
  ),
  orbit: patience.prefault('96min').describe('how long a satellite takes for one turn'),
  for: patience.prefault('24h').describe('how long there are contacts'),
})

/** Whether it is one that can be made. */
export function isWhole({ planes, satellites }: ConstellationText): boolean {
  return planes >= NEIGHBOURS_APART && satellites >= NEIGHBOURS_APART
}

/** On a ring of fewer, both neighbours are one. */
const NEIGHBOURS_APART = 3

export function constellationContradictions(
  { planes, satellites }: ConstellationText,
  at: Path,
): readonly Contradiction[] {
  return Object.entries({ planes, satellites }).flatMap(([key, count]) =>
    count >= NEIGHBOURS_APART
      ? []
      : [{ path: [...at, key], message: `${count} ${key}: 3 or more would be right` }],
  )
}

interface Parts {
  readonly networks: readonly NetworkText[]
  readonly links: readonly LinkText[]
  readonly hosts: readonly ScenarioHostText[]
}

/** `hostOf` reads what a scenario says of a host. */
export function constellationParts(
  text: ConstellationText,
  hostOf: (said: object) => ScenarioHostText,
): Parts {
  const sky = new Sky(text)
  const satellites = sky.satellites.map((satellite) => ({
    network: { name: networkOf(satellite), prefix: `${prefixOf(satellite)}.0/24` },
    links: sky.linksOf(satellite),
    host: hostOf({
      ...placeOf(satellite, `sat-${satellite.plane}-${satellite.index}.sky.example`),
      plans: [...sky.neighboursOf(satellite), ...sky.stationsAt(satellite)].map(planTo),
      groups: sky.groupsOf(satellite),
    }),
  }))
  const stations = sky.stations.map((station) => ({
    network: { name: networkOf(station), prefix: `${prefixOf(station)}.0/24` },
    links: [sky.linkOf(station)],
    host: hostOf({
      ...placeOf(station, stationName(station)),
      users: [{ name: 'user', password: '123456' }],
      submission: { listen: `${addressOf(station)}:587`, plaintextAuth: 'allow' },
      plans: [planTo(station.satellite)],
      groups: sky.stations
        .filter((other) => other !== station)
        .map((other) => ({
          nodes: `ipn:${other.node}`,
          via: `ipn:${station.satellite.node}`,
          // Until a satellite comes by on either side, and until the planes are apart from the poles.
          oneWayDelay: `${Math.ceil(2.5 * text.orbit)}ms`,
        })),
      transport: Object.fromEntries(
        sky.stations
          .filter((other) => other !== station)
          .map((other) => [stationName(other), `bp:ipn:${other.node}.2525`]),
      ),
    }),
  }))
  const all = [...satellites, ...stations]
  return {
    networks: all.map(({ network }) => network),
    links: all.flatMap(({ links }) => links),
    hosts: all.map(({ host }) => host),
  }
}

interface Place {
  readonly node: number
  readonly prefix: readonly [number, number]
}

interface Satellite extends Place {
  readonly plane: number
  readonly index: number
}

interface Station extends Place {
  readonly satellite: Satellite
}

/** 550 km above the ground. */
const RADIUS_KM = 6921
const LIGHT_KM_PER_MS = 299.792458
const RATE_BYTES_PER_SEC = 1_000_000
const PASS_MS = 600_000
const GROUND_DELAY_MS = 3

/** Near the poles neighbours of other planes pass each other too fast: a third of every half turn, in its middle. */
const BESIDE_FROM = 2 / 3
const BESIDE_SHARE = 2 / 3

class Sky {
  readonly satellites: readonly Satellite[]
  readonly stations: readonly Station[]
  readonly #text: ConstellationText

  constructor(text: ConstellationText) {
    const { planes, satellites, stations } = text
    const count = planes * satellites
    this.#text = text
    this.satellites = Array.from({ length: count }, (_, place) => {
      const [plane, index] = [Math.floor(place / satellites), place % satellites]
      return { node: place + 1, plane, index, prefix: [plane, index] }
    })
    this.stations = Array.from({ length: stations }, (_, place) => ({
      node: count + place + 1,
      prefix: [PLANES_MAX + 1, place],
      satellite: this.at(
        Math.floor((place * planes) / stations),
        Math.floor((place * satellites) / stations),
      ),
    }))
  }

  /** Of a plane and an index that may lie one turn too far. */
  at(plane: number, index: number): Satellite {
    const { planes, satellites } = this.#text
    const place = modulo(plane, planes) * satellites + modulo(index, satellites)
    return this.satellites[place] as Satellite
  }

  /** Ahead and behind in its plane, and beside it in the next and the last. */
  neighboursOf({ plane, index }: Satellite): readonly Satellite[] {
    return [
      this.at(plane, index + 1),
      this.at(plane, index - 1),
      this.at(plane + 1, index),
      this.at(plane - 1, index),
    ]
  }

  stationsAt(satellite: Satellite): readonly Station[] {
    return this.stations.filter((station) => station.satellite === satellite)
  }

  /** To the satellite ahead, and to the one in the next plane. */
  linksOf(satellite: Satellite): readonly LinkText[] {
    const { planes, satellites, orbit } = this.#text
    const [ahead, , beside] = this.neighboursOf(satellite)
    // In half turns: where in its turn the pair is at the start.
    const phase = 2 * (satellite.index / satellites + satellite.plane / (planes * satellites))
    const first = modulo(BESIDE_FROM - phase, 1) - 1
    const halfTurn = orbit / 2
    const contacts = this.#windows(first * halfTurn, BESIDE_SHARE * halfTurn, halfTurn)
    return [
      { ...linkTo(satellite, ahead as Satellite), oneWayDelay: chordMs(satellites) },
      { ...linkTo(satellite, beside as Satellite), oneWayDelay: chordMs(planes), contacts },
    ]
  }

  linkOf(station: Station): LinkText {
    const { orbit, stations } = this.#text
    const place = station.prefix[1]
    const contacts = this.#windows((place / stations) * orbit, Math.min(PASS_MS, orbit / 2), orbit)
    return { ...linkTo(station, station.satellite), oneWayDelay: GROUND_DELAY_MS, contacts }
  }

  /** Those that are open after the start and before the end. */
  #windows(firstMs: number, lastsMs: number, everyMs: number): readonly ContactText[] {
    const contacts: ContactText[] = []
    for (let from = firstMs; from < this.#text.for; from += everyMs) {
      const until = Math.round(from + lastsMs)
      if (until <= 0) continue
      const begin = Math.max(0, Math.round(from))
      contacts.push({
        from: { isFromStart: true, ms: begin },
        until: { isFromStart: true, ms: until },
      })
    }
    return contacts
  }

  /** Where a satellite sends what is not for its neighbours: `nodes` and `via`, as a file says it. */
  groupsOf(satellite: Satellite): readonly object[] {
    const { planes, satellites } = this.#text
    const { plane, index } = satellite
    const [ahead, behind, next, last] = this.neighboursOf(satellite) as [
      Satellite,
      Satellite,
      Satellite,
      Satellite,
    ]
    const half = Math.floor((planes - 1) / 2)
    const halfTurn = Math.floor((satellites - 1) / 2)
    const inPlane = (from: number, to: number): readonly string[] =>
      runs(from, to, satellites).map(([a, b]) =>
        nodes(this.at(plane, a).node, this.at(plane, b).node),
      )
    const ofPlanes = (from: number, to: number): readonly string[] =>
      runs(from, to, planes).map(([a, b]) =>
        nodes(this.at(a, 0).node, this.at(b, satellites - 1).node),
      )
    const groups = [
      [inPlane(index + 1, index + halfTurn), ahead],
      [inPlane(index + halfTurn + 1, index + satellites - 1), behind],
      [ofPlanes(plane + 1, plane + half), next],
      [ofPlanes(plane + half + 1, plane + planes - 1), last],
    ] as const
    const own = this.neighboursOf(satellite).map(({ node }) => node)
    return [
      ...groups.flatMap(([ranges, via]) =>
        ranges.map((range) => ({ nodes: range, via: `ipn:${via.node}`, oneWayDelay: '1s' })),
      ),
      ...this.stations
        .filter((station) => station.satellite !== satellite)
        .map((station) => ({
          nodes: `ipn:${station.node}`,
          via: `ipn:${this.#towards(satellite, station.satellite).node}`,
          oneWayDelay: '1s',
        })),
    ].filter(({ nodes: range }) => !own.some((node) => range === `ipn:${node}`))
  }

  /** The neighbour that the groups above lead to. */
  #towards(from: Satellite, to: Satellite): Satellite {
    const { planes, satellites } = this.#text
    const [ahead, behind, next, last] = this.neighboursOf(from) as [
      Satellite,
      Satellite,
      Satellite,
      Satellite,
    ]
    const across = modulo(to.plane - from.plane, planes)
    if (across > 0) return across <= Math.floor((planes - 1) / 2) ? next : last
    const along = modulo(to.index - from.index, satellites)
    return along <= Math.floor((satellites - 1) / 2) ? ahead : behind
  }
}

/** From one place on a ring to another, cut where the numbers begin anew; nothing where the second is before the first. */
function runs(from: number, to: number, count: number): readonly (readonly [number, number])[] {
  if (to < from) return []
  const [a, b] = [modulo(from, count), modulo(to, count)]
  return a <= b
    ? [[a, b]]
    : [
        [a, count - 1],
        [0, b],
      ]
}

function nodes(first: number, last: number): string {
  return first === last ? `ipn:${first}` : `ipn:${first}-${last}`
}

/** How long light takes between neighbours of so many on a circle. */
function chordMs(count: number): number {
  return (2 * RADIUS_KM * Math.sin(Math.PI / count)) / LIGHT_KM_PER_MS
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by
}

function prefixOf({ prefix }: Place): string {
  return `10.${prefix[0]}.${prefix[1]}`
}

function addressOf(place: Place): string {
  return `${prefixOf(place)}.1`
}

function networkOf({ prefix }: Place): string {
  return `n${prefix[0]}-${prefix[1]}`
}

function stationName({ prefix }: Station): string {
  return `station-${prefix[1]}.ground.example`
}

function placeOf(place: Place, host: string): object {
  const address = addressOf(place)
  return {
    host,
    network: networkOf(place),
    address,
    node: `ipn:${place.node}`,
    users: [],
    udp: { listen: `${address}:4556` },
  }
}

function planTo(place: Place): object {
  return { to: `ipn:${place.node}`, protocol: 'udp', duct: `${addressOf(place)}:4556` }
}

function linkTo(from: Place, to: Place): LinkText {
  return {
    between: [networkOf(from), networkOf(to)],
    rate: RATE_BYTES_PER_SEC,
    announced: true,
  }
}
