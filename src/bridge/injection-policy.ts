/**
 * What a far gateway may put into this host: mail of senders for whom the operator has named it, and
 * of domains whose IPN records name its node (draft-johnson-dns-ipn-cla).
 *
 * A domain counts wherever a reader or a report sees it: in the envelope, and of each author in the
 * header. The endpoint is what the bundle says; who has to prove it is `GatewayRule.neighbours`.
 */

import { asFault } from '../base/fault.ts'
import { forgedResultsFilter } from '../mail/authentication/results-field.ts'
import {
  ACCEPT,
  type Asked,
  type MessageFilter,
  type MessageReader,
  type Policy,
  type PolicyAnswer,
  type PolicyMail,
  type PolicySession,
} from '../mail/policy/policy.ts'
import type { Dns } from '../ports/dns.ts'
import type { EventSink } from '../ports/events.ts'
import { type EndpointId, formatEndpointId, parseEndpointId } from '../proto/bpv7/endpoint-id.ts'
import { authorDomains } from '../proto/message/author-domains.ts'
import { HeaderReader } from '../proto/message/header.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import type { Reply } from '../proto/smtp/reply.ts'
import { SENDER_DOMAINS_MAX } from './limits.ts'
import type { Peer } from './parcel-carrier.ts'

/** One far gateway. */
export interface GatewayRule {
  /** Its endpoint, whole: another service of its node is another's program. */
  readonly from: EndpointId
  /** `a.com`, `.a.com` for every name below it, or `*` for any; in lower case. */
  readonly senders: readonly string[]
  /** Whose `Authentication-Results` are believed of what comes from it, in lower case. Default: nobody's. */
  readonly results?: readonly string[]
  /** Nodes, one of which must have handed over what comes from it, proven by certificate. Default: anyone. */
  readonly neighbours?: readonly bigint[]
}

export interface InjectionOptions {
  /** Whoever is not among them sends nothing. Default: whoever can be answered sends as anybody. */
  readonly gateways?: readonly GatewayRule[]
  /** Those that are reached without bundles, and have proven themselves. Default: none. */
  readonly peers?: readonly Pick<Peer, 'name' | 'senders' | 'results'>[]
  /** What becomes of mail in bundles whose domains do not name the node; `warn` tells it in the log. */
  readonly ipn: 'none' | 'warn' | 'reject'
}

export interface InjectionPorts {
  readonly names: Pick<Dns, 'resolveIpn'>
  readonly events: EventSink
}

export class InjectionPolicy implements Policy {
  readonly name: string = 'injection'
  readonly #rules: ReadonlyMap<string, Rule>
  /** Whether others than those may send too. */
  readonly #isOpen: boolean
  readonly #ipn: InjectionOptions['ipn']
  readonly #ports: InjectionPorts

  constructor({ gateways, peers = [], ipn }: InjectionOptions, ports: InjectionPorts) {
    const rules: readonly Rule[] = [
      ...(gateways ?? []).map(({ from, ...rule }) => ({ ...rule, from: formatEndpointId(from) })),
      ...peers.map(({ name, senders = ['*'], results = [] }) => ({ from: name, senders, results })),
    ]
    this.#rules = new Map(rules.map((rule) => [rule.from, rule]))
    this.#isOpen = gateways === undefined
    this.#ipn = ipn
    this.#ports = ports
  }

  mail({ service, peer }: PolicySession, { from }: PolicyMail): Asked {
    if (service !== 'bundle') return undefined
    const rule = this.#rules.get(peer)
    if (rule === undefined) {
      if (this.#isOpen) return undefined
      return Promise.resolve(refusal('5.7.1', `no gateway ${peer} is known here`))
    }
    return Promise.resolve(objection(rule, domainsOf(from.reversePath)))
  }

  /** What others found out about a mail is theirs to know: whoever writes to a far gateway can write it. */
  filter({ service, peer }: PolicySession): MessageFilter | undefined {
    if (service !== 'bundle') return undefined
    const { results = [] } = this.#rules.get(peer) ?? {}
    return forgedResultsFilter((authority) => !results.includes(authority))
  }

  reader({ service, peer }: PolicySession, { from }: PolicyMail): MessageReader | undefined {
    if (service !== 'bundle') return undefined
    const rule = this.#rules.get(peer)
    const isBound = rule !== undefined && !rule.senders.includes('*')
    if (!isBound && !this.#asksForNode(peer)) return undefined
    const header = new HeaderReader()
    return {
      push: (bytes) => header.push(bytes),
      end: () => {
        header.end()
        const authors = header.state === 'complete' ? authorDomains(header.fields) : []
        return this.#judge(peer, isBound ? rule : undefined, authors, domainsOf(from.reversePath))
      },
    }
  }

  async #judge(
    peer: string,
    rule: Rule | undefined,
    authors: readonly string[],
    sender: readonly string[],
  ): Promise<PolicyAnswer> {
    if (rule !== undefined) {
      if (authors.length === 0) return refusal('5.7.1', 'the author of this message cannot be told')
      const said = objection(rule, authors)
      if (said.type !== 'accept') return said
    }
    if (!this.#asksForNode(peer)) return ACCEPT
    const found = await this.#findNode(peer, authors, [...new Set([...authors, ...sender])])
    if (found.type === 'accept' || this.#ipn === 'reject') return found
    const reason = `${found.reply.lines.join(' ')}; it is taken all the same`
    this.#ports.events({ type: 'trouble', where: `mail of ${peer}`, reason })
    return ACCEPT
  }

  /** Records name nodes of bundles, and nobody else. */
  #asksForNode(peer: string): boolean {
    return this.#ipn !== 'none' && parseEndpointId(peer) !== undefined
  }

  async #findNode(
    peer: string,
    authors: readonly string[],
    domains: readonly string[],
  ): Promise<PolicyAnswer> {
    const endpoint = parseEndpointId(peer)
    if (endpoint?.scheme !== 'ipn') return refusal('5.7.1', `${peer} is of no node with a number`)
    if (authors.length === 0 || domains.length > SENDER_DOMAINS_MAX) {
      return refusal('5.7.1', 'could not verify IPN: no author, or too many')
    }
    for (const domain of domains) {
      try {
        const { records } = await this.#ports.names.resolveIpn(domain)
        if (records.includes(endpoint.node)) continue
      } catch (error) {
        const { temporary, message } = asFault(error)
        if (temporary) return { type: 'defer', reply: replyOf(451, '4.7.1', message) }
      }
      return refusal('5.7.1', `could not verify IPN: node ${endpoint.node} is none of ${domain}`)
    }
    return ACCEPT
  }
}

/** What one may send, by its name. */
interface Rule {
  readonly from: string
  readonly senders: readonly string[]
  readonly results?: readonly string[]
}

/** None of the null reverse-path: of a report its authors are asked. */
function domainsOf(sender: Mailbox | undefined): readonly string[] {
  return sender === undefined ? [] : [sender.domain.toLowerCase()]
}

function objection({ from, senders }: Rule, domains: readonly string[]): PolicyAnswer {
  const strange = domains.find((domain) => !senders.some((one) => coversDomain(one, domain)))
  if (strange === undefined) return ACCEPT
  return refusal('5.7.1', `${from} may not send mail of ${strange}`)
}

/** As `GatewayRule.senders` has it. */
export function coversDomain(pattern: string, domain: string): boolean {
  if (pattern === '*' || pattern === domain) return true
  return pattern.startsWith('.') && domain.endsWith(pattern)
}

type Refused = PolicyAnswer & { readonly type: 'reject' }

function refusal(enhanced: string, text: string): Refused {
  return { type: 'reject', reply: replyOf(550, enhanced, text) }
}

/** What strangers wrote must not end the line. */
function replyOf(code: number, enhanced: string, text: string): Reply {
  return { code, enhanced, lines: [text.replace(/[^ -~]/g, '?').slice(0, REPLY_LENGTH_MAX)] }
}

/** RFC 5321 §4.5.3.1.5, with room for the codes. */
const REPLY_LENGTH_MAX = 480
