import fc from 'fast-check'
import { expect, test } from 'vitest'
import { wallMs } from '../base/time.ts'
import {
  type Contact,
  type ContactPlan,
  contactsBetween,
  gateAt,
  nextContact,
  oneWayDelayMs,
  openContact,
  type Range,
} from './contact-plan.ts'

const TO_THREE = { source: 2n, destination: 3n }
const TO_TWO = { source: 3n, destination: 2n }

function contact(from: number, until: number, pair = TO_THREE, rateBytesPerSec = 1000): Contact {
  return { ...pair, from: wallMs(from), until: wallMs(until), rateBytesPerSec, confidence: 1 }
}

function range(from: number, until: number, delayMs: number, pair = TO_THREE): Range {
  return { ...pair, from: wallMs(from), until: wallMs(until), oneWayDelayMs: delayMs }
}

const plan: ContactPlan = {
  contacts: [contact(300, 400, TO_THREE, 5), contact(100, 200), contact(0, 900, TO_TWO)],
  ranges: [],
}
const passes = contactsBetween(plan, TO_THREE)

test('the contacts of a pair are in order of time, in its own direction', () => {
  expect(passes.map(({ from }) => from)).toEqual([100, 300])
  expect(contactsBetween(plan, TO_TWO)).toHaveLength(1)
  expect(contactsBetween(plan, { source: 2n, destination: 4n })).toEqual([])
})

test('a contact is open from its beginning to just before its end', () => {
  const open = [99, 100, 199, 200, 300].map((at) => openContact(passes, wallMs(at))?.from)
  expect(open).toEqual([undefined, 100, 100, undefined, 300])
})

test('the next contact begins later than now', () => {
  const next = [0, 99, 100, 299, 300].map((at) => nextContact(passes, wallMs(at))?.from)
  expect(next).toEqual([100, 100, 300, 300, undefined])
})

test('the gate is open in a contact at its rate, closed before one, and gone after the last', () => {
  expect(gateAt(passes, wallMs(250))).toEqual({ state: 'closed', opensAt: 300 })
  expect(gateAt(passes, wallMs(350))).toEqual({ state: 'open', rateBytesPerSec: 5, until: 400 })
  expect(gateAt(passes, wallMs(400))).toEqual({ state: 'unscheduled' })
  expect(gateAt([], wallMs(0))).toEqual({ state: 'unscheduled' })
})

test('property: bisection finds the contact that a search through all finds', () => {
  const passesOf = fc
    .uniqueArray(fc.integer({ min: 0, max: 1000 }), { maxLength: 40 })
    .map((ends) => ends.sort((a, b) => a - b))
    .map((ends) =>
      Array.from({ length: ends.length >> 1 }, (_, i) =>
        contact(ends[2 * i] ?? 0, ends[2 * i + 1] ?? 0),
      ),
    )
  fc.assert(
    fc.property(passesOf, fc.integer({ min: -1, max: 1001 }), (contacts, at) => {
      const open = contacts.find(({ from, until }) => from <= at && at < until)
      expect(openContact(contacts, wallMs(at))).toBe(open)
      expect(nextContact(contacts, wallMs(at))).toBe(contacts.find(({ from }) => from > at))
    }),
  )
})

test('a range from the lower to the higher node holds for both directions', () => {
  const ranges = [range(0, 100, 7000)]
  expect(oneWayDelayMs(ranges, TO_THREE, wallMs(50))).toBe(7000)
  expect(oneWayDelayMs(ranges, TO_TWO, wallMs(50))).toBe(7000)
  expect(oneWayDelayMs(ranges, TO_TWO, wallMs(100))).toBeUndefined()
})

test('a range from the higher to the lower node holds for its own direction, before the other', () => {
  const back = [range(0, 100, 9000, TO_TWO)]
  expect(oneWayDelayMs(back, TO_TWO, wallMs(50))).toBe(9000)
  expect(oneWayDelayMs(back, TO_THREE, wallMs(50))).toBeUndefined()
  expect(oneWayDelayMs([range(0, 100, 7000), ...back], TO_TWO, wallMs(50))).toBe(9000)
})
