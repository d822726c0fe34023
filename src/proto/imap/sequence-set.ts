/** Sets of numbers of messages, or of UIDs. RFC 9051 §9: never written out, only as ranges. */

import type { Cursor } from './cursor.ts'

const NUMBER_MAX = 0xffff_ffff

/** From the smaller to the greater, both in it. */
export type NumberRange = readonly [from: number, to: number]

/** `*` is the greatest number in use; where one stands, which end of a range it is depends on that. */
export interface SequenceSet {
  readonly type: 'set'
  readonly ranges: readonly (readonly [from: number | '*', to: number | '*'])[]
}

/** `$`, the result of the last search that was saved. RFC 5182 §2.1. */
export interface SavedSet {
  readonly type: 'saved'
}

const RANGE = /(?:([1-9]\d{0,9})|\*)(?::(?:([1-9]\d{0,9})|(\*)))?/y

export function parseSequenceSet(cursor: Cursor): SequenceSet {
  const ranges: [number | '*', number | '*'][] = []
  do {
    const found = cursor.match(RANGE)
    if (found === undefined) throw cursor.expected('a sequence set')
    const from = found[1] === undefined ? '*' : numberOf(found[1], cursor)
    const to = found[2] !== undefined ? numberOf(found[2], cursor) : found[3] ? '*' : from
    ranges.push([from, to])
  } while (cursor.tries(','))
  return { type: 'set', ranges }
}

export function parseSetOrSaved(cursor: Cursor): SequenceSet | SavedSet {
  return cursor.tries('$') ? { type: 'saved' } : parseSequenceSet(cursor)
}

function numberOf(digits: string, cursor: Cursor): number {
  const value = Number(digits)
  if (value > NUMBER_MAX) throw cursor.expected('a number of 32 bits')
  return value
}

/** Sorted and joined. `greatest` is what `*` means: 0 in an empty mailbox, where it is nobody. */
export function toRanges(set: SequenceSet, greatest: number): readonly NumberRange[] {
  const ranges: NumberRange[] = []
  for (const [a, b] of set.ranges) {
    const from = a === '*' ? greatest : a
    const to = b === '*' ? greatest : b
    ranges.push(from <= to ? [from, to] : [to, from])
  }
  return joinRanges(ranges)
}

export function joinRanges(ranges: NumberRange[]): readonly NumberRange[] {
  ranges.sort((a, b) => a[0] - b[0])
  const joined: [number, number][] = []
  for (const [from, to] of ranges) {
    const last = joined[joined.length - 1]
    if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to)
    else joined.push([from, to])
  }
  return joined
}

/** Of numbers that ascend. */
export function rangesOf(numbers: Iterable<number>): readonly NumberRange[] {
  const ranges: [number, number][] = []
  let last: [number, number] | undefined
  for (const number of numbers) {
    if (last !== undefined && number === last[1] + 1) last[1] = number
    else {
      last = [number, number]
      ranges.push(last)
    }
  }
  return ranges
}

export function hasNumber(ranges: readonly NumberRange[], number: number): boolean {
  let low = 0
  let high = ranges.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const [from, to] = ranges[middle] as NumberRange
    if (number < from) high = middle - 1
    else if (number > to) low = middle + 1
    else return true
  }
  return false
}

export function formatRanges(ranges: readonly NumberRange[]): string {
  return ranges.map(([from, to]) => (from === to ? String(from) : `${from}:${to}`)).join(',')
}
