/** Times as ION's files have them: whole seconds, absolute or from a reference time. */

import { fromCivil, toCivil } from '../../base/calendar.ts'
import { addMs, type WallMs, wallMs } from '../../base/time.ts'
import { TIME_SEC_MAX } from './limits.ts'

export type IonTime =
  | { readonly kind: 'absolute'; readonly at: WallMs }
  /** From the reference time: when the program was started, or what `@` has set. */
  | { readonly kind: 'relative'; readonly offsetSec: number }

export const TIME_EXPECTED = 'a time such as +60 or 2026/11/23-08:00:00, before 2038/01/19-03:14:07'

const TIME_MAX: WallMs = wallMs(TIME_SEC_MAX * 1000)

const ABSOLUTE = /^(\d{4})\/(\d{1,2})\/(\d{1,2})-(\d{1,2}):(\d{1,2}):(\d{1,2})$/

export function parseIonTime(text: string): IonTime | undefined {
  if (/^\+\d{1,10}$/.test(text)) {
    const offsetSec = Number(text.slice(1))
    return offsetSec > TIME_SEC_MAX ? undefined : { kind: 'relative', offsetSec }
  }
  const match = ABSOLUTE.exec(text)
  if (match === null) return undefined
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1)
    .map(Number)
  const at = fromCivil({ year, month, day, hour, minute, second })
  const civil = toCivil(at)
  // What carried over, as the 31st of June does, was no date.
  const isDate = civil.month === month && civil.day === day && hour < 24 && minute < 60
  return isDate && second < 60 && at >= 0 && at <= TIME_MAX ? { kind: 'absolute', at } : undefined
}

export function formatIonTime(time: IonTime): string {
  return time.kind === 'relative' ? `+${time.offsetSec}` : formatInstant(time.at)
}

/** `2026/11/23-08:00:00`, UTC. */
export function formatInstant(at: WallMs): string {
  const t = toCivil(at)
  const pad = (value: number): string => String(value).padStart(2, '0')
  const date = `${String(t.year).padStart(4, '0')}/${pad(t.month)}/${pad(t.day)}`
  return `${date}-${pad(t.hour)}:${pad(t.minute)}:${pad(t.second)}`
}

/** Undefined beyond what ION can hold. */
export function resolveIonTime(time: IonTime, reference: WallMs): WallMs | undefined {
  const at = time.kind === 'absolute' ? time.at : addMs(reference, time.offsetSec * 1000)
  return at > TIME_MAX ? undefined : at
}

/** `60 s after the reference time`, or the time itself. */
export function describeIonTime(time: IonTime): string {
  if (time.kind === 'absolute') return formatInstant(time.at)
  return time.offsetSec === 0
    ? 'the reference time'
    : `${time.offsetSec} s after the reference time`
}
