/** What one host is told: its names, its users, its node and how it reaches the others. */

import { assert } from '../base/assert.ts'
import type { CertificateNames } from '../base/tls.ts'
import type { Protocol } from '../dtn/bundle-host.ts'
import type { ContactPlan } from '../dtn/contact-plan.ts'
import type { ServiceProfile } from '../dtn/dtpc/service.ts'
import type { PayloadCrc } from '../dtn/own-bundle.ts'
import type { StaticPlan } from '../dtn/static-plan.ts'
import type { StatusReportOptions } from '../dtn/status-reporter.ts'
import type { TcpclConvergenceLayerOptions, TcpclTlsOptions } from '../dtn/tcpcl.ts'
import type { Alias } from '../mail/aliases.ts'
import type { AuthenticationOptions } from '../mail/authentication/authentication-policy.ts'
import { parseNextHop } from '../mail/next-hop.ts'
import type { PickupOptions } from '../mail/pickup-access.ts'
import type { InjectedFault } from '../mail/policy/injected-faults.ts'
import type { LimitsOptions } from '../mail/policy/limits-policy.ts'
import type { QuotaOptions } from '../mail/quotas.ts'
import type { RelayRules, Rule } from '../mail/route.ts'
import type { SessionPortOptions } from '../mail/session-port.ts'
import type { SmtpPortOptions } from '../mail/smtp-service.ts'
import type { OutgoingOptions } from '../mail/transport/outgoing-options.ts'
import type { PipeOptions } from '../mail/transport/pipe-transport.ts'
import type { SocketAddress } from '../ports/network.ts'
import { formatEndpointId, ipnEndpoint } from '../proto/bpv7/endpoint-id.ts'
import type { BpmailPeer } from './bpmail-format.ts'
import type { GatewayRule, InjectionOptions } from './injection-policy.ts'
import type { HeldBackOptions, LinkOptions } from './link-options.ts'
import type { BatchOptions } from './object-transport.ts'
import type { Peer } from './parcel-carrier.ts'

export interface MailHostOptions {
  /** Its fully qualified name, as in its greeting: `mail-1.a.com`. */
  readonly host: string
  /** Node number of `ipn:2`. */
  readonly node: bigint
  /** Service number on which mail in bundles is taken: 2525 in `ipn:3.2525`. */
  readonly mailService: bigint
  readonly domains: readonly string[]
  /** With plain passwords, as a scenario has them. Default: those of `MailHost.setAccounts`. */
  readonly users?: readonly { readonly name: string; readonly password: string }[]
  readonly smtp?: SmtpPortOptions
  readonly submission?: MailServiceOptions & SmtpPortOptions
  /** Submission under TLS from the first octet. */
  readonly submissions?: SmtpPortOptions
  readonly lmtp?: SmtpPortOptions
  /** Mail of programs of this machine. Default: every user's. */
  readonly sendmail?: PickupOptions & {
    /** What they may send as: whatever they like, or what is theirs. Default: anything. */
    readonly senders?: 'anything' | 'own'
    /** Who may ask what waits in the queue. Default: everyone. */
    readonly mailq?: 'everyone' | 'owner'
  }
  readonly imap?: MailServiceOptions & AccessPortOptions
  /** IMAP under TLS from the first octet. */
  readonly imaps?: AccessPortOptions
  readonly pop3?: MailServiceOptions & Pop3PortOptions
  /** POP3 under TLS from the first octet. */
  readonly pop3s?: Pop3PortOptions
  /** `moon` of `dtn://moon/`, where the node has a name of that scheme as well. */
  readonly dtnName?: string
  readonly udp?: { readonly listen: SocketAddress; readonly rateBytesPerSec?: number }
  readonly tcp?: Pick<
    TcpclConvergenceLayerOptions,
    'listen' | 'versions' | 'keepaliveSec' | 'idleMs'
  > & {
    /** Default: never. */
    readonly tls?: Pick<TcpclTlsOptions, 'policy' | 'authentication'>
  }
  readonly stcp?: StreamOptions
  readonly mtcp?: StreamOptions
  /** Default: none are sent. */
  readonly statusReports?: StatusReportOptions
  /** Of the bundles made here. Default: `crc-32c`. */
  readonly payloadCrc?: PayloadCrc
  /** The profiles of DTPC. Default: it is not spoken. */
  readonly dtpc?: readonly ServiceProfile[]
  /** A socket for programs of any user that may enter its directory: items of DTPC and nothing else. Default: none. */
  readonly dtpcSocket?: string
  /** The next hops that speak bpmail, over DTPC. Default: none. */
  readonly bpmail?: readonly BpmailPeer[]
  /** The far gateways that may send mail here. Default: all that can be answered, as anybody. */
  readonly gateways?: readonly GatewayRule[]
  /** The far gateways that are reached without bundles. Default: none. */
  readonly peers?: readonly Peer[]
  /** Where peers post their objects to, under TLS. Default: nowhere. */
  readonly https?: SessionPortOptions & { readonly oneWayDelayMs: number }
  /** What becomes of mail in bundles whose domains' IPN records do not name its node. Default: `none`. */
  readonly ipn?: InjectionOptions['ipn']
  /** Whether `ipn:<node>.7` sends back what comes. */
  readonly echo: boolean
  readonly plans: readonly PlanOptions[]
  /** Default: nothing holds bundles back. */
  readonly contactPlan?: ContactPlanOptions
  readonly transport: readonly TransportRule[]
  /** Which mails for one next hop travel together. Default: those that wait at the same time. */
  readonly batch?: BatchOptions
  /** Bounds, budgets and prices of next hops. Default: none have any. */
  readonly links?: readonly LinkOptions[]
  /** Of attachments that links hold back. Default: thirty days, in a share of the store. */
  readonly heldBack?: Partial<HeldBackOptions>
  /** Default: only users who have logged in send to others. */
  readonly relay?: RelayRules
  readonly aliases: readonly Alias[]
  /** Whether mail for `user+Lists` goes into the user's mailbox `Lists`, where there is one. */
  readonly subaddress: 'inbox' | 'folder'
  /** Mail to other servers, by SMTP and LMTP. Default: TLS where it is offered, and no delay. */
  readonly outgoing?: OutgoingOptions
  /** Mail to programs. */
  readonly pipe?: Partial<PipeOptions>
  readonly limits: { readonly messageBytesMax: number; readonly storeBytesMax: number }
  /** How much users may keep. Default: as much as they like. */
  readonly quotas?: QuotaOptions
  /** As whom users may send. Default: as themselves and by the aliases that lead to them. */
  readonly senders?: {
    readonly check?: boolean
    readonly allowed?: readonly (readonly [user: string, addresses: readonly string[]])[]
  }
  /** How much one user or peer may send. Default: as much as they like. */
  readonly senderLimits?: LimitsOptions
  /** What is done about mail from outside that is not from whom it says. Default: it is not looked at. */
  readonly authentication?: Omit<AuthenticationOptions, 'authority'>
  /** Faults on purpose. Default: none. */
  readonly faults?: readonly InjectedFault[]
  readonly retry: {
    readonly giveUpAfterMs: number
    /** When the sender of a mail that still waits is told so; default: never. */
    readonly warnAfterMs?: number
    /** In place of `giveUpAfterMs`, by next hop: `bp:ipn:3.2525`. */
    readonly routes: readonly { readonly route: string; readonly giveUpAfterMs: number }[]
  }
}

export interface MailServiceOptions {
  readonly listen: SocketAddress
  /** Whether a password may cross the network unencrypted. */
  readonly plaintextAuth: 'allow' | 'refuse'
}

export interface AccessPortOptions extends SessionPortOptions {
  /** To the clients. */
  readonly oneWayDelayMs: number
}

export interface Pop3PortOptions extends AccessPortOptions {
  /** Between two logins of a user. Default: 0. */
  readonly loginDelayMs?: number
}

export interface StreamOptions {
  /** Default: it does not listen. */
  readonly listen?: SocketAddress
}

/** How a neighbour is reached, as ION's `a plan 3 udp/172.22.0.3:3113` says. */
export interface PlanOptions extends StaticPlan {
  readonly protocol: Protocol
  readonly oneWayDelayMs: number
}

export interface ContactPlanOptions extends ContactPlan {
  /** Its times are milliseconds after the start of the host, rather than dates. */
  readonly isFromStart: boolean
}

/** One line of Postfix's transport map. */
export interface TransportRule {
  /** `user@a.com`, `a.com`, `.a.com` for every name below it, or `*` for all others. */
  readonly domain: string
  /** `bp:ipn:3.2525`, `smtp:[host]:port` and so on, or `local`. */
  readonly route: string
}

/** What a certificate of this host should bear. */
export function certificateNamesOf(options: MailHostOptions): CertificateNames {
  const { host, domains, node, dtnName, tcp } = options
  const address = tcp?.listen?.host
  const isOne = address !== undefined && address !== '0.0.0.0' && address !== '::'
  return {
    dns: [...new Set([host, ...domains])],
    ip: isOne ? [address] : [],
    nodeIds: [
      formatEndpointId(ipnEndpoint(node, 0n)),
      ...(dtnName === undefined ? [] : [`dtn://${dtnName}/`]),
    ],
  }
}

/** Of a route that was checked. */
export function ruleOf({ domain, route }: TransportRule): Rule {
  const nextHop = parseNextHop(route)
  assert(nextHop !== undefined, `route ${route} was checked`)
  return { domain, nextHop }
}
