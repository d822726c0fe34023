/**
 * The three clocks of this system. Each is a number of milliseconds; the brands stop one being
 * passed where another is meant.
 */
declare const clock: unique symbol

/** Milliseconds on a clock that never goes backwards. Only differences mean anything. */
export type MonoMs = number & { readonly [clock]: 'mono' }

/** Milliseconds since 1970-01-01T00:00:00Z, leap seconds ignored (POSIX time). */
export type WallMs = number & { readonly [clock]: 'wall' }

/** Milliseconds since 2000-01-01T00:00:00Z. RFC 9171 §4.2.6. */
export type DtnMs = number & { readonly [clock]: 'dtn' }

const DTN_EPOCH_WALL_MS = 946_684_800_000

export function monoMs(value: number): MonoMs {
  return value as MonoMs
}

export function wallMs(value: number): WallMs {
  return value as WallMs
}

export function dtnMs(value: number): DtnMs {
  return value as DtnMs
}

/** The instant `durationMs` later, on the same clock. */
export function addMs<Instant extends MonoMs | WallMs | DtnMs>(
  instant: Instant,
  durationMs: number,
): Instant {
  return (instant + durationMs) as Instant
}

/** Throws RangeError for instants before the DTN epoch. */
export function wallToDtn(wall: WallMs): DtnMs {
  if (wall < DTN_EPOCH_WALL_MS) throw new RangeError(`before the DTN epoch: ${wall}`)
  return (wall - DTN_EPOCH_WALL_MS) as DtnMs
}

export function dtnToWall(dtn: DtnMs): WallMs {
  return (dtn + DTN_EPOCH_WALL_MS) as WallMs
}

/** The earlier of two deadlines, where undefined means never. */
export function earlier(a: MonoMs | undefined, b: MonoMs | undefined): MonoMs | undefined {
  if (a === undefined) return b
  return b === undefined || a <= b ? a : b
}
