/** Endpoint IDs. RFC 9171 §4.2.5.1. */

import { Fault } from '../../base/fault.ts'
import type { CborReader } from '../cbor/reader.ts'
import type { CborWriter } from '../cbor/writer.ts'
import type { Bpv7FaultCode } from './fault.ts'
import { ENDPOINT_ID_LENGTH_MAX } from './limits.ts'

export type EndpointId =
  | {
      readonly scheme: 'dtn'
      /** `none` or `//node-name/demux`. */
      readonly ssp: string
    }
  | {
      readonly scheme: 'ipn'
      /** Fully qualified: the allocator in the upper 32 bits, the node number in the lower. */
      readonly node: bigint
      readonly service: bigint
      /**
       * How it is encoded: with the allocator apart or not. Both mean the same, but a received one
       * is never transcoded, because signatures cover its bytes.
       */
      readonly elements: 2 | 3
    }

/** `dtn:none`, of which no node is a member. */
export const NULL_ENDPOINT: EndpointId = { scheme: 'dtn', ssp: 'none' }

/** `ipn:!`, whichever node it is said on. It means nothing anywhere else, so it never leaves. RFC 9758. */
export const LOCAL_NODE = 0xffff_ffffn

/** RFC 9171 §9.6. */
const SCHEMES = { dtn: 1, ipn: 2 } as const

const UINT32_MAX = 0xffff_ffffn
const UINT64_MAX = 0xffff_ffff_ffff_ffffn

/** reg-name of RFC 3986 §3.2.2, then a slash, then VCHARs. RFC 9171 §4.2.5.1.1. */
const DTN_HIER_PART = /^\/\/(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*\/[\x21-\x7e]*$/

const IPN_TEXT = /^ipn:(?:!|(?:(0|[1-9]\d{0,9})\.)?(0|[1-9]\d{0,9}))\.(0|[1-9]\d{0,19})$/

/** `node` is fully qualified. */
export function ipnEndpoint(node: bigint, service: bigint): EndpointId {
  return { scheme: 'ipn', node, service, elements: node > UINT32_MAX ? 3 : 2 }
}

/**
 * `ipn:3.25`, `ipn:977000.3.25`, `ipn:!.25`, `dtn://node/demux`, `dtn:none`; undefined for anything
 * else.
 */
export function parseEndpointId(text: string): EndpointId | undefined {
  if (text.startsWith('dtn:')) {
    const ssp = text.slice('dtn:'.length)
    return isDtnSsp(ssp) ? { scheme: 'dtn', ssp } : undefined
  }
  const match = IPN_TEXT.exec(text)
  if (match === null) return undefined
  const allocator = BigInt(match[1] ?? 0)
  const node = BigInt(match[2] ?? LOCAL_NODE)
  const service = BigInt(match[3] ?? 0)
  if (allocator > UINT32_MAX || node > UINT32_MAX || service > UINT64_MAX) return undefined
  return ipnEndpoint((allocator << 32n) | node, service)
}

/** What `parseEndpointId` reads: printable ASCII without spaces. */
export function formatEndpointId(eid: EndpointId): string {
  if (eid.scheme === 'dtn') return `dtn:${eid.ssp}`
  if (eid.node === LOCAL_NODE) return `ipn:!.${eid.service}`
  if (eid.node <= UINT32_MAX) return `ipn:${eid.node}.${eid.service}`
  return `ipn:${eid.node >> 32n}.${eid.node & UINT32_MAX}.${eid.service}`
}

/** `formatEndpointId` for who is asked for the same endpoint again and again. */
export class EndpointFormatter {
  #last: EndpointId = NULL_ENDPOINT
  #text: string = formatEndpointId(NULL_ENDPOINT)

  format(eid: EndpointId): string {
    if (!isSameIpn(eid, this.#last)) {
      this.#last = eid
      this.#text = formatEndpointId(eid)
    }
    return this.#text
  }
}

function isSameIpn(a: EndpointId, b: EndpointId): boolean {
  return a.scheme === 'ipn' && b.scheme === 'ipn' && a.node === b.node && a.service === b.service
}

/** Whether both name the same endpoint, however they are encoded. */
export function sameEndpoint(a: EndpointId, b: EndpointId): boolean {
  if (isNullEndpoint(a)) return isNullEndpoint(b)
  if (a.scheme === 'dtn') return b.scheme === 'dtn' && a.ssp === b.ssp
  return b.scheme === 'ipn' && a.node === b.node && a.service === b.service
}

/** `dtn:none` and the whole of `ipn:0`, which has no node either. RFC 9758. */
export function isNullEndpoint(eid: EndpointId): boolean {
  return eid.scheme === 'dtn' ? eid.ssp === 'none' : eid.node === 0n
}

/** Means something on one node only: no bundle from elsewhere may bear it. */
export function isLocalNode(eid: EndpointId): boolean {
  return eid.scheme === 'ipn' && eid.node === LOCAL_NODE
}

/** Whether it has at most one member: every one but `dtn://name/~demux`. RFC 9171 §4.2.5.1. */
export function isSingleton(eid: EndpointId): boolean {
  return eid.scheme === 'ipn' || !/^\/\/[^/]*\/~/.test(eid.ssp)
}

/** The `node` of `dtn://node/demux`; undefined for every other endpoint. */
export function dtnNodeName(eid: EndpointId): string | undefined {
  return eid.scheme === 'dtn' ? /^\/\/([^/]*)\//.exec(eid.ssp)?.[1] : undefined
}

/**
 * Whether administrative records are delivered there: the service 0 and the empty demux, which also
 * serve as node IDs. RFC 9171 §4.2.5.1.1, §4.2.5.1.2.
 */
export function isAdministrative(eid: EndpointId): boolean {
  return eid.scheme === 'ipn' ? eid.service === 0n : /^\/\/[^/]*\/$/.test(eid.ssp)
}

export function writeEndpointId(writer: CborWriter, eid: EndpointId): void {
  writer.array(2)
  if (eid.scheme === 'dtn') {
    writer.uint(SCHEMES.dtn)
    if (eid.ssp === 'none') writer.uint(0)
    else writer.textString(eid.ssp)
    return
  }
  writer.uint(SCHEMES.ipn)
  writer.array(eid.elements)
  if (eid.elements === 3) {
    writer.uint(eid.node >> 32n)
    writer.uint(eid.node & UINT32_MAX)
  } else {
    writer.uint(eid.node)
  }
  writer.uint(eid.service)
}

/** Throws a Fault. */
export function readEndpointId(reader: CborReader): EndpointId {
  const length = reader.openArray()
  const scheme = reader.safeUint()
  let eid: EndpointId
  if (scheme === SCHEMES.ipn) eid = readIpn(reader)
  else if (scheme === SCHEMES.dtn) eid = readDtn(reader)
  else throw bad(`unknown URI scheme ${scheme}`)
  reader.closeArray(length, 2)
  return eid
}

function readIpn(reader: CborReader): EndpointId {
  const length = reader.openArray()
  const first = reader.uint()
  const second = reader.uint()
  if (reader.isArrayAtEnd(length, 2)) {
    reader.closeArray(length, 2)
    return { scheme: 'ipn', node: first, service: second, elements: 2 }
  }
  const service = reader.uint()
  reader.closeArray(length, 3)
  if (first > UINT32_MAX || second > UINT32_MAX) throw bad('ipn number beyond 32 bits')
  return { scheme: 'ipn', node: (first << 32n) | second, service, elements: 3 }
}

function readDtn(reader: CborReader): EndpointId {
  if (!reader.isTextNext()) {
    if (reader.safeUint() !== 0) throw bad('dtn scheme with a number')
    return NULL_ENDPOINT
  }
  const ssp = reader.textString(ENDPOINT_ID_LENGTH_MAX)
  // Some nodes send the text "none" where a zero belongs; it can mean nothing else.
  if (ssp === 'none') {
    reader.noteLoose()
    return NULL_ENDPOINT
  }
  if (!isDtnSsp(ssp)) throw bad('malformed dtn URI')
  return { scheme: 'dtn', ssp }
}

function isDtnSsp(ssp: string): boolean {
  return ssp === 'none' || (ssp.length <= ENDPOINT_ID_LENGTH_MAX && DTN_HIER_PART.test(ssp))
}

function bad(message: string): Fault<Bpv7FaultCode> {
  return new Fault('bpv7/bad-endpoint', message, { temporary: false })
}
