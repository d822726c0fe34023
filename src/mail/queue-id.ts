import { type WallMs, wallMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import type { Entropy } from '../ports/entropy.ts'

/** Crockford's Base32: sorts as the number does, and has no letters that look like digits. */
const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

const TIME_DIGITS = 9
const RANDOM_DIGITS = 7

/** When a queue id was made; 0 for what is none of ours. */
export function madeAt(queueId: string): WallMs {
  let ms = 0
  for (const digit of queueId.slice(0, TIME_DIGITS)) ms = ms * 32 + DIGITS.indexOf(digit)
  return wallMs(/^[0-9A-HJKMNP-TV-Z]{16}$/.test(queueId) ? ms : 0)
}

/**
 * 16 characters, never given twice: milliseconds since 1970 (enough until the year 3084) and 35
 * random bits. Queue IDs sort by the time at which they were made.
 */
export function newQueueId(clock: Clock, entropy: Entropy): string {
  let text = ''
  let left = Math.floor(clock.wall())
  for (let i = 0; i < TIME_DIGITS; i++) {
    text = DIGITS.charAt(left % 32) + text
    left = Math.floor(left / 32)
  }
  for (const byte of entropy.bytes(RANDOM_DIGITS)) text += DIGITS.charAt(byte % 32)
  return text
}
