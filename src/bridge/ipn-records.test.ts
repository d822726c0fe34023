import { expect, test } from 'vitest'
import { IpnRecords } from './ipn-records.ts'

test('what the file says holds, name servers are asked for the rest', async () => {
  const records = new IpnRecords({ resolveIpn: async () => ({ records: [9n], ttlSec: 60 }) })
  const nodes = async (name: string): Promise<unknown> => (await records.resolveIpn(name)).records
  expect(await nodes('a.com')).toEqual([9n])
  records.replace([['a.com', [2n]]])
  expect(await nodes('A.com')).toEqual([2n])
  expect(await nodes('b.com')).toEqual([9n])
  records.replace([])
  expect(await nodes('a.com')).toEqual([9n])
})
