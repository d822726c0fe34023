/** What a way is worth: how hard mail is packed for it, and how much of it goes together. */

import type { WallMs } from '../base/time.ts'
import type { PackingEffort } from '../ports/packing.ts'
import type { Carrier } from './carrier.ts'
import {
  DEAR_MIB_MS,
  DEAR_OBJECT_BYTES_MAX,
  DEAR_OBJECT_MS_MAX,
  OBJECT_BYTES_MAX,
} from './limits.ts'

export type Way = Pick<Carrier, 'arrivalAt'>

export function effortFor(way: Way, wall: WallMs): PackingEffort {
  return mibMsOf(way, wall) > DEAR_MIB_MS ? 'best' : 'fast'
}

/** Octets of mails in one object, unpacked, where nobody has said how many. */
export function objectBytesFor(way: Way, wall: WallMs): number {
  const mibMs = mibMsOf(way, wall)
  if (mibMs <= DEAR_MIB_MS) return OBJECT_BYTES_MAX
  const inTime = (PACKED_TO * MIB * DEAR_OBJECT_MS_MAX) / mibMs
  return Math.min(Math.max(Math.floor(inTime), OBJECT_BYTES_MAX), DEAR_OBJECT_BYTES_MAX)
}

/** How long a MiB takes on it; 0 where nobody knows. */
function mibMsOf(way: Way, wall: WallMs): number {
  const first = way.arrivalAt(wall, 0)
  const last = way.arrivalAt(wall, MIB)
  return first === undefined || last === undefined ? 0 : last - first
}

const MIB = 1_048_576

/** What mails together become by all effort: a quarter. */
const PACKED_TO = 4
