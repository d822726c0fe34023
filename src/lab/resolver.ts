/** Names asked for over the lab's network, as Node's resolver asks for them. */

import { addMs, type MonoMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import { type Dns, type DnsAnswer, type DnsFaultCode, dnsFault } from '../ports/dns.ts'
import type { DatagramSocket, Network, SocketAddress } from '../ports/network.ts'
import { type DnsData, RECORD_TYPES } from '../proto/dns/data.ts'
import {
  type DnsMessage,
  decodeDnsMessage,
  encodeDnsMessage,
  RESPONSE_CODES,
} from '../proto/dns/message.ts'
import { DNS_ANSWERS_MAX } from './limits.ts'
import { DNS_PORT, eachMessage, framed, UDP_ANSWER_BYTES_MAX } from './name-server.ts'
import { after } from './world.ts'

export interface LabResolverOptions {
  readonly network: Network
  readonly clock: Clock
  /** Where this host is asked from. */
  readonly address: string
  /** The address of the name server. */
  readonly server: string
}

/** Two tries, the second with twice the time: as `host/dns.ts`. An answer to the first counts until the end. */
const TIMEOUTS_MS = [2000, 4000]

/** What is not there may soon be, and a server that fails should not be asked for each mail. */
const NOT_FOUND_KEPT_MS = 60_000
const FAILURE_KEPT_MS = 5000

interface Kept {
  until: MonoMs
  readonly answer: Promise<DnsAnswer<DnsData>>
}

type TypeName = DnsData['type']

/** Keeps what it was told for as long as it may. */
export function labResolver(options: LabResolverOptions): Dns {
  const resolver = new Resolver(options)
  const ask = async <Type extends TypeName, Record>(
    name: string,
    type: Type,
    pick: (data: Extract<DnsData, { type: Type }>) => Record,
  ): Promise<DnsAnswer<Record>> => {
    const { records, ttlSec } = await resolver.ask(name, type)
    const ofType = records.filter(
      (data): data is Extract<DnsData, { type: Type }> => data.type === type,
    )
    return { records: ofType.map(pick), ttlSec }
  }
  return {
    resolveA: (name) => ask(name, 'A', ({ address }) => address),
    resolveAaaa: (name) => ask(name, 'AAAA', ({ address }) => address),
    resolveMx: (name) => ask(name, 'MX', ({ type: _, ...record }) => record),
    resolveSrv: (name) => ask(name, 'SRV', ({ type: _, ...record }) => record),
    resolveTxt: (name) => ask(name, 'TXT', ({ text }) => text),
    resolveIpn: (name) => ask(name, 'IPN', ({ node }) => node),
    resolvePtr: (name) => ask(name, 'PTR', ({ target }) => target),
  }
}

class Resolver {
  readonly #options: LabResolverOptions
  /** In the order of their making, so that the oldest goes first. */
  readonly #kept = new Map<string, Kept>()
  #count = 0

  constructor(options: LabResolverOptions) {
    this.#options = options
  }

  /** Whoever asks meanwhile waits for the same answer. */
  ask(name: string, type: TypeName): Promise<DnsAnswer<DnsData>> {
    const { clock } = this.#options
    const key = `${type} ${name.toLowerCase()}`
    const known = this.#kept.get(key)
    if (known !== undefined && known.until > clock.now()) return known.answer
    const answer = this.#askServer(name, type)
    const kept: Kept = { until: NEVER, answer }
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= DNS_ANSWERS_MAX) break
      this.#kept.delete(oldest)
    }
    const keep = (ms: number): void => {
      kept.until = addMs(clock.now(), ms)
    }
    answer.then(
      ({ ttlSec }) => keep(ttlSec * 1000),
      (fault: { readonly temporary?: boolean }) =>
        keep(fault.temporary === true ? FAILURE_KEPT_MS : NOT_FOUND_KEPT_MS),
    )
    return answer
  }

  async #askServer(name: string, type: TypeName): Promise<DnsAnswer<DnsData>> {
    const what = `${type} of ${name}`
    const fault = (code: DnsFaultCode, reason: string): never => {
      throw dnsFault(code, `${what}: ${reason}`)
    }
    const id = this.#count++ & 0xffff
    const question = { name, type: RECORD_TYPES[type] }
    const query = encodeDnsMessage({
      id,
      isResponse: false,
      isTruncated: false,
      code: 0,
      question,
      answers: [],
      udpBytesMax: UDP_ANSWER_BYTES_MAX,
    })
    if (query === undefined) return fault('dns/not-found', 'not a name')
    const isAnswer = (reply: DnsMessage): boolean =>
      reply.isResponse &&
      reply.id === id &&
      reply.question.type === question.type &&
      reply.question.name.toLowerCase() === name.toLowerCase()
    const first = await this.#askByUdp(query, isAnswer)
    const reply = first?.isTruncated === true ? await this.#askByTcp(query, isAnswer) : first
    if (reply === undefined) return fault('dns/timed-out', 'no answer')
    if (reply.code === RESPONSE_CODES.nameError) return fault('dns/not-found', 'not found')
    if (reply.code !== RESPONSE_CODES.ok) return fault('dns/failed', `answered with ${reply.code}`)
    const answers = reply.answers.filter(({ data }) => data.type === type)
    if (answers.length === 0) return fault('dns/not-found', 'not found')
    return {
      records: answers.map(({ data }) => data),
      ttlSec: Math.min(...answers.map(({ ttlSec }) => ttlSec)),
    }
  }

  get #server(): SocketAddress {
    return { host: this.#options.server, port: DNS_PORT }
  }

  /** Undefined where nothing came in time. */
  async #askByUdp(
    query: Uint8Array,
    isAnswer: (reply: DnsMessage) => boolean,
  ): Promise<DnsMessage | undefined> {
    const { network, clock, address, server } = this.#options
    let socket: DatagramSocket | undefined
    try {
      socket = await network.bind({ host: address, port: 0 })
      const asked = socket
      return await new Promise((resolve) => {
        let cancelTimer = (): void => {}
        asked.onDatagram = (bytes, from) => {
          const reply = from.host === server ? decodeDnsMessage(bytes) : undefined
          if (reply === undefined || !isAnswer(reply)) return
          cancelTimer()
          resolve(reply)
        }
        const send = (tries: number): void => {
          const timeoutMs = TIMEOUTS_MS[tries]
          if (timeoutMs === undefined) {
            resolve(undefined)
            return
          }
          asked.send(query, this.#server, () => {})
          cancelTimer = after(clock, timeoutMs, () => send(tries + 1))
        }
        send(0)
      })
    } finally {
      await socket?.close()
    }
  }

  /** Undefined where nothing came in time. RFC 7766 §5. */
  async #askByTcp(
    query: Uint8Array,
    isAnswer: (reply: DnsMessage) => boolean,
  ): Promise<DnsMessage | undefined> {
    const { network, clock } = this.#options
    const [timeoutMs = 0] = TIMEOUTS_MS.slice(-1)
    try {
      const stream = await network.connect(this.#server, timeoutMs)
      return await new Promise((resolve) => {
        const cancelTimer = after(clock, timeoutMs, () => stream.abort())
        stream.onEnd = () => {
          cancelTimer()
          resolve(undefined)
        }
        eachMessage(stream, (bytes) => {
          const reply = decodeDnsMessage(bytes)
          stream.close()
          resolve(reply !== undefined && isAnswer(reply) ? reply : undefined)
        })
        stream.send(framed(query))
      })
    } catch {
      // Nobody answers there either.
      return undefined
    }
  }
}

/** While it is being asked for. */
const NEVER = Number.POSITIVE_INFINITY as MonoMs
