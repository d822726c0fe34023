/** Looks at where mail from outside comes from, says so in its header, and acts on it as it is told. */

import { type IpPrefix, isInPrefix, parseIpAddress } from '../../base/ip-address.ts'
import type { Clock } from '../../ports/clock.ts'
import type {
  Authentication,
  DmarcResult,
  MailAuthentication,
  MailClient,
  MessageVerifier,
  SigningKey,
} from '../../ports/mail-authentication.ts'
import type { Mailbox } from '../../proto/smtp/envelope.ts'
import { formatMailbox } from '../../proto/smtp/path.ts'
import type { Reply } from '../../proto/smtp/reply.ts'
import {
  ACCEPT,
  type Asked,
  type MessageFilter,
  type MessageReader,
  type Policy,
  type PolicyAnswer,
  type PolicyMail,
  type PolicySession,
} from '../policy/policy.ts'
import { forgedResultsFilter, formatResults, resultsText } from './results-field.ts'

export interface AuthenticationOptions {
  /** Our name in `Authentication-Results`. */
  readonly authority: string
  /**
   * What becomes of mail that fails what its author's domain asks of it: `none` says so in the
   * header only, `quarantine` marks it for the mailbox's filters, `reject` refuses where that is asked
   * for, and marks the others.
   */
  readonly dmarc: 'none' | 'quarantine' | 'reject'
  /** Whether mail from where its sender's domain says that none comes from is refused at once. */
  readonly spf: 'none' | 'reject'
  /** Servers of our own, whose mail was looked at when it came to them. */
  readonly trusted: readonly IpPrefix[]
}

export interface AuthenticationPorts {
  readonly authentication: MailAuthentication
  readonly clock: Clock
  /** What to seal a mail with that goes on to others; undefined for nothing. */
  readonly sealingKey: () => SigningKey | undefined
  /** Whether mail for somebody here goes on elsewhere. */
  readonly isForwarded: (recipient: Mailbox) => boolean
}

/** What SpamAssassin writes, and what filters of mailboxes look for. */
const MARK = 'X-Spam-Flag: YES'

export class AuthenticationPolicy implements Policy {
  readonly name: string = 'authentication'
  readonly #options: AuthenticationOptions
  readonly #ports: AuthenticationPorts

  constructor(options: AuthenticationOptions, ports: AuthenticationPorts) {
    this.#options = options
    this.#ports = ports
  }

  mail(session: PolicySession, mail: PolicyMail): Asked {
    if (this.#options.spf === 'none' || !this.#isFromOutside(session)) return undefined
    return this.#sender(clientOf(session, mail))
  }

  async #sender(client: MailClient): Promise<PolicyAnswer> {
    const { result, domain } = await this.#ports.authentication.spf(client)
    return result === 'fail' ? spfFailed(domain, client.address) : ACCEPT
  }

  filter(session: PolicySession): MessageFilter | undefined {
    // What users write is not found out by anybody either, nor is what comes from far gateways.
    const isClaim = session.user !== undefined || /^(?:pickup|bundle)$/.test(session.service)
    if (!isClaim && !this.#isFromOutside(session)) return undefined
    const own = this.#options.authority.toLowerCase()
    return forgedResultsFilter((authority) => authority === own)
  }

  reader(session: PolicySession, mail: PolicyMail): MessageReader | undefined {
    if (!this.#isFromOutside(session)) return undefined
    const verifier = this.#ports.authentication.verifier(clientOf(session, mail))
    const isForwarded = mail.recipients.some((recipient) => this.#ports.isForwarded(recipient))
    return {
      push: (bytes) => verifier.push(bytes),
      end: async () => this.#judge(await verifier.end(), isForwarded ? verifier : undefined),
    }
  }

  #isFromOutside({ service, user, peer }: PolicySession): boolean {
    if (service !== 'smtp' || user !== undefined) return false
    const address = parseIpAddress(peer)
    return address === undefined || !this.#options.trusted.some((net) => isInPrefix(address, net))
  }

  async #judge(
    results: Authentication,
    forwarded: MessageVerifier | undefined,
  ): Promise<PolicyAnswer> {
    const { authority } = this.#options
    const verdict = this.#verdictOn(results.dmarc)
    if (verdict === 'reject') return dmarcFailed(results.dmarc)
    const key = forwarded === undefined ? undefined : this.#ports.sealingKey()
    const seal =
      key === undefined || forwarded === undefined
        ? []
        : await forwarded.seal(key, resultsText(authority, results), this.#ports.clock.wall())
    const mark = verdict === 'quarantine' ? [MARK] : []
    return { type: 'accept', headers: [...seal, ...mark, formatResults(authority, results)] }
  }

  #verdictOn({ result, policy = 'none', reason }: DmarcResult): 'accept' | 'quarantine' | 'reject' {
    const { dmarc } = this.#options
    if (dmarc === 'none') return 'accept'
    // One who hides who the author is would get round everything that the author asks for.
    const isHidden = result === 'permerror' && reason !== undefined
    const asked = isHidden ? 'reject' : result === 'fail' ? policy : 'none'
    if (asked === 'none') return 'accept'
    return asked === 'reject' && dmarc === 'reject' ? 'reject' : 'quarantine'
  }
}

function clientOf({ peer, helo }: PolicySession, { from }: PolicyMail): MailClient {
  const { reversePath } = from
  return {
    address: peer,
    helo,
    sender: reversePath === undefined ? undefined : formatMailbox(reversePath),
  }
}

/** RFC 7372. */
function spfFailed(domain: string, address: string): PolicyAnswer {
  const text = `${domain} does not let ${address} send its mail (SPF)`
  const reply: Reply = { code: 550, enhanced: '5.7.23', lines: [text] }
  return { type: 'reject', reply }
}

function dmarcFailed({ domain, reason }: DmarcResult): PolicyAnswer {
  const text =
    domain === undefined
      ? `the author of this message cannot be told: ${reason ?? 'no author'}`
      : `${domain} asks for this message to be refused (DMARC)`
  const reply: Reply = { code: 550, enhanced: '5.7.1', lines: [text] }
  return { type: 'reject', reply }
}
