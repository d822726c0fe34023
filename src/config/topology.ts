/** The networks of a scenario and what joins them: how far it is from one to another, and when. */

import type { WallMs } from '../base/time.ts'
import type { LinkContact, LinkQuality } from './link-quality.ts'
import { delayMsAt, nextWindow } from './link-schedule.ts'
import { Routes } from './routes.ts'
import type { ScenarioLink } from './scenario.ts'

/** What a node is told of one that has no end; it would be enough for most of a year of three a day. */
const WINDOWS_MAX = 1000

/** What a window leaves for the headers below a bundle's protocol. */
const USABLE_SHARE = 0.9

/** Where a link has no rate: as fast as a local network. */
const RATE_BYTES_PER_SEC = 125_000_000

/** One stretch of time in which a link may be used. */
export interface Opening {
  readonly fromMs: number
  readonly untilMs: number
  readonly rateBytesPerSec: number
  /** Where it is other than that of the link. */
  readonly oneWayDelayMs: number | undefined
}

export class Topology {
  readonly #startsAt: WallMs
  readonly #routes = new Routes()
  /** By both names, for each direction. */
  readonly #qualities = new Map<string, LinkQuality>()

  constructor(links: readonly ScenarioLink[], startsAt: WallMs) {
    this.#startsAt = startsAt
    for (const { between, back, ...there } of links) {
      const [a, b] = between
      this.#routes.add(a, b)
      this.#qualities.set(`${a} ${b}`, there)
      this.#qualities.set(`${b} ${a}`, { ...there, ...back })
    }
  }

  /** Along the way that packets take, at its longest; undefined where there is none. */
  delayMs(from: string, to: string): number | undefined {
    let delayMs = 0
    for (let at = from; at !== to; ) {
      const next = this.#routes.next(at, to)
      const quality = next === undefined ? undefined : this.#qualities.get(`${at} ${next}`)
      if (next === undefined || quality === undefined) return undefined
      delayMs += longestDelayMs(quality, this.#startsAt)
      at = next
    }
    return delayMs
  }

  /** When one link between the two may be used, in order; undefined where it always may, or no single one joins them. */
  openings(from: string, to: string): readonly Opening[] | undefined {
    const quality = this.#qualities.get(`${from} ${to}`)
    return quality?.contacts && openingsOf(quality.contacts, quality.rateBytesPerSec)
  }

  /** When the last of those ends, where more contacts come after it. */
  openingsEndMs(from: string, to: string): number | undefined {
    const endMs = this.openings(from, to)?.[WINDOWS_MAX - 1]?.untilMs
    const { contacts = [] } = this.#qualities.get(`${from} ${to}`) ?? {}
    return endMs !== undefined && nextWindow(contacts, endMs) ? endMs : undefined
  }
}

function longestDelayMs(quality: LinkQuality, startsAt: WallMs): number {
  const { contacts = [], delays = [] } = quality
  const own = contacts.flatMap(({ oneWayDelayMs }) => oneWayDelayMs ?? [])
  return Math.max(
    delayMsAt(quality, 0, startsAt),
    ...delays.map(({ oneWayDelayMs }) => oneWayDelayMs),
    ...own,
  )
}

/** The first of them; nodes do not know contacts that touch, so that those are one or have a pause between. */
function openingsOf(
  contacts: readonly LinkContact[],
  linkRate: number | undefined,
): readonly Opening[] {
  const openings: Opening[] = []
  let window = nextWindow(contacts, 0)
  for (let count = 0; window !== undefined && count < WINDOWS_MAX; count++) {
    const { contact, untilMs } = window
    const rate = contact.rateBytesPerSec ?? linkRate ?? RATE_BYTES_PER_SEC
    const last = openings[openings.length - 1]
    const fromMs = last?.untilMs === window.fromMs ? window.fromMs + 1 : window.fromMs
    const opening = {
      fromMs,
      untilMs,
      rateBytesPerSec: Math.max(1, Math.floor(rate * USABLE_SHARE)),
      oneWayDelayMs: contact.oneWayDelayMs,
    }
    openings.push(opening)
    window = nextWindow(contacts, untilMs)
  }
  return openings
}
