import { describe, expect, it } from 'vitest'
import { fromLatin1, toHex, toLatin1 } from '../../src/base/bytes.ts'
import type { Fault } from '../../src/base/fault.ts'
import type { CertificateNames, TlsSession } from '../../src/base/tls.ts'
import type { ByteStream, Listener } from '../../src/ports/network.ts'
import type { TlsIdentity, TlsOptions, TlsTrust } from '../../src/ports/tls.ts'
import type { NetworkWorld } from './network.ts'
import { signal, within } from './world.ts'

export interface TlsWorld extends Pick<NetworkWorld, 'here' | 'there' | 'run' | 'close'> {
  /** Of the one authority that `trust` believes, and valid now, unless it is said otherwise. */
  identity(
    names: Partial<CertificateNames>,
    but?: { readonly isExpired?: boolean; readonly isOfStranger?: boolean },
  ): TlsIdentity
  readonly trust: TlsTrust
}

type ClientOptions = Partial<TlsOptions & { readonly role: 'client' }>
type ServerOptions = Partial<TlsOptions & { readonly role: 'server' }>

/** The contract of `ByteStream.secure`. */
export function describeTls(name: string, make: () => Promise<TlsWorld>): void {
  const meet = (body: (meeting: Meeting) => Promise<void>) => () =>
    within(make, async (world) => {
      const meeting = await Meeting.of(world)
      await body(meeting)
      await meeting.close()
    })

  describe(`the network contract, TLS: ${name}`, () => {
    it(
      'is had in the middle of a stream, and both ends know the same of it',
      meet(async ({ near, far, secure }) => {
        near.stream.send(fromLatin1('STARTTLS\r\n'))
        await far.until(() => far.text === 'STARTTLS\r\n')
        far.stream.send(fromLatin1('220 go\r\n'))
        await near.until(() => near.text === '220 go\r\n')
        secure({ alpn: ['b', 'a'], serverName: 'mail-2.a.com' }, { alpn: ['a', 'b'] })
        await near.until(() => near.session !== undefined && far.session !== undefined)
        near.stream.send(fromLatin1('EHLO\r\n'))
        await far.until(() => far.text === 'STARTTLS\r\nEHLO\r\n')
        far.stream.send(fromLatin1('250 ok\r\n'))
        await near.until(() => near.text === '220 go\r\n250 ok\r\n')
        for (const { session } of [near, far]) {
          expect(session).toMatchObject({
            version: 'TLSv1.3',
            cipher: 'TLS_AES_256_GCM_SHA384',
            alpn: 'a',
            serverName: 'mail-2.a.com',
          })
        }
        const { tlsExporter, tlsServerEndPoint } = near.session?.channelBinding ?? {}
        expect(tlsExporter).toHaveLength(32)
        expect(tlsServerEndPoint).toHaveLength(32)
        expect(far.session?.channelBinding).toEqual({ tlsExporter, tlsServerEndPoint })
      }),
    )

    it(
      'has a channel binding of its own in every connection',
      meet(async ({ near, far, secure, world }) => {
        secure()
        await near.until(() => near.session !== undefined && far.session !== undefined)
        const other = await Meeting.of(world)
        other.secure()
        await other.near.until(() => other.near.session !== undefined)
        const [one, two] = [near, other.near].map(({ session }) =>
          toHex(session?.channelBinding.tlsExporter ?? new Uint8Array(0)),
        )
        expect(one).not.toBe(two)
        await other.close()
      }),
    )

    it(
      'lets what was sent before leave as it is, however much, and takes nothing meanwhile',
      meet(async ({ near, far, secure }) => {
        const large = new Uint8Array(3_000_000).fill(0x2e)
        far.stream.send(large)
        far.stream.send(fromLatin1('220 go\r\n'))
        secure({}, {}, 'far')
        far.stream.send(fromLatin1('lost'))
        await near.until(() => near.byteCount === large.length + 8)
        secure({}, {}, 'near')
        near.stream.send(fromLatin1('lost'))
        await near.until(() => near.session !== undefined && far.session !== undefined)
        near.stream.send(fromLatin1('kept'))
        await far.until(() => far.text === 'kept')
        far.stream.send(fromLatin1('kept'))
        await near.until(() => near.byteCount === large.length + 12)
      }),
    )

    it(
      'takes what came before for the handshake: nothing survives it as plaintext',
      meet(async ({ near, far, secure }) => {
        far.stream.pause()
        near.stream.send(fromLatin1('RCPT TO:<someone@else>\r\n'))
        await near.until(() => near.drains > 0)
        secure({}, {}, 'far')
        far.stream.resume()
        await far.until(() => far.ends.length > 0)
        expect(far.ends).toMatchObject([{ code: 'network/tls-failed', temporary: true }])
        expect(far.text).toBe('')
        expect(far.session).toBeUndefined()
      }),
    )

    it(
      'tells the names of the peer, and that they can be relied on',
      meet(async ({ near, far, secure, world }) => {
        const names = {
          dns: ['mail-1.a.com', '*.b.com'],
          ip: ['172.21.0.3', '2001:db8:0:0:0:0:0:1'],
          nodeIds: ['ipn:2.0', 'dtn://mail-1/'],
        }
        secure({ identity: world.identity(names) }, {})
        await near.until(() => near.session !== undefined && far.session !== undefined)
        expect(far.session?.peer).toMatchObject({ names, standing: 'trusted' })
        expect(far.session?.peer?.der.length).toBeGreaterThan(100)
        expect(near.session?.peer?.names.dns).toEqual(['mail-2.a.com'])
      }),
    )

    it(
      'tells what it is asked to tell of a certificate that nobody should rely on',
      meet(async ({ near, far, secure, world }) => {
        secure(
          {
            identity: world.identity({ dns: ['a'] }, { isExpired: true }),
            peerCertificate: 'told',
          },
          {
            identity: world.identity({ dns: ['b'] }, { isOfStranger: true }),
            peerCertificate: 'told',
          },
        )
        await near.until(() => near.session !== undefined && far.session !== undefined)
        expect(far.session?.peer?.standing).toBe('out-of-date')
        expect(near.session?.peer?.standing).toBe('untrusted')
      }),
    )

    it(
      'asks for no certificate of a client where it is ignored, and does without where it may',
      meet(async ({ near, far, secure, world }) => {
        secure({ peerCertificate: 'ignored' }, { peerCertificate: 'ignored' })
        await near.until(() => near.session !== undefined && far.session !== undefined)
        expect([near.session?.peer, far.session?.peer]).toEqual([undefined, undefined])
        const other = await Meeting.of(world)
        other.secure({ identity: undefined }, { peerCertificate: 'told' })
        await other.far.until(() => other.far.session !== undefined)
        expect(other.far.session?.peer).toBeUndefined()
        await other.close()
      }),
    )

    const refusals: readonly {
      readonly what: string
      readonly client?: (world: TlsWorld) => ClientOptions
      readonly server?: (world: TlsWorld) => ServerOptions
      readonly by: 'near' | 'far'
      readonly code: string
    }[] = [
      {
        what: 'a server of another name',
        client: () => ({ serverName: 'mail-3.a.com' }),
        by: 'near',
        code: 'network/tls-certificate-name',
      },
      {
        what: 'a server at another address',
        client: () => ({ serverName: '172.22.0.4' }),
        by: 'near',
        code: 'network/tls-certificate-name',
      },
      {
        what: 'a server whose certificate has expired',
        server: (world) => ({
          identity: world.identity({ dns: ['mail-2.a.com'] }, { isExpired: true }),
        }),
        by: 'near',
        code: 'network/tls-certificate-out-of-date',
      },
      {
        what: 'a server whose certificate is of an authority that is not trusted',
        server: (world) => ({
          identity: world.identity({ dns: ['mail-2.a.com'] }, { isOfStranger: true }),
        }),
        by: 'near',
        code: 'network/tls-certificate-untrusted',
      },
      {
        what: 'a client whose certificate has expired',
        client: (world) => ({ identity: world.identity({ dns: ['a'] }, { isExpired: true }) }),
        by: 'far',
        code: 'network/tls-certificate-out-of-date',
      },
      {
        what: 'a client whose certificate is of an authority that is not trusted',
        client: (world) => ({ identity: world.identity({ dns: ['a'] }, { isOfStranger: true }) }),
        by: 'far',
        code: 'network/tls-certificate-untrusted',
      },
      {
        what: 'a client without a certificate',
        client: () => ({ identity: undefined }),
        by: 'far',
        code: 'network/tls-certificate-missing',
      },
      {
        what: 'a client that has no application protocol in common with it',
        client: () => ({ alpn: ['x'] }),
        server: () => ({ alpn: ['y'] }),
        by: 'far',
        code: 'network/tls-failed',
      },
    ]
    for (const { what, client, server, by, code } of refusals) {
      it(
        `refuses ${what}, and both ends end once`,
        meet(async (meeting) => {
          const { near, far, secure, world } = meeting
          secure(client?.(world) ?? {}, server?.(world) ?? {})
          await near.until(() => near.ends.length > 0)
          await far.until(() => far.ends.length > 0)
          expect(meeting[by].ends).toMatchObject([{ code, temporary: true }])
          expect(meeting[by].session).toBeUndefined()
          expect(near.ends).toHaveLength(1)
          expect(far.ends).toHaveLength(1)
          expect([near.text, far.text]).toEqual(['', ''])
        }),
      )
    }

    for (const [what, bytes] of [
      ['a command', fromLatin1('EHLO mars\r\n')],
      ['zeros', new Uint8Array(100)],
      ['a message of an unknown type', Uint8Array.of(0x16, 3, 3, 0, 4, 99, 0, 0, 0)],
      ['a record that promises too much', Uint8Array.of(0x16, 3, 3, 0xff, 0xff, 1)],
      ['content before any handshake', Uint8Array.of(0x17, 3, 3, 0, 40, ...new Uint8Array(40))],
    ] as const) {
      for (const side of ['near', 'far'] as const) {
        it(
          `ends a handshake that ${what} answers, at the ${side} end`,
          meet(async (meeting) => {
            const hostile = meeting[side === 'near' ? 'far' : 'near']
            meeting.secure({}, {}, side)
            hostile.stream.send(bytes)
            await meeting[side].until(() => meeting[side].ends.length > 0)
            expect(meeting[side].ends).toMatchObject([{ code: 'network/tls-failed' }])
            expect(meeting[side].text).toBe('')
          }),
        )
      }
    }

    it(
      'ends both sides once, and tells nothing that was not sent, wherever the stream is cut',
      () =>
        within(make, async (world) => {
          const cuts = [1, 4, 5, 6, 60, 277, 278, 279, 300, 356, 357, 358, 400, 1000, 1333, 1400]
          for (const cutBytes of cuts) await expectCut(world, cutBytes)
        }),
      60_000,
    )

    for (const [what, end] of [
      ['closed', (stream: ByteStream) => stream.close()],
      ['aborted', (stream: ByteStream) => stream.abort()],
    ] as const) {
      it(
        `ends once without a fault where it is ${what} during the handshake`,
        meet(async ({ near, far, secure }) => {
          secure({}, {}, 'near')
          near.stream.send(fromLatin1('x'))
          end(near.stream)
          await near.until(() => near.ends.length > 0)
          await far.until(() => far.ends.length > 0)
          expect(near.ends).toEqual([undefined])
          expect(far.ends).toHaveLength(1)
        }),
      )
    }

    it(
      'tells of a peer that breaks off in the middle of the handshake',
      meet(async ({ near, far, secure }) => {
        secure()
        near.stream.abort()
        await far.until(() => far.ends.length > 0)
        expect(far.ends).toMatchObject([{ code: 'network/tls-failed', temporary: true }])
      }),
    )

    it(
      'shakes hands while paused, and hands over nothing until resumed',
      meet(async ({ near, far, secure }) => {
        near.stream.pause()
        far.stream.pause()
        secure()
        far.stream.pause()
        await near.until(() => near.session !== undefined && far.session !== undefined)
        near.stream.send(fromLatin1('hello'))
        await near.until(() => near.drains > 0)
        expect(far.text).toBe('')
        far.stream.resume()
        await far.until(() => far.text === 'hello')
        near.stream.resume()
      }),
    )

    it(
      'may be secured once, and not after a close',
      meet(async ({ near, far, secure }) => {
        secure()
        secure()
        await near.until(() => near.session !== undefined && far.session !== undefined)
        secure()
        near.stream.send(fromLatin1('hello'))
        await far.until(() => far.text === 'hello')
        near.stream.close()
        secure()
        await far.until(() => far.ends.length > 0 || far.text === 'hello')
        far.stream.close()
        await near.until(() => near.ends.length > 0)
        expect(near.ends).toEqual([undefined])
      }),
    )
  })
}

/** One end, and what it has heard. */
class End {
  readonly stream: ByteStream
  readonly ends: (Fault | undefined)[] = []
  session: TlsSession | undefined
  text = ''
  byteCount = 0
  drains = 0
  #looks: (() => void)[] = []

  constructor(stream: ByteStream) {
    this.stream = stream
    stream.onBytes = (bytes) => {
      expect(this.ends).toEqual([])
      this.byteCount += bytes.length
      if (this.text.length < 1000) this.text += toLatin1(bytes)
      this.#heard()
    }
    stream.onSecured = (session) => {
      expect(this.session).toBeUndefined()
      this.session = session
      this.#heard()
    }
    stream.onDrained = () => {
      this.drains++
      this.#heard()
    }
    stream.onEnd = (fault) => {
      this.ends.push(fault)
      this.#heard()
    }
  }

  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (condition()) resolve()
        else this.#looks.push(look)
      }
      look()
    })
  }

  #heard(): void {
    for (const look of this.#looks.splice(0)) look()
    this.onHeard()
  }

  /** The other end looks too: conditions are about both. */
  onHeard = (): void => {}

  lookAgain(): void {
    for (const look of this.#looks.splice(0)) look()
  }
}

/** Two ends of a stream that is not yet secured. */
class Meeting {
  readonly world: TlsWorld
  readonly near: End
  readonly far: End
  readonly #listener: Listener

  private constructor(world: TlsWorld, near: End, far: End, listener: Listener) {
    this.world = world
    this.near = near
    this.far = far
    this.#listener = listener
    near.onHeard = () => far.lookAgain()
    far.onHeard = () => near.lookAgain()
  }

  static async of(world: TlsWorld): Promise<Meeting> {
    const { here, there } = world
    const accepted = signal<End>()
    const listener = await there.network.listen({ host: there.host, port: 0 }, (stream) =>
      accepted.fire(new End(stream)),
    )
    const near = new End(await here.network.connect(listener.address, 20_000))
    return new Meeting(world, near, await accepted.promise, listener)
  }

  /** Both ends, or one. */
  secure = (
    client: ClientOptions = {},
    server: ServerOptions = {},
    only?: 'near' | 'far',
  ): void => {
    const { near, far, world } = this
    if (only !== 'near') far.stream.secure(serverOptions(world, server))
    if (only !== 'far') near.stream.secure(clientOptions(world, client))
  }

  async close(): Promise<void> {
    this.near.stream.abort()
    this.far.stream.abort()
    await this.#listener.close()
  }
}

function clientOptions(world: TlsWorld, change: ClientOptions): TlsOptions {
  const identity = world.identity({ nodeIds: ['ipn:2.0'] })
  return {
    role: 'client',
    identity,
    trust: world.trust,
    peerCertificate: 'required',
    ...change,
  }
}

function serverOptions(world: TlsWorld, change: ServerOptions): TlsOptions {
  const identity = world.identity({ dns: ['mail-2.a.com'], ip: ['172.22.0.3'] })
  return { role: 'server', identity, trust: world.trust, peerCertificate: 'required', ...change }
}

/** Whoever lies between both lets so many octets through in each direction, then cuts the stream. */
async function expectCut(world: TlsWorld, cutBytes: number): Promise<void> {
  const { here, there } = world
  const accepted = signal<End>()
  const target = await there.network.listen({ host: there.host, port: 0 }, (stream) =>
    accepted.fire(new End(stream)),
  )
  const middle = await there.network.listen({ host: there.host, port: 0 }, (stream) => {
    stream.pause()
    void there.network.connect(target.address, 20_000).then((onward) => {
      relay(stream, onward, cutBytes)
      relay(onward, stream, cutBytes)
      stream.resume()
    })
  })
  const near = new End(await here.network.connect(middle.address, 20_000))
  const far = await accepted.promise
  const said = 'x'.repeat(1000)
  for (const { stream } of [near, far]) {
    const { onSecured } = stream
    stream.onSecured = (session) => {
      onSecured(session)
      stream.send(fromLatin1(said))
    }
  }
  far.stream.secure(serverOptions(world, {}))
  near.stream.secure(clientOptions(world, {}))
  await near.until(() => near.ends.length > 0)
  await far.until(() => far.ends.length > 0)
  for (const end of [near, far]) {
    expect(end.ends).toHaveLength(1)
    if (end.session === undefined) expect(end.ends[0]?.code).toBe('network/tls-failed')
    expect(said.startsWith(end.text)).toBe(true)
  }
  await middle.close()
  await target.close()
}

function relay(from: ByteStream, to: ByteStream, cutBytes: number): void {
  let count = 0
  from.onBytes = (bytes) => {
    to.send(bytes.slice(0, Math.max(0, cutBytes - count)))
    count += bytes.length
    if (count < cutBytes) return
    from.close()
    to.close()
  }
  from.onEnd = () => to.close()
}
