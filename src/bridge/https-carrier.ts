/**
 * Objects posted to peers by HTTPS, as draft-many-tiptop-email has it. What waits is posted again until
 * the server has said something; its acknowledgement comes in the answer to the post. A server that took
 * only some of it, or whose answer was lost, is posted to again as bundles are sent again.
 */

import { fromUtf8, toUtf8 } from '../base/bytes.ts'
import { asFault, Fault } from '../base/fault.ts'
import { addMs, type WallMs } from '../base/time.ts'
import { runSession } from '../drive/session.ts'
import { addressesOf } from '../mail/transport/destination.ts'
import type { Clock } from '../ports/clock.ts'
import type { Dns } from '../ports/dns.ts'
import type { EventSink } from '../ports/events.ts'
import type { ByteStream, Network } from '../ports/network.ts'
import type { Packing } from '../ports/packing.ts'
import type { Store } from '../ports/store.ts'
import type { TlsIdentity, TlsTrust } from '../ports/tls.ts'
import { HttpClient, type HttpOutcome } from '../proto/http/client.ts'
import { type AcknowledgementAdu, decodeAcknowledgements, decodeAdu, type Refusal } from './adu.ts'
import type { Carrier, CarrierEvents, Carriers, OutgoingAdu } from './carrier.ts'
import type { BridgeFaultCode } from './fault.ts'
import { BATCH_TYPE, bearer, EXPIRES_FIELD, OBJECT_TYPE, typeIn } from './https-message.ts'
import {
  POST_AGAIN_FIRST_MS,
  POST_AGAIN_MAX_MS,
  POST_ANSWER_BYTES_MAX,
  POST_BOUND_MS,
  POST_TIMEOUT_MS,
  POSTS_PER_PEER_MAX,
  PROCESSING_ALLOWANCE_MS,
} from './limits.ts'
import { PACKINGS, unpackObject } from './object-packing.ts'
import { type HttpsUrl, ParcelBox, type ParcelPorts, type Peer } from './parcel-carrier.ts'
import type { ParcelHead } from './parcels.ts'

export interface HttpsCarriersOptions {
  readonly peers: readonly Peer[]
  /** Of an object, unpacked. */
  readonly objectBytesMax: number
}

export interface HttpsCarriersPorts extends ParcelPorts {
  readonly network: Network
  readonly dns: Dns
  readonly packing: Packing
  readonly store: Store
  readonly clock: Clock
  readonly events: EventSink
  readonly tls: { readonly identity: TlsIdentity; readonly trust?: TlsTrust | undefined }
}

export class HttpsCarriers implements Carriers {
  readonly #posters: ReadonlyMap<string, Poster>
  readonly #ports: HttpsCarriersPorts

  constructor(options: HttpsCarriersOptions, ports: HttpsCarriersPorts) {
    this.#ports = ports
    this.#posters = new Map(
      options.peers.flatMap((peer) => {
        const { url } = peer
        if (url === undefined) return []
        return [[peer.name, new Poster({ ...peer, url }, options.objectBytesMax, ports)]]
      }),
    )
  }

  tell(events: CarrierEvents): void {
    for (const poster of this.#posters.values()) poster.tell(events)
  }

  /** Where the answers go; before anything is sent. */
  onAcknowledged(hear: (by: string, answers: AcknowledgementAdu) => void): void {
    for (const poster of this.#posters.values()) poster.onAcknowledged = hear
  }

  to(peer: string): Carrier {
    const poster = this.#posters.get(peer)
    if (poster === undefined) {
      throw new Fault<BridgeFaultCode>('bridge/unknown-peer', `peer ${peer} has no url`, {
        temporary: true,
      })
    }
    return new HttpsCarrier(poster, this.#ports)
  }

  /** Cuts off what is under way: it is posted again by the next run. */
  stop(): void {
    for (const poster of this.#posters.values()) poster.stop()
  }
}

class HttpsCarrier extends ParcelBox implements Carrier {
  readonly #poster: Poster

  constructor(poster: Poster, ports: HttpsCarriersPorts) {
    super(poster.peer.name, ports)
    this.#poster = poster
  }

  get route(): string {
    return `https:${this.to}`
  }

  get objectBytesMax(): number | undefined {
    return this.#poster.mailsBytesMax()
  }

  override async send(adu: OutgoingAdu): Promise<string> {
    const name = await super.send(adu)
    this.#poster.add(name)
    return name
  }

  override resend(hold: string): boolean {
    if (!super.resend(hold)) return false
    this.#poster.add(hold)
    return true
  }

  opensAt(at: WallMs): WallMs {
    return at
  }

  oneWayDelayMs(): number {
    return this.#poster.peer.oneWayDelayMs ?? 0
  }

  /** Whether and when a server is there nobody has said. */
  arrivalAt(): undefined {
    return undefined
  }

  lateAt(): undefined {
    return undefined
  }

  /** What was answered in part is posted again soon. */
  answerAt(at: WallMs): WallMs {
    return addMs(at, 2 * this.oneWayDelayMs() + PROCESSING_ALLOWANCE_MS)
  }

  patienceMs(): number {
    return 2 * this.oneWayDelayMs() + PROCESSING_ALLOWANCE_MS
  }
}

const BOUNDS = 'bridge-posts-bounds'

/** What a server takes of mails together, as far as one has shown it. */
interface Bound {
  readonly bytes: number
  /** POSIX milliseconds: then it may take more. */
  readonly until: number
}

interface Post {
  readonly head: ParcelHead
  readonly body: Uint8Array
  readonly type: string
  /** The transactions of its mails; none of a question or an answer. */
  readonly names: readonly string[]
}

/** All that goes to one peer. */
class Poster {
  readonly peer: Peer & { readonly url: HttpsUrl }
  onAcknowledged: (by: string, answers: AcknowledgementAdu) => void = () => {}
  #bound: Bound | undefined
  readonly #objectBytesMax: number
  readonly #ports: HttpsCarriersPorts
  #events: CarrierEvents | undefined
  /** In their order. */
  readonly #waiting = new Set<string>()
  readonly #underWay = new Map<string, ByteStream | undefined>()
  /** Posts that came to nothing since the last one that did not. */
  #failures = 0
  #cancelWait: (() => void) | undefined
  #isStopped = false

  constructor(
    peer: Peer & { readonly url: HttpsUrl },
    objectBytesMax: number,
    ports: HttpsCarriersPorts,
  ) {
    this.peer = peer
    this.#objectBytesMax = objectBytesMax
    this.#ports = ports
    const known = ports.store.get(BOUNDS, peer.name)
    if (known !== undefined) this.#bound = JSON.parse(toUtf8(known)) as Bound
  }

  /** Of mails in one object; undefined where nothing was too large of late. */
  mailsBytesMax(): number | undefined {
    const { bytes, until } = this.#bound ?? { bytes: undefined, until: 0 }
    return this.#ports.clock.wall() < until ? bytes : undefined
  }

  tell(events: CarrierEvents): void {
    this.#events = events
  }

  add(name: string): void {
    if (!this.#underWay.has(name)) this.#waiting.add(name)
    this.#postNext()
  }

  stop(): void {
    this.#isStopped = true
    this.#cancelWait?.()
    for (const stream of this.#underWay.values()) stream?.abort()
  }

  #postNext(): void {
    while (this.#cancelWait === undefined && !this.#isStopped) {
      // A server that does not answer is asked by one at a time.
      const atOnce = this.#failures > 0 ? 1 : POSTS_PER_PEER_MAX
      const [name] = this.#waiting
      if (name === undefined || this.#underWay.size >= atOnce) return
      this.#waiting.delete(name)
      this.#underWay.set(name, undefined)
      void this.#post(name)
    }
  }

  async #post(name: string): Promise<void> {
    try {
      const post = await this.#prepare(name)
      // It was released meanwhile, or its time is over.
      if (post !== undefined) {
        const answer = await this.#ask(name, post)
        if (this.#isStopped) return
        await this.#hear(post, answer)
      }
      this.#failures = 0
    } catch (error) {
      if (this.#isStopped) return
      this.#waiting.add(name)
      this.#failed(asFault(error))
    } finally {
      this.#underWay.delete(name)
      this.#postNext()
    }
  }

  #failed({ message: reason }: Fault): void {
    const { clock, events } = this.#ports
    const waitMs = Math.min(POST_AGAIN_FIRST_MS * 2 ** this.#failures, POST_AGAIN_MAX_MS)
    this.#failures = Math.min(this.#failures + 1, DOUBLINGS_MAX)
    events({ type: 'trouble', where: `https:${this.peer.name}`, reason })
    this.#cancelWait ??= clock.at(addMs(clock.now(), waitMs), () => {
      this.#cancelWait = undefined
      this.#postNext()
    })
  }

  async #prepare(name: string): Promise<Post | undefined> {
    const { parcels, packing } = this.#ports
    const found = parcels.read(this.peer.name, name)
    if (found === undefined) return undefined
    const { head, payload } = found
    const decoded = decodeAdu(payload)
    if (!decoded.ok) throw decoded.fault
    const adu = decoded.value
    const names = adu.type === 'mails' ? adu.names : []
    if (this.peer.format !== 'batch-smtp') return { head, body: payload, type: OBJECT_TYPE, names }
    // Nobody there would understand a question.
    if (adu.type !== 'mails') return undefined
    const body = await unpackObject(adu, this.#objectBytesMax, packing)
    return { head, body, type: BATCH_TYPE, names }
  }

  async #ask(name: string, { head, body, type }: Post): Promise<Answer> {
    const { network, clock, dns, tls } = this.#ports
    const { url, secret, oneWayDelayMs = 0 } = this.peer
    const timeoutMs = POST_TIMEOUT_MS + 4 * oneWayDelayMs
    const stream = await this.#connect(await addressesOf(url.host, dns), timeoutMs, network)
    this.#underWay.set(name, stream)
    if (this.#isStopped) stream.abort()
    const client = new HttpClient({
      ...{ authority: authorityOf(url), path: url.path, body, timeoutMs, tls: true },
      bodyBytesMax: POST_ANSWER_BYTES_MAX,
      fields: {
        'Content-Type': type,
        ...(type === OBJECT_TYPE && { [EXPIRES_FIELD]: `${Math.round(head.expiresAt)}` }),
        ...(secret !== undefined && { Authorization: bearer(secret) }),
      },
    })
    const outcome = await new Promise<HttpOutcome>((resolve) => {
      runSession<never, HttpOutcome>(client, stream, clock, resolve, {
        tls: {
          role: 'client',
          ...{ serverName: url.host, identity: tls.identity, trust: tls.trust },
          ...{ alpn: ['http/1.1'], peerCertificate: 'required' },
        },
      })
    })
    if (outcome.type === 'failed') throw outcome.fault
    return outcome
  }

  async #connect(
    addresses: readonly string[],
    timeoutMs: number,
    network: Network,
  ): Promise<ByteStream> {
    let fault: Fault | undefined
    for (const host of addresses) {
      try {
        return await network.connect({ host, port: this.peer.url.port }, timeoutMs)
      } catch (error) {
        fault = asFault(error)
      }
    }
    throw fault ?? refusedBy('no address')
  }

  /** Rejects with a Fault where it has to be posted again. */
  async #hear(post: Post, { status, fields, body: said }: Answer): Promise<void> {
    const { head, body, type, names } = post
    const { name } = head
    const { parcels, events } = this.#ports
    if (status < 200 || status > 299) return this.#refused(post, status)
    events({
      type: 'parcel-sent',
      parcel: name,
      to: `https://${authorityOf(this.peer.url)}`,
      wireBytes: body.length,
    })
    if (type === BATCH_TYPE) this.#acknowledge(names, [])
    else if (typeIn(fields) === OBJECT_TYPE) {
      const decoded = decodeAcknowledgements(said)
      if (!decoded.ok) throw decoded.fault
      for (const one of decoded.value) this.onAcknowledged(this.peer.name, one)
    }
    if (head.isHeld) this.#events?.forwarded(name)
    else await parcels.remove([head])
  }

  /** The same again would be answered the same: RFC 9110 §15.5. Rejects with a Fault for anything else. */
  async #refused({ head, names }: Post, status: number): Promise<void> {
    const isFinal = status >= 400 && status < 500 && !MENDABLE.includes(status)
    const said = `the server answered ${status}`
    if (!isFinal) throw refusedBy(said)
    const refusal = { recipient: undefined, code: 554, text: `5.0.0 ${said}` }
    if (status === TOO_LARGE && names.length > 1) {
      await this.#learnBound(head)
      this.#acknowledge(names, [{ ...refusal, code: 451, text: `4.3.4 ${said}, to several` }])
    } else if (status === TOO_LARGE && names.length === 1) {
      this.#acknowledge(names, [{ ...refusal, code: 552, text: `5.3.4 ${said}` }])
    } else if (names.length > 0) this.#acknowledge(names, [refusal])
    else {
      const { parcels, events } = this.#ports
      events({ type: 'trouble', where: `https:${this.peer.name}`, reason: said })
      await parcels.remove([head])
    }
  }

  /** Half of what was too much, for a while; half of that if need be. */
  async #learnBound({ name }: ParcelHead): Promise<void> {
    const { parcels, packing, store, clock } = this.#ports
    const found = parcels.read(this.peer.name, name)
    const adu = found && decodeAdu(found.payload)
    if (!adu?.ok || adu.value.type !== 'mails') return
    const { length } = await unpackObject(adu.value, this.#objectBytesMax, packing)
    const half = Math.floor(length / 2)
    const bytes = Math.min(this.mailsBytesMax() ?? half, half)
    this.#bound = { bytes, until: addMs(clock.wall(), POST_BOUND_MS) }
    const value = fromUtf8(JSON.stringify(this.#bound))
    await store.commit([{ table: BOUNDS, key: this.peer.name, value }])
  }

  /** In the name of a server that does not do so itself: nothing is known of what an own gateway reads. */
  #acknowledge(names: readonly string[], refusals: readonly Refusal[]): void {
    const answers = names.map((transaction) => ({ transaction, refusals }))
    const packings = this.peer.format === 'batch-smtp' ? [PACKINGS.plain] : []
    this.onAcknowledged(this.peer.name, { type: 'acknowledgement', packings, answers })
  }
}

type Answer = Extract<HttpOutcome, { readonly type: 'response' }>

/** The longest wait is reached before. */
const DOUBLINGS_MAX = 16

/** What an operator puts right, or time does: a secret, a path, too many at once. */
const MENDABLE: readonly number[] = [401, 403, 404, 405, 407, 408, 421, 425, 429]

/** RFC 9110 §15.5.14. */
const TOO_LARGE = 413

function authorityOf({ host, port }: HttpsUrl): string {
  const name = host.includes(':') ? `[${host}]` : host
  return port === 443 ? name : `${name}:${port}`
}

function refusedBy(message: string): Fault<BridgeFaultCode> {
  return new Fault('bridge/not-posted', message, { temporary: true })
}
