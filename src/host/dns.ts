import { randomInt } from 'node:crypto'
import { Resolver } from 'node:dns/promises'
import { domainToASCII } from 'node:url'
import { Fault } from '../base/fault.ts'
import { addMs, type MonoMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import { type Dns, type DnsAnswer, dnsFault, type MxRecord, type SrvRecord } from '../ports/dns.ts'
import { askServers } from './dns-query.ts'
import { errnoOf } from './errno.ts'
import { type GuardLimits, ResolverGuard } from './resolver-guard.ts'

export interface HostDnsOptions {
  /** `127.0.0.1:53`, asked in turn; none at all: nothing is ever asked. Default: those of the system. */
  readonly servers?: readonly string[]
  readonly clock: Clock
  /** Default: ANSWERS_KEPT_MAX. */
  readonly answersMax?: number
  /** Of one question to one server; default: two seconds. */
  readonly timeoutMs?: number
  readonly guard?: GuardLimits
}

/** Some hundred bytes each; what is larger comes of a name whose owner means no good, and is not kept. */
const ANSWERS_KEPT_MAX = 10_000
const KEPT_BYTES_MAX = 4096

/** Two tries, the second with twice the time: an answer or none after at most six seconds a server. */
const TIMEOUT_MS = 2000
const TRIES = 2

/** Node tells no time to live of MX and TXT records; most names allow for this. */
const TTL_UNTOLD_SEC = 300
const TTL_MAX_SEC = 86_400

/** What is not there may soon be, and a server that fails should not be asked for each mail. */
const NOT_FOUND_KEPT_SEC = 60
const FAILURE_KEPT_SEC = 5

/** draft-johnson-dns-ipn-cla; registered by IANA in 2024. */
const IPN_TYPE = 264
const IPN_BYTES = 8

const NO_RESOLVER = 'this host asks no resolver (dns.servers: none)'

/** With dots between its labels. No resolver is asked for what cannot be a name. */
const NAME_LENGTH_MAX = 253

interface Kept {
  readonly until: MonoMs
  readonly answer: Promise<DnsAnswer<unknown>>
}

/** A bounded cache, of what is not there as well, before the resolver of Node. */
export function hostDns(options: HostDnsOptions): Dns {
  const { clock, servers, answersMax = ANSWERS_KEPT_MAX, timeoutMs = TIMEOUT_MS } = options
  const resolver = new Resolver({ timeout: timeoutMs, tries: TRIES })
  if (servers !== undefined) resolver.setServers(servers)
  const guard = new ResolverGuard(clock, options.guard)
  // In the order of their making, so that the oldest goes first.
  const kept = new Map<string, Kept>()
  const ask = <Record>(
    type: string,
    name: string,
    query: () => Promise<DnsAnswer<Record>>,
  ): Promise<DnsAnswer<Record>> => {
    if (servers?.length === 0) return Promise.reject(dnsFault('dns/failed', NO_RESOLVER))
    if (name.length > NAME_LENGTH_MAX) return Promise.reject(notFound(type, name))
    const key = `${type} ${name.toLowerCase()}`
    const known = kept.get(key)
    if (known !== undefined && known.until > clock.now()) {
      return known.answer as Promise<DnsAnswer<Record>>
    }
    const answer = guard.ask(query, isTimeOut).catch((error: unknown) => {
      throw error instanceof Fault ? error : faultOf(error, type, name)
    })
    const keep = (seconds: number): void => {
      kept.delete(key)
      kept.set(key, { until: addMs(clock.now(), seconds * 1000), answer })
      for (const oldest of kept.keys()) {
        if (kept.size <= answersMax) break
        kept.delete(oldest)
      }
    }
    // Whoever asks meanwhile waits for the same answer.
    keep(TTL_MAX_SEC)
    answer.then(
      ({ records, ttlSec }) => keep(sizeOf(records) > KEPT_BYTES_MAX ? 0 : ttlSec),
      (fault: unknown) =>
        keep(fault instanceof Fault && fault.temporary ? FAILURE_KEPT_SEC : NOT_FOUND_KEPT_SEC),
    )
    return answer
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

function sizeOf(records: readonly unknown[]): number {
  return JSON.stringify(records, (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  ).length
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
