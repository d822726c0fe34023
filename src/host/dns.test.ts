import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type NameServer, startNameServer } from '../../test/support/name-server.ts'
import { monoMs, wallMs } from '../base/time.ts'
import type { LabName } from '../lab/dns.ts'
import type { Clock } from '../ports/clock.ts'
import { type HostDnsOptions, hostDns } from './dns.ts'

const names = new Map<string, LabName>([
  ['a.com', { a: ['192.0.2.1'], txt: ['one'] }],
  ['b.com', { txt: ['two'] }],
  ['huge.com', { txt: Array.from({ length: 20 }, () => 'x'.repeat(250)) }],
  ['large.com', { txt: Array.from({ length: 4 }, () => 'x'.repeat(250)) }],
])

describe('the resolver of a host', () => {
  let server: NameServer
  let nowMs = 0
  const clock: Clock = { now: () => monoMs(nowMs), wall: () => wallMs(0), at: () => () => {} }
  const dnsWith = (options: Partial<HostDnsOptions> = {}) =>
    hostDns({ clock, servers: [server.address], timeoutMs: 50, ...options })

  beforeEach(async () => {
    nowMs = 0
    server = await startNameServer(names)
  })
  afterEach(() => server.close())

  test('an answer is asked for once until its time to live is over', async () => {
    const dns = dnsWith()
    await Promise.all([dns.resolveA('a.com'), dns.resolveA('A.COM')])
    nowMs = 299_999
    await dns.resolveA('a.com')
    expect(server.questions).toEqual(['A a.com'])
    nowMs = 300_000
    await dns.resolveA('a.com')
    expect(server.questions).toHaveLength(2)
  })

  test('what is not there is known for a minute', async () => {
    const dns = dnsWith()
    const absent = { code: 'dns/not-found' }
    await expect(dns.resolveTxt('c.com')).rejects.toMatchObject(absent)
    nowMs = 59_999
    await expect(dns.resolveTxt('c.com')).rejects.toMatchObject(absent)
    expect(server.questions).toHaveLength(1)
    nowMs = 60_000
    await expect(dns.resolveTxt('c.com')).rejects.toMatchObject(absent)
    expect(server.questions).toHaveLength(2)
  })

  test('the oldest answers give way beyond the bound', async () => {
    const dns = dnsWith({ answersMax: 1 })
    for (const name of ['a.com', 'b.com', 'a.com']) await dns.resolveTxt(name)
    expect(server.questions).toHaveLength(3)
  })

  test('an answer that is larger than any of use is given, and not kept', async () => {
    const dns = dnsWith()
    for (const name of ['large.com', 'large.com', 'huge.com', 'huge.com']) {
      const { records } = await dns.resolveTxt(name)
      expect(records.join('')).toHaveLength(name === 'huge.com' ? 5000 : 1000)
    }
    expect(server.questions).toEqual(['TXT large.com', 'TXT huge.com', 'TXT huge.com'])
  })

  test('bytes that are no answer are a failure', async () => {
    server.mood = 'confused'
    await expect(dnsWith().resolveTxt('a.com')).rejects.toMatchObject({ temporary: true })
  })

  test('a silent resolver is left alone for a while, then tried by one question', async () => {
    const guard = { atOnceMax: 100, waitingMax: 100, silentAfter: 2, silenceMs: 30_000 }
    const dns = dnsWith({ guard })
    server.mood = 'silent'
    const silent = { code: 'dns/timed-out' }
    for (const name of ['1.com', '2.com']) {
      await expect(dns.resolveTxt(name)).rejects.toMatchObject(silent)
    }
    const asked = server.questions.length
    for (const name of ['3.com', '4.com']) {
      await expect(dns.resolveTxt(name)).rejects.toMatchObject(silent)
    }
    expect(server.questions).toHaveLength(asked)
    server.mood = 'answers'
    nowMs = 30_000
    await expect(dns.resolveTxt('a.com')).resolves.toMatchObject({ records: ['one'] })
    await expect(dns.resolveTxt('b.com')).resolves.toMatchObject({ records: ['two'] })
  })

  test('a host that is told to ask nobody asks nobody', async () => {
    const failed = { code: 'dns/failed', temporary: true }
    await expect(dnsWith({ servers: [] }).resolveTxt('a.com')).rejects.toMatchObject(failed)
    expect(server.questions).toEqual([])
  })
})
