/** Where a mail goes next, by the domain of its recipient. */

import { type IpPrefix, isInPrefix, parseIpAddress } from '../base/ip-address.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import { plainLocalPart } from './aliases.ts'
import { hopForDomain, type NextHop } from './next-hop.ts'

export interface Rule {
  /** `user@a.com`, `mail-2.a.com`, `.a.com` for every name below it, or `*` for all others. */
  readonly domain: string
  readonly nextHop: NextHop
}

/** Mail that is passed on although nobody has logged in. */
export interface RelayRules {
  /** For these domains, and for every name below `.a.com`, from anybody; in lower case. */
  readonly domains: readonly string[]
  /** For anybody, from these. */
  readonly networks: readonly IpPrefix[]
  /**
   * All the addresses that there are in `domains`: `ann@a.com`, or `@a.com` for whatever there may be,
   * in lower case. Default: only the servers behind us know.
   */
  readonly recipients?: readonly string[]
}

const RELAY_NOTHING: RelayRules = { domains: [], networks: [] }

export class Routes {
  /** Domains whose mailboxes are here, in lower case. */
  readonly localDomains: readonly string[]
  readonly #relay: RelayRules
  #rules = new Map<string, NextHop>()
  #recipients: ReadonlySet<string> | undefined

  constructor(
    domains: readonly string[],
    rules: readonly Rule[],
    relay: RelayRules = RELAY_NOTHING,
  ) {
    this.#relay = relay
    this.#recipients = relay.recipients && new Set(relay.recipients)
    this.#rules = tableOf(domains, rules)
    this.localDomains = [...this.#rules]
      .filter(([domain, hop]) => hop.transport === 'local' && !domain.includes('@'))
      .map(([domain]) => domain)
  }

  /** Other rules, from now on; the domains whose mailboxes are here stay. */
  replace(rules: readonly Rule[]): void {
    this.#rules = tableOf(this.localDomains, rules)
  }

  /** Other addresses than before in the domains that are relayed to, from now on. */
  replaceRecipients(recipients: readonly string[]): void {
    this.#recipients = new Set(recipients)
  }

  /**
   * The rule for the address, else for the whole domain, else for the nearest name above it, else for
   * all; undefined where there is none.
   */
  of(mailbox: Mailbox): NextHop | undefined {
    const domain = mailbox.domain.toLowerCase()
    const localPart = mailbox.localPart.toLowerCase()
    const hop =
      this.#rules.get(`${localPart}@${domain}`) ??
      this.#rules.get(`${plainLocalPart(localPart)}@${domain}`) ??
      this.#ruleFor(domain)
    return hop && hopForDomain(hop, mailbox.domain)
  }

  /**
   * Whether mail for it is taken from anybody: it is in a domain of this host, wherever a rule for the
   * address has it go, or in one that is relayed to.
   */
  isOpenTo({ domain }: Mailbox): boolean {
    const name = domain.toLowerCase()
    return this.localDomains.includes(name) || this.#relaysTo(name)
  }

  /**
   * Whether nothing says that there is no such address in a domain that is relayed to. Every domain has
   * a postmaster. RFC 5321 §4.5.1.
   */
  mayExist(mailbox: Mailbox): boolean {
    const domain = mailbox.domain.toLowerCase()
    const recipients = this.#recipients
    if (recipients === undefined || !this.#relaysTo(domain)) return true
    const name = mailbox.localPart.toLowerCase()
    return (
      name === 'postmaster' ||
      [name, plainLocalPart(name), ''].some((local) => recipients.has(`${local}@${domain}`))
    )
  }

  #relaysTo(domain: string): boolean {
    return this.#relay.domains.some(
      (one) => domain === one || (one.startsWith('.') && domain.endsWith(one)),
    )
  }

  /** Whether `peer` may send to anybody without logging in. */
  mayRelay(peer: string): boolean {
    const address = parseIpAddress(peer)
    return (
      address !== undefined && this.#relay.networks.some((network) => isInPrefix(address, network))
    )
  }

  #ruleFor(domain: string): NextHop | undefined {
    const exact = this.#rules.get(domain)
    if (exact !== undefined) return exact
    for (let dot = domain.indexOf('.'); dot >= 0; dot = domain.indexOf('.', dot + 1)) {
      const above = this.#rules.get(domain.slice(dot))
      if (above !== undefined) return above
    }
    return this.#rules.get('*')
  }
}

function tableOf(domains: readonly string[], rules: readonly Rule[]): Map<string, NextHop> {
  const table = new Map<string, NextHop>()
  for (const domain of domains) table.set(domain.toLowerCase(), { transport: 'local' })
  for (const { domain, nextHop } of rules) table.set(domain.toLowerCase(), nextHop)
  return table
}
