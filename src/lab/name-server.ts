/** A name server of the lab: it knows the names of a table, and answers at port 53. RFC 1035 §4.2. */

import { ByteQueue } from '../base/byte-queue.ts'
import { concat } from '../base/bytes.ts'
import type { ByteStream, Network } from '../ports/network.ts'
import { type DnsData, RECORD_TYPES } from '../proto/dns/data.ts'
import { UDP_BYTES_MAX } from '../proto/dns/limits.ts'
import {
  type DnsMessage,
  decodeDnsMessage,
  encodeDnsMessage,
  RESPONSE_CODES,
} from '../proto/dns/message.ts'
import { type LabName, TTL_SEC } from './dns.ts'

export const DNS_PORT = 53

/** Until its host restarts, or for ever: nobody stops one by itself. Rejects as `Network.bind` does. */
export async function serveNames(
  network: Network,
  address: string,
  names: ReadonlyMap<string, LabName>,
): Promise<void> {
  const at = { host: address, port: DNS_PORT }
  const socket = await network.bind(at)
  socket.onDatagram = (bytes, from) => {
    const query = decodeDnsMessage(bytes)
    const reply = query && answerTo(query, names, query.udpBytesMax ?? UDP_BYTES_MAX)
    if (reply !== undefined) socket.send(reply, from, () => {})
  }
  await network.listen(at, (stream) => {
    eachMessage(stream, (bytes) => {
      const query = decodeDnsMessage(bytes)
      const reply = query && answerTo(query, names, STREAM_BYTES_MAX)
      if (reply === undefined) stream.close()
      else stream.send(framed(reply))
    })
  })
}

/** What a length of two octets can say. RFC 1035 §4.2.2. */
export const STREAM_BYTES_MAX = 0xffff

/** With its length before it. */
export function framed(message: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(message.length >> 8, message.length & 0xff), message)
}

/** Hears the messages of a stream, each without its length. */
export function eachMessage(stream: ByteStream, hear: (message: Uint8Array) => void): void {
  const received = new ByteQueue()
  stream.onBytes = (bytes) => {
    received.append(bytes)
    for (;;) {
      const [high, low] = received.view
      if (high === undefined || low === undefined) return
      const length = (high << 8) | low
      if (received.length < 2 + length) return
      received.skip(2)
      hear(received.take(length))
    }
  }
}

/** Undefined where there is nothing to say. */
function answerTo(
  query: DnsMessage,
  names: ReadonlyMap<string, LabName>,
  bytesMax: number,
): Uint8Array | undefined {
  const { id, question, isResponse } = query
  const entry = names.get(question.name.toLowerCase())
  if (isResponse || entry?.fault === 'dns/timed-out') return undefined
  const code =
    entry === undefined
      ? RESPONSE_CODES.nameError
      : entry.fault === undefined
        ? RESPONSE_CODES.ok
        : RESPONSE_CODES.serverFailure
  const records =
    entry === undefined || entry.fault !== undefined ? [] : dataOf(entry, question.type)
  const reply = {
    id,
    isResponse: true,
    isTruncated: false,
    code,
    question,
    answers: records.map((data) => ({ name: question.name, ttlSec: TTL_SEC, data })),
    udpBytesMax: query.udpBytesMax === undefined ? undefined : UDP_ANSWER_BYTES_MAX,
  }
  const encoded =
    encodeDnsMessage(reply) ??
    encodeDnsMessage({ ...reply, code: RESPONSE_CODES.serverFailure, answers: [] })
  return encoded === undefined || encoded.length <= bytesMax
    ? encoded
    : encodeDnsMessage({ ...reply, isTruncated: true, answers: [] })
}

/** So that no answer goes in fragments: what name servers have agreed on since 2020. */
export const UDP_ANSWER_BYTES_MAX = 1232

function dataOf(entry: LabName, type: number): readonly DnsData[] {
  switch (type) {
    case RECORD_TYPES.A:
      return (entry.a ?? []).map((address) => ({ type: 'A', address }))
    case RECORD_TYPES.AAAA:
      return (entry.aaaa ?? []).map((address) => ({ type: 'AAAA', address }))
    case RECORD_TYPES.MX:
      return (entry.mx ?? []).map((record) => ({ type: 'MX', ...record }))
    case RECORD_TYPES.SRV:
      return (entry.srv ?? []).map((record) => ({ type: 'SRV', ...record }))
    case RECORD_TYPES.TXT:
      return (entry.txt ?? []).map((text) => ({ type: 'TXT', text }))
    case RECORD_TYPES.PTR:
      return (entry.ptr ?? []).map((target) => ({ type: 'PTR', target }))
    case RECORD_TYPES.IPN:
      return (entry.ipn ?? []).map((node) => ({ type: 'IPN', node }))
    default:
      return []
  }
}
