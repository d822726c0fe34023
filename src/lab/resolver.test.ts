import { describe, expect, it } from 'vitest'
import { type Gap, gap, losing } from '../../test/support/gap.ts'
import { addMs, type MonoMs } from '../base/time.ts'
import type { LinkQuality } from '../config/link-quality.ts'
import type { Dns } from '../ports/dns.ts'
import { type LabName, TTL_SEC } from './dns.ts'
import { DNS_ANSWERS_MAX } from './limits.ts'
import { serveNames } from './name-server.ts'
import type { LabNetworkOptions } from './network.ts'
import { labResolver } from './resolver.ts'

const NAMES: ReadonlyMap<string, LabName> = new Map([
  ['mail-2.a.com', { a: ['172.22.0.3'] }],
  ['large.com', { txt: Array.from({ length: 10 }, (_, i) => `${i}`.repeat(200)) }],
])

/** A name server on the moon, and who asks it from earth. */
async function asking(
  quality: Partial<LinkQuality>,
  options?: Partial<LabNetworkOptions>,
): Promise<
  Gap & {
    readonly dns: Dns
    took(work: () => Promise<unknown>): Promise<readonly [unknown, number]>
  }
> {
  const between = gap(quality, 1, options)
  const { world, earth, moon, network } = between
  await world.perform(serveNames(moon.network, moon.address, NAMES))
  const { clock, address } = earth
  const dns = labResolver({ network: earth.network, clock, address, server: moon.address })
  const took = async (work: () => Promise<unknown>): Promise<readonly [unknown, number]> => {
    const from: MonoMs = world.now()
    const result = await world.perform(work()).catch((fault: { code: string }) => fault.code)
    return [result, world.now() - from]
  }
  return { ...between, network, dns, took }
}

const FOUND = { records: ['172.22.0.3'], ttlSec: TTL_SEC }

describe('a name across a link', () => {
  it('costs a round trip, and nothing while it may be kept', async () => {
    const { dns, took, world, network } = await asking({ oneWayDelayMs: 700 })
    const ask = () => dns.resolveA('mail-2.A.com')
    expect(await took(ask)).toEqual([FOUND, 1400])
    expect(await took(ask)).toEqual([FOUND, 0])
    await world.run(addMs(world.now(), TTL_SEC * 1000))
    expect(await took(ask)).toEqual([FOUND, 1400])
    const ports = network.capture.packets.map(({ source, target }) => [source.port, target.port])
    expect(ports.flat().filter((port) => port === 53)).toHaveLength(4)
  })

  it('is asked for once by many at the same time', async () => {
    const { dns, took, network } = await asking({ oneWayDelayMs: 700 })
    const all = () => Promise.all([1, 2, 3].map(() => dns.resolveA('mail-2.a.com')))
    expect(await took(all)).toEqual([[FOUND, FOUND, FOUND], 1400])
    expect(network.capture.count).toBe(2)
  })

  it('is asked for again after two seconds where the question was lost', async () => {
    const quality = { oneWayDelayMs: 100, lossShare: 0.5 }
    const { dns, took } = await asking(quality, { random: losing(0) })
    expect(await took(() => dns.resolveA('mail-2.a.com'))).toEqual([FOUND, 2200])
  })

  it('is not found further away than three seconds: after six nobody waits', async () => {
    const near = await asking({ oneWayDelayMs: 2900 })
    expect(await near.took(() => near.dns.resolveA('mail-2.a.com'))).toEqual([FOUND, 5800])
    const far = await asking({ oneWayDelayMs: 3100 })
    const ask = () => far.dns.resolveA('mail-2.a.com')
    expect(await far.took(ask)).toEqual(['dns/timed-out', 6000])
    // It is not asked for each mail.
    expect(await far.took(ask)).toEqual(['dns/timed-out', 0])
  })

  it('that does not exist is known not to for a minute', async () => {
    const { dns, took, world } = await asking({ oneWayDelayMs: 100 })
    const ask = () => dns.resolveA('nobody.a.com')
    expect(await took(ask)).toEqual(['dns/not-found', 200])
    expect(await took(ask)).toEqual(['dns/not-found', 0])
    await world.run(addMs(world.now(), 60_000))
    expect(await took(ask)).toEqual(['dns/not-found', 200])
  })

  it('with more than 1232 octets to say of it costs two round trips more, over TCP', async () => {
    const { dns, took, network } = await asking({ oneWayDelayMs: 100 })
    const [answer, ms] = await took(() => dns.resolveTxt('large.com'))
    expect([answer, ms]).toMatchObject([{ records: { length: 10 } }, 600])
    expect(network.capture.packets.filter(({ protocol }) => protocol === 'tcp')).not.toEqual([])
  })

  it('is kept with so many others at most: the oldest goes', async () => {
    const { dns, took } = await asking({ oneWayDelayMs: 100 })
    await took(() => dns.resolveA('mail-2.a.com'))
    const others = Array.from({ length: DNS_ANSWERS_MAX - 1 }, (_, i) => `a..${i}`)
    await took(() => Promise.allSettled(others.map((name) => dns.resolveA(name))))
    expect(await took(() => dns.resolveA('mail-2.a.com'))).toEqual([FOUND, 0])
    await took(() => dns.resolveA('a..b'))
    expect(await took(() => dns.resolveA('mail-2.a.com'))).toEqual([FOUND, 200])
  })
})

it('a name server says nothing to what is no question', async () => {
  const { earth, moon, world, network } = await asking({})
  const socket = await earth.network.bind({ host: earth.address, port: 0 })
  const server = { host: moon.address, port: 53 }
  for (const bytes of [new Uint8Array(0), new Uint8Array(12), new Uint8Array(40).fill(0xff)]) {
    socket.send(bytes, server, () => {})
  }
  await world.run()
  expect(network.capture.count).toBe(3)
})
