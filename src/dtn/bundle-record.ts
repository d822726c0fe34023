/** What is known of a bundle here without reading it: all that the agent needs. */

import { addMs, type WallMs } from '../base/time.ts'
import { aduId, BUNDLE_FLAGS, type Bundle, bundleId } from '../proto/bpv7/bundle.ts'
import { type EndpointId, isNullEndpoint, isSingleton } from '../proto/bpv7/endpoint-id.ts'
import type { StatusKind } from '../proto/bpv7/status-report.ts'
import { readPreviousNode, remainingLifetimeMs } from './block-processing.ts'
import { requestedReports } from './status-reporter.ts'

/** What the bundle itself does not say: what came of it here. */
export interface Stay {
  /** In the store; keys ascend in the order of arrival. */
  readonly key: number
  /** An application of this node sent it. */
  readonly own: boolean
  /** Keep it after it was forwarded, under this name. */
  readonly hold: string | undefined
  /** Of one that came: who handed it over, where a certificate has shown it. */
  readonly neighbour: EndpointId | undefined
  readonly arrivedAt: WallMs
  readonly expiresAt: WallMs
  /** It expires by our bound on lifetimes and not by its own. RFC 9171 §5.5. */
  readonly pared: boolean
}

export interface BundleRecord extends Stay {
  readonly id: string
  readonly destination: EndpointId
  /** Its payload is an administrative record. RFC 9171 §6.1. */
  readonly administrative: boolean
  readonly sizeBytes: number
  readonly fragment: FragmentExtent | undefined
  /** What its source wants to be told; undefined where nothing. */
  readonly reports: readonly StatusKind[] | undefined
  /** Of a bundle to a group: who forwarded it to us. */
  readonly previousNode: EndpointId | undefined
}

/** Which part of which ADU a fragment carries, in bytes. */
export interface FragmentExtent {
  readonly aduId: string
  readonly offset: number
  readonly length: number
  readonly aduBytes: number
}

/** Of a bundle that is new here. RFC 9171 §5.5. */
export function stayOf(
  bundle: Bundle,
  at: Pick<Stay, 'key' | 'own' | 'hold' | 'neighbour'> & {
    readonly wall: WallMs
    readonly lifetimeMsMax: number
    readonly isClockless: boolean
  },
): Stay {
  const { key, own, hold, neighbour, wall, lifetimeMsMax, isClockless } = at
  const lifetimeMs = remainingLifetimeMs(bundle, isClockless ? undefined : wall)
  return {
    key,
    own,
    hold,
    neighbour,
    arrivedAt: wall,
    expiresAt: addMs(wall, Math.min(lifetimeMs, lifetimeMsMax)),
    pared: lifetimeMs > lifetimeMsMax,
  }
}

/** Of a bundle whose encoding has `sizeBytes`. */
export function recordOf(bundle: Bundle, sizeBytes: number, stay: Stay): BundleRecord {
  const { primary } = bundle
  const { key, own, hold, neighbour, arrivedAt, expiresAt, pared } = stay
  const reports = requestedReports(primary)
  // An anonymous bundle has no identity of its own (RFC 9171 §4.2.3): its place in the store is one.
  const id = isNullEndpoint(primary.source) ? `${bundleId(bundle)}#${key}` : bundleId(bundle)
  return {
    key,
    own,
    hold,
    neighbour,
    arrivedAt,
    expiresAt,
    pared,
    id,
    destination: primary.destination,
    administrative: (primary.flags & BUNDLE_FLAGS.administrativeRecord) !== 0n,
    sizeBytes,
    fragment: extentOf(bundle),
    reports: reports.length > 0 ? reports : undefined,
    previousNode: isSingleton(primary.destination) ? undefined : readPreviousNode(bundle),
  }
}

function extentOf(bundle: Bundle): FragmentExtent | undefined {
  const { fragment } = bundle.primary
  if (fragment === undefined) return undefined
  return {
    aduId: aduId(bundle),
    offset: Number(fragment.offset),
    length: bundle.payload.data.length,
    aduBytes: Number(fragment.totalAduLength),
  }
}
