/** Dates as IMAP writes them. RFC 9051 §9: `date`, `date-time`. */

import { fromCivil, toCivil } from '../../base/calendar.ts'
import { addMs, type WallMs } from '../../base/time.ts'
import type { Cursor } from './cursor.ts'

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')
const DATE = /("?)(\d{1,2})-([A-Za-z]{3})-(\d{4})\1/y
const DATE_TIME = /"([ \d]\d)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)"/y

const MINUTE_MS = 60_000

/** Midnight, in no zone: the day alone. */
export function parseDate(cursor: Cursor): WallMs {
  const found = cursor.match(DATE)
  const day = found && instant(cursor, found[2], found[3], found[4], ['0', '0', '0'])
  if (day === undefined) throw cursor.expected('a date such as 1-Feb-1994')
  return day
}

export function parseDateTime(cursor: Cursor): WallMs {
  const found = cursor.match(DATE_TIME)
  if (found === undefined) throw cursor.expected('a date such as " 1-Feb-1994 21:52:25 -0800"')
  const [, day, month, year, hour, minute, second, sign, zoneHour, zoneMinute] = found
  const local = instant(cursor, day, month, year, [hour, minute, second])
  const zone = (Number(zoneHour) * 60 + Number(zoneMinute)) * MINUTE_MS
  return addMs(local, sign === '+' ? -zone : zone)
}

/** `" 1-Feb-1994 21:52:25 +0000"`. */
export function formatDateTime(wall: WallMs): string {
  const t = toCivil(wall)
  const clock = [t.hour, t.minute, t.second].map((part) => String(part).padStart(2, '0')).join(':')
  const date = `${String(t.day).padStart(2, ' ')}-${MONTHS[t.month - 1]}-${String(t.year).padStart(4, '0')}`
  return `"${date} ${clock} +0000"`
}

function instant(
  cursor: Cursor,
  dayText: string | undefined,
  monthText: string | undefined,
  yearText: string | undefined,
  time: readonly (string | undefined)[],
): WallMs {
  const month = MONTHS.findIndex((name) => name.toLowerCase() === monthText?.toLowerCase()) + 1
  const [hour = 0, minute = 0, second = 0] = time.map(Number)
  const day = Number(dayText)
  const at = fromCivil({ year: Number(yearText), month, day, hour, minute, second })
  // What carried over, as the 31st of June does, was no date.
  const isDate = month > 0 && toCivil(at).day === day && hour < 24 && minute < 60 && second < 61
  if (!isDate) throw cursor.expected('a date that exists')
  return at
}
