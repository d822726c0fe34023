/** TCPCL over TLS between two layers on real sockets, with real certificates. */

import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import type { Fault } from '../../src/base/fault.ts'
import { type TcpclTlsOptions, tcpclConvergenceLayer } from '../../src/dtn/tcpcl.ts'
import { issueCertificate, makeAuthority } from '../../src/host/certificates.ts'
import { hostClock } from '../../src/host/clock.ts'
import { hostNetwork } from '../../src/host/network.ts'
import { makeIdentity, makeTrust } from '../../src/host/tls.ts'
import { formatAddress } from '../../src/ports/network.ts'
import { formatEndpointId } from '../../src/proto/bpv7/endpoint-id.ts'

const now = Date.now()
const validity = { fromMs: now - 60_000, untilMs: now + 60_000 }
const authority = makeAuthority('Lightlag test', validity)
const stranger = makeAuthority('Lightlag test', validity)
const trust = makeTrust(authority.certificate).handle

function certified(
  nodeIds: readonly string[],
  { by = authority, until = validity.untilMs } = {},
): TcpclTlsOptions {
  const names = { dns: [], ip: ['127.0.0.1'], nodeIds }
  const issued = issueCertificate(by, names, { ...validity, untilMs: until })
  return {
    policy: 'require',
    authentication: 'node-id',
    identity: makeIdentity(issued).handle,
    trust,
  }
}

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

interface Outcome {
  readonly received: readonly string[]
  readonly fault: Fault | undefined
  /** Who has handed them over, by certificate. */
  readonly neighbours: readonly (string | undefined)[]
  /** What the listening side had to say about the other. */
  readonly refusals: readonly string[]
}

/** `ipn:2.0` sends one bundle to `ipn:3.0`. */
async function transfer(
  sender: TcpclTlsOptions | undefined,
  receiver: TcpclTlsOptions | undefined,
): Promise<Outcome> {
  const received: string[] = []
  const neighbours: (string | undefined)[] = []
  const refusals: string[] = []
  const ports = { network: hostNetwork, clock: hostClock }
  const listen = { host: '127.0.0.1', port: 0 }
  const three = tcpclConvergenceLayer(
    { nodeId: 'ipn:3.0', listen, tls: receiver },
    {
      ...ports,
      events: (event) => {
        if (event.type === 'bundle-refused') refusals.push(event.reason)
      },
    },
  )
  const two = tcpclConvergenceLayer(
    { nodeId: 'ipn:2.0', tls: sender },
    { ...ports, events: () => {} },
  )
  stops.push(
    () => two.stop(),
    () => three.stop(),
  )
  await three.start((bundle, _from, answer, _piece, neighbour) => {
    received.push(toHex(bundle))
    neighbours.push(neighbour && formatEndpointId(neighbour))
    answer?.(undefined)
  })
  await two.start(() => {})
  const duct = formatAddress(three.address ?? listen)
  const fault = await new Promise<Fault | undefined>((resolve) => {
    two.transmit(Uint8Array.of(0x9f, 1, 2, 3), duct, resolve)
  })
  return { received, fault, neighbours, refusals }
}

describe('TCPCL over TLS (RFC 9174 §4.4)', () => {
  test('carries bundles between nodes that show who they are', async () => {
    expect(await transfer(certified(['ipn:2.0']), certified(['ipn:3.0']))).toEqual({
      received: ['9f010203'],
      fault: undefined,
      neighbours: ['ipn:2.0'],
      refusals: [],
    })
  })

  test('knows a neighbour by its certificate also where it asks for none, and no other', async () => {
    const lenient = { ...certified(['ipn:3.0']), policy: 'offer', authentication: 'none' } as const
    const neighbourOf = async (sender: TcpclTlsOptions | undefined) => {
      const { received, neighbours } = await transfer(sender, lenient)
      expect(received).toHaveLength(1)
      return neighbours[0]
    }
    expect(await neighbourOf(certified(['ipn:2.0']))).toBe('ipn:2.0')
    expect(await neighbourOf(certified(['ipn:4.0']))).toBeUndefined()
    expect(await neighbourOf(certified(['ipn:2.0'], { until: now - 1000 }))).toBeUndefined()
    expect(await neighbourOf(certified(['ipn:2.0'], { by: stranger }))).toBeUndefined()
    expect(await neighbourOf(undefined)).toBeUndefined()
  })

  test('offers TLS to a neighbour that has none, and does without', async () => {
    const offered = { ...certified(['ipn:2.0']), policy: 'offer' } as const
    expect((await transfer(offered, undefined)).received).toEqual(['9f010203'])
    expect((await transfer(undefined, offered)).received).toEqual(['9f010203'])
  })

  const refusals: readonly {
    readonly what: string
    readonly sender?: TcpclTlsOptions | undefined
    readonly receiver?: TcpclTlsOptions | undefined
    /** What the listening side logs, where it is the one to refuse. */
    readonly logged?: RegExp
  }[] = [
    { what: 'that has no TLS', sender: undefined, logged: /does without TLS/ },
    {
      what: 'that says it is another than its certificate',
      sender: certified(['ipn:4.0']),
      logged: /says that it is ipn:2\.0, its certificate is for ipn:4\.0/,
    },
    { what: 'whose certificate is for no node', sender: certified([]), logged: /for no node/ },
    {
      what: 'whose certificate has expired',
      sender: certified(['ipn:2.0'], { until: now - 1000 }),
      logged: /not valid at this time/,
    },
    {
      what: 'whose certificate nobody known has issued',
      sender: certified(['ipn:2.0'], { by: stranger }),
      logged: /trusted authority/,
    },
    { what: 'that answers without TLS', receiver: undefined },
    { what: 'that answers with the certificate of another', receiver: certified(['ipn:4.0']) },
    {
      what: 'that answers with a certificate of nobody known',
      receiver: certified(['ipn:3.0'], { by: stranger }),
    },
  ]
  for (const { what, logged, ...sides } of refusals) {
    test(`carries nothing to or from a peer ${what}, and keeps the bundle`, async () => {
      const sender = 'sender' in sides ? sides.sender : certified(['ipn:2.0'])
      const receiver = 'receiver' in sides ? sides.receiver : certified(['ipn:3.0'])
      const { received, fault, refusals } = await transfer(sender, receiver)
      expect(received).toEqual([])
      expect(fault).toMatchObject({ temporary: true })
      if (logged !== undefined) expect(refusals.join()).toMatch(logged)
    })
  }

  test('is not talked out of it: who answers CAN_TLS and goes on in plaintext is closed', async () => {
    const layer = tcpclConvergenceLayer(
      { nodeId: 'ipn:3.0', listen: { host: '127.0.0.1', port: 0 }, tls: certified(['ipn:3.0']) },
      { network: hostNetwork, clock: hostClock, events: () => {} },
    )
    stops.push(() => layer.stop())
    let bundles = 0
    await layer.start(() => bundles++)
    const { host = '', port = 0 } = layer.address ?? {}
    const peer = connect(port, host)
    const heard: Buffer[] = []
    peer.on('data', (bytes) => heard.push(bytes))
    peer.on('error', () => {})
    peer.write(
      // The contact header, and SESS_INIT at once behind it.
      fromHex('64746e21040107000000000000000003e800000000000003e8000769706e3a322e3000000000') ?? '',
    )
    await once(peer, 'close')
    expect(toHex(Buffer.concat(heard))).toBe('64746e210401')
    expect(bundles).toBe(0)
  })
})
