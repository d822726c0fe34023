import type { Dns, DnsAnswer } from '../ports/dns.ts'

/** A domain in lower case, and the nodes that are its own. */
export type IpnRecord = readonly [domain: string, nodes: readonly bigint[]]

/** Which nodes belong to a domain: as a file says where it does, for name servers may be across a gap. */
export class IpnRecords implements Pick<Dns, 'resolveIpn'> {
  readonly #dns: Pick<Dns, 'resolveIpn'>
  #records: ReadonlyMap<string, readonly bigint[]> = new Map()

  constructor(dns: Pick<Dns, 'resolveIpn'>) {
    this.#dns = dns
  }

  /** Those of the file, in place of those before; at any time. */
  replace(records: readonly IpnRecord[]): void {
    this.#records = new Map(records)
  }

  async resolveIpn(name: string): Promise<DnsAnswer<bigint>> {
    const records = this.#records.get(name.toLowerCase())
    return records === undefined ? this.#dns.resolveIpn(name) : { records, ttlSec: 0 }
  }
}
