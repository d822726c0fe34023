import { expect, test } from 'vitest'
import { type WallMs, wallMs } from '../../src/base/time.ts'
import { assemble } from '../../src/dtn/assemble.ts'
import type { Contact } from '../../src/dtn/contact-plan.ts'
import { ipnEndpoint } from '../../src/proto/bpv7/endpoint-id.ts'
import { BundleLab, type BundleLabOptions, bundleFor } from '../support/bundle-lab.ts'

const START = 1_795_420_800_000
const PLAN = { node: 3n, protocol: 'udp', duct: '172.22.0.3:3113' }

function contact(fromSec: number, untilSec: number, rateBytesPerSec: number): Contact {
  const at = (seconds: number): WallMs => wallMs(START + seconds * 1000)
  return {
    source: 2n,
    destination: 3n,
    from: at(fromSec),
    until: at(untilSec),
    rateBytesPerSec,
    confidence: 1,
  }
}

function start(contacts: readonly Contact[], options: BundleLabOptions = {}): Promise<BundleLab> {
  return BundleLab.start({ contactPlan: { contacts, ranges: [] }, ...options })
}

async function send(lab: BundleLab, count: number, payloadBytes: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const request = {
      sourceService: 1n,
      destination: ipnEndpoint(3n, 1n),
      payload: new Uint8Array(payloadBytes).fill(i),
      lifetimeMs: 3_600_000,
    }
    await lab.perform(lab.node.send(request))
  }
}

/** The first byte of each payload, which says which of the bundles it is. */
function order(lab: BundleLab): readonly (number | undefined)[] {
  return lab.bundles.map(({ payload }) => payload.data[0])
}

test('a bundle waits for its contact, then leaves at its rate', async () => {
  const lab = await start([contact(10, 60, 10_000)])
  await send(lab, 5, 9300)
  await lab.runFor(9999)
  expect(lab.arrivals).toEqual([])
  await lab.runFor(50_000)
  expect(order(lab)).toEqual([0, 1, 2, 3, 4])
  expect(lab.arrivals.map((at) => Math.round(at / 1000))).toEqual([10, 11, 12, 13, 14])
})

test('what has no time left in a contact leaves in the next', async () => {
  const lab = await start([contact(0, 3, 10_000), contact(100, 200, 10_000)])
  await send(lab, 5, 9300)
  await lab.runFor(200_000)
  expect(order(lab)).toEqual([0, 1, 2, 3, 4])
  expect(lab.arrivals.map((at) => Math.round(at / 1000))).toEqual([0, 1, 2, 100, 101])
})

test('after the last contact, and without any, nothing is held back (as with ION)', async () => {
  const lab = await start([contact(0, 3, 10_000)])
  await send(lab, 5, 9300)
  await lab.runFor(3500)
  expect(order(lab)).toEqual([0, 1, 2, 3, 4])
  expect(lab.arrivals.map((at) => Math.round(at / 1000))).toEqual([0, 1, 2, 3, 3])
})

test('a bundle larger than a contact is cut, and goes in several of them', async () => {
  const lab = await start([
    contact(0, 1, 20_000),
    contact(100, 101, 20_000),
    contact(200, 201, 20_000),
  ])
  await send(lab, 1, 50_000)
  await lab.runFor(250_000)
  const pieces = lab.datagrams.map(({ length }) => length)
  expect(Math.max(...pieces)).toBeLessThanOrEqual(10_000)
  const whole = assemble(lab.bundles)
  expect(whole.ok && whole.value.payload.data.length).toBe(50_000)
  for (const from of [0, 100_000, 200_000]) {
    const inside = pieces.filter((_, i) => {
      const at = lab.arrivals[i] ?? 0
      return at >= from && at < from + 1100
    })
    expect(inside.length).toBeGreaterThan(0)
    expect(inside.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(20_000)
  }
})

test('the status tells the contacts that are not over, and the distance while a range holds', async () => {
  const { from, until } = contact(0, 10, 1)
  const range = { source: 2n, destination: 3n, from, until, oneWayDelayMs: 7000 }
  const contacts = [contact(0, 10, 5), contact(20, 30, 6)]
  const lab = await BundleLab.start({ contactPlan: { contacts, ranges: [range] } })
  expect(lab.node.status()).toMatchObject({
    contacts: [{ source: 'ipn:2.0', rateBytesPerSec: 5 }, { rateBytesPerSec: 6 }],
    neighbours: [{ gate: { state: 'open', until: START + 10_000 }, oneWayDelayMs: 7000 }],
  })
  await lab.runFor(15_000)
  expect(lab.node.status()).toMatchObject({
    contacts: [{ rateBytesPerSec: 6 }],
    neighbours: [{ gate: { state: 'closed', opensAt: START + 20_000 }, oneWayDelayMs: undefined }],
  })
})

test('a contact that is added, changed and deleted counts at once', async () => {
  const lab = await start([contact(1000, 2000, 10_000)])
  await send(lab, 3, 9900)
  await lab.runFor(1000)
  expect(lab.arrivals).toEqual([])
  lab.node.setContactPlan({ contacts: [contact(5, 1000, 100)], ranges: [] })
  await lab.runFor(6000)
  expect(order(lab)).toEqual([0])
  lab.node.setContactPlan({ contacts: [contact(5, 1000, 1_000_000)], ranges: [] })
  await lab.runFor(1000)
  expect(order(lab)).toEqual([0, 1, 2])
  lab.node.setContactPlan({ contacts: [contact(5000, 6000, 100)], ranges: [] })
  await send(lab, 1, 10)
  await lab.runFor(1000)
  expect(order(lab)).toHaveLength(3)
  lab.node.setContactPlan({ contacts: [], ranges: [] })
  await lab.runFor(10)
  expect(order(lab)).toHaveLength(4)
})

test('what was handed out when its contact is deleted waits for the next', async () => {
  const lab = await start([contact(0, 100, 10_000)])
  await send(lab, 20, 9900)
  await lab.runFor(2500)
  lab.node.setContactPlan({ contacts: [contact(50, 100, 10_000)], ranges: [] })
  const before = lab.arrivals.length
  await lab.runFor(45_000)
  expect(lab.arrivals.length).toBe(before)
  await lab.runFor(40_000)
  expect(order(lab)).toEqual(Array.from({ length: 20 }, (_, i) => i))
})

test('bundles of a plan that is removed wait with nowhere to go, and find the next one', async () => {
  const lab = await start([contact(50, 100, 10_000)])
  await send(lab, 3, 9900)
  expect(lab.node.removePlan({ node: 3n })).toBe(true)
  expect(lab.node.removePlan({ node: 3n })).toBe(false)
  await lab.runFor(60_000)
  expect(lab.arrivals).toEqual([])
  expect(lab.node.status().bundles.waiting).toBe(3)
  expect(lab.node.status().neighbours).toEqual([])
  lab.node.setPlan(PLAN)
  await lab.runFor(10_000)
  expect(order(lab)).toEqual([0, 1, 2])
  expect(lab.node.status().neighbours).toMatchObject([{ sent: { bundles: 3 } }])
})

test('what waits for its turn when its plan is removed finds the next one too', async () => {
  const lab = await start([contact(0, 100, 1000)])
  await send(lab, 3, 9900)
  await lab.runFor(1000)
  lab.node.removePlan({ node: 3n })
  await lab.runFor(1000)
  expect(order(lab)).toEqual([0])
  lab.node.setContactPlan({ contacts: [], ranges: [] })
  lab.node.setPlan(PLAN)
  await lab.runFor(1000)
  expect([...order(lab)].sort()).toEqual([0, 1, 2])
})

test('a bundle of others for a plan that is removed counts as one with nowhere to go', async () => {
  const lab = await start([contact(50, 100, 10_000)])
  await lab.exchange(bundleFor(ipnEndpoint(3n, 1n)))
  expect(lab.node.status().bundles.stranded).toBe(0)
  lab.node.removePlan({ node: 3n })
  expect(lab.node.status().bundles.stranded).toBe(1)
  lab.node.setPlan({ ...PLAN, duct: '172.22.0.3:3113' })
  expect(lab.node.status().bundles.stranded).toBe(0)
})

test('a changed duct is where what waits goes', async () => {
  const lab = await start([], { plans: [{ ...PLAN, duct: 'nowhere' }] })
  await send(lab, 2, 10)
  await lab.runFor(100)
  expect(lab.arrivals).toEqual([])
  lab.node.setPlan(PLAN)
  await lab.runFor(100)
  expect(order(lab)).toEqual([0, 1])
})

test('a node beyond a gateway is reached in the contacts with the gateway', async () => {
  const lab = await start([contact(10, 60, 10_000)], { plans: [{ ...PLAN, node: 7n, via: 3n }] })
  const request = {
    sourceService: 1n,
    destination: ipnEndpoint(7n, 1n),
    payload: Uint8Array.of(7),
    lifetimeMs: 3_600_000,
  }
  await lab.perform(lab.node.send(request))
  await lab.runFor(9000)
  expect(lab.arrivals).toEqual([])
  await lab.runFor(2000)
  expect(order(lab)).toEqual([7])
})

test('what fills a contact with many small bundles arrives, though the link carries headers as well', async () => {
  const link = {
    rateBytesPerSec: 10_000,
    contacts: [
      { fromMs: 0, untilMs: 10_000 },
      { fromMs: 100_000, untilMs: 200_000 },
    ],
  }
  const lab = await start([contact(0, 10, 10_000), contact(100, 200, 10_000)], { link })
  await send(lab, 1200, 100)
  await lab.runFor(250_000)
  expect(order(lab)).toHaveLength(1200)
})
