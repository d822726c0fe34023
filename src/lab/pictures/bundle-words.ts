/** Bundles in words, with what they carry where we know it. */

import { decodeAdu, namesIn } from '../../bridge/adu.ts'
import { aduId, BUNDLE_FLAGS, type Bundle } from '../../proto/bpv7/bundle.ts'
import { decodeBundle } from '../../proto/bpv7/codec.ts'
import { formatEndpointId } from '../../proto/bpv7/endpoint-id.ts'
import {
  decodeAdministrativeRecord,
  describeReason,
  STATUS_KINDS,
} from '../../proto/bpv7/status-report.ts'

export interface BundleWords {
  /** `BPv7 ipn:2.2525 → ipn:3.2525 #4, 1234 B, mail a1475976ba1ba02e`. */
  readonly text: string
  /** As `aduId` writes it. */
  readonly adu: string
  /** Transactions of the mails that it carries or answers for. */
  readonly mails: readonly string[]
}

/** Undefined where the bytes are no bundle. */
export function describeBundle(bytes: Uint8Array): BundleWords | undefined {
  const decoded = decodeBundle(bytes)
  if (!decoded.ok) return undefined
  const bundle = decoded.value
  const { source, destination, creationTimestamp, fragment } = bundle.primary
  const part =
    fragment === undefined
      ? ''
      : ` [${fragment.offset}+${bundle.payload.data.length} of ${fragment.totalAduLength}]`
  const way = `${formatEndpointId(source)} → ${formatEndpointId(destination)}`
  const { said, mails } = cargoOf(bundle)
  const text = `BPv7 ${way} #${creationTimestamp.sequence}${part}, ${bytes.length} B${said}`
  return { text, adu: aduId(bundle), mails }
}

interface Cargo {
  readonly said: string
  readonly mails: readonly string[]
}

const UNKNOWN: Cargo = { said: '', mails: [] }

function cargoOf(bundle: Bundle): Cargo {
  const { flags, fragment } = bundle.primary
  if ((flags & BUNDLE_FLAGS.administrativeRecord) !== 0n) return recordIn(bundle)
  // Only the first fragment of an ADU says what it is.
  if (fragment !== undefined && fragment.offset !== 0n) return UNKNOWN
  const adu = decodeAdu(bundle.payload.data)
  if (!adu.ok) return UNKNOWN
  const mails = namesIn(adu.value)
  const more = mails.length > 1 ? ` and ${mails.length - 1} more` : ''
  const kind = adu.value.type === 'mails' ? 'mail' : adu.value.type
  return { said: `, ${kind} ${mails[0] ?? 'of nothing'}${more}`, mails }
}

function recordIn(bundle: Bundle): Cargo {
  const record = decodeAdministrativeRecord(bundle.payload.data)
  if (!record.ok) return UNKNOWN
  if (record.value.type === 'unknown') {
    return { said: `, administrative record ${record.value.code}`, mails: [] }
  }
  const { report } = record.value
  const states = STATUS_KINDS.filter((kind) => report[kind].asserted).join(', ')
  const about = `${formatEndpointId(report.source)} #${report.creationTimestamp.sequence}`
  const why = report.reason === 0 ? '' : `: ${describeReason(report.reason)}`
  return { said: `, status report on ${about}: ${states}${why}`, mails: [] }
}
