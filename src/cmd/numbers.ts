/** Numbers on the command line. */

import { InvalidArgumentError } from 'commander'
import { parseDuration } from '../base/quantity.ts'

export function duration(text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined) throw new InvalidArgumentError('A duration is 500ms, 1.5s, 20min, 2h or 0.')
  return ms
}

export function seed(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value > 0xffff_ffff) {
    throw new InvalidArgumentError('A seed is a whole number from 0 to 4294967295.')
  }
  return value
}
