/** One question for records that Node's resolver does not know, over UDP. RFC 1035 §4. */

import { createSocket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { dnsFault } from '../ports/dns.ts'

export interface DnsQuestion {
  readonly name: string
  /** Its number. */
  readonly type: number
}

export interface RawAnswer {
  /** RDATA of each record of the type. */
  readonly records: readonly Uint8Array[]
  readonly ttlSec: number
}

const HEAD_BYTES = 12
const CLASS_IN = 1
const RECURSION_DESIRED = 0x0100
const RESPONSE = 0x8000
const NAME_ERROR = 3
const LABEL_BYTES_MAX = 63
/** Names that point at names that point… RFC 1035 §4.1.4. */
const POINTER = 0xc0
const DNS_PORT = 53

/** Asks the servers in turn. Rejects with a DnsFault. */
export async function askServers(
  servers: readonly string[],
  question: DnsQuestion,
  { timeoutMs, id }: { readonly timeoutMs: number; readonly id: number },
): Promise<RawAnswer> {
  let fault = dnsFault('dns/failed', `TYPE${question.type} of ${question.name}: no server to ask`)
  for (const server of servers) {
    const reply = await ask(server, encodeQuestion(question, id), timeoutMs)
    if (reply === undefined) {
      fault = dnsFault('dns/timed-out', `TYPE${question.type} of ${question.name}: no answer`)
      continue
    }
    const answer = readReply(reply, question, id)
    if (answer instanceof Error) fault = answer
    else return answer
    if (!fault.temporary) throw fault
  }
  throw fault
}

/** The datagram that comes back; undefined where none does. */
function ask(
  server: string,
  query: Uint8Array,
  timeoutMs: number,
): Promise<Uint8Array | undefined> {
  const { host, port } = splitServer(server)
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
  return new Promise((resolve) => {
    const end = (reply: Uint8Array | undefined): void => {
      clearTimeout(timer)
      socket.close()
      resolve(reply)
    }
    const timer = setTimeout(() => end(undefined), timeoutMs)
    socket.once('error', () => end(undefined))
    // Of nobody else than whom was asked.
    socket.connect(port, host, () => socket.send(query))
    socket.once('message', (reply) => end(reply))
  })
}

/** `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1`, `[2001:db8::1]:5353`. */
function splitServer(server: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(server)
  if (match === null) return { host: server.replace(/^\[|\]$/g, ''), port: DNS_PORT }
  return { host: match[1] ?? match[2] ?? '', port: Number(match[3]) }
}

function encodeQuestion({ name, type }: DnsQuestion, id: number): Uint8Array {
  const labels = name.split('.').map((label) => Buffer.from(label, 'latin1'))
  if (labels.some(({ length }) => length === 0 || length > LABEL_BYTES_MAX)) {
    throw dnsFault('dns/not-found', `TYPE${type} of ${name}: not a name`)
  }
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUInt16BE(id, 0)
  head.writeUInt16BE(RECURSION_DESIRED, 2)
  head.writeUInt16BE(1, 4)
  const tail = Buffer.alloc(5)
  tail.writeUInt16BE(type, 1)
  tail.writeUInt16BE(CLASS_IN, 3)
  return Buffer.concat([
    head,
    ...labels.flatMap((label) => [Buffer.from([label.length]), label]),
    tail,
  ])
}

function readReply(
  bytes: Uint8Array,
  { name, type }: DnsQuestion,
  id: number,
): RawAnswer | ReturnType<typeof dnsFault> {
  const reply = Buffer.from(bytes)
  const what = `TYPE${type} of ${name}`
  try {
    const flags = reply.readUInt16BE(2)
    if (reply.readUInt16BE(0) !== id || (flags & RESPONSE) === 0) {
      return dnsFault('dns/failed', `${what}: an answer to another question`)
    }
    const code = flags & 0x0f
    if (code === NAME_ERROR) return dnsFault('dns/not-found', `${what}: not found`)
    if (code !== 0) return dnsFault('dns/failed', `${what}: the server failed (${code})`)
    let at = HEAD_BYTES
    for (let i = reply.readUInt16BE(4); i > 0; i--) at = afterName(reply, at) + 4
    const records: Uint8Array[] = []
    let ttlSec = Number.MAX_SAFE_INTEGER
    for (let i = reply.readUInt16BE(6); i > 0; i--) {
      at = afterName(reply, at)
      const length = reply.readUInt16BE(at + 8)
      const data = reply.subarray(at + 10, at + 10 + length)
      if (data.length < length) break
      if (reply.readUInt16BE(at) === type && reply.readUInt16BE(at + 2) === CLASS_IN) {
        records.push(data)
        ttlSec = Math.min(ttlSec, reply.readUInt32BE(at + 4))
      }
      at += 10 + length
    }
    if (records.length === 0) return dnsFault('dns/not-found', `${what}: not found`)
    return { records, ttlSec }
  } catch (error) {
    // Read beyond its end.
    if (!(error instanceof RangeError)) throw error
    return dnsFault('dns/failed', `${what}: an answer that cannot be read`)
  }
}

function afterName(reply: Buffer, from: number): number {
  let at = from
  for (;;) {
    const length = reply.readUInt8(at)
    if (length >= POINTER) return at + 2
    at += 1 + length
    if (length === 0) return at
  }
}
