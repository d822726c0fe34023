import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { constants, deflateRawSync } from 'node:zlib'
import { test } from 'vitest'
import { issueCertificate, makeAuthority } from '../../src/host/certificates.ts'
import { hostClock } from '../../src/host/clock.ts'
import { hostCompression } from '../../src/host/compression.ts'
import { diskWithDigests, hostDisk } from '../../src/host/disk.ts'
import { hostNetwork } from '../../src/host/network.ts'
import { CLOSING_LIMITS } from '../../src/host/socket-stream.ts'
import { openLmdbStore } from '../../src/host/store.ts'
import { listenTcp } from '../../src/host/tcp.ts'
import { makeIdentity, makeTrust } from '../../src/host/tls.ts'
import type { Network, SocketAddress } from '../../src/ports/network.ts'
import { needsIpv6Loopback } from '../support/programs.ts'
import { describeClock } from './clock.ts'
import { describeCompression } from './compression.ts'
import { describeDisk } from './disk.ts'
import { describeLocalSockets, describeNetwork } from './network.ts'
import { securedNetwork } from './secured.ts'
import { describeStore } from './store.ts'
import { describeTls, type TlsWorld } from './tls.ts'
import type { World } from './world.ts'

const run: World['run'] = (action) => action()
const nothing = async (): Promise<void> => {}

const QUICK = { ...CLOSING_LIMITS, answerMs: 300 }

/** Waits less long for a session that says nothing after its peer's end. */
const quickNetwork: Network = {
  ...hostNetwork,
  listen: (at, onStream, options) => listenTcp(at, onStream, options, QUICK),
}

const bulkNetwork: Network = {
  ...hostNetwork,
  listen: (at, onStream) => listenTcp(at, onStream, { isBulk: true }, QUICK),
}

/** The buffers of a connection hold less: net.ipv4.tcp_rmem and tcp_wmem allow some 10 MB. */
const FLOOD_BYTES = 48 * 1_048_576

describeClock('Node', async () => ({ run, close: nothing, clock: hostClock }))

describeCompression('Node', async () => ({
  run,
  close: nothing,
  compression: hostCompression,
  deflatedZeros: (count) =>
    deflateRawSync(new Uint8Array(count), { finishFlush: constants.Z_SYNC_FLUSH }),
}))

describeDisk('Node', async () => {
  const { root, close } = temporaryDirectory()
  return { run, close, root, disk: hostDisk }
})

/** Compiled, as threads need it. */
const DIGESTS = new URL('../../dist/mail/mailbox/digests.js', import.meta.url)

describeDisk('Node, with digests made by its threads', async () => {
  const { root, close } = temporaryDirectory()
  return { run, close, root, disk: diskWithDigests(DIGESTS) }
})

describeNetwork('Node, IPv4', async () => {
  const here = { network: quickNetwork, host: '127.0.0.1' }
  // RFC 5737 §3: an address for documentation is nobody's.
  return {
    run,
    close: nothing,
    here,
    there: here,
    foreignHost: '192.0.2.1',
    floodBytes: FLOOD_BYTES,
    silentPeer,
  }
})

const noIpv6 = needsIpv6Loopback()
if (noIpv6 === undefined) {
  describeNetwork('Node, IPv6, for much', async () => {
    const here = { network: bulkNetwork, host: '::1' }
    // RFC 3849 §2: likewise.
    return {
      run,
      close: nothing,
      here,
      there: here,
      foreignHost: '2001:db8::1',
      floodBytes: FLOOD_BYTES,
      silentPeer,
    }
  })
} else {
  // A test, for a suite that has none is nowhere in the report.
  test('the network contract: Node, IPv6', ({ skip }) => skip(noIpv6))
}

const day = 86_400_000
const now = Date.now()
const validity = { fromMs: now - day, untilMs: now + day }
const authority = makeAuthority('Lightlag test', validity)
const stranger = makeAuthority('Lightlag test', validity)
const trust = makeTrust(authority.certificate).handle
const expired = { fromMs: now - day, untilMs: now - 1000 }
const identityFor: TlsWorld['identity'] = (names, but = {}) =>
  makeIdentity(
    issueCertificate(
      but.isOfStranger ? stranger : authority,
      { dns: [], ip: [], nodeIds: [], ...names },
      but.isExpired ? expired : validity,
    ),
  ).handle

describeTls('Node', async () => {
  const here = { network: quickNetwork, host: '127.0.0.1' }
  return { run, close: nothing, here, there: here, identity: identityFor, trust }
})

const identity = identityFor({ ip: ['127.0.0.1'] })
const secure: Network = securedNetwork(bulkNetwork, {
  client: { role: 'client', identity, trust, peerCertificate: 'required', serverName: '127.0.0.1' },
  server: { role: 'server', identity, trust, peerCertificate: 'required' },
})

describeNetwork('Node, TLS, for much', async () => {
  const here = { network: secure, host: '127.0.0.1' }
  return {
    run,
    close: nothing,
    here,
    there: here,
    foreignHost: '192.0.2.1',
    floodBytes: FLOOD_BYTES,
    silentPeer,
  }
})

describeLocalSockets('Node', async () => {
  const { root, close } = temporaryDirectory()
  return { run, close, network: hostNetwork, path: join(root, 'control.sock') }
})

describeStore('LMDB', async (capacityBytes) => {
  const { root, close } = temporaryDirectory()
  return { run, close, open: () => openLmdbStore(join(root, 'store'), { capacityBytes }) }
})

function temporaryDirectory(): { root: string; close: () => Promise<void> } {
  const root = mkdtempSync(join(tmpdir(), 'lightlag-'))
  return { root, close: async () => rmSync(root, { recursive: true, force: true }) }
}

/**
 * A process that listens for one connection and then stands still: the kernel leaves the second
 * attempt to connect without an answer.
 */
async function silentPeer(): Promise<{ address: SocketAddress; close: () => Promise<void> }> {
  const child = spawn(process.execPath, ['-e', STANDING_STILL], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [printed] = (await once(child.stdout, 'data')) as [Buffer]
  const address = { host: '127.0.0.1', port: Number(printed.toString()) }
  const fillers = Array.from({ length: 2 }, () => connect(address).on('error', () => {}))
  await Promise.race(fillers.map((filler) => once(filler, 'connect')))
  return {
    address,
    close: async () => {
      for (const filler of fillers) filler.destroy()
      child.kill('SIGKILL')
      await once(child, 'close')
    },
  }
}

const STANDING_STILL = `
require('net').createServer().listen({ host: '127.0.0.1', port: 0, backlog: 1 }, function () {
  require('fs').writeSync(1, String(this.address().port))
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
})`
