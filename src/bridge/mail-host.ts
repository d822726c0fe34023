/** One host of the system: its mail services, its bundle node, and the gateway between them. */

import { asFault } from '../base/fault.ts'
import { formatMetrics } from '../base/metrics.ts'
import { itemsOnly } from '../dtn/control/items-only.ts'
import { ControlService } from '../dtn/control/service.ts'
import { DtpcService, type DtpcServicePorts } from '../dtn/dtpc/service.ts'
import { registerEcho } from '../dtn/echo.ts'
import type { BundleNode } from '../dtn/node.ts'
import { NodeAccess } from '../dtn/node-access.ts'
import { formatPrometheus } from '../dtn/node-metrics.ts'
import type { Account } from '../mail/accounts.ts'
import type { Alias } from '../mail/aliases.ts'
import { SigningKeys } from '../mail/authentication/signing-keys.ts'
import type { DeliveryTarget } from '../mail/delivery.ts'
import { HELD_MESSAGES_BYTES_MAX } from '../mail/limits.ts'
import { LoginAttempts } from '../mail/login-attempts.ts'
import { MailMetrics } from '../mail/mail-metrics.ts'
import type { RemoteHop } from '../mail/next-hop.ts'
import { type InjectedFault, InjectedFaults } from '../mail/policy/injected-faults.ts'
import { HoldBudget } from '../mail/policy/message-hold.ts'
import { PolicyChain } from '../mail/policy/policy-chain.ts'
import { MailQueue } from '../mail/queue.ts'
import { Routes, type Rule } from '../mail/route.ts'
import { SmtpService, type SmtpServiceContext } from '../mail/smtp-service.ts'
import { DISCARD, errorTarget } from '../mail/transport/fixed-targets.ts'
import { PROGRAM_TIME_LIMIT_MS } from '../mail/transport/limits.ts'
import { PipeTransport } from '../mail/transport/pipe-transport.ts'
import { SmtpTransport } from '../mail/transport/smtp-transport.ts'
import type { EventSink } from '../ports/events.ts'
import type { DatedSigningKey } from '../ports/mail-authentication.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import { admit } from './admission.ts'
import { BareObjects } from './bare-objects.ts'
import { BpmailGateway, type BpmailGatewayPorts } from './bpmail-gateway.ts'
import { FarGateways } from './far-gateways.ts'
import { Gateway } from './gateway.ts'
import { HeldAttachments } from './held-attachments.ts'
import { HELD_LOCAL_PART } from './held-notice.ts'
import { HeldRequests } from './held-requests.ts'
import { hostBounds } from './host-bounds.ts'
import { HttpsService, type HttpsServicePorts } from './https-service.ts'
import { type IpnRecord, IpnRecords } from './ipn-records.ts'
import { Journal } from './journal.ts'
import { RECIPIENTS_MAX } from './limits.ts'
import { LocalMail } from './local-mail.ts'
import { accessServices } from './mail-access.ts'
import { MailControl } from './mail-control.ts'
import { type MailHostOptions, ruleOf, type TransportRule } from './mail-host-options.ts'
import type { MailHostPorts } from './mail-host-ports.ts'
import { mailNode } from './mail-node.ts'
import { mailPolicies } from './mail-policies.ts'
import { MailTaking } from './mail-taking.ts'
import { pickupServices } from './pickup.ts'
import { QueueCost } from './queue-cost.ts'
import { queueOptions } from './queue-options.ts'
import { ReportPolicy } from './report-policy.ts'

interface Service {
  start(): Promise<unknown>
  stop(): Promise<void>
}

const NO_PROGRAMS = errorTarget('4.3.5', 'this host starts no programs for mail')

export class MailHost {
  readonly #options: MailHostOptions
  readonly #ports: MailHostPorts
  readonly #journal: Journal
  readonly #metrics = new MailMetrics()
  readonly #routes: Routes
  readonly #users: LocalMail
  readonly #logins: LoginAttempts
  readonly #faults: InjectedFaults
  readonly #signingKeys = new SigningKeys()
  readonly #ipnRecords: IpnRecords
  readonly #node: BundleNode
  readonly #dtpc: DtpcService | undefined
  readonly #bpmail: BpmailGateway | undefined
  readonly #access: NodeAccess
  readonly #far: FarGateways
  readonly #servers: SmtpTransport
  readonly #programs: PipeTransport | undefined
  readonly #held: HeldAttachments
  readonly #heldRequests: HeldRequests
  readonly #queue: MailQueue
  /** In the order in which they start. */
  readonly #services: readonly Service[]
  #started: Promise<void> = Promise.resolve()
  #isStopping = false
  /** All of it is on the disk, and the store may be closed: nothing more is told. */
  #isStopped = false

  /** Throws a Fault where a plan or a route leads nowhere. */
  constructor(options: MailHostOptions, given: MailHostPorts) {
    const events: EventSink = (event) => {
      // Timers of mail that waits for an answer from afar may go on, and what they look into is closed.
      if (this.#isStopped) return
      this.#metrics.hear(event)
      this.#journal.hear(event)
      given.events(event)
    }
    const ports = { ...given, events }
    const { host, node, gateways = [] } = options
    const bounds = hostBounds(options)
    this.#options = options
    this.#ports = ports
    this.#journal = new Journal(bounds.storiesMax, given)
    const routes = new Routes(options.domains, this.#rules(options.transport), options.relay)
    this.#routes = routes
    this.#ipnRecords = new IpnRecords(ports.dns)
    this.#faults = new InjectedFaults(ports.clock, events)
    this.#logins = new LoginAttempts(ports.clock)
    const isAskedAt = (one: Mailbox): boolean => routes.of(one)?.transport === 'held'
    const users = new LocalMail(options, {
      ...{ ...ports, routes, isAskedAt },
      redirect: (...mail) => this.#queue.redirect(...mail),
    })
    this.#users = users
    const { accounts, aliases, target: local } = users
    const admits: Required<DtpcServicePorts>['admit'] = (source, provenance) =>
      admit(gateways, source, provenance)
    this.#node = mailNode(options, bounds, ports)
    this.#dtpc = this.#newDtpc(admits)
    this.#held = new HeldAttachments(ports, bounds.heldBytesMax)
    const far = new FarGateways(options, bounds, {
      ...{ ...ports, accounts, aliases, node: this.#node, dtpc: this.#dtpc, held: this.#held },
      admit: admits,
      onLate: (queueId) => this.#queue.overdue(queueId),
    })
    this.#far = far
    this.#servers = new SmtpTransport(
      { hostname: host, tls: 'offered', oneWayDelayMs: 0, ...options.outgoing },
      { ...ports, tls: { trust: ports.tls.mailTrust ?? ports.tls.trust } },
    )
    this.#programs = this.#newPrograms()
    this.#heldRequests = new HeldRequests(host, {
      ...{ ...ports, held: this.#held, isAskedAt },
      queue: () => this.#queue,
    })
    const queue = new MailQueue(queueOptions(options, bounds), ports, {
      ...{ routes, aliases, local },
      remote: (hop) => this.#targetOf(hop),
      withdraw: (queueId) => far.withdraw(queueId),
      forget: (queueId) => far.removal(queueId),
    })
    this.#queue = queue
    const policies = this.#policies()
    const taking = new MailTaking(host, {
      ...{ ...ports, queue, accounts, local, policies },
      relays: (recipient) => this.#relays(recipient),
    })
    const reporting = { taking, queue, reports: new ReportPolicy(options, routes) }
    this.#bpmail = this.#newBpmail(reporting)
    const { messageBytesMax } = options.limits
    const { objectBytesMax } = bounds
    const { transport, forecast, holdingBack, budgets, desk } = far
    const bare = new BareObjects({ host, messageBytesMax }, { ...ports, ...reporting })
    const gateway = new Gateway(
      { host, messageBytesMax, objectBytesMax },
      { ...ports, transport, taking, bare },
    )
    far.register(gateway)
    if (options.echo) registerEcho(this.#node, ports.clock)
    const cost = new QueueCost(
      { host, links: options.links ?? [], batch: bounds.batch },
      { ...ports, queue, transport, forecast, holdingBack, budgets },
    )
    const control = new MailControl(options, {
      ...{ ...ports, queue, journal: this.#journal, transport, cost, accounts },
      ...(options.peers && { carrying: { desk, gateway, transport } }),
      faults: this.#faults,
    })
    this.#access = new NodeAccess(
      { node, endpoints: [], onlyDeclared: false },
      {
        ...{ ...ports, node: this.#node },
        dtpc: () => this.#dtpc,
        call: (name, body) => control.call(name, body),
      },
    )
    const context = {
      ...{ ...ports, hostname: host, accounts, logins: this.#logins, routes, local, queue },
      policies,
      holdBudget: new HoldBudget(HELD_MESSAGES_BYTES_MAX),
    }
    const { logins } = context
    this.#services = [
      ...this.#smtpServices(context),
      ...this.#httpsServices(objectBytesMax, { gateway, reads: far.reads }),
      ...pickupServices(options, ports.localPrograms, context),
      ...accessServices(options, ports, { accounts, logins, mailboxes: users.mailboxes }),
      ...(ports.control === undefined
        ? []
        : [new ControlService(ports.control, { ...ports, node: this.#access })]),
      ...this.#itemServices(),
    ]
  }

  /**
   * Takes up what an earlier run left, then opens its ports. Rejects with a Fault; `stop` clears up
   * what had been started.
   */
  start(): Promise<void> {
    this.#started = this.#start()
    return this.#started
  }

  /** For tests of mail programs: from now on these instead of those of the options. */
  injectFaults(faults: readonly InjectedFault[]): void {
    this.#faults.replace(faults)
  }

  /** Those of whom the options say nothing, such as a file's; at any time. */
  setAccounts(accounts: readonly Account[]): void {
    this.#users.accounts.replace(accounts)
  }

  /** A transport map in place of the one before, at any time: mail that waits goes by it too. */
  setTransport(rules: readonly TransportRule[]): void {
    this.#routes.replace(this.#rules(rules))
  }

  /** What there is in the domains that mail is relayed to, in place of what was before; at any time. */
  setRelayRecipients(recipients: readonly string[]): void {
    this.#routes.replaceRecipients(recipients)
  }

  /** Aliases in place of those before, at any time; what was accepted stays as it is. */
  setAliases(aliases: readonly Alias[]): void {
    this.#users.aliases.replace(aliases)
  }

  /** IPN records that hold in place of those of name servers; at any time. */
  setIpnRecords(records: readonly IpnRecord[]): void {
    this.#ipnRecords.replace(records)
  }

  /** What mail from here is signed with, and what is sealed; at any time. */
  setSigningKeys(keys: readonly DatedSigningKey[]): void {
    this.#signingKeys.replace(keys)
  }

  /** What has not yet gone on from here. */
  get waiting(): { readonly mails: number; readonly bundles: number } {
    return { mails: this.#queue.mailCount, bundles: this.#access.status().store.bundles }
  }

  /** What it has counted, in the text format of Prometheus. */
  metrics(): string {
    const mail = this.#metrics.metrics(this.#queue.depth())
    return formatMetrics(mail) + formatPrometheus(this.#access.status())
  }

  /** Ends what is being answered, begins nothing more. What waits goes on at the next start. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#started.catch(asFault)
    // First, lest a program that is cut off seem to have left what it was given.
    this.#access.stop()
    this.#logins.stop()
    this.#faults.stop()
    for (const service of this.#services) await service.stop()
    // What they cut off is tried again at the next start.
    await Promise.all([this.#queue.stop(), this.#servers.stop(), this.#programs?.stop()])
    await this.#users.mailboxes.close()
    this.#far.stop()
    await this.#bpmail?.stop()
    await this.#dtpc?.stop()
    await this.#node.stop()
    await this.#journal.stop()
    this.#ports.events({ type: 'stopped' })
    this.#isStopped = true
  }

  /** What is stopped meanwhile goes no further: nothing may be opened behind the stop. */
  async #start(): Promise<void> {
    const steps = [
      async () => this.#faults.replace(this.#options.faults ?? []),
      () => this.#users.takeUsers(),
      () => this.#held.open(),
      () => this.#queue.open(),
      () => this.#node.start(),
      async () => this.#dtpc?.start(),
      async () => this.#bpmail?.start(),
      async () => this.#queue.resume(),
      ...this.#services.map((service) => () => service.start()),
    ]
    for (const step of steps) {
      if (this.#isStopping) return
      await step()
    }
    this.#ports.events({ type: 'started' })
  }

  /** Those of the operator, and the address in each domain at which attachments are asked for. */
  #rules(rules: readonly TransportRule[]): readonly Rule[] {
    const held = this.#options.domains.map((domain) => ({
      domain: `${HELD_LOCAL_PART}@${domain}`,
      nextHop: { transport: 'held' } as const,
    }))
    return [...rules.map(ruleOf), ...held]
  }

  #newDtpc(admits: Required<DtpcServicePorts>['admit']): DtpcService | undefined {
    const { dtpc: profiles } = this.#options
    if (profiles === undefined) return undefined
    const { store, clock, events } = this.#ports
    const ports = { store, clock, events, node: this.#node, admit: admits }
    const dtpc = new DtpcService(profiles, ports)
    dtpc.register()
    return dtpc
  }

  #newPrograms(): PipeTransport | undefined {
    const { clock, processes } = this.#ports
    const pipe = { timeLimitMs: PROGRAM_TIME_LIMIT_MS, ...this.#options.pipe }
    return processes && new PipeTransport(pipe, { clock, processes })
  }

  #newBpmail(
    reporting: Pick<BpmailGatewayPorts, 'taking' | 'queue' | 'reports'>,
  ): BpmailGateway | undefined {
    const { host, bpmail: peers = [], limits, retry } = this.#options
    if (this.#dtpc === undefined) return undefined
    const { messageBytesMax } = limits
    const { giveUpAfterMs } = retry
    const isOurs = (one: Mailbox): boolean => this.#routes.isOpenTo(one)
    return new BpmailGateway(
      { host, peers, isOurs, messageBytesMax, giveUpAfterMs },
      { ...this.#ports, ...reporting, dtpc: this.#dtpc },
    )
  }

  #policies(): PolicyChain {
    const routes = this.#routes
    const { accounts, aliases } = this.#users
    const { localPrograms, events } = this.#ports
    const policies = mailPolicies(this.#options, {
      ...{ ...this.#ports, accounts, aliases, localDomains: routes.localDomains },
      signingKeys: this.#signingKeys,
      ipnNames: this.#ipnRecords,
      faults: this.#faults,
      heldRequests: this.#heldRequests,
      superusers: localPrograms?.users.superusers ?? [],
      isForwarded: (recipient) =>
        aliases.expand(recipient).some((one) => routes.of(one)?.transport !== 'local'),
    })
    return new PolicyChain(policies, events)
  }

  /** As in a session of somebody who has not logged in: `relay.domains` says for whom. */
  #relays(recipient: Mailbox): boolean {
    const hop = this.#routes.of(recipient)
    return hop !== undefined && hop.transport !== 'local' && this.#routes.isOpenTo(recipient)
  }

  #targetOf(hop: RemoteHop): DeliveryTarget {
    switch (hop.transport) {
      case 'bp':
      case 'carry':
      case 'https':
        return this.#far.target(hop)
      case 'smtp':
      case 'lmtp':
        return this.#servers.target(hop)
      case 'discard':
        return DISCARD
      case 'held':
        return this.#heldRequests
      case 'error':
        return errorTarget(hop.code, hop.text)
      case 'pipe':
        return this.#programs?.target(hop.argv) ?? NO_PROGRAMS
    }
  }

  #itemServices(): Service[] {
    const { dtpcSocket } = this.#options
    if (dtpcSocket === undefined) return []
    const listen = { host: dtpcSocket, port: 0, access: 'everyone' as const }
    return [new ControlService(listen, { ...this.#ports, node: itemsOnly(this.#access) })]
  }

  #httpsServices(
    bodyBytesMax: number,
    posts: Pick<HttpsServicePorts, 'gateway' | 'reads'>,
  ): Service[] {
    const { https, peers = [] } = this.#options
    if (https === undefined) return []
    return [new HttpsService({ ...https, peers, bodyBytesMax }, { ...this.#ports, ...posts })]
  }

  #smtpServices(context: Omit<SmtpServiceContext, 'service'>): Service[] {
    const { limits } = this.#options
    const common = { sizeBytesMax: limits.messageBytesMax, recipientsMax: RECIPIENTS_MAX }
    const tls = { identity: this.#ports.tls.identity }
    return (['smtp', 'submission', 'submissions', 'lmtp'] as const).flatMap((service) => {
      const options = this.#options[service]
      if (options === undefined) return []
      const whole = { ...common, plaintextAuth: 'refuse' as const, ...options }
      return [new SmtpService(whole, { ...context, tls, service })]
    })
  }
}
