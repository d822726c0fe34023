/** What every maker of the port of the domain name system has to do. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { LabName } from '../../src/lab/dns.ts'
import type { Dns } from '../../src/ports/dns.ts'

export interface DnsWorld {
  readonly dns: Dns
  close(): Promise<void>
}

const LONG_TEXT = `v=DKIM1; p=${'A'.repeat(400)}`

const NAMES: ReadonlyMap<string, LabName> = new Map<string, LabName>([
  [
    'a.com',
    {
      mx: [
        { preference: 10, exchange: 'mx1.a.com' },
        { preference: 20, exchange: 'mx2.a.com' },
      ],
      a: ['192.0.2.1', '192.0.2.2'],
      aaaa: ['2001:db8::1'],
      txt: ['v=spf1 -all', LONG_TEXT],
      ipn: [3n, 977_000n * 2n ** 32n + 3n],
    },
  ],
  [
    '_imap._tcp.a.com',
    {
      srv: [
        { priority: 0, weight: 1, port: 143, target: 'mx1.a.com' },
        { priority: 10, weight: 0, port: 1143, target: 'mx2.a.com' },
      ],
    },
  ],
  ['_pop3._tcp.a.com', { srv: [{ priority: 0, weight: 0, port: 0, target: '' }] }],
  ['null.com', { mx: [{ preference: 0, exchange: '' }] }],
  ['1.2.0.192.in-addr.arpa', { ptr: ['mx1.a.com'] }],
  ['broken.com', { fault: 'dns/failed' }],
  ['silent.com', { fault: 'dns/timed-out' }],
])

/** `make` answers a world in which these names are known. */
export function describeDns(
  maker: string,
  make: (names: ReadonlyMap<string, LabName>) => Promise<DnsWorld>,
): void {
  describe(`dns of ${maker}`, () => {
    let world: DnsWorld
    let dns: Dns
    beforeEach(async () => {
      world = await make(NAMES)
      dns = world.dns
    })
    afterEach(() => world.close())

    test('answers every record of a name, whatever its case', async () => {
      const mx = await dns.resolveMx('A.Com')
      expect([...mx.records].sort((a, b) => a.preference - b.preference)).toEqual([
        { preference: 10, exchange: 'mx1.a.com' },
        { preference: 20, exchange: 'mx2.a.com' },
      ])
      expect([...(await dns.resolveA('a.com')).records].sort()).toEqual(['192.0.2.1', '192.0.2.2'])
      expect((await dns.resolveAaaa('a.com')).records).toEqual(['2001:db8::1'])
      expect((await dns.resolvePtr('1.2.0.192.in-addr.arpa')).records).toEqual(['mx1.a.com'])
    })

    test('answers where a service is, and that there is none (RFC 2782)', async () => {
      const { records } = await dns.resolveSrv('_IMAP._tcp.a.com')
      expect([...records].sort((a, b) => a.priority - b.priority)).toEqual([
        { priority: 0, weight: 1, port: 143, target: 'mx1.a.com' },
        { priority: 10, weight: 0, port: 1143, target: 'mx2.a.com' },
      ])
      expect((await dns.resolveSrv('_pop3._tcp.a.com')).records).toEqual([
        { priority: 0, weight: 0, port: 0, target: '' },
      ])
      await expect(dns.resolveSrv('_imap._tcp.b.com')).rejects.toMatchObject({
        code: 'dns/not-found',
      })
    })

    test('answers node numbers of 64 bits, and tells what keeps it from that', async () => {
      const nodes = (await dns.resolveIpn('A.com')).records
      expect(nodes).toEqual([3n, 977_000n * 2n ** 32n + 3n])
      for (const [name, code] of [
        ['null.com', 'dns/not-found'],
        ['nowhere.a.com', 'dns/not-found'],
        ['a..com', 'dns/not-found'],
        ['broken.com', 'dns/failed'],
        ['silent.com', 'dns/timed-out'],
      ]) {
        await expect(dns.resolveIpn(name ?? '')).rejects.toMatchObject({ code })
      }
    })

    test('joins the strings of a TXT record', async () => {
      const { records } = await dns.resolveTxt('a.com')
      expect([...records].sort()).toEqual([LONG_TEXT, 'v=spf1 -all'].sort())
    })

    test('says how long an answer may be kept', async () => {
      expect((await dns.resolveA('a.com')).ttlSec).toBeGreaterThan(0)
      expect((await dns.resolveMx('a.com')).ttlSec).toBeGreaterThan(0)
    })

    test('gives the exchange of a null MX as no name', async () => {
      expect((await dns.resolveMx('null.com')).records).toEqual([{ preference: 0, exchange: '' }])
    })

    test.each([
      ['a name that is not there', 'nowhere.a.com'],
      ['a name without records of the type', 'null.com'],
      ['what cannot be a name', 'a..com'],
      ['what is longer than any name', `${'a.'.repeat(200)}com`],
    ])('finds nothing for good of %s', async (_, name) => {
      await expect(dns.resolveTxt(name)).rejects.toMatchObject({
        code: 'dns/not-found',
        temporary: false,
      })
    })

    test('tells a server that failed from one that did not answer, and both are temporary', async () => {
      await expect(dns.resolveTxt('broken.com')).rejects.toMatchObject({
        code: 'dns/failed',
        temporary: true,
      })
      await expect(dns.resolveTxt('silent.com')).rejects.toMatchObject({
        code: 'dns/timed-out',
        temporary: true,
      })
    })
  })
}
