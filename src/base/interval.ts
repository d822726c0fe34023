/** Stretches of time on one clock. */

export interface Interval<Instant extends number = number> {
  readonly from: Instant
  /** Not in it any more. */
  readonly until: Instant
}

/** Whether they have an instant in common. */
export function overlaps(a: Interval, b: Interval): boolean {
  return a.from < b.until && b.from < a.until
}

/** Whether they overlap, or one ends where the other begins. */
export function overlapsOrTouches(a: Interval, b: Interval): boolean {
  return a.from <= b.until && b.from <= a.until
}

/** Whether `instant` lies in it. */
export function isWithin(interval: Interval, instant: number): boolean {
  return interval.from <= instant && instant < interval.until
}
