/** Where a mail goes next, by the domain of its recipient. */

import type { Mailbox } from '../proto/smtp/envelope.ts'
import { hopForDomain, type NextHop } from './next-hop.ts'

export interface Rule {
  /** `mail-2.a.com`, `.a.com` for every name below it, or `*` for all others. */
  readonly domain: string
  readonly nextHop: NextHop
}

export class Routes {
  /** Domains whose mailboxes are here, in lower case. */
  readonly localDomains: readonly string[]
  readonly #rules = new Map<string, NextHop>()

  constructor(domains: readonly string[], rules: readonly Rule[]) {
    for (const domain of domains) this.#rules.set(domain.toLowerCase(), { transport: 'local' })
    for (const { domain, nextHop } of rules) this.#rules.set(domain.toLowerCase(), nextHop)
    this.localDomains = [...this.#rules]
      .filter(([, hop]) => hop.transport === 'local')
      .map(([domain]) => domain)
  }

  /**
   * The rule for the whole domain, else for the nearest name above it, else for all; undefined where
   * there is none.
   */
  of(mailbox: Mailbox): NextHop | undefined {
    const hop = this.#ruleFor(mailbox.domain.toLowerCase())
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
