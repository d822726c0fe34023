/** What an application asks to be sent, as a bundle. RFC 9171 §5.2. */

import type { StoreChange } from '../ports/store.ts'
import {
  BLOCK_TYPES,
  BUNDLE_FLAGS,
  type Bundle,
  type CanonicalBlock,
  type CreationTimestamp,
} from '../proto/bpv7/bundle.ts'
import {
  type EndpointId,
  formatEndpointId,
  ipnEndpoint,
  isNullEndpoint,
  NULL_ENDPOINT,
} from '../proto/bpv7/endpoint-id.ts'
import { encodeBundleAge } from '../proto/bpv7/extension/bundle-age.ts'
import { encodeHopCount } from '../proto/bpv7/extension/hop-count.ts'
import type { StatusKind } from '../proto/bpv7/status-report.ts'
import { unacceptable } from './fault.ts'
import { HOP_LIMIT } from './limits.ts'
import { isOwnEndpoint, type NodeNames, resolveLocalNode } from './membership.ts'
import { REPORT_REQUESTS } from './status-reporter.ts'

export type SendRequest = Sender & {
  readonly destination: EndpointId
  readonly payload: Uint8Array
  /** Above 0. */
  readonly lifetimeMs: number
  /**
   * Keep the bundle after it was forwarded, until `release` or the end of its lifetime, under this
   * name, which no other held bundle may bear.
   */
  readonly hold?: string
  readonly mustNotFragment?: boolean
  /** Goes to the disk together with the bundle, or not at all. */
  readonly alongside?: readonly StoreChange[]
  /** What the nodes on the way are asked to tell; they need not. */
  readonly reports?: ReportsRequest
}

/** An endpoint of this node, by its service number or in full; the null endpoint is anonymous. */
export type Sender = { readonly sourceService: bigint } | { readonly source: EndpointId }

export interface ReportsRequest {
  readonly kinds: readonly StatusKind[]
  /** Default: the source. */
  readonly to?: EndpointId
  /** With the time of what they tell. */
  readonly times?: boolean
}

/** Which CRC the payloads of our own bundles bear; the other blocks bear none, but the primary. */
export type PayloadCrc = 'crc-32c' | 'none'

export interface OwnBundleOptions extends NodeNames {
  /**
   * Default: `crc-32c`. Without one nothing but what carries a bundle tells that its payload was
   * damaged, on every hop of its way. RFC 9171 §4.2.1.
   */
  readonly payloadCrc?: PayloadCrc
}

/** The endpoint that the request names as its source. */
function sourceOf(request: SendRequest, names: NodeNames): EndpointId {
  return 'source' in request
    ? resolveLocalNode(names, request.source)
    : ipnEndpoint(names.node, request.sourceService)
}

/** Throws a Fault where the source is not of this node, or cannot be told of. RFC 9171 §5.2 step 1. */
export function newBundle(
  request: SendRequest,
  options: OwnBundleOptions,
  creationTimestamp: CreationTimestamp,
): Bundle {
  const source = sourceOf(request, options)
  const isAnonymous = isNullEndpoint(source)
  if (!isAnonymous && !isOwnEndpoint(options, source)) {
    throw unacceptable(`${formatEndpointId(source)} is not an endpoint of this node`)
  }
  const { reports, mustNotFragment } = request
  if (isAnonymous && reports !== undefined) {
    throw unacceptable('nothing can be reported of an anonymous bundle')
  }
  // RFC 9171 §4.2.3: it is no bundle in particular, so its fragments could not be told apart.
  let flags = mustNotFragment || isAnonymous ? BUNDLE_FLAGS.mustNotFragment : 0n
  for (const kind of reports?.kinds ?? []) flags |= REPORT_REQUESTS[kind]
  if (reports?.times) flags |= BUNDLE_FLAGS.statusTime
  const reportTo =
    reports === undefined ? NULL_ENDPOINT : resolveLocalNode(options, reports.to ?? source)
  return bundleOf(request, options, {
    flags,
    source: isAnonymous ? NULL_ENDPOINT : source,
    destination: resolveLocalNode(options, request.destination),
    reportTo,
    creationTimestamp,
  })
}

/** A status report of this node. RFC 9171 §6.2. */
export function newRecordBundle(
  report: {
    readonly reportTo: EndpointId
    readonly record: Uint8Array
    readonly lifetimeMs: number
  },
  options: OwnBundleOptions,
  creationTimestamp: CreationTimestamp,
): Bundle {
  const { reportTo, record, lifetimeMs } = report
  return bundleOf({ payload: record, lifetimeMs }, options, {
    flags: BUNDLE_FLAGS.administrativeRecord,
    source: ipnEndpoint(options.node, 0n),
    destination: reportTo,
    reportTo: NULL_ENDPOINT,
    creationTimestamp,
  })
}

function bundleOf(
  { payload, lifetimeMs }: { readonly payload: Uint8Array; readonly lifetimeMs: number },
  { payloadCrc }: OwnBundleOptions,
  primary: Pick<
    Bundle['primary'],
    'flags' | 'source' | 'destination' | 'reportTo' | 'creationTimestamp'
  >,
): Bundle {
  const blocks: CanonicalBlock[] = [NO_HOPS]
  if (primary.creationTimestamp.time === 0n) {
    const data = encodeBundleAge(0n)
    blocks.push({ type: BLOCK_TYPES.bundleAge, number: 3, flags: 0n, crcType: 0, data })
  }
  return {
    primary: {
      flags: primary.flags,
      crcType: 2,
      destination: primary.destination,
      source: primary.source,
      reportTo: primary.reportTo,
      creationTimestamp: primary.creationTimestamp,
      lifetimeMs: BigInt(Math.ceil(lifetimeMs)),
    },
    blocks,
    payload: {
      type: BLOCK_TYPES.payload,
      number: 1,
      flags: 0n,
      crcType: payloadCrc === 'none' ? 0 : 2,
      data: payload,
    },
  }
}

const NO_HOPS: CanonicalBlock = {
  type: BLOCK_TYPES.hopCount,
  number: 2,
  flags: 0n,
  crcType: 0,
  data: encodeHopCount({ limit: HOP_LIMIT, count: 0 }),
}
