import { expect, test } from 'vitest'
import { type WallMs, wallMs } from '../base/time.ts'
import type { ContactPlan } from '../dtn/contact-plan.ts'
import { ipnEndpoint } from '../proto/bpv7/endpoint-id.ts'
import { RouteForecast } from './route-forecast.ts'

const MINUTE = 60_000
const at = (minutes: number): WallMs => wallMs(minutes * MINUTE)
const MOON = ipnEndpoint(3n, 2525n)

function contact(source: bigint, destination: bigint, from: number, until: number) {
  const pair = { source, destination }
  return { ...pair, from: at(from), until: at(until), rateBytesPerSec: 1000, confidence: 1 }
}

function forecastOf(plan: ContactPlan, rateBytesPerSec?: number): RouteForecast {
  return new RouteForecast({
    node: 2n,
    contactPlan: () => plan,
    planTo: (destination) =>
      destination.scheme === 'ipn' && destination.node === 3n
        ? { node: 3n, protocol: 'udp', duct: 'x', ...(rateBytesPerSec && { rateBytesPerSec }) }
        : undefined,
    oneWayDelayMs: () => 1000,
    allowanceMs: 2000,
  })
}

/** Outward at 10 and 30 minutes, homeward at 20 and 40, each for one minute. */
const PLAN: ContactPlan = {
  contacts: [
    ...[contact(2n, 3n, 30, 31), contact(2n, 3n, 10, 11)],
    ...[contact(3n, 2n, 20, 21), contact(3n, 2n, 40, 41)],
  ],
  ranges: [{ source: 2n, destination: 3n, from: at(0), until: at(60), oneWayDelayMs: 5000 }],
}

test('without contacts and ranges mail leaves at once and takes the delay of its plan', () => {
  const forecast = forecastOf({ contacts: [], ranges: [] })
  expect(forecast.opensAt(MOON, at(7))).toBe(at(7))
  expect(forecast.isScheduled(MOON, at(7))).toBe(false)
  expect(forecast.arrivalAt(MOON, at(7), 1_000_000)).toBe(at(7) + 1000)
  expect(forecast.answerAt(MOON, at(7))).toBe(at(7) + 1000 + 2000 + 1000)
})

test('mail leaves with the next contact, and what does not fit into it with the one after', () => {
  const forecast = forecastOf(PLAN)
  expect(forecast.opensAt(MOON, at(7))).toBe(at(10))
  expect(forecast.opensAt(MOON, at(10.5))).toBe(at(10.5))
  expect(forecast.isScheduled(MOON, at(7))).toBe(true)
  expect(forecast.arrivalAt(MOON, at(7), 30_000)).toBe(at(10.5) + 5000)
  expect(forecast.arrivalAt(MOON, at(10.5), 60_000)).toBe(at(30.5) + 5000)
})

test('an answer comes with the next contact the other way', () => {
  const forecast = forecastOf(PLAN)
  expect(forecast.answerAt(MOON, at(10))).toBe(at(20) + 5000)
  expect(forecast.answerAt(MOON, at(20.5))).toBe(at(20.5) + 12_000)
  expect(forecast.answerAt(MOON, at(30))).toBe(at(40) + 5000)
})

test('behind the last contact nothing holds mail back, as in the node', () => {
  const forecast = forecastOf(PLAN)
  expect(forecast.opensAt(MOON, at(50))).toBe(at(50))
  expect(forecast.arrivalAt(MOON, at(30), 90_000)).toBe(at(31) + 5000)
})

test('where no contact says, the rate of the plan does', () => {
  expect(forecastOf({ contacts: [], ranges: [] }, 500).arrivalAt(MOON, at(7), 1000)).toBe(
    at(7) + 2000 + 1000,
  )
  expect(forecastOf(PLAN, 500).arrivalAt(MOON, at(30), 61_000)).toBe(at(31) + 2000 + 5000)
})

test('a destination to which no plan leads is not far away', () => {
  const forecast = forecastOf(PLAN)
  expect(forecast.arrivalAt(ipnEndpoint(9n, 1n), at(7), 10)).toBe(at(7))
})

test('to a node behind a neighbour the delay of the whole way counts, not the range to the neighbour', () => {
  const forecast = new RouteForecast({
    node: 2n,
    contactPlan: () => PLAN,
    planTo: () => ({ node: 9n, until: 9n, via: 3n, protocol: 'udp', duct: 'x' }),
    oneWayDelayMs: () => 60_000,
    allowanceMs: 2000,
  })
  expect(forecast.oneWayDelayMs(ipnEndpoint(9n, 2525n), at(7))).toBe(60_000)
})

test('the rate is that of the contact that is open or comes next, else of the plan', () => {
  const forecast = forecastOf(PLAN)
  expect([7, 10, 20].map((minutes) => forecast.rateBytesPerSec(MOON, at(minutes)))).toEqual([
    1000, 1000, 1000,
  ])
  expect(forecast.rateBytesPerSec(MOON, at(50))).toBeUndefined()
  expect(forecast.rateBytesPerSec(ipnEndpoint(9n, 1n), at(7))).toBeUndefined()
  const paced = new RouteForecast({
    ...{ node: 2n, contactPlan: () => ({ contacts: [], ranges: [] }) },
    planTo: () => ({ node: 3n, protocol: 'udp', duct: 'x', rateBytesPerSec: 500 }),
    ...{ oneWayDelayMs: () => 0, allowanceMs: 0 },
  })
  expect(paced.rateBytesPerSec(MOON, at(7))).toBe(500)
})
