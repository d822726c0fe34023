import { expect, test } from 'vitest'
import type { DnsAnswer } from '../ports/dns.ts'
import { hostClock } from './clock.ts'
import { DnsCache } from './dns-cache.ts'

test('an answer that is too large to keep takes no place from others', async () => {
  const cache = new DnsCache(hostClock, 2)
  const asked: string[] = []
  const ask = (name: string, record = name): Promise<DnsAnswer<string>> =>
    cache.ask(name, async () => {
      asked.push(name)
      return { records: [record], ttlSec: 86_400 }
    })
  await ask('small')
  await ask('large', 'x'.repeat(5000))
  await ask('other')
  await ask('small')
  expect(asked).toEqual(['small', 'large', 'other'])
  await ask('large')
  expect(asked).toEqual(['small', 'large', 'other', 'large'])
})
