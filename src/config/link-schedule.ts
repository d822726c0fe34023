/** When a link carries anything, and how long what it carries takes. */

import { addMs, type WallMs } from '../base/time.ts'
import { lightTimeMs } from './light-time.ts'
import type { DelayPoint, LinkContact, LinkQuality } from './link-quality.ts'

/** One stretch of a contact: a periodic one has many. */
export interface LinkWindow {
  readonly fromMs: number
  /** Not in it any more. */
  readonly untilMs: number
  readonly contact: LinkContact
}

/** The window that is open at `atMs`. */
export function windowAt(contacts: readonly LinkContact[], atMs: number): LinkWindow | undefined {
  for (const contact of contacts) {
    const { fromMs, untilMs, everyMs } = contact
    if (atMs < fromMs) continue
    const shiftMs = everyMs === undefined ? 0 : Math.floor((atMs - fromMs) / everyMs) * everyMs
    if (atMs < untilMs + shiftMs) {
      return { fromMs: fromMs + shiftMs, untilMs: untilMs + shiftMs, contact }
    }
  }
  return undefined
}

/** The first window that begins at `atMs` or after it; undefined where none does any more. */
export function nextWindow(contacts: readonly LinkContact[], atMs: number): LinkWindow | undefined {
  let next: LinkWindow | undefined
  for (const contact of contacts) {
    const { fromMs, untilMs, everyMs } = contact
    if (everyMs === undefined && fromMs < atMs) continue
    const turns = everyMs === undefined ? 0 : Math.max(0, Math.ceil((atMs - fromMs) / everyMs))
    const shiftMs = turns * (everyMs ?? 0)
    if (next === undefined || fromMs + shiftMs < next.fromMs) {
      next = { fromMs: fromMs + shiftMs, untilMs: untilMs + shiftMs, contact }
    }
  }
  return next
}

/** Without its jitter, for what leaves at `atMs`. `startsAt` is when that clock began. */
export function delayMsAt(quality: LinkQuality, atMs: number, startsAt: WallMs): number {
  const { contacts, delays, lightTime, oneWayDelayMs } = quality
  const own = contacts && windowAt(contacts, atMs)?.contact.oneWayDelayMs
  if (own !== undefined) return own
  if (delays !== undefined && delays.length > 0) return interpolated(delays, atMs)
  return lightTime === undefined ? oneWayDelayMs : lightTimeMs(lightTime, addMs(startsAt, atMs))
}

function interpolated(points: readonly DelayPoint[], atMs: number): number {
  const after = points.findIndex((point) => point.atMs > atMs)
  const next = points[after]
  const last = points[after < 0 ? points.length - 1 : after - 1]
  if (last === undefined || next === undefined) return (last ?? next)?.oneWayDelayMs ?? 0
  const share = (atMs - last.atMs) / (next.atMs - last.atMs)
  return last.oneWayDelayMs + share * (next.oneWayDelayMs - last.oneWayDelayMs)
}
