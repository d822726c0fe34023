/** One host of the system: its mail services, its bundle node, and the gateway between them. */

import { assert } from '../base/assert.ts'
import { asFault } from '../base/fault.ts'
import type { Interval } from '../base/interval.ts'
import { formatMetrics } from '../base/metrics.ts'
import { addMs, type WallMs } from '../base/time.ts'
import type { ContactPlan } from '../dtn/contact-plan.ts'
import { ControlService } from '../dtn/control/service.ts'
import type { ConvergenceLayer } from '../dtn/convergence-layer.ts'
import { DtpcService, type DtpcServicePorts } from '../dtn/dtpc/service.ts'
import { registerEcho } from '../dtn/echo.ts'
import { BundleNode } from '../dtn/node.ts'
import { NodeAccess } from '../dtn/node-access.ts'
import { formatPrometheus } from '../dtn/node-status.ts'
import { isSamePlace, leadsTo } from '../dtn/static-plan.ts'
import { stcpConvergenceLayer } from '../dtn/stcp.ts'
import { type TcpclTlsOptions, tcpclConvergenceLayer } from '../dtn/tcpcl.ts'
import { udpConvergenceLayer } from '../dtn/udp.ts'
import { type Account, Accounts } from '../mail/accounts.ts'
import { type Alias, Aliases } from '../mail/aliases.ts'
import { SigningKeys } from '../mail/authentication/signing-keys.ts'
import type { DeliveryTarget } from '../mail/delivery.ts'
import type { DeliveryFilter } from '../mail/delivery-filter.ts'
import { HELD_MESSAGES_BYTES_MAX } from '../mail/limits.ts'
import { LocalTarget } from '../mail/local-target.ts'
import { LoginAttempts } from '../mail/login-attempts.ts'
import { MailMetrics } from '../mail/mail-metrics.ts'
import { Mailboxes } from '../mail/mailbox/mailboxes.ts'
import { Maildir } from '../mail/maildir.ts'
import { maildirUsage } from '../mail/maildir-usage.ts'
import { formatNextHop, isFarGateway, parseNextHop, type RemoteHop } from '../mail/next-hop.ts'
import { type InjectedFault, InjectedFaults } from '../mail/policy/injected-faults.ts'
import { HoldBudget } from '../mail/policy/message-hold.ts'
import { PolicyChain } from '../mail/policy/policy-chain.ts'
import { MailQueue, type QueueTargets } from '../mail/queue.ts'
import { NO_QUOTAS, Quotas, quotaOf } from '../mail/quotas.ts'
import { Routes, type Rule } from '../mail/route.ts'
import { SmtpService } from '../mail/smtp-service.ts'
import { DISCARD, errorTarget } from '../mail/transport/fixed-targets.ts'
import { PROGRAM_TIME_LIMIT_MS } from '../mail/transport/limits.ts'
import { PipeTransport } from '../mail/transport/pipe-transport.ts'
import { SmtpTransport } from '../mail/transport/smtp-transport.ts'
import type { Clock } from '../ports/clock.ts'
import type { Compression } from '../ports/compression.ts'
import type { Disk } from '../ports/disk.ts'
import type { Dns } from '../ports/dns.ts'
import type { Entropy } from '../ports/entropy.ts'
import type { EventSink } from '../ports/events.ts'
import type { Https } from '../ports/https.ts'
import type { DatedSigningKey, MailAuthentication } from '../ports/mail-authentication.ts'
import type { Network, SocketAddress } from '../ports/network.ts'
import type { Packing } from '../ports/packing.ts'
import type { Passwords } from '../ports/password.ts'
import type { Processes } from '../ports/process.ts'
import type { Store } from '../ports/store.ts'
import type { TlsTrust } from '../ports/tls.ts'
import type { Crc32c } from '../proto/bpv7/crc.ts'
import {
  type EndpointId,
  formatEndpointId,
  ipnEndpoint,
  parseEndpointId,
} from '../proto/bpv7/endpoint-id.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import { admit } from './admission.ts'
import { BareObjects } from './bare-objects.ts'
import { BpmailFormat } from './bpmail-format.ts'
import { BpmailGateway, type BpmailGatewayPorts } from './bpmail-gateway.ts'
import { Budgets } from './budgets.ts'
import { BundleCarriers } from './bundle-carrier.ts'
import type { Carriers } from './carrier.ts'
import { CarryDesk } from './carry-desk.ts'
import { CheapLinks } from './cheap-links.ts'
import { Gateway } from './gateway.ts'
import { HeldAttachments } from './held-attachments.ts'
import { HELD_LOCAL_PART } from './held-notice.ts'
import { HeldRequests } from './held-requests.ts'
import { HoldingBack } from './holding-back.ts'
import { HttpsCarriers } from './https-carrier.ts'
import { HttpsService } from './https-service.ts'
import { type IpnRecord, IpnRecords } from './ipn-records.ts'
import { Journal } from './journal.ts'
import {
  ATTEMPTS_PER_GATEWAY_MAX,
  CONNECTIONS_PER_DESTINATION_MAX,
  HELD_KEPT_MS,
  HELD_STORE_SHARE,
  JOURNAL_STORE_SHARE,
  JOURNAL_STORIES_MAX,
  JOURNAL_STORY_BYTES,
  LIFETIME_MAX_MS,
  LOCAL_ATTEMPTS_MAX,
  OBJECT_BYTES_MAX,
  PROCESSING_ALLOWANCE_MS,
  QUEUED_MESSAGES_MAX,
  RECIPIENTS_MAX,
} from './limits.ts'
import { accessServices } from './mail-access.ts'
import { MailControl } from './mail-control.ts'
import { type MailFormat, MailFormats } from './mail-format.ts'
import type { ContactPlanOptions, MailHostOptions, TransportRule } from './mail-host-options.ts'
import { mailPolicies } from './mail-policies.ts'
import { MailTaking } from './mail-taking.ts'
import { type BatchOptions, ObjectTransport } from './object-transport.ts'
import { Parcels } from './parcels.ts'
import { type PickupPorts, pickupServices } from './pickup.ts'
import { QueueCost } from './queue-cost.ts'
import { ReportPolicy } from './report-policy.ts'
import { RouteForecast } from './route-forecast.ts'

export interface MailHostPorts {
  /** The directory in which every user has one, with a `Maildir` in it. */
  readonly homes: string
  readonly clock: Clock
  readonly network: Network
  readonly disk: Disk
  readonly store: Store
  /** Of what is known of an account's mailboxes. */
  readonly openIndex: (account: string) => Promise<Store>
  readonly entropy: Entropy
  readonly events: EventSink
  readonly dns: Dns
  readonly https: Https
  /** For `pipe` routes. Default: none is ever started. */
  readonly processes?: Processes
  readonly passwords: Passwords
  /** Default: mail is neither looked at for where it is from, nor signed. */
  readonly authentication?: MailAuthentication
  /** Where mail for a user goes. Default: it is kept. */
  readonly filter?: DeliveryFilter
  /** Where the host has a faster one. */
  readonly crc32c?: Crc32c
  /** Of what goes in bundles. */
  readonly packing: Packing
  /** For mail programs. */
  readonly compression: Compression
  /** The host's certificate, and whose it believes. */
  readonly tls: Pick<TcpclTlsOptions, 'identity' | 'trust'> & {
    /** Of the servers that mail goes to; default: the same. */
    readonly mailTrust?: TlsTrust | undefined
  }
  /** Where programs on this machine may use its bundle node; default: nowhere. */
  readonly control?: SocketAddress
  /** Where those of any user may hand in mail and ask what waits; default: nowhere. */
  readonly localPrograms?: PickupPorts
}

type Tcp = Required<MailHostOptions>['tcp']

type PeerHop = Extract<RemoteHop, { readonly transport: 'carry' | 'https' }>

interface Service {
  start(): Promise<unknown>
  stop(): Promise<void>
}

/** To far gateways. */
interface Ways {
  readonly formats: MailFormat
  readonly carry: (hop: PeerHop) => DeliveryTarget
  readonly links: CheapLinks
}

/** Of the store's bytes. What is left is for the records of progress, which must never lack room. */
const SPOOL_SHARE = 0.4
const BUNDLES_SHARE = 0.4
/** Of the bundle store, that one object of several mails may take: below what is left to what is sent here. */
const OBJECT_SHARE = 0.5
/** Of that of the bundles, where there are peers. */
const PARCELS_SHARE = 0.1

/** What dots and the envelope may add to a message: the line `.` grows from three octets to four. */
const STUFFING_FACTOR = 4 / 3
const BATCH_HEAD_BYTES_MAX = 1_048_576

/** Attempts under way to one next hop. */
const ATTEMPTS_MAX = {
  local: LOCAL_ATTEMPTS_MAX,
  bp: ATTEMPTS_PER_GATEWAY_MAX,
  other: CONNECTIONS_PER_DESTINATION_MAX,
}

const NO_PROGRAMS = errorTarget('4.3.5', 'this host starts no programs for mail')

/** The waits between two attempts, from the first to the longest. RFC 5321 §4.5.4.1. */
const FIRST_RETRY_MS = 60_000
const RETRY_MAX_MS = 3_600_000

export class MailHost {
  readonly #options: MailHostOptions
  readonly #ports: MailHostPorts
  readonly #queue: MailQueue
  readonly #node: BundleNode
  readonly #servers: SmtpTransport
  readonly #programs: PipeTransport | undefined
  readonly #access: NodeAccess
  readonly #logins: LoginAttempts
  readonly #accounts: Accounts
  readonly #mailboxes: Mailboxes
  readonly #faults: InjectedFaults
  readonly #signingKeys = new SigningKeys()
  readonly #ipnRecords: IpnRecords
  readonly #metrics = new MailMetrics()
  readonly #journal: Journal
  readonly #routes: Routes
  readonly #held: HeldAttachments
  readonly #heldRequests: HeldRequests
  readonly #aliases: Aliases
  readonly #dtpc: DtpcService | undefined
  readonly #bpmail: BpmailGateway | undefined
  readonly #posts: HttpsCarriers
  readonly #admit: Required<DtpcServicePorts>['admit']
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
    this.#options = options
    this.#ports = ports
    const { storeBytesMax } = options.limits
    const stories = (storeBytesMax * JOURNAL_STORE_SHARE) / JOURNAL_STORY_BYTES
    this.#journal = new Journal(Math.min(JOURNAL_STORIES_MAX, Math.ceil(stories)), given)
    const routes = new Routes(options.domains, this.#rules(options.transport), options.relay)
    const accounts = new Accounts(routes.localDomains, ports.passwords)
    this.#accounts = accounts
    this.#routes = routes
    const { gateways = [] } = options
    this.#admit = (source, provenance) => admit(gateways, source, provenance)
    this.#ipnRecords = new IpnRecords(ports.dns)
    this.#faults = new InjectedFaults(ports.clock, ports.events)
    // One for each name that ever had an account, for deliveries to it may be under way.
    const maildirs = new Map<string, Maildir>()
    const maildirOf = ({ name }: { readonly name: string }): Maildir => {
      const known = maildirs.get(name)
      if (known !== undefined) return known
      const maildir = new Maildir(maildirPath(name), options.host, ports)
      maildirs.set(name, maildir)
      return maildir
    }
    const { quotas = NO_QUOTAS } = options
    const maildirPath = (name: string): string => `${ports.homes}/${name}/Maildir`
    this.#mailboxes = new Mailboxes(
      {
        hostname: options.host,
        maildirOf: maildirPath,
        quotaOf: (name) => quotaOf(quotas, name),
      },
      ports,
    )
    const isAskedAt = (one: Mailbox): boolean => routes.of(one)?.transport === 'held'
    const aliases = new Aliases(
      options.aliases,
      (one) => accounts.find(one) !== undefined || isAskedAt(one),
    )
    this.#aliases = aliases
    this.#held = new HeldAttachments(ports, heldBytesMax(options))
    const local = new LocalTarget(
      accounts,
      {
        disk: ports.disk,
        maildirOf,
        subaddress: options.subaddress,
        quotas: new Quotas(
          quotas,
          (name) => maildirUsage(ports.disk, maildirPath(name)),
          ports.clock,
        ),
        told: ({ name }) => this.#told(name),
        redirect: (...mail) => this.#queue.redirect(...mail),
        ...(ports.filter && { filter: ports.filter }),
      },
      aliases,
    )
    const objectBytesMax =
      Math.max(options.limits.messageBytesMax, OBJECT_BYTES_MAX) * STUFFING_FACTOR +
      BATCH_HEAD_BYTES_MAX
    const parcelsShare = options.peers === undefined ? 0 : PARCELS_SHARE
    this.#node = new BundleNode(
      {
        node: options.node,
        ...(options.dtnName !== undefined && { dtnName: options.dtnName }),
        plans: options.plans,
        ...(options.contactPlan && {
          contactPlan: datedPlan(options.contactPlan, ports.clock.wall()),
        }),
        ...(options.statusReports !== undefined && { statusReports: options.statusReports }),
        ...(options.payloadCrc !== undefined && { payloadCrc: options.payloadCrc }),
        limits: {
          storeBytesMax: options.limits.storeBytesMax * (BUNDLES_SHARE - parcelsShare),
          lifetimeMsMax: LIFETIME_MAX_MS,
          aduBytesMax: objectBytesMax,
        },
      },
      { ...ports, layers: this.#layers() },
    )
    this.#servers = new SmtpTransport(
      { hostname: options.host, tls: 'offered', oneWayDelayMs: 0, ...options.outgoing },
      { ...ports, tls: { trust: ports.tls.mailTrust ?? ports.tls.trust } },
    )
    const { clock, processes } = ports
    const pipe = { timeLimitMs: PROGRAM_TIME_LIMIT_MS, ...options.pipe }
    this.#programs = processes && new PipeTransport(pipe, { clock, processes })
    const forecast = this.#forecast()
    const bundles = this.#bundleCarriers(forecast)
    const parcels = new Parcels(ports.store, ports.clock, {
      bytesMax: options.limits.storeBytesMax * parcelsShare,
    })
    const desk = new CarryDesk(
      { host: options.host, peers: options.peers ?? [], payloadBytesMax: objectBytesMax },
      { ...ports, parcels },
    )
    const posts = new HttpsCarriers(
      { peers: options.peers ?? [], objectBytesMax },
      { ...ports, parcels },
    )
    this.#posts = posts
    const transport = this.#transport([bundles, desk, posts])
    posts.onAcknowledged((by, answers) => transport.acknowledged(by, answers))
    this.#dtpc = this.#newDtpc()
    const budgets = new Budgets(ports.store, ports.clock)
    const holdingBack = this.#holdingBack()
    const formats = new MailFormats(
      {
        target: (destination) => transport.target(bundles.to(destination)),
        withdraw: (queueId) => transport.withdraw(queueId),
        removal: (queueId) => transport.removal(queueId),
      },
      this.#bpmailFormats(),
    )
    const links = new CheapLinks(options.links ?? [], {
      ...{ budgets, held: this.#held, holdingBack, accounts, aliases },
    })
    this.#heldRequests = new HeldRequests(options.host, {
      ...ports,
      held: this.#held,
      queue: () => this.#queue,
      isAskedAt,
    })
    const carry = (hop: PeerHop): DeliveryTarget =>
      transport.target(hop.transport === 'carry' ? desk.to(hop.peer) : posts.to(hop.peer))
    this.#queue = this.#newQueue({ routes, aliases, local }, { formats, carry, links })
    const policies = new PolicyChain(
      mailPolicies(options, {
        ...ports,
        signingKeys: this.#signingKeys,
        ipnNames: this.#ipnRecords,
        faults: this.#faults,
        heldRequests: this.#heldRequests,
        accounts,
        aliases,
        localDomains: routes.localDomains,
        superusers: ports.localPrograms?.users.superusers ?? [],
        isForwarded: (recipient) =>
          aliases.expand(recipient).some((one) => routes.of(one)?.transport !== 'local'),
      }),
      ports.events,
    )
    // As in a session of somebody who has not logged in: `relay.domains` says for whom.
    const relays = (recipient: Mailbox): boolean => {
      const hop = routes.of(recipient)
      return hop !== undefined && hop.transport !== 'local' && routes.isOpenTo(recipient)
    }
    const taking = new MailTaking(options.host, {
      ...ports,
      queue: this.#queue,
      accounts,
      local,
      relays,
      policies,
    })
    const reporting = { taking, queue: this.#queue, reports: new ReportPolicy(options, routes) }
    this.#bpmail = this.#bpmailGateway(reporting, (one) => routes.isOpenTo(one))
    const { messageBytesMax } = options.limits
    const bare = new BareObjects(
      { host: options.host, messageBytesMax },
      { ...ports, ...reporting },
    )
    const gateway = new Gateway(
      {
        host: options.host,
        messageBytesMax,
        objectBytesMax,
      },
      { ...ports, transport, taking, bare },
    )
    bundles.register(gateway)
    if (options.echo) registerEcho(this.#node, ports.clock)
    const { node } = options
    const cost = new QueueCost(
      { host: options.host, links: options.links ?? [], batch: batchOf(options) },
      { ...ports, queue: this.#queue, transport, forecast, holdingBack, budgets },
    )
    const control = new MailControl(options, {
      ...ports,
      queue: this.#queue,
      journal: this.#journal,
      transport,
      ...(options.peers && { carrying: { desk, gateway, transport } }),
      cost,
      faults: this.#faults,
      accounts,
    })
    this.#access = new NodeAccess(
      { node, endpoints: [], onlyDeclared: false },
      {
        ...ports,
        node: this.#node,
        dtpc: () => this.#dtpc,
        call: (name, body) => control.call(name, body),
      },
    )
    this.#logins = new LoginAttempts(ports.clock)
    const context = {
      hostname: options.host,
      ...ports,
      accounts,
      logins: this.#logins,
      routes,
      local,
      queue: this.#queue,
      policies,
      holdBudget: new HoldBudget(HELD_MESSAGES_BYTES_MAX),
    }
    this.#services = [
      ...this.#smtpServices(context),
      ...this.#httpsServices(gateway, objectBytesMax),
      ...pickupServices(options, ports.localPrograms, context),
      ...accessServices(options, ports, {
        accounts,
        logins: this.#logins,
        mailboxes: this.#mailboxes,
      }),
      ...(ports.control === undefined
        ? []
        : [new ControlService(ports.control, { ...ports, node: this.#access })]),
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
    this.#accounts.replace(accounts)
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
    this.#aliases.replace(aliases)
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
    await this.#mailboxes.close()
    this.#posts.stop()
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
      () => this.#takeUsers(),
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

  async #takeUsers(): Promise<void> {
    const { users } = this.#options
    if (users === undefined) return
    const accounts: Account[] = []
    for (const { name, password } of users) {
      accounts.push({ name, ...(await this.#ports.passwords.hash(password)), appPasswords: [] })
    }
    this.#accounts.replace(accounts)
  }

  /** What was placed is told at once to those who have the mailbox open. */
  #told(account: string): void {
    // It is delivered, whatever becomes of this.
    this.#mailboxes.delivered(account).catch((error) => {
      const reason = asFault(error).message
      this.#ports.events({ type: 'trouble', where: `mailbox of ${account}`, reason })
    })
  }

  #layers(): readonly ConvergenceLayer[] {
    const { node, udp, tcp, stcp, mtcp } = this.#options
    const { network, clock } = this.#ports
    const nodeId = formatEndpointId(ipnEndpoint(node, 0n))
    return [
      ...(udp ? [udpConvergenceLayer(udp, network, clock)] : []),
      ...(tcp ? [this.#tcpcl({ nodeId, ...tcp })] : []),
      ...(stcp ? [stcpConvergenceLayer({ framing: 'stcp', ...stcp }, this.#ports)] : []),
      ...(mtcp ? [stcpConvergenceLayer({ framing: 'mtcp', ...mtcp }, this.#ports)] : []),
    ]
  }

  #tcpcl({ tls, ...options }: { readonly nodeId: string } & Tcp): ConvergenceLayer {
    const { identity, trust } = this.#ports.tls
    const secured = tls && { ...tls, identity, trust }
    return tcpclConvergenceLayer({ ...options, tls: secured }, this.#ports)
  }

  #forecast(): RouteForecast {
    const { node, plans } = this.#options
    return new RouteForecast({
      node,
      contactPlan: () => this.#node.contactPlan,
      planTo: (destination) => this.#node.planTo(destination),
      oneWayDelayMs: (plan) => plans.find((one) => isSamePlace(one, plan))?.oneWayDelayMs ?? 0,
      allowanceMs: PROCESSING_ALLOWANCE_MS,
    })
  }

  #bundleCarriers(forecast: RouteForecast): BundleCarriers {
    const { mailService, plans } = this.#options
    return new BundleCarriers(
      {
        mailService,
        reaches: (peer) => plans.some((plan) => leadsTo(plan, peer)),
        admit: this.#admit,
      },
      { ...this.#ports, node: this.#node, forecast },
    )
  }

  #transport(carriers: readonly Carriers[]): ObjectTransport {
    const { host } = this.#options
    const batch = batchOf(this.#options)
    const onLate = (queueId: string): void => this.#queue.overdue(queueId)
    return new ObjectTransport({ host, batch }, { ...this.#ports, carriers, onLate })
  }

  #newDtpc(): DtpcService | undefined {
    const { dtpc: profiles } = this.#options
    if (profiles === undefined) return undefined
    const { store, clock, events } = this.#ports
    const ports = { store, clock, events, node: this.#node, admit: this.#admit }
    const dtpc = new DtpcService(profiles, ports)
    dtpc.register()
    return dtpc
  }

  #bpmailFormats(): ReadonlyMap<string, MailFormat> {
    const { bpmail = [] } = this.#options
    if (this.#dtpc === undefined) return new Map()
    const { packing, clock } = this.#ports
    const format = new BpmailFormat(bpmail, { packing, clock, dtpc: this.#dtpc })
    return new Map(bpmail.map(({ destination }) => [formatEndpointId(destination), format]))
  }

  #bpmailGateway(
    reporting: Pick<BpmailGatewayPorts, 'taking' | 'queue' | 'reports'>,
    isOurs: (recipient: Mailbox) => boolean,
  ): BpmailGateway | undefined {
    const { host, bpmail: peers = [], limits, retry } = this.#options
    if (this.#dtpc === undefined) return undefined
    return new BpmailGateway(
      {
        ...{ host, peers, isOurs, messageBytesMax: limits.messageBytesMax },
        giveUpAfterMs: retry.giveUpAfterMs,
      },
      { ...this.#ports, ...reporting, dtpc: this.#dtpc },
    )
  }

  /** Those of the operator, and the address in each domain at which attachments are asked for. */
  #rules(rules: readonly TransportRule[]): readonly Rule[] {
    const held = this.#options.domains.map((domain) => ({
      domain: `${HELD_LOCAL_PART}@${domain}`,
      nextHop: { transport: 'held' } as const,
    }))
    return [...rules.map(ruleOf), ...held]
  }

  #holdingBack(): HoldingBack {
    const { host, domains, heldBack } = this.#options
    const { clock } = this.#ports
    return new HoldingBack(
      { host, domain: domains[0] ?? host, keepMs: heldBack?.keepMs ?? HELD_KEPT_MS },
      { held: this.#held, clock },
    )
  }

  #targetOf(hop: RemoteHop, { formats, carry, links }: Ways): DeliveryTarget {
    switch (hop.transport) {
      case 'bp':
        return links.over(hop, formats.target(endpointOf(hop.nextHop)))
      case 'carry':
      case 'https':
        return links.over(hop, carry(hop))
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

  #newQueue(targets: Pick<QueueTargets, 'routes' | 'aliases' | 'local'>, ways: Ways): MailQueue {
    const { host, limits, retry, links = [] } = this.#options
    const holdsBack = links.some(({ holdBackAbove }) => holdBackAbove !== undefined)
    const schedule = {
      firstRetryMs: FIRST_RETRY_MS,
      retryMaxMs: RETRY_MAX_MS,
      giveUpAfterMs: retry.giveUpAfterMs,
    }
    return new MailQueue(
      {
        hostname: host,
        spool: {
          bytesMax:
            limits.storeBytesMax * SPOOL_SHARE - (holdsBack ? heldBytesMax(this.#options) : 0),
          messagesMax: QUEUED_MESSAGES_MAX,
        },
        ...(retry.warnAfterMs !== undefined && { warnAfterMs: retry.warnAfterMs }),
        routeSchedules: new Map(
          retry.routes.map(({ route, giveUpAfterMs }) => {
            const hop = ruleOf({ domain: '*', route }).nextHop
            const attemptsMax = ATTEMPTS_MAX[isFarGateway(hop) ? 'bp' : 'other']
            return [formatNextHop(hop), { ...schedule, giveUpAfterMs, attemptsMax }]
          }),
        ),
        schedules: {
          local: { ...schedule, attemptsMax: ATTEMPTS_MAX.local },
          bp: { ...schedule, attemptsMax: ATTEMPTS_MAX.bp },
          other: { ...schedule, attemptsMax: ATTEMPTS_MAX.other },
        },
      },
      this.#ports,
      {
        ...targets,
        remote: (hop) => this.#targetOf(hop, ways),
        withdraw: (queueId) => ways.formats.withdraw(queueId),
        forget: (queueId) => [...ways.formats.removal(queueId), ...ways.links.removal(queueId)],
      },
    )
  }

  #httpsServices(gateway: Gateway, bodyBytesMax: number): Service[] {
    const { https, peers = [] } = this.#options
    if (https === undefined) return []
    return [new HttpsService({ ...https, peers, bodyBytesMax }, { ...this.#ports, gateway })]
  }

  #smtpServices(context: Omit<ConstructorParameters<typeof SmtpService>[1], 'service'>): Service[] {
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

/** Out of the share of the spool, whose mails they were. */
function heldBytesMax({ heldBack, limits }: MailHostOptions): number {
  return heldBack?.bytesMax ?? limits.storeBytesMax * HELD_STORE_SHARE
}

/** Together in one object goes what the bundle store takes: what it never does would never leave. */
function batchOf({ batch, limits }: MailHostOptions): BatchOptions {
  const roomBytes = Math.floor(limits.storeBytesMax * BUNDLES_SHARE * OBJECT_SHARE)
  return { ...batch, bytesMax: Math.min(batch?.bytesMax ?? OBJECT_BYTES_MAX, roomBytes) }
}

function datedPlan(plan: ContactPlanOptions, startedAt: WallMs): ContactPlan {
  const { contacts, ranges, isFromStart } = plan
  if (!isFromStart) return { contacts, ranges }
  const dated = <Item extends Interval<WallMs>>(item: Item): Item => ({
    ...item,
    from: addMs(startedAt, item.from),
    until: addMs(startedAt, item.until),
  })
  return { contacts: contacts.map(dated), ranges: ranges.map(dated) }
}

function ruleOf({ domain, route }: TransportRule): Rule {
  const nextHop = parseNextHop(route)
  assert(nextHop !== undefined, `route ${route} was checked`)
  return { domain, nextHop }
}

function endpointOf(nextHop: string): EndpointId {
  const endpoint = parseEndpointId(nextHop)
  assert(endpoint !== undefined, `next hop ${nextHop} was checked`)
  return endpoint
}
