import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addMs } from '../../base/time.ts'
import { type LabName, labDns } from '../../lab/dns.ts'
import { labHttps } from '../../lab/https.ts'
import { LabStore } from '../../lab/store.ts'
import { HostClock, World } from '../../lab/world.ts'
import { STS_AGE_MAX_SEC, STS_POLICIES_MAX, STS_RETRY_MS } from './limits.ts'
import { parseStsPolicy, parseStsRecord, StsPolicies, stsAllows } from './mta-sts.ts'

const POLICY = 'version: STSv1\r\nmode: enforce\r\nmx: mx.b.com\r\nmx: *.b.net\r\nmax_age: 1000\r\n'
const URL = 'https://mta-sts.b.com/.well-known/mta-sts.txt'

describe('the record (RFC 8461)', () => {
  test.each([
    [['v=STSv1; id=20160831085700Z;'], '20160831085700Z'],
    [['v=STSv1;id=1'], '1'],
    [['v=STSv1; foo=bar; id=7 ;'], '7'],
    [['v=spf1 -all', 'v=STSv1; id=1'], '1'],
    [['v=STSv1; id=1', 'v=STSv1; id=2'], undefined],
    [['v=STSv2; id=1'], undefined],
    [['v=STSv1; id='], undefined],
    [['v=STSv1; id=a-b'], undefined],
    [[], undefined],
  ])('%j has the id %j', (records, id) => {
    expect(parseStsRecord(records)).toBe(id)
  })
})

describe('the policy (RFC 8461)', () => {
  test('has a mode, names and an age', () => {
    const policy = { mode: 'enforce', mx: ['mx.b.com', '*.b.net'], maxAgeSec: 1000 }
    expect(parseStsPolicy(POLICY)).toEqual(policy)
    expect(parseStsPolicy(POLICY.replaceAll('\r', ''))).toEqual(policy)
    expect(parseStsPolicy(`${POLICY}new_key: x\r\nmode: none\r\n`)).toEqual(policy)
    expect(parseStsPolicy(POLICY.replace('1000', '4294967295'))?.maxAgeSec).toBe(STS_AGE_MAX_SEC)
    expect(parseStsPolicy('version: STSv1\nmode: none\nmax_age: 0\n')?.mode).toBe('none')
  })

  test.each([
    ['version: STSv1', 'version: STSv2'],
    ['mode: enforce', 'mode: strict'],
    ['max_age: 1000', 'max_age: -1'],
    ['max_age: 1000', ''],
    ['mx: mx.b.com', 'mx: m x'],
    ['mx: *.b.net', 'mx: *'],
  ])('is none with %j as %j', (from, to) => {
    expect(parseStsPolicy(POLICY.replace(from, to))).toBeUndefined()
  })

  test('is none without a name, unless it asks for nothing', () => {
    expect(parseStsPolicy(POLICY.replaceAll(/mx:.*\r\n/g, ''))).toBeUndefined()
  })

  test.each([
    ['MX.b.com', true],
    ['a.b.net', true],
    ['b.net', false],
    ['x.a.b.net', false],
    ['mx.b.com.evil.org', false],
    ['com', false],
  ])('%s may have the mail: %j', (name, isAllowed) => {
    const policy = parseStsPolicy(POLICY)
    expect(policy && stsAllows(policy, name)).toBe(isAllowed)
  })

  test('property: no text makes it throw', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (text, name) => {
        parseStsRecord([`v=STSv1;${text}`])
        const policy = parseStsPolicy(`${POLICY}${text}`)
        if (policy !== undefined) stsAllows(policy, name)
      }),
    )
  })
})

describe('what is known of a domain', () => {
  function known() {
    const clock = new HostClock(new World({ settle: async () => {} }))
    const names = new Map<string, LabName>()
    const pages = new Map<string, string>()
    let fetched = 0
    const https = labHttps(pages)
    const ports = {
      clock,
      dns: labDns(names),
      store: new LabStore({}),
      https: {
        getText: (url: string, limits: { bytesMax: number; timeoutMs: number }) => {
          fetched++
          return https.getText(url, limits)
        },
      },
    }
    let offsetMs = 0
    const later = {
      now: () => addMs(clock.now(), offsetMs),
      wall: () => addMs(clock.wall(), offsetMs),
      at: clock.at.bind(clock),
    }
    const publish = (id: string, policy: string | undefined): void => {
      names.set('_mta-sts.b.com', { txt: [`v=STSv1; id=${id}`] })
      if (policy === undefined) pages.delete(URL)
      else pages.set(URL, policy)
    }
    return {
      policies: () => new StsPolicies({ ...ports, clock: later }),
      publish,
      names,
      store: ports.store,
      fetched: () => fetched,
      pass: (ms: number) => {
        offsetMs += ms
      },
    }
  }

  test('is asked for once while its id is the same, also after a restart', async () => {
    const stage = known()
    stage.publish('1', POLICY)
    const policies = stage.policies()
    const both = await Promise.all([policies.of('b.com'), policies.of('b.com')])
    expect(both.map((policy) => policy?.mode)).toEqual(['enforce', 'enforce'])
    expect((await stage.policies().of('b.com'))?.mx).toEqual(['mx.b.com', '*.b.net'])
    expect(stage.fetched()).toBe(1)
    stage.publish('2', POLICY.replace('enforce', 'testing'))
    expect((await policies.of('b.com'))?.mode).toBe('testing')
  })

  test('holds for its time, whoever cuts off the resolver or the web server', async () => {
    const stage = known()
    stage.publish('1', POLICY)
    const policies = stage.policies()
    await policies.of('b.com')
    stage.publish('2', undefined)
    expect((await policies.of('b.com'))?.mode).toBe('enforce')
    stage.names.set('_mta-sts.b.com', { fault: 'dns/timed-out' })
    expect((await policies.of('b.com'))?.mode).toBe('enforce')
    stage.names.delete('_mta-sts.b.com')
    stage.pass(999_000)
    expect((await policies.of('b.com'))?.mode).toBe('enforce')
    stage.pass(1000)
    expect(await policies.of('b.com')).toBeUndefined()
  })

  test.each([[undefined], ['no policy'], [`${POLICY}${'x'.repeat(65_536)}`]])(
    'is nothing where it cannot be had, and is not asked for at once again: %#',
    async (page) => {
      const stage = known()
      stage.publish('1', page)
      const policies = stage.policies()
      expect(await policies.of('b.com')).toBeUndefined()
      expect(await policies.of('b.com')).toBeUndefined()
      expect(stage.fetched()).toBe(1)
      stage.publish('1', POLICY)
      stage.pass(STS_RETRY_MS)
      expect((await policies.of('b.com'))?.mode).toBe('enforce')
    },
  )

  test('is nothing of a name that is not of ASCII', async () => {
    expect(await known().policies().of('bücher.example')).toBeUndefined()
  })

  test('is bounded: the one that would end first is forgotten', async () => {
    const stage = known()
    const value = (until: number) =>
      new TextEncoder().encode(`${until} 1\n${POLICY.replaceAll('\r', '')}`)
    const far = 1e15
    await stage.store.commit(
      Array.from({ length: STS_POLICIES_MAX }, (_, i) => ({
        table: 'mta-sts',
        key: `d${i}.com`,
        value: value(far - (i === 77 ? 1 : 0)),
      })),
    )
    stage.publish('1', POLICY)
    await stage.policies().of('b.com')
    const keys = new Set(stage.store.keys('mta-sts', {}))
    expect(keys.size).toBe(STS_POLICIES_MAX)
    expect(keys.has('b.com')).toBe(true)
    expect(keys.has('d77.com')).toBe(false)
  })
})
