/** What the lab captured, read by tshark: nothing malformed, no wrong checksum, and the same bundles. */

import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { concat } from '../../src/base/bytes.ts'
import { pcapng } from '../../src/lab/pcapng.ts'
import type { Recording } from '../../src/lab/pictures/pictures.ts'
import { decodeBundle } from '../../src/proto/bpv7/codec.ts'
import { formatEndpointId } from '../../src/proto/bpv7/endpoint-id.ts'
import { played, scenarioNamed } from '../support/played.ts'
import { needs } from '../support/programs.ts'

const noTshark = needs('tshark')
const run = promisify(execFile)
let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lightlag-'))
})

afterEach(() => {
  rmSync(directory, { recursive: true })
})

/** Looks at every checksum, which tshark does not do by itself, and at bundles on the ports of the scenario. */
const READING = [
  ...['ip', 'tcp', 'udp'].flatMap((layer) => ['-o', `${layer}.check_checksum:TRUE`]),
  ...[2113, 3113].flatMap((port) => ['-d', `udp.port==${port},bundle`]),
]

/** A line of fields for each packet. */
async function fieldsOf(
  file: string,
  filter: string,
  fields: readonly string[],
): Promise<readonly (readonly string[])[]> {
  const { stdout } = await run('tshark', [
    ...['-r', file, '-2', ...READING, '-Y', filter, '-T', 'fields'],
    ...fields.flatMap((field) => ['-e', field]),
  ])
  return stdout.split('\n').flatMap((line) => (line === '' ? [] : [line.split('\t')]))
}

/** No packet was lost or late, so that TCP has nothing to remark on either. */
async function expectFaultless(file: string): Promise<void> {
  const faults = '_ws.malformed || tcp.analysis.flags || _ws.expert.severity == "Error"'
  expect(await fieldsOf(file, faults, ['frame.number', '_ws.expert.message'])).toEqual([])
  const statuses = ['ip', 'tcp', 'udp'].map((layer) => `${layer}.checksum.status`)
  const sums = await fieldsOf(file, 'ip', statuses)
  expect(sums.length).toBeGreaterThan(0)
  // Of the header of IP and of what is in it, 1 is good.
  for (const found of sums) expect(found.filter((status) => status !== '')).toEqual(['1', '1'])
}

function written({ packets, startsAt }: Recording, at?: string): string {
  const file = join(directory, `${at ?? 'all'}.pcapng`)
  writeFileSync(file, concat(...pcapng(packets, { startsAt, at })))
  return file
}

test.skipIf(noTshark)(
  'of a session with STARTTLS and of its answer in a bundle tshark finds every message and the same bundles',
  async () => {
    const recording = await played(scenarioNamed('starttls'))
    const file = written(recording)
    await expectFaultless(file)
    const bundles = await fieldsOf(file, 'bpv7', [
      ...['frame.time_epoch', 'bpv7.primary.src_uri', 'bpv7.primary.dst_uri'],
      ...['bpv7.time.dtntime', 'bpv7.create_ts.seqno'],
    ])
    expect(bundles).toEqual(bundlesIn(recording))
    expect(bundles.length).toBeGreaterThanOrEqual(2)
    const handshakes = await fieldsOf(file, 'tls.handshake', ['tls.handshake.type'])
    // ClientHello; ServerHello, Certificate, ServerKeyExchange, ServerHelloDone; ClientKeyExchange; NewSessionTicket.
    expect(handshakes.flat().filter((types) => types !== '')).toEqual([
      '1',
      '2,11,12,14',
      '16',
      '4',
    ])
  },
)

test.skipIf(noTshark)('a host sees its own side of it, in order and without a fault', async () => {
  const recording = await played(scenarioNamed('starttls'))
  const file = written(recording, 'mail1.com')
  await expectFaultless(file)
  const times = (await fieldsOf(file, 'frame', ['frame.time_epoch'])).flat().map(Number)
  expect(times).toEqual(times.toSorted((a, b) => a - b))
})

test.skipIf(noTshark)(
  'with losses and late packets nothing is malformed and no checksum is wrong',
  async () => {
    const file = written(await played(scenarioNamed('ship')))
    const read = ['-r', file, '-2', ...READING, '-o', 'tcp.reassemble_out_of_order:TRUE', '-Y']
    const counted = async (filter: string): Promise<number> =>
      (await run('tshark', [...read, filter])).stdout.split('\n').length - 1
    expect(await counted('tcp.analysis.retransmission')).toBeGreaterThan(0)
    const sums = ['ip', 'tcp'].map((layer) => `${layer}.checksum.status == 0`).join(' || ')
    expect(await counted(`_ws.malformed || _ws.expert.severity == "Error" || ${sums}`)).toBe(0)
  },
)

/** As tshark tells them: when they set out, from where to where, and when they were made. */
function bundlesIn({ packets, startsAt }: Recording): readonly (readonly string[])[] {
  return packets.flatMap(({ payload, protocol, sentAt }) => {
    const bundle = protocol === 'udp' ? decodeBundle(payload) : undefined
    if (!bundle?.ok) return []
    const { source, destination, creationTimestamp } = bundle.value.primary
    const seconds = `${((startsAt + sentAt) / 1000).toFixed(6)}000`
    return [
      [
        ...[seconds, formatEndpointId(source), formatEndpointId(destination)],
        ...[String(creationTimestamp.time), String(creationTimestamp.sequence)],
      ],
    ]
  })
}
