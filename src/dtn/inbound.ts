/** What arrives and what is delivered, as bundles: reading only, no state. RFC 9171 §5.6, §5.7, §5.9. */

import { Fault, type Result } from '../base/fault.ts'
import { addMs, type WallMs } from '../base/time.ts'
import { aduId, BUNDLE_FLAGS, type Bundle, bundleId } from '../proto/bpv7/bundle.ts'
import { decodeBundle } from '../proto/bpv7/codec.ts'
import { isNullEndpoint, isSingleton } from '../proto/bpv7/endpoint-id.ts'
import { Reassembly } from '../proto/bpv7/fragmentation.ts'
import { readPreviousNode, remainingLifetimeMs } from './block-processing.ts'
import type { BundleRecord } from './bundle-store.ts'
import type { DtnFaultCode } from './fault.ts'
import { requestedReports } from './status-reporter.ts'

/** The record under which a bundle is stored as `bytes`. */
export function recordOf(
  bundle: Bundle,
  bytes: Uint8Array,
  kept: Pick<BundleRecord, 'key' | 'own' | 'hold'> & {
    readonly wall: WallMs
    readonly lifetimeMsMax: number
    readonly isClockless: boolean
  },
): BundleRecord {
  const { primary, payload } = bundle
  const { fragment } = primary
  const { wall, lifetimeMsMax, isClockless, ...rest } = kept
  const lifetimeMs = remainingLifetimeMs(bundle, isClockless ? undefined : wall)
  const reports = requestedReports(primary)
  const previousNode = isSingleton(primary.destination) ? undefined : readPreviousNode(bundle)
  // An anonymous bundle has no identity of its own (RFC 9171 §4.2.3): its place in the store is one.
  const id = isNullEndpoint(primary.source) ? `${bundleId(bundle)}#${kept.key}` : bundleId(bundle)
  return {
    ...rest,
    id,
    destination: primary.destination,
    administrative: (primary.flags & BUNDLE_FLAGS.administrativeRecord) !== 0n,
    sizeBytes: bytes.length,
    arrivedAt: wall,
    expiresAt: addMs(wall, Math.min(lifetimeMs, lifetimeMsMax)),
    ...(lifetimeMs > lifetimeMsMax && { pared: true }),
    ...(reports.length > 0 && { reports }),
    ...(previousNode !== undefined && { previousNode }),
    ...(fragment !== undefined && {
      fragment: {
        aduId: aduId(bundle),
        offset: Number(fragment.offset),
        length: payload.data.length,
        aduBytes: Number(fragment.totalAduLength),
      },
    }),
  }
}

/** The bundle of which `parts` are the whole or all fragments, as they are in the store. */
export function assemble(parts: readonly (Uint8Array | undefined)[]): Result<Bundle> {
  let reassembly: Reassembly | undefined
  for (const part of parts) {
    const decoded = part === undefined ? undefined : decodeBundle(part)
    if (!decoded?.ok) return { ok: false, fault: damaged(decoded?.fault) }
    if (decoded.value.primary.fragment === undefined) return decoded
    reassembly ??= new Reassembly(decoded.value)
    const whole = reassembly.add(decoded.value)
    if (!whole.ok) return whole
    if (whole.value !== undefined) return { ok: true, value: whole.value }
  }
  return { ok: false, fault: damaged(undefined) }
}

function damaged(cause: Fault | undefined): Fault<DtnFaultCode> {
  return new Fault('dtn/damaged', 'damaged in the store', { temporary: false, cause })
}
