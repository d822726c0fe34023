/**
 * Every file in `vectors`, and what it shows. A file without an entry here fails, and so does a case
 * without a check: nothing is skipped.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { inflateSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { concat, fromHex, fromLatin1, toHex } from '../src/base/bytes.ts'
import type { Result } from '../src/base/fault.ts'
import { BLOCK_TYPES, BUNDLE_FLAGS, type Bundle } from '../src/proto/bpv7/bundle.ts'
import type { CanonicalBlock } from '../src/proto/bpv7/canonical-block.ts'
import { decodeBundle, encodeBundle } from '../src/proto/bpv7/codec.ts'
import { formatEndpointId } from '../src/proto/bpv7/endpoint-id.ts'
import { decodeBundleAge } from '../src/proto/bpv7/extension/bundle-age.ts'
import { decodePreviousNode } from '../src/proto/bpv7/extension/previous-node.ts'
import {
  decodeAdministrativeRecord,
  encodeStatusReport,
  type StatusReport,
} from '../src/proto/bpv7/status-report.ts'
import { decodeDtpc, encodeDtpc } from '../src/proto/dtpc/codec.ts'
import { decodeFrameHead, encodeFrameHead } from '../src/proto/stcp/framing.ts'
import { decodeContactHeader, encodeContactHeader } from '../src/proto/tcpcl/contact-header.ts'
import { decodeMessage3, encodeMessage3 } from '../src/proto/tcpcl/version3.ts'

interface Shown {
  readonly shows: string
  readonly cases: number
  /** `line` is what stands behind the bytes. */
  readonly check: (bytes: Uint8Array, line: string) => void
}

const FILES: Readonly<Record<string, Shown>> = {
  'bpv7/accept-matrix.expected.txt': {
    shows: 'hand-made bundles with what RFC 9171 wants of a node: what is not refused decodes',
    cases: 52,
    check: (bytes, line) => {
      expect(line).toMatch(/RFC (9171 §|9758|7122)/)
      if (!line.startsWith('| refused')) value(decodeBundle(bytes))
    },
  },
  'bpv7/accept-matrix.invalid.txt': {
    shows: 'hand-made bundles that RFC 9171 does not allow: each refused for its reason',
    cases: 13,
    check: (bytes, line) => expect(line.startsWith(`${codeOf(decodeBundle(bytes))} `)).toBe(true),
  },
  'bpv7/accept-matrix.valid.txt': {
    shows: 'hand-made bundles, odd and allowed: decoded, and the same again once encoded',
    cases: 40,
    check: (bytes) => {
      const bundle = value(decodeBundle(bytes))
      expect(value(decodeBundle(encodeBundle(bundle)))).toEqual(bundle)
    },
  },
  'bpv7/ion.valid.txt': {
    shows: 'bundles that ION sent over UDP: the stated fields, and the same octets again',
    cases: 27,
    check: checkBundle,
  },
  'bpv7/ion-fragments.valid.txt': {
    shows: 'fragments that ION sent over UDP: the stated fields, and the same octets again',
    cases: 5,
    check: checkBundle,
  },
  'bpv7/ion.invalid.txt': {
    shows: 'the datagrams of one octet that ION sends itself: no bundles',
    cases: 2,
    check: (bytes, line) => expect(line.split(' ')[1]).toBe(codeOf(decodeBundle(bytes))),
  },
  'dtpc/ion.valid.txt': {
    shows:
      'what ION’s DTPC sent in bundles, mails of bpmail among it: the stated fields, the same octets',
    cases: 9,
    check: checkDtpc,
  },
  'stcp/ion.valid.txt': {
    shows: 'frames that ION sent over STCP, bundles and keepalives: the same',
    cases: 39,
    check: checkFrame,
  },
  'tcpcl/ion-v3.valid.txt': {
    shows: 'messages that ION sent over TCPCL version 3, and the bundles in them: the same',
    cases: 79,
    check: checkMessage,
  },
}

test('every file of vectors is shown here', () => {
  const files = readdirSync('vectors', { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => `${parentPath}/${name}`.slice('vectors/'.length))
  expect(files.sort()).toEqual(Object.keys(FILES).sort())
})

describe.each(Object.entries(FILES))('%s', (file, { shows, cases, check }) => {
  const lines = readFileSync(`vectors/${file}`, 'utf8').trimEnd().split('\n')

  test(shows, () => {
    const vectors = lines.filter((line) => !line.startsWith('#'))
    expect(vectors).toHaveLength(cases)
    for (const vector of vectors) {
      const space = vector.indexOf(' ')
      const line = vector.slice(space + 1)
      // Where a case has several datagrams, a + is between them.
      for (const hex of vector.slice(0, space).split('+')) check(bytesOf(hex), line)
    }
  })

  test('says where it comes from', () => {
    expect(lines[0]).toMatch(/^# (captured from|made by)/)
  })
})

test('the complete bundle of the project’s own facts has its fields and CRCs (RFC 9171 §4)', () => {
  const hex =
    '9f89070402820282020182028201018202820100821b000000bb0e20b4ea001a000927c04477349d3f' +
    '86010100014d48656c6c6f2c20576f726c64214254b3ff'
  const bundle = value(decodeBundle(bytesOf(hex)))
  expect(fieldsOf(bundle)).toEqual({
    flags: Number(BUNDLE_FLAGS.mustNotFragment),
    crc_type: 2,
    destination: 'ipn:2.1',
    source: 'ipn:1.1',
    report_to: 'ipn:1.0',
    creation_timestamp: { ms: 803_395_908_842, seq: 0 },
    lifetime_ms: 600_000,
    blocks: [
      {
        type: 1,
        number: 1,
        flags: 0,
        crc_type: 1,
        data: toHex(fromLatin1('Hello, World!')),
        length: 13,
      },
    ],
  })
  expect(toHex(encodeBundle(bundle))).toBe(hex)
})

interface StatedBundle {
  /** In hex. */
  readonly crc: string
}

function checkBundle(bytes: Uint8Array, line: string): void {
  checkAgainst(bytes, statedIn(line) as StatedBundle, line)
}

function checkAgainst(bytes: Uint8Array, stated: StatedBundle, line: string): void {
  const bundle = value(decodeBundle(bytes))
  const name = line.slice(0, line.indexOf(' '))
  const { crc, ...fields } = stated
  expect(fieldsOf(bundle), name).toEqual(fields)
  // Decoding has found it right; it stands at the end of the primary block.
  expect(toHex(bytes.subarray(0, 80)), name).toContain(`42${crc}85`)
  expect(equal(encodeBundle(bundle), bytes), name).toBe(true)
}

interface StatedDtpc {
  readonly type: 'data' | 'acknowledgement'
  readonly topics?: readonly { readonly topic: number; readonly records: readonly string[] }[]
  /** Of the records, in the same order. */
  readonly inflated?: readonly string[]
}

function checkDtpc(bytes: Uint8Array, line: string): void {
  const { inflated, ...stated } = statedIn(line) as StatedDtpc
  const bundle = value(decodeBundle(bytes))
  expect(equal(encodeBundle(bundle), bytes)).toBe(true)
  const pdu = value(decodeDtpc(bundle.payload.data))
  const topics = pdu.type === 'data' ? pdu.topics : undefined
  const hexes = topics?.map(({ topic, records }) => ({ topic, records: records.map(toHex) }))
  expect({ ...pdu, ...(hexes && { topics: hexes }) }).toEqual(stated)
  expect(toHex(encodeDtpc(pdu))).toBe(toHex(bundle.payload.data))
  const texts = topics?.flatMap(({ records }) => records.map((r) => inflateSync(r).toString()))
  if (inflated !== undefined) expect(texts).toEqual(inflated)
}

function checkFrame(bytes: Uint8Array, line: string): void {
  const stated = statedIn(line) as {
    preamble?: number
    preamble_length?: number
    bundle?: StatedBundle
  }
  const head = decodeFrameHead('stcp', bytes, 0, 1_000_000)
  if (head === undefined) throw new Error('no frame')
  expect(head.bundleBytes).toBe(stated.preamble ?? stated.preamble_length)
  expect(head.headBytes + head.bundleBytes).toBe(bytes.length)
  expect(equal(encodeFrameHead('stcp', head.bundleBytes), bytes.subarray(0, head.headBytes))).toBe(
    true,
  )
  if (head.bundleBytes > 0)
    checkAgainst(bytes.subarray(head.headBytes), present(stated.bundle), line)
  else expect(stated.bundle).toBeUndefined()
}

interface StatedMessage {
  readonly message: string
  readonly flags: number
  readonly version?: number
  readonly keepalive_seconds?: number
  readonly eid?: string
  readonly length?: number
  readonly start?: boolean
  readonly end?: boolean
  readonly acked_length?: number
  readonly bundle?: StatedBundle
}

/** The data of a bundle that comes in several segments, so far. */
let pieces: Uint8Array[] = []

function checkMessage(bytes: Uint8Array, line: string): void {
  const stated = statedIn(line) as StatedMessage
  if (stated.message === 'contact-header') {
    const { header, lengthBytes } = present(value(decodeContactHeader(bytes)))
    const { version, flags, keepalive_seconds: keepaliveSec, eid: nodeId } = stated
    expect(header).toEqual({ version, flags, keepaliveSec, nodeId })
    expect(lengthBytes).toBe(bytes.length)
    expect(toHex(encodeContactHeader(header))).toBe(toHex(bytes))
    return
  }
  const { message, end } = present(value(decodeMessage3(bytes, 0)))
  expect(message.type).toBe(stated.message)
  expect(toHex(encodeMessage3(message))).toBe(toHex(bytes.subarray(0, end)))
  switch (message.type) {
    case 'data-segment': {
      expect([message.flags, Number(message.dataLength)]).toEqual([stated.flags, stated.length])
      expect(end + Number(message.dataLength)).toBe(bytes.length)
      if (stated.start === true) pieces = []
      pieces.push(bytes.subarray(end))
      if (stated.end === true) checkAgainst(concat(...pieces), present(stated.bundle), line)
      break
    }
    case 'ack-segment':
      expect(Number(message.acknowledgedLength)).toBe(stated.acked_length)
      expect(end).toBe(bytes.length)
      break
    case 'keepalive':
    case 'shutdown':
      expect(message).toEqual({ type: stated.message })
      expect(end).toBe(bytes.length)
      break
    default:
      throw new Error(`no check for ${message.type}`)
  }
}

/** A bundle in the words of whoever captured it. */
function fieldsOf({ primary, blocks, payload }: Bundle): unknown {
  const { fragment } = primary
  const { time, sequence } = primary.creationTimestamp
  const isRecord = (primary.flags & BUNDLE_FLAGS.administrativeRecord) !== 0n
  return {
    flags: Number(primary.flags),
    crc_type: primary.crcType,
    destination: formatEndpointId(primary.destination),
    source: formatEndpointId(primary.source),
    report_to: formatEndpointId(primary.reportTo),
    creation_timestamp: { ms: Number(time), seq: Number(sequence) },
    lifetime_ms: Number(primary.lifetimeMs),
    ...(fragment !== undefined && {
      fragment_offset: Number(fragment.offset),
      total_adu_length: Number(fragment.totalAduLength),
    }),
    blocks: [
      ...blocks.map(blockFields),
      {
        ...blockFields(payload),
        length: payload.data.length,
        ...(isRecord && { admin_record: recordFields(payload.data) }),
      },
    ],
  }
}

function blockFields({ type, number, flags, crcType, data }: CanonicalBlock): object {
  const hex = toHex(data)
  return {
    type,
    number,
    flags: Number(flags),
    crc_type: crcType,
    data: hex.length > 128 ? `${hex.slice(0, 64)}...` : hex,
    ...(type === BLOCK_TYPES.previousNode && {
      previous_node: formatEndpointId(value(decodePreviousNode(data))),
    }),
    ...(type === BLOCK_TYPES.bundleAge && { age_ms: Number(value(decodeBundleAge(data))) }),
  }
}

function recordFields(payload: Uint8Array): unknown {
  const record = value(decodeAdministrativeRecord(payload))
  if (record.type !== 'status-report') throw new Error('not a status report')
  const { report } = record
  expect(toHex(encodeStatusReport(report))).toBe(toHex(payload))
  const said = (kind: 'received' | 'forwarded' | 'delivered' | 'deleted') => statusOf(report, kind)
  const { time, sequence } = report.creationTimestamp
  return {
    record_type: 1,
    status: {
      received: said('received'),
      forwarded: said('forwarded'),
      delivered: said('delivered'),
      deleted: said('deleted'),
    },
    reason: report.reason,
    subject_source: formatEndpointId(report.source),
    subject_timestamp: { ms: Number(time), seq: Number(sequence) },
  }
}

function statusOf(
  report: StatusReport,
  kind: 'received' | 'forwarded' | 'delivered' | 'deleted',
): object {
  const { asserted, time } = report[kind] as { asserted: boolean; time?: bigint }
  return time === undefined ? { asserted } : { asserted, time_ms: Number(time) }
}

function statedIn(line: string): unknown {
  return JSON.parse(line.slice(line.indexOf(' ') + 1)) as unknown
}

function bytesOf(hex: string): Uint8Array {
  const bytes = fromHex(hex)
  if (bytes === undefined) throw new Error(`not hex: ${hex.slice(0, 80)}`)
  return bytes
}

function value<T>(result: Result<T>): T {
  if (!result.ok) throw result.fault
  return result.value
}

function present<T>(decoded: T | undefined): T {
  if (decoded === undefined) throw new Error('there is nothing')
  return decoded
}

function codeOf(result: Result<unknown>): string {
  return result.ok ? 'ok' : result.fault.code
}

/** Without printing either, however long they are. */
function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0
}
