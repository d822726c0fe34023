/** What a program and its node say to each other over the control socket. */

import { NO_BYTES } from '../../base/bytes.ts'
import { attempt, Fault, type FaultCode, type Result } from '../../base/fault.ts'
import { wallMs } from '../../base/time.ts'
import { type EndpointId, formatEndpointId, parseEndpointId } from '../../proto/bpv7/endpoint-id.ts'
import { STATUS_KINDS, type StatusKind } from '../../proto/bpv7/status-report.ts'
import type { ReceivedAdu } from '../node.ts'
import { bad, encodeFrame, type Frame, type Header } from './frame.ts'
import { LIFETIME_MS_MAX } from './limits.ts'

/** Both sides speak one version or end the session. */
export const CONTROL_PROTOCOL = 1

export const ADMIN_PROGRAMS = ['ionadmin', 'bpadmin', 'ipnadmin', 'dtpcadmin'] as const
export type AdminProgram = (typeof ADMIN_PROGRAMS)[number]

export interface SendAdu {
  /** An endpoint that the program has open, or `dtn:none`, which makes the bundle anonymous. */
  readonly source: EndpointId
  readonly destination: EndpointId
  readonly payload: Uint8Array
  /** Above 0. */
  readonly lifetimeMs: number
  /** What the nodes on the way are asked to tell. */
  readonly reports: readonly StatusKind[]
  /** Default: the source. */
  readonly reportTo?: EndpointId
}

/** An application data item for a topic of another node, by DTPC. */
export interface SendItem {
  /** That of the other node's DTPC: `ipn:3.129`. */
  readonly destination: EndpointId
  readonly profile: number
  readonly topic: number
  readonly bytes: Uint8Array
}

/** One that came. */
export interface ReceivedItem {
  readonly topic: number
  readonly source: EndpointId
  readonly bytes: Uint8Array
}

/** A line for an admin program, as it stands in a file or comes from standard input. */
export interface AdminLine {
  readonly program: AdminProgram
  /** What messages call the file. */
  readonly file: string
  /** From 1. */
  readonly number: number
  readonly text: string
}

export interface AdminAnswer {
  /** What the program prints. */
  readonly lines: readonly string[]
  /** Whether it was carried out; or the program ends, in the last case having asked whether a node runs. */
  readonly outcome: (typeof ADMIN_OUTCOMES)[number]
}

const ADMIN_OUTCOMES = ['done', 'refused', 'quit', 'started'] as const

/** Answered once; `id` is chosen by the program and comes back with the answer. */
export type AnsweredRequest =
  /** Of one of the node's endpoints: its bundles are delivered to this program, one copy of each. */
  | { readonly type: 'open'; readonly id: number; readonly endpoint: EndpointId }
  /** Answered with the bundle's ID once it is durable. */
  | { readonly type: 'send-adu'; readonly id: number; readonly adu: SendAdu }
  /** DTPC's items of a topic are delivered to this program, one at a time. */
  | { readonly type: 'open-topic'; readonly id: number; readonly topic: number }
  /** Answered once it is durable. */
  | { readonly type: 'send-item'; readonly id: number; readonly item: SendItem }
  /** Answered with JSON. */
  | { readonly type: 'status'; readonly id: number }
  /** Answered with a page of JSON: the bundles after the one with this key, or the first. */
  | { readonly type: 'bundles'; readonly id: number; readonly after: number | undefined }
  /** Answered with JSON: an AdminAnswer. */
  | { readonly type: 'admin'; readonly id: number; readonly line: AdminLine }
  /** Of what the host does besides bundles, by a name of its own; answered with what that says. */
  | { readonly type: 'call'; readonly id: number; readonly name: string; readonly body: Uint8Array }

export type ControlRequest =
  | AnsweredRequest
  /** The program has done with a delivery, which may leave the store. */
  | { readonly type: 'take'; readonly delivery: number }
  /** The last that the program says: what it did not take stays with the node. */
  | { readonly type: 'leave' }

export type ControlReply =
  | { readonly type: 'welcome'; readonly protocol: number; readonly node: bigint }
  | { readonly type: 'done'; readonly id: number; readonly body: Uint8Array }
  | { readonly type: 'failed'; readonly id: number; readonly fault: Fault }
  | { readonly type: 'deliver'; readonly delivery: number; readonly adu: ReceivedAdu }
  | { readonly type: 'deliver-item'; readonly delivery: number; readonly item: ReceivedItem }
  /** The last that the node says. */
  | { readonly type: 'refused'; readonly fault: Fault }

export function encodeRequest(request: ControlRequest): Uint8Array {
  switch (request.type) {
    case 'open':
      return frame({ ...request, endpoint: formatEndpointId(request.endpoint) })
    case 'send-adu': {
      const { payload, source, destination, reportTo, ...rest } = request.adu
      const header = {
        type: request.type,
        id: request.id,
        source: formatEndpointId(source),
        destination: formatEndpointId(destination),
        ...(reportTo !== undefined && { reportTo: formatEndpointId(reportTo) }),
        ...rest,
      }
      return frame(header, payload)
    }
    case 'send-item': {
      const { bytes, destination, ...rest } = request.item
      const to = { destination: formatEndpointId(destination), ...rest }
      return frame({ type: request.type, id: request.id, ...to }, bytes)
    }
    case 'admin':
      return frame({ type: request.type, id: request.id, ...request.line })
    case 'call':
      return frame({ type: request.type, id: request.id, name: request.name }, request.body)
    default:
      return frame({ ...request })
  }
}

export function decodeRequest({ header, body }: Frame): Result<ControlRequest> {
  return attempt(() => requestOf(header, body))
}

function requestOf(header: Header, body: Uint8Array): ControlRequest {
  const { type } = header
  switch (type) {
    case 'open':
      return { type, id: count(header, 'id'), endpoint: endpoint(header, 'endpoint') }
    case 'send-adu':
      return { type, id: count(header, 'id'), adu: sendAduOf(header, body) }
    case 'open-topic':
      return { type, id: count(header, 'id'), topic: count(header, 'topic') }
    case 'send-item': {
      const item = {
        destination: endpoint(header, 'destination'),
        profile: count(header, 'profile'),
        topic: count(header, 'topic'),
        bytes: body,
      }
      return { type, id: count(header, 'id'), item }
    }
    case 'take':
      return { type, delivery: count(header, 'delivery') }
    case 'leave':
      return { type }
    case 'status':
      return { type, id: count(header, 'id') }
    case 'bundles': {
      const after = header['after'] === undefined ? undefined : count(header, 'after')
      return { type, id: count(header, 'id'), after }
    }
    case 'admin':
      return {
        type,
        id: count(header, 'id'),
        line: {
          program: oneOf(ADMIN_PROGRAMS, header['program']),
          file: text(header, 'file'),
          number: count(header, 'number'),
          text: text(header, 'text'),
        },
      }
    case 'call':
      return { type, id: count(header, 'id'), name: text(header, 'name'), body }
    default:
      throw bad('an unknown request')
  }
}

function sendAduOf(header: Header, payload: Uint8Array): SendAdu {
  const { lifetimeMs, reports } = header
  if (!isBetween(lifetimeMs, 1, LIFETIME_MS_MAX)) throw bad('a lifetime that is none')
  if (!Array.isArray(reports) || reports.length > STATUS_KINDS.length) throw bad('bad reports')
  return {
    source: endpoint(header, 'source'),
    destination: endpoint(header, 'destination'),
    payload,
    lifetimeMs,
    ...(header['reportTo'] !== undefined && { reportTo: endpoint(header, 'reportTo') }),
    reports: reports.map((kind) => oneOf(STATUS_KINDS, kind)),
  }
}

/** What a request holds in memory besides its line. */
export function bodyBytesOf(request: AnsweredRequest): number {
  if (request.type === 'send-adu') return request.adu.payload.length
  if (request.type === 'send-item') return request.item.bytes.length
  return request.type === 'call' ? request.body.length : 0
}

export function encodeReply(reply: ControlReply): Uint8Array {
  switch (reply.type) {
    case 'welcome':
      return frame({ ...reply, node: String(reply.node) })
    case 'done':
      return frame({ type: reply.type, id: reply.id }, reply.body)
    case 'failed':
      return frame({ type: reply.type, id: reply.id, ...faultMembers(reply.fault) })
    case 'refused':
      return frame({ type: reply.type, ...faultMembers(reply.fault) })
    case 'deliver': {
      const { payload, source, destination, ...rest } = reply.adu
      const header = {
        type: reply.type,
        delivery: reply.delivery,
        source: formatEndpointId(source),
        destination: formatEndpointId(destination),
        ...rest,
      }
      return frame(header, payload)
    }
    case 'deliver-item': {
      const { source, topic, bytes } = reply.item
      const header = { type: reply.type, delivery: reply.delivery, topic }
      return frame({ ...header, source: formatEndpointId(source) }, bytes)
    }
  }
}

export function decodeReply({ header, body }: Frame): Result<ControlReply> {
  return attempt(() => replyOf(header, body))
}

function replyOf(header: Header, body: Uint8Array): ControlReply {
  const { type } = header
  switch (type) {
    case 'welcome':
      return { type, protocol: count(header, 'protocol'), node: nodeNumber(header) }
    case 'done':
      return { type, id: count(header, 'id'), body }
    case 'failed':
      return { type, id: count(header, 'id'), fault: faultOf(header) }
    case 'refused':
      return { type, fault: faultOf(header) }
    case 'deliver':
      return { type, delivery: count(header, 'delivery'), adu: receivedAduOf(header, body) }
    case 'deliver-item': {
      const source = endpoint(header, 'source')
      const item = { topic: count(header, 'topic'), source, bytes: body }
      return { type, delivery: count(header, 'delivery'), item }
    }
    default:
      throw bad('an unknown answer')
  }
}

function receivedAduOf(header: Header, payload: Uint8Array): ReceivedAdu {
  const { expiresAt, administrative } = header
  if (typeof expiresAt !== 'number') throw bad('a time that is none')
  return {
    bundle: text(header, 'bundle'),
    source: endpoint(header, 'source'),
    destination: endpoint(header, 'destination'),
    payload,
    administrative: administrative === true,
    expiresAt: wallMs(expiresAt),
  }
}

function frame(header: Header, body: Uint8Array = NO_BYTES): Uint8Array {
  return encodeFrame({ header, body })
}

function faultMembers({ code, message, temporary }: Fault): Header {
  return { code, message: message.slice(0, FAULT_MESSAGE_LENGTH_MAX), temporary }
}

/** So that every fault fits into a line. */
const FAULT_MESSAGE_LENGTH_MAX = 1000

function faultOf(header: Header): Fault {
  const { code, temporary } = header
  if (typeof code !== 'string' || !/^[a-z0-9]+\/[a-z0-9-]+$/.test(code)) throw bad('a bad code')
  return new Fault(code as FaultCode, text(header, 'message'), { temporary: temporary === true })
}

function endpoint(header: Header, member: string): EndpointId {
  const eid = parseEndpointId(text(header, member))
  if (eid === undefined) throw bad(`a ${member} that is no endpoint`)
  return eid
}

function nodeNumber(header: Header): bigint {
  const digits = text(header, 'node')
  if (!/^\d{1,20}$/.test(digits)) throw bad('a node that is no number')
  return BigInt(digits)
}

function text(header: Header, member: string): string {
  const value = header[member]
  if (typeof value !== 'string') throw bad(`a ${member} that is no text`)
  return value
}

function count(header: Header, member: string): number {
  const value = header[member]
  if (!isBetween(value, 0, Number.MAX_SAFE_INTEGER)) throw bad(`a ${member} that is no number`)
  return value
}

function isBetween(value: unknown, min: number, max: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
}

function oneOf<Value extends string>(values: readonly Value[], value: unknown): Value {
  const found = values.find((one) => one === value)
  if (found === undefined) throw bad(`none of ${values.join(', ')}`)
  return found
}
