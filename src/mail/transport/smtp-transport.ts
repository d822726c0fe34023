/** The `smtp` and `lmtp` transports: mail to other servers, over connections that serve several. */

import { toBase64 } from '../../base/bytes.ts'
import { asFault, Fault } from '../../base/fault.ts'
import { parseIpAddress } from '../../base/ip-address.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ByteStream, Network } from '../../ports/network.ts'
import type { TlsOptions, TlsTrust } from '../../ports/tls.ts'
import { sevenBit } from '../../proto/message/seven-bit.ts'
import { isTlsRequired, type OutgoingMail } from '../../proto/smtp/client-envelope.ts'
import type { MailFrom } from '../../proto/smtp/envelope.ts'
import { isPositive, type Reply } from '../../proto/smtp/reply.ts'
import type { DeliveryTarget, Outcome } from '../delivery.ts'
import { isDeferral } from '../delivery.ts'
import { formatNextHop, type NextHop } from '../next-hop.ts'
import { type Body, type BodySource, bodyOf } from './body.ts'
import { ClientSession } from './client-session.ts'
import { ConnectionPool, stopping } from './connection-pool.ts'
import { ConvertedBody } from './converted-body.ts'
import {
  addressesOf,
  type DestinationPorts,
  type MailServer,
  nameOfServer,
  serversOf,
} from './destination.ts'
import { refusalOf, transportFault } from './fault.ts'
import { CONNECT_TIMEOUT_MS, SERVERS_TRIED_MAX } from './limits.ts'
import { StsPolicies, type StsPolicy, type StsPorts, stsAllows } from './mta-sts.ts'
import { type Errand, OutgoingDelivery, refusedAll } from './outgoing-delivery.ts'
import { type OutgoingOptions, OutgoingRoutes, type RouteChoice } from './outgoing-options.ts'
import { isTlsOptional } from './tls-optional.ts'
import { inTurns } from './turns.ts'

export type ServerHop = Extract<NextHop, { readonly transport: 'smtp' | 'lmtp' }>

export interface SmtpTransportOptions extends OutgoingOptions {
  /** In EHLO and LHLO, and to know our own MX records by. */
  readonly hostname: string
}

export interface SmtpTransportPorts extends DestinationPorts, StsPorts {
  readonly network: Network
  readonly tls: { readonly trust?: TlsTrust | undefined }
}

/** How a mail goes to a next hop. */
interface Way extends RouteChoice {
  readonly hop: ServerHop
  /** What the domain says of its servers, where that is heeded. */
  readonly sts: StsPolicy | undefined
  /** Of connections that serve for it: by next hop, TLS and what has been asked of names. */
  readonly kind: string
}

/** Nobody guesses it, and base64 has no comma. RFC 5802 §5.1. */
const NONCE_BYTES = 18

export class SmtpTransport {
  readonly #options: SmtpTransportOptions
  readonly #ports: SmtpTransportPorts
  readonly #routes: OutgoingRoutes
  readonly #policies: StsPolicies
  readonly #pool: ConnectionPool
  readonly #bodies = new Set<Body>()

  constructor(options: SmtpTransportOptions, ports: SmtpTransportPorts) {
    this.#options = options
    this.#ports = ports
    this.#routes = new OutgoingRoutes(options)
    this.#policies = new StsPolicies(ports)
    this.#pool = new ConnectionPool(ports.clock)
  }

  target(hop: ServerHop): DeliveryTarget {
    return {
      start: async (mail) => new OutgoingDelivery(mail, (errand) => this.#deliver(hop, errand)),
    }
  }

  /**
   * Begins nothing more. Mail that a server has as a whole is waited for, so that it is not sent
   * twice, but not for long; what else is under way is cut off, and stays with whoever gave it.
   */
  stop(): Promise<void> {
    for (const body of this.#bodies) body.close()
    return this.#pool.stop()
  }

  async #deliver(hop: ServerHop, errand: Errand): Promise<readonly Outcome[]> {
    const { body, mail } = errand
    if (this.#pool.isStopped) throw stopping()
    this.#bodies.add(body)
    try {
      const way = await this.#wayOf(hop, errand)
      const reused = this.#pool.takeIdle(way.kind)
      if (reused !== undefined) {
        const outcomes = await this.#reuse(reused, way, errand)
        if (outcomes !== undefined) return outcomes
      }
      return await this.#tryServers(way, errand)
    } catch (error) {
      const fault = asFault(error)
      throw isTlsRequired(mail) && isOfTls(fault) ? unprotected(fault) : fault
    } finally {
      this.#bodies.delete(body)
    }
  }

  async #wayOf(hop: ServerHop, { mail }: Errand): Promise<Way> {
    const choice = this.#routes.of(hop)
    const isRequired = isTlsRequired(mail)
    const isHeeded = this.#options.mtaSts === true && choice.tls !== 'never'
    const policy = isHeeded || isRequired ? await this.#policyOf(hop) : undefined
    const sts =
      isRequired || (policy?.mode === 'enforce' && !isTlsOptional(mail.read?.() ?? []))
        ? policy
        : undefined
    const isSure = isRequired || sts !== undefined || isImplicit(hop)
    const tls = isSure ? 'required' : choice.tls
    const kind = `${formatNextHop(hop)} ${tls} ${sts === undefined ? '' : sts.mx.join(' ')}`
    return { ...choice, hop, tls, sts, kind }
  }

  /** Only those whom a domain has named itself are its servers to say anything of. */
  async #policyOf(hop: ServerHop): Promise<StsPolicy | undefined> {
    if (hop.transport !== 'smtp' || hop.isLiteral || hop.host === undefined) return undefined
    const policy = await this.#policies.of(hop.host)
    return policy?.mode === 'none' ? undefined : policy
  }

  /** Undefined where the connection turned out to be of no more use, before any of the message was sent. */
  async #reuse(
    session: ClientSession,
    way: Way,
    errand: Errand,
  ): Promise<readonly Outcome[] | undefined> {
    try {
      return await this.#send(session, way, errand)
    } catch (error) {
      if (errand.body.hasBegun) throw error
      asFault(error)
      return undefined
    }
  }

  /** RFC 5321 §5.1: the servers in their order, until one has answered for good. */
  async #tryServers(way: Way, errand: Errand): Promise<readonly Outcome[]> {
    const { body } = errand
    let tried = 0
    let fault: Fault | undefined
    let refused: readonly Outcome[] | undefined
    for await (const server of this.#serversOf(way.hop)) {
      if (tried++ === SERVERS_TRIED_MAX || this.#pool.isStopped) break
      try {
        this.#requireNamed(server, way, errand)
        const session = await this.#connect(server, way)
        const outcomes = await this.#send(session, way, errand)
        if (body.hasBegun || !outcomes.every(isDeferral)) return outcomes
        refused = outcomes
      } catch (error) {
        const failed = asFault(error)
        if (body.hasBegun) throw failed
        if (fault === undefined || failed.temporary) fault = failed
      }
    }
    if (refused !== undefined) return refused
    throw fault ?? stopping()
  }

  async *#serversOf(hop: ServerHop): AsyncGenerator<MailServer> {
    if (hop.transport === 'smtp') {
      yield* serversOf(hop, this.#options.hostname, this.#ports)
      return
    }
    if ('path' in hop.server) {
      yield { name: hop.server.path, address: { host: hop.server.path, port: 0 } }
      return
    }
    const { host, port } = hop.server
    for (const address of await addressesOf(host, this.#ports.dns)) {
      yield { name: host, address: { host: address, port } }
    }
  }

  /** Whose certificate says nothing where an attacker may have named it. RFC 8461, RFC 8689 §4.2.1. */
  #requireNamed({ name }: MailServer, { hop, sts }: Way, { mail }: Errand): void {
    if (sts !== undefined) {
      if (stsAllows(sts, name)) return
      const text = `${name} is not among the servers in the policy of the domain (MTA-STS)`
      throw transportFault('transport/unprotected', text, '4.7.0')
    }
    const isOwnName = hop.transport !== 'smtp' || hop.isLiteral || hop.host === name
    if (isOwnName || !isTlsRequired(mail)) return
    const text = `nothing shows that ${name} is a server of ${hop.host} (MTA-STS)`
    throw transportFault('transport/unprotected', text, '5.7.10')
  }

  async #connect(server: MailServer, way: Way): Promise<ClientSession> {
    try {
      return await this.#openSession(server, way)
    } catch (error) {
      const isHandshake = error instanceof Fault && error.code === 'smtp/tls-failed'
      // Unprotected is what a server without TLS would have got as well.
      if (way.tls !== 'offered' || !isHandshake || way.credentials) throw error
      return this.#openSession(server, { ...way, tls: 'never' })
    }
  }

  #openSession(server: MailServer, way: Way): Promise<ClientSession> {
    const { clock, network, entropy } = this.#ports
    const { hostname } = this.#options
    const { hop, tls, credentials, pipelining = true } = way
    const roundTripMs = 2 * way.oneWayDelayMs
    const client = {
      hostname,
      roundTripMs,
      protocol: hop.transport === 'lmtp' ? 'LMTP' : 'SMTP',
      ...(!pipelining && { pipelining: 'never' as const }),
      ...(tls !== 'never' && { tls: isImplicit(hop) ? ('first' as const) : tls }),
      ...(credentials && { credentials, nonce: toBase64(entropy.bytes(NONCE_BYTES)) }),
    } as const
    const options = {
      server: nameOfServer(server),
      client,
      tls: tls === 'never' ? undefined : this.#tlsOptions(server, tls),
    }
    return this.#pool.open(
      () => network.connect(server.address, CONNECT_TIMEOUT_MS + roundTripMs),
      (stream: ByteStream) => ClientSession.open(stream, options, clock),
    )
  }

  #tlsOptions({ name }: MailServer, policy: 'offered' | 'required'): TlsOptions {
    const isName = parseIpAddress(name) === undefined && !name.startsWith('/')
    return {
      role: 'client',
      trust: this.#ports.tls.trust,
      ...((isName || policy === 'required') && { serverName: name }),
      peerCertificate: policy === 'required' ? 'required' : 'ignored',
    }
  }

  async #send(session: ClientSession, way: Way, errand: Errand): Promise<readonly Outcome[]> {
    const { mail, recipients, recipientParameters } = errand
    const { read, from } = mail
    const takesAll = session.offered.eightBitMime || from.parameters.body === 'BINARYMIME'
    const load =
      takesAll || read === undefined
        ? loadOf(errand)
        : await sevenBitLoad(session.server, errand, read, this.#ports.clock).catch(asFault)
    if (load instanceof Fault) {
      this.#pool.keep(session, way.kind)
      return refusedAll(recipients.length, load)
    }
    mail.onReady?.()
    const max = session.offered.recipientsMax ?? recipients.length
    const outcomes: Outcome[] = []
    for (let at = 0; at < recipients.length; at += max) {
      const group = {
        from: load.from,
        recipients: recipients.slice(at, at + max),
        recipientParameters: recipientParameters.slice(at, at + max),
      }
      const body = at === 0 ? load.body : load.again?.()
      outcomes.push(...(await sendGroup(session, group, at === 0, body, way.hop)))
    }
    this.#pool.keep(session, way.kind)
    return outcomes
  }
}

/** Those to whom a message goes in one transaction. What befalls later ones does not touch the first. */
async function sendGroup(
  session: ClientSession,
  group: OutgoingMail,
  isFirst: boolean,
  body: BodySource | undefined,
  hop: ServerHop,
): Promise<readonly Outcome[]> {
  const { recipients } = group
  if (body === undefined || (!isFirst && !session.takesMore)) {
    const text = `${session.server} takes no more recipients at a time`
    return refusedAll(recipients.length, transportFault('transport/refused', text, '4.5.3'))
  }
  try {
    const replies = await session.send(group, body)
    const reports = reportsOf(hop, session)
    return replies.map((reply) => outcomeOf(reply, session.server, reports))
  } catch (error) {
    if (isFirst) throw error
    return refusedAll(recipients.length, asFault(error))
  }
}

function isImplicit(hop: ServerHop): boolean {
  return hop.transport === 'smtp' && hop.implicitTls === true
}

interface Load {
  readonly from: MailFrom
  readonly body: BodySource
  /** The same once more, for other recipients. */
  readonly again: (() => BodySource) | undefined
}

/** The message as it is. */
function loadOf({ mail, body }: Errand): Load {
  const { reversePath, parameters } = mail.from
  // What the sender said of it may have been of another size, or nothing.
  const { sizeBytes = parameters.sizeBytes, read } = mail
  const sized = { ...parameters, ...(sizeBytes !== undefined && { sizeBytes }) }
  return { from: { reversePath, parameters: sized }, body, again: read && (() => bodyOf(read())) }
}

/**
 * What of it can go to a server that takes ASCII alone; a Fault where nothing can be made of it that
 * may. Rejects with one where it cannot be read.
 */
async function sevenBitLoad(
  server: string,
  errand: Errand,
  read: () => Iterable<Uint8Array>,
  clock: Clock,
): Promise<Load | Fault> {
  const found = await inTurns(sevenBit(read), clock)
  if (found.type === 'as-it-is') return loadOf(errand)
  if (found.type === 'impossible') {
    const text = `${server} takes no octets beyond ASCII, and the message cannot be converted: ${found.why}`
    return transportFault('transport/refused', text, '5.6.3')
  }
  const { reversePath, parameters } = errand.mail.from
  const { body: _, ...others } = parameters
  const { changes } = found
  return {
    from: { reversePath, parameters: { ...others, sizeBytes: found.sizeBytes } },
    body: new ConvertedBody(errand.body, changes),
    again: () => new ConvertedBody(bodyOf(read()), changes),
  }
}

type Reports = Extract<Outcome, { readonly type: 'delivered' }>['reports']

/** Who tells the sender what becomes of the mail. RFC 3461 §5.2.1, §5.2.2. */
function reportsOf(hop: ServerHop, { offered }: ClientSession): Reports {
  if (offered.optional.includes('DSN')) return 'by-next-host'
  // By LMTP it is in the mailbox.
  return hop.transport === 'lmtp' ? undefined : 'by-nobody'
}

function outcomeOf(reply: Reply, server: string, reports: Reports): Outcome {
  if (!isPositive(reply)) return { type: 'refused', fault: refusalOf(reply, server) }
  const { code, enhanced, lines } = reply
  const words = [code, enhanced, ...lines].filter((part) => part !== undefined).join(' ')
  return { type: 'delivered', relay: server, detail: words, ...(reports && { reports }) }
}

/** That no TLS, or none with the right server, was to be had. */
function isOfTls({ code }: Fault): boolean {
  return code === 'smtp/no-tls' || code === 'smtp/tls-failed' || code === 'transport/unprotected'
}

/** RFC 8689 §4.2.1: nobody waits for it to get better. */
function unprotected({ message }: Fault): Fault {
  const text = `encryption required (REQUIRETLS): ${message}`
  return transportFault('transport/unprotected', text, '5.7.10')
}
