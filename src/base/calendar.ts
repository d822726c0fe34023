/** Dates as text, computed from POSIX time: the cores have no `Date`. */

import { type WallMs, wallMs } from './time.ts'

export interface CivilTime {
  readonly year: number
  /** 1 to 12. */
  readonly month: number
  /** 1 to 31. */
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly millisecond: number
  /** 0 is Sunday. */
  readonly weekday: number
}

const DAY_MS = 86_400_000
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')
const WEEKDAYS = 'Sun Mon Tue Wed Thu Fri Sat'.split(' ')

/** UTC, proleptic Gregorian calendar (Howard Hinnant's days-from-civil, inverted). */
export function toCivil(wall: WallMs): CivilTime {
  const days = Math.floor(wall / DAY_MS)
  const inDayMs = wall - days * DAY_MS
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  )
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1,
    hour: Math.floor(inDayMs / 3_600_000),
    minute: Math.floor(inDayMs / 60_000) % 60,
    second: Math.floor(inDayMs / 1000) % 60,
    millisecond: Math.floor(inDayMs % 1000),
    weekday: (((days + 4) % 7) + 7) % 7,
  }
}

/** Fields beyond their range carry over, as in 25:00. */
export function fromCivil(
  time: Pick<CivilTime, 'year' | 'month' | 'day' | 'hour' | 'minute' | 'second'>,
): WallMs {
  const year = time.month <= 2 ? time.year - 1 : time.year
  const era = Math.floor(year / 400)
  const yearOfEra = year - era * 400
  const shiftedMonth = time.month > 2 ? time.month - 3 : time.month + 9
  const dayOfYear = Math.floor((153 * shiftedMonth + 2) / 5) + time.day - 1
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  const days = era * 146_097 + dayOfEra - 719_468
  return wallMs(days * DAY_MS + time.hour * 3_600_000 + time.minute * 60_000 + time.second * 1000)
}

/** `Mon, 23 Nov 2026 08:00:00 +0000`. RFC 5322 §3.3. */
export function formatMailDate(wall: WallMs): string {
  const t = toCivil(wall)
  return `${WEEKDAYS[t.weekday]}, ${t.day} ${MONTHS[t.month - 1]} ${pad(t.year, 4)} ${clock(t)} +0000`
}

/** `2026-11-23T08:00:00.000Z`. RFC 3339 §5.6. */
export function formatTimestamp(wall: WallMs): string {
  const t = toCivil(wall)
  const date = `${pad(t.year, 4)}-${pad(t.month, 2)}-${pad(t.day, 2)}`
  return `${date}T${clock(t)}.${pad(t.millisecond, 3)}Z`
}

/** `2026-11-23T08:00:00Z`, with milliseconds or without; undefined where `text` is no such instant. RFC 3339 §5.6. */
export function parseTimestamp(text: string): WallMs | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d{1,3})?Z$/.exec(text)
  if (match === null) return undefined
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map(Number)
  const at = fromCivil({ year, month, day, hour, minute, second })
  const civil = toCivil(at)
  // What carried over, as the 31st of June does, was no date.
  const isDate = civil.month === month && civil.day === day && hour < 24 && minute < 60
  return isDate && second < 60
    ? wallMs(at + Math.round(Number(`0${match[7] ?? ''}`) * 1000))
    : undefined
}

/** `Nov 23 08:00:00`, as in /var/log/mail.log. RFC 3164 §4.1.2. */
export function formatLogTime(wall: WallMs): string {
  const t = toCivil(wall)
  return `${MONTHS[t.month - 1]} ${String(t.day).padStart(2, ' ')} ${clock(t)}`
}

function clock(t: CivilTime): string {
  return `${pad(t.hour, 2)}:${pad(t.minute, 2)}:${pad(t.second, 2)}`
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0')
}
