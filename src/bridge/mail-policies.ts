/** The policies of one host, in the order in which they are asked. */

import {
  type AuthenticationOptions,
  AuthenticationPolicy,
} from '../mail/authentication/authentication-policy.ts'
import type { SigningKeys } from '../mail/authentication/signing-keys.ts'
import { SigningPolicy } from '../mail/authentication/signing-policy.ts'
import { LimitsPolicy } from '../mail/policy/limits-policy.ts'
import type { Policy } from '../mail/policy/policy.ts'
import {
  type SenderOptions,
  SenderOwners,
  type SenderOwnersPorts,
  SenderPolicy,
} from '../mail/policy/sender-policy.ts'
import type { Clock } from '../ports/clock.ts'
import type { Dns } from '../ports/dns.ts'
import type { EventSink } from '../ports/events.ts'
import type { MailAuthentication, SigningKey } from '../ports/mail-authentication.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import { InjectionPolicy } from './injection-policy.ts'
import type { MailHostOptions } from './mail-host-options.ts'

export interface MailPoliciesContext extends SenderOwnersPorts {
  readonly clock: Clock
  readonly authentication?: MailAuthentication
  readonly signingKeys: SigningKeys
  /** Which nodes belong to a domain. */
  readonly ipnNames: Pick<Dns, 'resolveIpn'>
  readonly events: EventSink
  /** Asked first: whoever tests with them wants them to hit. */
  readonly faults: Policy
  readonly heldRequests: Policy
  /** Whether mail for somebody here goes on elsewhere. */
  readonly isForwarded: (recipient: Mailbox) => boolean
}

export function mailPolicies(
  options: MailHostOptions,
  context: MailPoliciesContext,
): readonly Policy[] {
  const { clock, authentication, signingKeys, faults, heldRequests } = context
  const { ipnNames: names, events } = context
  const { gateways, peers = [], ipn = 'none' } = options
  const injection = new InjectionPolicy(
    { ipn, peers, ...(gateways && { gateways }) },
    { names, events },
  )
  const limits = new LimitsPolicy(options.senderLimits ?? {}, clock)
  const { allowed, ...checked } = sendersOf(options)
  const owners = new SenderOwners(allowed, context)
  const first = [faults, injection, limits, new SenderPolicy(checked, owners), heldRequests]
  if (authentication === undefined) return first
  const signing = new SigningPolicy(signingKeys, owners, { authentication, clock })
  if (options.authentication === undefined) return [...first, signing]
  const checks = checksOn(options, options.authentication, { ...context, authentication })
  return [...first, signing, checks]
}

function sendersOf({ senders = {}, sendmail = {} }: MailHostOptions): SenderOptions {
  return {
    check: senders.check ?? true,
    localCheck: sendmail.senders === 'own',
    allowed: new Map(senders.allowed),
  }
}

function checksOn(
  { host, domains }: MailHostOptions,
  options: Omit<AuthenticationOptions, 'authority'>,
  context: MailPoliciesContext & { readonly authentication: MailAuthentication },
): Policy {
  const { clock, signingKeys, authentication, isForwarded } = context
  // ARC knows no other algorithm.
  const sealingKey = (): SigningKey | undefined =>
    [host, ...domains]
      .flatMap((domain) => signingKeys.of(domain, clock.wall()))
      .find(({ algorithm }) => algorithm === 'rsa')
  const ports = { authentication, clock, sealingKey, isForwarded }
  return new AuthenticationPolicy({ authority: host, ...options }, ports)
}
