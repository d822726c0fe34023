/** Which servers take the mail of a domain, the preferred first. RFC 5321 §5.1. */

import { asFault, type Fault } from '../../base/fault.ts'
import { parseIpAddress } from '../../base/ip-address.ts'
import type { Dns, DnsAnswer, MxRecord } from '../../ports/dns.ts'
import type { Entropy } from '../../ports/entropy.ts'
import type { SocketAddress } from '../../ports/network.ts'
import { defaultPortOf, type SmtpHop } from '../next-hop.ts'
import { transportFault } from './fault.ts'
import { MX_RECORDS_MAX } from './limits.ts'

export interface MailServer {
  /** Its name, or its address where it has none. */
  readonly name: string
  readonly address: SocketAddress
}

export interface DestinationPorts {
  readonly dns: Dns
  readonly entropy: Entropy
}

/**
 * One server after the other, each looked up when it is asked for. Throws a Fault where there is
 * none to be had: a temporary one where a look-up may do better later. `self` is this host's name:
 * servers that are not preferred to it are left out, or mail would come back for ever.
 */
export async function* serversOf(
  hop: SmtpHop,
  self: string,
  ports: DestinationPorts,
): AsyncGenerator<MailServer> {
  const { host = '', port = defaultPortOf(hop) } = hop
  const names = hop.isLiteral ? [host] : await exchangersOf(host, self, ports)
  let found = 0
  let fault: Fault | undefined
  for (const name of names) {
    try {
      for (const address of await addressesOf(name, ports.dns)) {
        found++
        yield { name, address: { host: address, port } }
      }
    } catch (error) {
      const failed = asFault(error)
      if (fault === undefined || failed.temporary) fault = failed
    }
  }
  if (found > 0 || fault === undefined) return
  const text = `no address of a server for ${host}: ${fault.message}`
  throw transportFault('transport/no-server', text, fault.temporary ? '4.4.3' : '5.4.4')
}

/** IPv6 first, then IPv4; rejects with a Fault where there is none. */
export async function addressesOf(name: string, dns: Dns): Promise<readonly string[]> {
  if (parseIpAddress(name) !== undefined) return [name]
  const [six, four] = await Promise.all([
    answerOf(dns.resolveAaaa(name)),
    answerOf(dns.resolveA(name)),
  ])
  const addresses = [...six.records, ...four.records]
  if (addresses.length > 0) return addresses
  throw [six.fault, four.fault].find((fault) => fault?.temporary) ?? four.fault
}

/** `mx.b.com[10.0.0.1]:25`, as Postfix writes it. */
export function nameOfServer({ name, address }: MailServer): string {
  return `${name}[${address.host}]:${address.port}`
}

/** Names in the order in which they are to be tried. */
async function exchangersOf(
  domain: string,
  self: string,
  { dns, entropy }: DestinationPorts,
): Promise<readonly string[]> {
  if (parseIpAddress(domain) !== undefined) return [domain]
  const { records, fault } = await answerOf<MxRecord>(dns.resolveMx(domain))
  if (fault?.temporary) {
    throw transportFault(
      'transport/no-server',
      `no answer for ${domain}: ${fault.message}`,
      '4.4.3',
    )
  }
  // The implicit MX. RFC 5321 §5.1.
  if (records.length === 0) return [domain]
  if (records.every(({ exchange }) => exchange === '' || exchange === '.')) {
    // RFC 7505: the domain says that it takes no mail.
    throw transportFault('transport/no-server', `${domain} takes no mail (null MX)`, '5.1.10')
  }
  const own = records.find(({ exchange }) => exchange.toLowerCase() === self.toLowerCase())
  const useful = records.filter(
    ({ preference }) => own === undefined || preference < own.preference,
  )
  if (useful.length === 0) {
    throw transportFault('transport/loop', `mail for ${domain} loops back to this host`, '5.4.6')
  }
  return shuffled(useful, entropy)
    .sort((a, b) => a.preference - b.preference)
    .slice(0, MX_RECORDS_MAX)
    .map(({ exchange }) => exchange)
}

/** Equal preference means equal shares of the load. RFC 5321 §5.1. */
function shuffled<Item>(items: readonly Item[], entropy: Entropy): Item[] {
  const random = entropy.bytes(4 * items.length)
  const view = new DataView(random.buffer, random.byteOffset, random.byteLength)
  return items
    .map((item, i) => ({ item, weight: view.getUint32(4 * i) }))
    .sort((a, b) => a.weight - b.weight)
    .map(({ item }) => item)
}

interface Answer<Record> {
  readonly records: readonly Record[]
  readonly fault?: Fault
}

async function answerOf<Record>(question: Promise<DnsAnswer<Record>>): Promise<Answer<Record>> {
  try {
    return await question
  } catch (error) {
    return { records: [], fault: asFault(error) }
  }
}
