import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../base/random.ts'
import { type LabName, labDns } from '../../lab/dns.ts'
import { labEntropy } from '../../lab/entropy.ts'
import { parseNextHop, type SmtpHop } from '../next-hop.ts'
import { nameOfServer, serversOf } from './destination.ts'
import { MX_RECORDS_MAX } from './limits.ts'

/** `name[address]:port` of each server in turn; at last what it ended with. */
async function servers(
  route: string,
  names: Readonly<Record<string, LabName>>,
  seed = 1,
): Promise<readonly string[]> {
  const found: string[] = []
  const ports = {
    dns: labDns(new Map(Object.entries(names))),
    entropy: labEntropy(seededRandom(seed)),
  }
  try {
    for await (const server of serversOf(parseNextHop(route) as SmtpHop, 'mail-1.a.com', ports)) {
      found.push(nameOfServer(server))
    }
  } catch (error) {
    const { code, detail } = error as { code: string; detail: { status?: string } }
    found.push(`${code} ${detail.status}`)
  }
  return found
}

const mx = (...records: readonly (readonly [number, string])[]): LabName => ({
  mx: records.map(([preference, exchange]) => ({ preference, exchange })),
})

describe('the servers of a domain (RFC 5321 §5.1)', () => {
  test('come in the order of their preference, each by IPv6 before IPv4 (RFC 5321 §5.2)', async () => {
    const names = {
      'b.com': mx([20, 'second.b.com'], [10, 'first.b.com']),
      'first.b.com': { a: ['10.0.0.1'], aaaa: ['2001:db8::1'] },
      'second.b.com': { a: ['10.0.0.2', '10.0.0.3'] },
    }
    expect(await servers('smtp:b.com', names)).toEqual([
      'first.b.com[2001:db8::1]:25',
      'first.b.com[10.0.0.1]:25',
      'second.b.com[10.0.0.2]:25',
      'second.b.com[10.0.0.3]:25',
    ])
    expect(await servers('smtp:b.com:2525', names)).toContain('second.b.com[10.0.0.2]:2525')
  })

  test('share the load where none is preferred', async () => {
    const names = {
      'b.com': mx([10, 'x.b.com'], [10, 'y.b.com']),
      'x.b.com': { a: ['10.0.0.1'] },
      'y.b.com': { a: ['10.0.0.2'] },
    }
    const firsts = new Set<string | undefined>()
    for (let seed = 0; seed < 20; seed++) firsts.add((await servers('smtp:b.com', names, seed))[0])
    expect(firsts).toEqual(new Set(['x.b.com[10.0.0.1]:25', 'y.b.com[10.0.0.2]:25']))
  })

  test('without MX records the domain itself is its server', async () => {
    expect(await servers('smtp:b.com', { 'b.com': { aaaa: ['2001:db8::1'] } })).toEqual([
      'b.com[2001:db8::1]:25',
    ])
  })

  test('with MX records it is not, whatever becomes of those', async () => {
    const names = { 'b.com': { ...mx([10, 'gone.b.com']), a: ['10.0.0.1'] } }
    expect(await servers('smtp:b.com', names)).toEqual(['transport/no-server 5.4.4'])
  })

  test('one that cannot be looked up now leaves hope, unless another takes the mail', async () => {
    const names: Record<string, LabName> = {
      'b.com': mx([10, 'slow.b.com'], [20, 'gone.b.com']),
      'slow.b.com': { fault: 'dns/timed-out' },
    }
    expect(await servers('smtp:b.com', names)).toEqual(['transport/no-server 4.4.3'])
    names['gone.b.com'] = { a: ['10.0.0.1'] }
    expect(await servers('smtp:b.com', names)).toEqual(['gone.b.com[10.0.0.1]:25'])
    expect(await servers('smtp:b.com', { 'b.com': { fault: 'dns/failed' } })).toEqual([
      'transport/no-server 4.4.3',
    ])
  })

  test('a null MX takes no mail, and no name has no server', async () => {
    const names = { 'b.com': { ...mx([0, '']), a: ['10.0.0.1'] } }
    expect(await servers('smtp:b.com', names)).toEqual(['transport/no-server 5.1.10'])
    expect(await servers('smtp:c.com', names)).toEqual(['transport/no-server 5.4.4'])
  })

  test('those that are not preferred to this host are left out', async () => {
    const names = {
      'b.com': mx([10, 'best.b.com'], [20, 'Mail-1.a.com'], [20, 'same.b.com'], [30, 'last.b.com']),
      'best.b.com': { a: ['10.0.0.1'] },
      'same.b.com': { a: ['10.0.0.2'] },
      'last.b.com': { a: ['10.0.0.3'] },
    }
    expect(await servers('smtp:b.com', names)).toEqual(['best.b.com[10.0.0.1]:25'])
    const only = { 'b.com': mx([10, 'mail-1.a.com']) }
    expect(await servers('smtp:b.com', only)).toEqual(['transport/loop 5.4.6'])
  })

  test('no more than so many are looked at', async () => {
    const records = Array.from({ length: 100 }, (_, i) => [i, `m${i}.b.com`] as const)
    const names = Object.fromEntries(records.map(([i, name]) => [name, { a: [`10.0.0.${i}`] }]))
    const found = await servers('smtp:b.com', { ...names, 'b.com': mx(...records) })
    expect(found).toHaveLength(MX_RECORDS_MAX)
  })
})

test('an address, or a name in brackets, is the server itself (RFC 5321 §2.3.4)', async () => {
  const names = { 'b.com': { ...mx([10, 'mx.b.com']), a: ['10.0.0.1'] } }
  expect(await servers('smtp:[b.com]', names)).toEqual(['b.com[10.0.0.1]:25'])
  expect(await servers('smtp:[10.0.0.9]:26', {})).toEqual(['10.0.0.9[10.0.0.9]:26'])
  expect(await servers('smtp:[2001:db8::1]', {})).toEqual(['2001:db8::1[2001:db8::1]:25'])
})
