/** Where a mail goes next, by the domain of its recipient. */

import type { Mailbox } from '../proto/smtp/envelope.ts'
import { plainLocalPart } from './aliases.ts'
import { hopForDomain, type NextHop } from './next-hop.ts'

export interface Rule {
  /** `user@a.com`, `mail-2.a.com`, `.a.com` for every name below it, or `*` for all others. */
  readonly domain: string
  readonly nextHop: NextHop
}

export class Routes {
  /** Domains whose mailboxes are here, in lower case. */
  readonly localDomains: readonly string[]
  #rules = new Map<string, NextHop>()

  constructor(domains: readonly string[], rules: readonly Rule[]) {
    this.#rules = tableOf(domains, rules)
    this.localDomains = [...this.#rules]
      .filter(([domain, hop]) => hop.transport === 'local' && !domain.includes('@'))
      .map(([domain]) => domain)
  }

  /** Other rules, from now on; the domains whose mailboxes are here stay. */
  replace(rules: readonly Rule[]): void {
    this.#rules = tableOf(this.localDomains, rules)
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
