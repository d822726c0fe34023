/** SPF, DKIM, ARC and DMARC by mailauth, asking names through our own port. */

import { dmarc } from 'mailauth/lib/dmarc/index.js'
import { spf } from 'mailauth/lib/spf/index.js'
import type { Clock } from '../ports/clock.ts'
import type { Dns } from '../ports/dns.ts'
import type {
  DkimResult,
  DmarcPolicy,
  DmarcResult,
  MailAuthentication,
  MailClient,
  SpfResult,
} from '../ports/mail-authentication.ts'
import { type Resolver, resolverOf } from './authentication-lookups.ts'
import { DkimMessageSigner } from './dkim-signer.ts'
import { DkimMessageVerifier } from './dkim-verifier.ts'

export interface MailAuthenticationPorts {
  readonly dns: Dns
  readonly clock: Clock
  /** As mail servers know it. */
  readonly hostname: string
}

export function hostMailAuthentication(ports: MailAuthenticationPorts): MailAuthentication {
  const { dns, clock, hostname } = ports
  return {
    spf: (client) => spfOf(client, hostname, resolverOf(dns, clock)),
    verifier: (client) => {
      // One budget for all that is asked because of one message.
      const resolver = resolverOf(dns, clock)
      return new DkimMessageVerifier(resolver, clock, {
        spf: () => spfOf(client, hostname, resolver),
        dmarc: (from, spf, dkim) => dmarcOf(from, spf, dkim, resolver),
      })
    },
    signer: () => new DkimMessageSigner(),
  }
}

const SPF_RESULTS = [
  'none',
  'neutral',
  'pass',
  'fail',
  'softfail',
  'temperror',
  'permerror',
] as const

async function spfOf(client: MailClient, mta: string, resolver: Resolver): Promise<SpfResult> {
  const { address, helo, sender } = client
  const identity = sender === undefined ? 'helo' : 'mailfrom'
  const domain = (sender ?? helo).split('@').at(-1)?.toLowerCase() ?? ''
  try {
    const { status } = await spf({
      ip: address,
      helo,
      mta,
      sender: sender ?? `postmaster@${helo}`,
      resolver: resolver as never,
    })
    const result = SPF_RESULTS.find((known) => known === status.result)
    return { result: result ?? 'permerror', identity, domain }
  } catch {
    // The library answers whatever it foresees; what it does not is no word for the sender.
    return { result: 'permerror', identity, domain }
  }
}

/** More domains of authors than any honest message names. */
const AUTHOR_DOMAINS_MAX = 5

/** The worst of all its authors' domains, so that no second one covers up for the first. */
async function dmarcOf(
  from: readonly string[],
  spf: SpfResult,
  dkim: readonly DkimResult[],
  resolver: Resolver,
): Promise<DmarcResult> {
  const domains = [...new Set(from.map(domainOf))]
  if (domains.length === 0 || domains.includes('')) {
    return { result: 'permerror', reason: 'no author' }
  }
  if (domains.length > AUTHOR_DOMAINS_MAX) return { result: 'permerror', reason: 'many authors' }
  const results: DmarcResult[] = []
  for (const domain of domains) results.push(await dmarcOfDomain(domain, spf, dkim, resolver))
  return results.reduce((worst, one) => (badness(one) > badness(worst) ? one : worst))
}

function badness({ result, policy }: DmarcResult): number {
  if (result === 'fail') return 3 + ['none', 'quarantine', 'reject'].indexOf(policy ?? 'none')
  return ['pass', 'none', 'temperror'].indexOf(result)
}

async function dmarcOfDomain(
  domain: string,
  spf: SpfResult,
  dkim: readonly DkimResult[],
  resolver: Resolver,
): Promise<DmarcResult> {
  const spfDomains = spf.result === 'pass' ? [spf.domain] : []
  const dkimDomains = dkim.flatMap(({ result, domain: signer }) =>
    result === 'pass' && signer !== undefined ? [signer] : [],
  )
  try {
    const said = await dmarc({
      headerFrom: domain,
      spfDomains,
      dkimDomains: dkimDomains.map((signer) => ({ domain: signer })),
      resolver: resolver as never,
    })
    if (said === false) return { result: 'permerror', domain }
    const { status, alignment, policy, pct } = said as DmarcSaid
    switch (status.result) {
      case 'none':
      case 'temperror':
        return { result: status.result, domain }
      case 'pass':
      case 'fail': {
        // The library takes strict alignment for relaxed.
        const isAligned =
          isAlignedBy(alignment?.dkim, dkimDomains, domain) ||
          isAlignedBy(alignment?.spf, spfDomains, domain)
        if (status.result === 'pass' && isAligned) return { result: 'pass', domain }
        return { result: 'fail', domain, policy: asked(policy, pct) }
      }
      default:
        return { result: 'permerror', domain }
    }
  } catch {
    return { result: 'permerror', domain }
  }
}

interface DmarcSaid {
  readonly status: { readonly result: string }
  readonly alignment?: { readonly spf: Alignment; readonly dkim: Alignment }
  readonly policy?: unknown
  readonly pct?: unknown
}

interface Alignment {
  readonly result?: unknown
  readonly strict: boolean
}

function isAlignedBy(
  alignment: Alignment | undefined,
  passed: readonly string[],
  domain: string,
): boolean {
  if (alignment === undefined) return false
  return alignment.strict
    ? passed.some((one) => one.toLowerCase() === domain)
    : alignment.result !== undefined
}

/** A domain that tries it out on none of its mail (`pct=0`) asks for one step less. */
function asked(policy: unknown, pct: unknown): DmarcPolicy {
  const word = typeof policy === 'string' ? policy.trim().toLowerCase() : ''
  if (word === 'reject') return pct === 0 ? 'quarantine' : 'reject'
  return word === 'quarantine' && pct !== 0 ? 'quarantine' : 'none'
}

function domainOf(address: string): string {
  return address.split('@').at(-1)?.trim().toLowerCase() ?? ''
}
