import { randomInt } from 'node:crypto'
import { Resolver } from 'node:dns/promises'
import { domainToASCII } from 'node:url'
import { Fault } from '../base/fault.ts'
import type { Clock } from '../ports/clock.ts'
import { type Dns, type DnsAnswer, dnsFault, type MxRecord, type SrvRecord } from '../ports/dns.ts'
import { DnsCache, TTL_MAX_SEC } from './dns-cache.ts'
import { askServers } from './dns-query.ts'
import { errnoOf } from './errno.ts'
import { type GuardLimits, ResolverGuard } from './resolver-guard.ts'

export interface HostDnsOptions {
  /** `127.0.0.1:53`, asked in turn; none at all: nothing is ever asked. Default: those of the system. */
  readonly servers?: readonly string[]
  readonly clock: Clock
  /** That are kept. Default: 10,000. */
  readonly answersMax?: number
  /** Of one question to one server; default: two seconds. */
  readonly timeoutMs?: number
  readonly guard?: GuardLimits
}

/** Two tries, the second with twice the time: an answer or none after at most six seconds a server. */
const TIMEOUT_MS = 2000
const TRIES = 2

/** Node tells no time to live of MX and TXT records; most names allow for this. */
const TTL_UNTOLD_SEC = 300

/** draft-johnson-dns-ipn-cla; registered by IANA in 2024. */
const IPN_TYPE = 264
const IPN_BYTES = 8

const NO_RESOLVER = 'this host asks no resolver (dns.servers: none)'

/** With dots between its labels. No resolver is asked for what cannot be a name. */
const NAME_LENGTH_MAX = 253

/** A bounded cache, of what is not there as well, before the resolver of Node. */
export function hostDns(options: HostDnsOptions): Dns {
  const { clock, servers, answersMax, timeoutMs = TIMEOUT_MS } = options
  const resolver = new Resolver({ timeout: timeoutMs, tries: TRIES })
  if (servers !== undefined) resolver.setServers(servers)
  const guard = new ResolverGuard(clock, options.guard)
  const cache = new DnsCache(clock, answersMax)
  const ask = <Record>(
    type: string,
    name: string,
    query: () => Promise<DnsAnswer<Record>>,
  ): Promise<DnsAnswer<Record>> => {
    if (servers?.length === 0) return Promise.reject(dnsFault('dns/failed', NO_RESOLVER))
    if (name.length > NAME_LENGTH_MAX) return Promise.reject(notFound(type, name))
    return cache.ask(`${type} ${name.toLowerCase()}`, () =>
      guard.ask(query, isTimeOut).catch((error: unknown) => {
        throw error instanceof Fault ? error : faultOf(error, type, name)
      }),
    )
  }
  return {
    resolveMx: (name) =>
      ask<MxRecord>('MX', name, async () => ({
        records: (await resolver.resolveMx(name)).map(({ priority, exchange }) => ({
          preference: priority,
          exchange: exchange.replace(/\.$/, ''),
        })),
        ttlSec: TTL_UNTOLD_SEC,
      })),
    resolveSrv: (name) =>
      ask<SrvRecord>('SRV', name, async () => ({
        records: (await resolver.resolveSrv(name)).map(({ name: target, ...record }) => ({
          ...record,
          target: target.replace(/\.$/, ''),
        })),
        ttlSec: TTL_UNTOLD_SEC,
      })),
    resolveA: (name) =>
      ask('A', name, async () => addresses(await resolver.resolve4(name, { ttl: true }))),
    resolveAaaa: (name) =>
      ask('AAAA', name, async () => addresses(await resolver.resolve6(name, { ttl: true }))),
    resolveTxt: (name) =>
      ask('TXT', name, async () => ({
        records: (await resolver.resolveTxt(name)).map((strings) => strings.join('')),
        ttlSec: TTL_UNTOLD_SEC,
      })),
    resolveIpn: (name) =>
      ask('IPN', name, async () => {
        const id = randomInt(0x10000)
        const { records, ttlSec } = await askServers(
          servers ?? resolver.getServers(),
          // In the form that the names of mail may have and a question may not.
          { name: domainToASCII(name) || name, type: IPN_TYPE },
          { timeoutMs, id },
        )
        // Exactly 64 bits; what is longer or shorter is none.
        const nodes = records.filter(({ length }) => length === IPN_BYTES)
        if (nodes.length === 0) throw notFound('IPN', name)
        const numbers = nodes.map((data) => Buffer.from(data).readBigUInt64BE())
        return { records: numbers, ttlSec: Math.min(TTL_MAX_SEC, ttlSec) }
      }),
    resolvePtr: (name) =>
      ask('PTR', name, async () => ({
        records: (await resolver.resolvePtr(name)).map((target) => target.replace(/\.$/, '')),
        ttlSec: TTL_UNTOLD_SEC,
      })),
  }
}

function addresses(
  records: readonly { readonly address: string; readonly ttl: number }[],
): DnsAnswer<string> {
  return {
    records: records.map(({ address }) => address),
    ttlSec: Math.min(TTL_MAX_SEC, ...records.map(({ ttl }) => ttl)),
  }
}

function isTimeOut(error: unknown): boolean {
  return error instanceof Fault ? error.code === 'dns/timed-out' : errnoOf(error) === 'ETIMEOUT'
}

function notFound(type: string, name: string): Fault {
  return dnsFault('dns/not-found', `${type} of ${name}: not found`)
}

function faultOf(error: unknown, type: string, name: string): Fault {
  const code = errnoOf(error)
  const question = `${type} of ${name}`
  switch (code) {
    case 'ENOTFOUND':
    case 'ENODATA':
    // No resolver is asked for what cannot be a name.
    case 'EBADNAME':
      return notFound(type, name)
    case 'ETIMEOUT':
      return dnsFault('dns/timed-out', `${question}: no resolver answered in time`)
    default:
      return dnsFault('dns/failed', `${question}: ${code}`)
  }
}
