/** How far a mail on its way to a far gateway has come. */

import { addMs, type WallMs } from '../base/time.ts'
import type { Carrier } from './carrier.ts'
import type { ObjectProgress } from './sent-objects.ts'

export interface MailProgress {
  readonly to: string
  /** As the transport map has it. */
  readonly route: string
  readonly state: 'gathering' | 'waiting for its contact' | 'forwarded'
  /** Undefined while it gathers. */
  readonly object: string | undefined
  /** Of that object; 0 where it gathers, or an earlier run made the object. */
  readonly payloadBytes: number
  readonly attempts: number
  /** When it is predicted to be there; undefined where nobody knows. */
  readonly arrivalAt: WallMs | undefined
  /** And its acknowledgement here. */
  readonly answerAt: WallMs | undefined
}

/** `sent`: the object that it is in; `aheadBytes`: what leaves before it, unless it has left. */
export function progressOn(
  carrier: Carrier,
  sent: ObjectProgress | undefined,
  aheadBytes: number,
  wall: WallMs,
): MailProgress {
  const { to, route } = carrier
  const forwardedAt = sent?.forwardedAt
  const arrivalAt =
    forwardedAt === undefined
      ? carrier.arrivalAt(wall, aheadBytes)
      : carrier.arrivalAt(forwardedAt, 0)
  const leftAt =
    arrivalAt === undefined ? undefined : addMs(arrivalAt, -carrier.oneWayDelayMs(arrivalAt))
  return {
    ...{ to, route },
    state:
      sent === undefined
        ? 'gathering'
        : forwardedAt === undefined
          ? 'waiting for its contact'
          : 'forwarded',
    object: sent?.object,
    payloadBytes: sent?.payloadBytes ?? 0,
    attempts: sent?.attempts ?? 0,
    arrivalAt,
    answerAt: leftAt === undefined ? undefined : carrier.answerAt(leftAt),
  }
}
