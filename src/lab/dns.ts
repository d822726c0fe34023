import { type Dns, type DnsAnswer, dnsFault, type MxRecord, type SrvRecord } from '../ports/dns.ts'

/** What one name has; a fault instead of records for a server that does not do its duty. */
export interface LabName {
  readonly mx?: readonly MxRecord[]
  readonly srv?: readonly SrvRecord[]
  readonly a?: readonly string[]
  readonly aaaa?: readonly string[]
  readonly txt?: readonly string[]
  readonly ptr?: readonly string[]
  readonly ipn?: readonly bigint[]
  readonly fault?: 'dns/failed' | 'dns/timed-out'
}

/** Of every record. */
export const TTL_SEC = 300

/** A table of names, in lower case, that every host of a lab sees; it may change meanwhile. */
export function labDns(names: ReadonlyMap<string, LabName>): Dns {
  const answer = async <Record>(
    name: string,
    type: string,
    pick: (entry: LabName) => readonly Record[] | undefined,
  ): Promise<DnsAnswer<Record>> => {
    const entry = names.get(name.toLowerCase())
    if (entry?.fault !== undefined) throw dnsFault(entry.fault, `${type} of ${name}: no answer`)
    const records = entry && pick(entry)
    if (!records?.length) throw dnsFault('dns/not-found', `${type} of ${name}: not found`)
    return { records, ttlSec: TTL_SEC }
  }
  return {
    resolveMx: (name) => answer(name, 'MX', ({ mx }) => mx),
    resolveSrv: (name) => answer(name, 'SRV', ({ srv }) => srv),
    resolveA: (name) => answer(name, 'A', ({ a }) => a),
    resolveAaaa: (name) => answer(name, 'AAAA', ({ aaaa }) => aaaa),
    resolveTxt: (name) => answer(name, 'TXT', ({ txt }) => txt),
    resolveIpn: (name) => answer(name, 'IPN', ({ ipn }) => ipn),
    resolvePtr: (name) => answer(name, 'PTR', ({ ptr }) => ptr),
  }
}
