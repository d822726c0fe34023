import { expect, test } from 'vitest'
import { ipnEndpoint } from '../proto/bpv7/endpoint-id.ts'
import { Ways } from './ways.ts'

const plan = (node: bigint, until?: bigint) => ({
  node,
  protocol: 'udp',
  duct: `${node}`,
  ...(until !== undefined && { until }),
})

test('a bundle takes the plan for its node, or the group of the fewest nodes that has it', () => {
  const ways = new Ways([plan(1n, 1000n), plan(100n, 199n), plan(150n)])
  const ductTo = (node: bigint) => ways.to(ipnEndpoint(node, 7n))?.plan.duct
  expect([99n, 100n, 150n, 199n, 200n, 1001n].map(ductTo)).toEqual([
    '1',
    '100',
    '150',
    '100',
    '1',
    undefined,
  ])
  expect([...ways.values()]).toHaveLength(3)
})

test('a plan takes the place of the one for the same nodes, and of no other', () => {
  const ways = new Ways([plan(100n, 199n), plan(100n)])
  const group = ways.to(ipnEndpoint(101n, 7n))
  expect(ways.set({ ...plan(100n, 199n), duct: 'other' })).toBe(group)
  expect(group?.plan.duct).toBe('other')
  ways.delete({ node: 100n })
  expect(ways.to(ipnEndpoint(100n, 7n))).toBe(group)
  ways.delete({ node: 100n, until: 198n })
  expect(ways.to(ipnEndpoint(100n, 7n))).toBe(group)
  ways.delete({ node: 100n, until: 199n })
  expect([...ways.values()]).toEqual([])
})
