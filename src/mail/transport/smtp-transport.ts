/** The `smtp` and `lmtp` transports: mail to other servers, over connections that serve several. */

import { toBase64 } from '../../base/bytes.ts'
import { asFault, Fault } from '../../base/fault.ts'
import { parseIpAddress } from '../../base/ip-address.ts'
import { addMs } from '../../base/time.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ByteStream, Network } from '../../ports/network.ts'
import type { TlsOptions, TlsTrust } from '../../ports/tls.ts'
import type { Credentials } from '../../proto/sasl/mechanism.ts'
import { isTlsRequired } from '../../proto/smtp/client-envelope.ts'
import { isPositive, type Reply } from '../../proto/smtp/reply.ts'
import type { DeliveryTarget, Outcome } from '../delivery.ts'
import { formatNextHop, type NextHop } from '../next-hop.ts'
import type { Body } from './body.ts'
import { ClientSession } from './client-session.ts'
import {
  addressesOf,
  type DestinationPorts,
  type MailServer,
  nameOfServer,
  serversOf,
} from './destination.ts'
import { refusalOf, transportFault } from './fault.ts'
import {
  CONNECT_TIMEOUT_MS,
  CONNECTIONS_MAX,
  IDLE_MS,
  MAILS_PER_CONNECTION_MAX,
  SERVERS_TRIED_MAX,
} from './limits.ts'
import { type Errand, OutgoingDelivery } from './outgoing-delivery.ts'

export type ServerHop = Extract<NextHop, { readonly transport: 'smtp' | 'lmtp' }>

export interface SmtpTransportOptions {
  /** In EHLO and LHLO, and to know our own MX records by. */
  readonly hostname: string
  /**
   * `offered`: where the server has it, whatever its certificate. `required`: with a certificate for
   * its name. A mail with REQUIRETLS asks for that wherever it goes.
   */
  readonly tls: 'never' | 'offered' | 'required'
  /** What a hop takes beyond this planet's usual delays, there and back; added to every time limit. */
  readonly roundTripMs: (hop: ServerHop) => number
  /** For smart hosts that want to know who comes. */
  readonly credentials?: (hop: ServerHop) => Credentials | undefined
}

export interface SmtpTransportPorts extends DestinationPorts {
  readonly network: Network
  readonly clock: Clock
  readonly tls: { readonly trust?: TlsTrust | undefined }
}

interface Idle {
  readonly session: ClientSession
  readonly forget: () => void
}

/** Nobody guesses it, and base64 has no comma. RFC 5802 §5.1. */
const NONCE_BYTES = 18

type TlsPolicy = SmtpTransportOptions['tls']

export class SmtpTransport {
  readonly #options: SmtpTransportOptions
  readonly #ports: SmtpTransportPorts
  /** By next hop and policy. */
  readonly #idle = new Map<string, Idle[]>()
  readonly #open = new Set<ClientSession>()
  readonly #opening = new Set<ByteStream>()
  readonly #bodies = new Set<Body>()
  #connections = 0
  readonly #waiting: (() => void)[] = []
  #isStopped = false

  constructor(options: SmtpTransportOptions, ports: SmtpTransportPorts) {
    this.#options = options
    this.#ports = ports
  }

  target(hop: ServerHop): DeliveryTarget {
    return {
      start: async (mail) => new OutgoingDelivery(mail, (errand) => this.#deliver(hop, errand)),
    }
  }

  /** Cuts off what is under way: each mail stays with whoever gave it. */
  stop(): void {
    this.#isStopped = true
    for (const body of this.#bodies) body.close()
    for (const stream of this.#opening) stream.abort()
    for (const session of [...this.#open]) session.abort()
    for (const go of this.#waiting.splice(0)) go()
  }

  async #deliver(hop: ServerHop, errand: Errand): Promise<readonly Outcome[]> {
    const { body, mail } = errand
    const policy = isTlsRequired(mail) ? 'required' : this.#options.tls
    const key = `${formatNextHop(hop)} ${policy}`
    this.#bodies.add(body)
    try {
      const reused = this.#takeIdle(key)
      if (reused !== undefined) {
        const outcomes = await this.#reuse(reused, hop, key, errand)
        if (outcomes !== undefined) return outcomes
      }
      return await this.#tryServers(hop, policy, key, errand)
    } finally {
      this.#bodies.delete(body)
    }
  }

  /** Undefined where the connection turned out to be of no more use, before any of the message was sent. */
  async #reuse(
    session: ClientSession,
    hop: ServerHop,
    key: string,
    errand: Errand,
  ): Promise<readonly Outcome[] | undefined> {
    try {
      return await this.#send(session, hop, key, errand)
    } catch (error) {
      if (errand.body.hasBegun) throw error
      asFault(error)
      return undefined
    }
  }

  /** RFC 5321 §5.1: the servers in their order, until one has answered for good. */
  async #tryServers(
    hop: ServerHop,
    policy: TlsPolicy,
    key: string,
    errand: Errand,
  ): Promise<readonly Outcome[]> {
    const { body } = errand
    let tried = 0
    let fault: Fault | undefined
    let refused: readonly Outcome[] | undefined
    for await (const server of this.#serversOf(hop)) {
      if (tried++ === SERVERS_TRIED_MAX || this.#isStopped) break
      try {
        const session = await this.#connect(hop, server, policy)
        const outcomes = await this.#send(session, hop, key, errand)
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

  async #connect(hop: ServerHop, server: MailServer, policy: TlsPolicy): Promise<ClientSession> {
    try {
      return await this.#openSession(hop, server, policy)
    } catch (error) {
      const isHandshake = error instanceof Fault && error.code === 'smtp/tls-failed'
      // Unprotected is what a server without TLS would have got as well.
      if (policy !== 'offered' || !isHandshake || this.#options.credentials?.(hop)) throw error
      return this.#openSession(hop, server, 'never')
    }
  }

  async #openSession(
    hop: ServerHop,
    server: MailServer,
    policy: TlsPolicy,
  ): Promise<ClientSession> {
    const { clock, network } = this.#ports
    const { hostname } = this.#options
    await this.#takePlace()
    let session: ClientSession
    let stream: ByteStream | undefined
    try {
      const roundTripMs = this.#options.roundTripMs(hop)
      stream = await network.connect(server.address, CONNECT_TIMEOUT_MS + roundTripMs)
      this.#opening.add(stream)
      if (this.#isStopped) stream.abort()
      const credentials = this.#options.credentials?.(hop)
      session = await ClientSession.open(
        stream,
        {
          server: nameOfServer(server),
          client: {
            hostname,
            roundTripMs,
            protocol: hop.transport === 'lmtp' ? 'LMTP' : 'SMTP',
            ...(policy !== 'never' && { tls: policy }),
            ...(credentials && { credentials, nonce: this.#nonce() }),
          },
          tls: policy === 'never' ? undefined : this.#tlsOptions(server, policy),
        },
        clock,
      )
    } catch (error) {
      this.#leavePlace()
      throw error
    } finally {
      if (stream !== undefined) this.#opening.delete(stream)
    }
    this.#open.add(session)
    session.onOver = () => {
      if (this.#open.delete(session)) this.#leavePlace()
    }
    return session
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

  async #send(
    session: ClientSession,
    hop: ServerHop,
    key: string,
    errand: Errand,
  ): Promise<readonly Outcome[]> {
    const { mail, recipients, recipientParameters, body } = errand
    mail.onReady?.()
    const replies = await session.send({ from: mail.from, recipients, recipientParameters }, body)
    this.#keep(session, key)
    const reports = reportsOf(hop, session)
    return replies.map((reply) => outcomeOf(reply, session.server, reports))
  }

  #nonce(): string {
    return toBase64(this.#ports.entropy.bytes(NONCE_BYTES))
  }

  /** For the next mail, for a while. */
  #keep(session: ClientSession, key: string): void {
    if (!session.isReady) return
    if (session.mails >= MAILS_PER_CONNECTION_MAX || this.#waiting.length > 0) {
      session.quit()
      return
    }
    const { clock } = this.#ports
    const idle = this.#idle.get(key) ?? []
    const leave = (): void => {
      this.#removeIdle(key, entry)
      session.quit()
    }
    const forget = clock.at(addMs(clock.now(), IDLE_MS), leave)
    const entry: Idle = { session, forget }
    idle.push(entry)
    this.#idle.set(key, idle)
  }

  #takeIdle(key: string): ClientSession | undefined {
    for (;;) {
      const entry = this.#idle.get(key)?.at(-1)
      if (entry === undefined) return undefined
      this.#removeIdle(key, entry)
      entry.forget()
      if (entry.session.isReady) return entry.session
    }
  }

  #removeIdle(key: string, entry: Idle): void {
    const left = (this.#idle.get(key) ?? []).filter((other) => other !== entry)
    if (left.length === 0) this.#idle.delete(key)
    else this.#idle.set(key, left)
  }

  /** Waits until one of the places is free. */
  async #takePlace(): Promise<void> {
    while (this.#connections >= CONNECTIONS_MAX && !this.#isStopped) {
      this.#quitOneIdle()
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    if (this.#isStopped) throw stopping()
    this.#connections++
  }

  #leavePlace(): void {
    this.#connections--
    this.#waiting.shift()?.()
  }

  #quitOneIdle(): void {
    for (const [key, [entry]] of this.#idle) {
      if (entry === undefined) continue
      this.#removeIdle(key, entry)
      entry.forget()
      entry.session.quit()
      return
    }
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

function isDeferral(outcome: Outcome): boolean {
  return outcome.type === 'refused' && outcome.fault.temporary
}

function stopping(): Fault {
  return transportFault('transport/stopped', 'this host is stopping', '4.3.2')
}
