/** The date of a message, as its header has it. RFC 5322 §3.3, §4.3. */

import { fromCivil } from '../../base/calendar.ts'
import { type WallMs, wallMs } from '../../base/time.ts'

export interface MailDate {
  readonly at: WallMs
  /** The beginning of the day that it names, as if its zone were UTC: what SENTON compares. */
  readonly day: WallMs
}

const PATTERN =
  /(?:^|[ ,])(\d{1,2}) +([A-Za-z]{3})[a-z]* +(\d{2,4}) +(\d{1,2}):(\d{2})(?::(\d{2}))? *([+-]\d{4}|[A-Za-z]{1,5})?/

const MONTHS = 'janfebmaraprmayjunjulaugsepoctnovdec'

/** Hours east of Greenwich. What is not here counts as UTC. RFC 5322 §4.3. */
const ZONES: Readonly<Record<string, number>> = {
  edt: -4,
  est: -5,
  cdt: -5,
  cst: -6,
  mdt: -6,
  mst: -7,
  pdt: -7,
  pst: -8,
}

/** Undefined where `text` tells no date. */
export function parseMailDate(text: string): MailDate | undefined {
  const match = PATTERN.exec(text.slice(0, 200).replace(/\([^()]*\)|[\t\r\n]/g, ' '))
  if (match === null) return undefined
  const month = MONTHS.indexOf((match[2] ?? '').toLowerCase()) / 3 + 1
  if (month < 1 || !Number.isInteger(month)) return undefined
  const [day, hour, minute, second] = [match[1], match[4], match[5], match[6] ?? '0'].map(Number)
  if (day === undefined || hour === undefined || minute === undefined || second === undefined)
    return undefined
  if (day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60) return undefined
  const civil = { year: fullYear(match[3] ?? ''), month, day, hour, minute, second }
  const local = fromCivil(civil)
  const dayStart = fromCivil({ ...civil, hour: 0, minute: 0, second: 0 })
  return { at: wallMs(local - zoneMinutes(match[7] ?? '') * 60_000), day: dayStart }
}

/** RFC 5322 §4.3. */
function fullYear(digits: string): number {
  const year = Number(digits)
  if (digits.length === 2) return year < 50 ? 2000 + year : 1900 + year
  return digits.length === 3 ? 1900 + year : year
}

function zoneMinutes(zone: string): number {
  const match = /^([+-])(\d\d)(\d\d)$/.exec(zone)
  if (match === null) return (ZONES[zone.toLowerCase()] ?? 0) * 60
  const minutes = Number(match[2]) * 60 + Number(match[3])
  return match[1] === '-' ? -minutes : minutes
}
