/** What the lab's hosts say to each other, as tshark understands it. */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { monoMs, wallMs } from '../../src/base/time.ts'
import type { TlsSettings } from '../../src/config/tls-settings.ts'
import { labIdentity, labTrust } from '../../src/lab/certificate.ts'
import { serveNames } from '../../src/lab/name-server.ts'
import type { LabNetwork } from '../../src/lab/network.ts'
import { pcapng } from '../../src/lab/pcapng.ts'
import { labResolver } from '../../src/lab/resolver.ts'
import { gap, losing, pattern, transfer } from '../support/gap.ts'
import { needs } from '../support/programs.ts'

const noTshark = needs('tshark')
let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lightlag-'))
})

afterEach(() => rmSync(directory, { recursive: true }))

/** The values of these fields, a line for each packet that the filter lets through. */
function seen(
  network: LabNetwork,
  filter: string,
  ...fields: readonly string[]
): readonly string[] {
  const file = join(directory, 'lab.pcapng')
  const startsAt = wallMs(1_795_420_800_000)
  writeFileSync(
    file,
    Buffer.concat([...pcapng(network.capture.packets, { startsAt, at: 'mail-2' })]),
  )
  const checks = ['ip', 'tcp', 'udp'].flatMap((name) => ['-o', `${name}.check_checksum:TRUE`])
  const shown = fields.flatMap((field) => ['-e', field])
  const output = execFileSync(
    'tshark',
    ['-r', file, ...checks, '-d', 'tcp.port==25,tls', '-Y', filter, '-T', 'fields', ...shown],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  )
  return output.split('\n').filter((line) => line !== '')
}

/** What it finds wrong: what is malformed, checksums, anything that it calls an error. */
function objections(network: LabNetwork): readonly string[] {
  const filter =
    '_ws.malformed || _ws.expert.severity == error || ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0'
  return seen(network, filter, 'frame.number', '_ws.expert.message', '_ws.col.Info')
}

const VALID = { from: wallMs(0), until: wallMs(4e12) }
const trust = labTrust('authority')
const identity = labIdentity('authority', { dns: ['mail-2.a.com'], ip: [], nodeIds: [] }, VALID)

/** Two sessions of TLS, one after the other, in each of which a word is said. */
async function secured(tls: TlsSettings, isMutual: boolean): Promise<LabNetwork> {
  const { network, world, earth, moon } = gap({ oneWayDelayMs: 100 }, 1, { tls })
  await moon.network.listen({ host: moon.address, port: 25 }, (stream) => {
    stream.onBytes = (bytes) => {
      stream.send(bytes.slice())
      stream.close()
    }
    const peerCertificate = isMutual ? 'required' : 'ignored'
    stream.secure({ role: 'server', identity, trust, peerCertificate, alpn: ['smtp'] })
  })
  for (let i = 0; i < 2; i++) {
    const connecting = earth.network.connect({ host: moon.address, port: 25 }, 60_000)
    void connecting.then((stream) => {
      stream.onSecured = () => stream.send(pattern(5000))
      stream.secure({
        role: 'client',
        serverName: 'mail-2.a.com',
        alpn: ['smtp'],
        identity,
        trust,
        peerCertificate: 'required',
      })
    })
    await world.run()
  }
  return network
}

describe.skipIf(noTshark)('tshark', () => {
  test.each([
    ['TLSv1.3', false],
    ['TLSv1.3', true],
    ['TLSv1.2', false],
    ['TLSv1.2', true],
  ] as const)(
    'finds %s well formed, with certificates of both ends %s',
    async (version, isMutual) => {
      const network = await secured({ version, resumption: true }, isMutual)
      expect(objections(network)).toEqual([])
      const names = seen(
        network,
        'tls.handshake.type == 1',
        'tls.handshake.extensions_server_name',
        'tls.handshake.extensions_alpn_str',
      )
      expect(names).toEqual(['mail-2.a.com\tsmtp', 'mail-2.a.com\tsmtp'])
      const versions = seen(network, 'tls.handshake.type == 2', 'tls.handshake.ciphersuite')
      expect(versions).toEqual(Array(2).fill(version === 'TLSv1.3' ? '0x1302' : '0xc02c'))
      const certificates = seen(network, 'x509sat.uTF8String', 'x509sat.uTF8String')
      // In TLS 1.3 nobody else sees one, and a session that goes on has none.
      const shown = version === 'TLSv1.3' ? 0 : isMutual ? 2 : 1
      expect(certificates).toHaveLength(shown)
      if (shown > 0) expect(certificates[0]).toBe('authority,mail-2.a.com')
    },
  )

  test('puts fragments together, and finds a lost one missing', async () => {
    const quality = { oneWayDelayMs: 10, lossShare: 0.5 }
    const { network, world, earth, moon } = gap(quality, 1, { random: losing(4) })
    const near = await earth.network.bind({ host: earth.address, port: 0 })
    const far = { host: moon.address, port: 4556 }
    near.send(pattern(4000), far, () => {})
    near.send(pattern(4000), far, () => {})
    await world.run()
    expect(objections(network)).toEqual([])
    expect(seen(network, 'udp', 'udp.length', 'ip.fragment.count')).toEqual(['4008\t3'])
    expect(seen(network, 'ip.flags.mf == 1 || ip.frag_offset > 0', 'ip.id')).toHaveLength(5)
  })

  test('follows a stream through loss: what is sent again, SACK, the end', async () => {
    const between = gap({ oneWayDelayMs: 50, lossShare: 0.05, rateBytesPerSec: 100_000 }, 3)
    const { receivedBytes } = await transfer(between, pattern(200_000))
    expect(objections(between.network)).toEqual([])
    expect(seen(between.network, 'tcp.options.sack_le', 'frame.number').length).toBeGreaterThan(3)
    expect(seen(between.network, 'tcp.analysis.retransmission', 'frame.number')).not.toEqual([])
    const lengths = seen(between.network, 'tcp.len > 0', 'tcp.seq', 'tcp.len')
    const octets = new Set<number>()
    for (const line of lengths) {
      const [from = 0, count = 0] = line.split('\t').map(Number)
      for (let at = from; at < from + count; at++) octets.add(at)
    }
    expect(octets.size).toBe(receivedBytes)
  })

  test('reads questions and answers of DNS', async () => {
    const { network, world, earth, moon } = gap({ oneWayDelayMs: 10 })
    const names = new Map([
      ['a.com', { mx: [{ preference: 10, exchange: 'mail-2.a.com' }], txt: ['x'.repeat(1500)] }],
    ])
    await world.perform(serveNames(moon.network, moon.address, names))
    const { clock, address } = earth
    const dns = labResolver({ network: earth.network, clock, address, server: moon.address })
    await world.perform(dns.resolveMx('a.com'))
    await world.perform(dns.resolveTxt('a.com'))
    await world.perform(dns.resolveA('b.com').catch(() => {}))
    expect(objections(network)).toEqual([])
    const answers = seen(network, 'dns.flags.response == 1', 'dns.qry.name', 'dns.flags.rcode')
    expect(answers).toEqual(['a.com\t0', 'a.com\t0', 'a.com\t0', 'b.com\t3'])
    expect(seen(network, 'dns.mx.mail_exchange', 'dns.mx.mail_exchange')).toEqual(['mail-2.a.com'])
    expect(seen(network, 'dns && tcp', 'frame.number')).toHaveLength(2)
  })

  test('sees a window close, and be asked about', async () => {
    const { network, world, earth, moon } = gap({ oneWayDelayMs: 10 })
    await moon.network.listen({ host: moon.address, port: 25 }, (stream) => stream.pause())
    const connecting = earth.network.connect({ host: moon.address, port: 25 }, 60_000)
    void connecting.then((stream) => stream.send(new Uint8Array(2_000_000)))
    await world.run(monoMs(20_000))
    expect(objections(network)).toEqual([])
    const least = seen(network, 'tcp.window_size', 'tcp.window_size').map(Number)
    expect(Math.min(...least)).toBeLessThan(1448)
    expect(seen(network, 'tcp.analysis.keep_alive', 'frame.number').length).toBeGreaterThan(2)
  })
})
