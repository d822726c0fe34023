/** Names, as the domain name system knows them. `host` asks a resolver, `lab` a table. */

import { Fault } from '../base/fault.ts'

/**
 * `dns/not-found`: there is no such name, or none with records of this type; permanent. The others
 * are temporary: a resolver that is broken, or across a gap, says nothing about the name.
 */
export type DnsFaultCode = 'dns/not-found' | 'dns/failed' | 'dns/timed-out'

/** Every rejection is a Fault with a DnsFaultCode, and comes within seconds. */
export interface Dns {
  resolveMx(name: string): Promise<DnsAnswer<MxRecord>>
  /** Addresses in text form. */
  resolveA(name: string): Promise<DnsAnswer<string>>
  resolveAaaa(name: string): Promise<DnsAnswer<string>>
  /** Of a name such as `_imaps._tcp.a.com`. RFC 2782, RFC 6186. */
  resolveSrv(name: string): Promise<DnsAnswer<SrvRecord>>
  /** Each record with its strings joined. */
  resolveTxt(name: string): Promise<DnsAnswer<string>>
  /** Node numbers of the ipn scheme that belong to a name (type 264, draft-johnson-dns-ipn-cla). */
  resolveIpn(name: string): Promise<DnsAnswer<bigint>>
  /** The names of an address, asked for as `1.2.0.192.in-addr.arpa`; each without its last dot. */
  resolvePtr(name: string): Promise<DnsAnswer<string>>
}

export interface DnsAnswer<Record> {
  /** At least one. */
  readonly records: readonly Record[]
  /** How long it may be kept. */
  readonly ttlSec: number
}

export interface MxRecord {
  /** The lower is to be tried first. */
  readonly preference: number
  /** Without its last dot; empty in a null MX. RFC 7505. */
  readonly exchange: string
}

export interface SrvRecord {
  /** The lower is to be tried first. */
  readonly priority: number
  /** The greater the oftener, among those of one priority. */
  readonly weight: number
  readonly port: number
  /** Without its last dot; empty where there is no such service. */
  readonly target: string
}

export function dnsFault(code: DnsFaultCode, message: string): Fault<DnsFaultCode> {
  return new Fault(code, message, { temporary: code !== 'dns/not-found' })
}
