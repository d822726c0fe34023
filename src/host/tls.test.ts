import { execFileSync } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConnectionOptions, connect } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { needs } from '../../test/support/programs.ts'
import { fromLatin1, toHex } from '../base/bytes.ts'
import type { Fault } from '../base/fault.ts'
import type { TlsSession } from '../base/tls.ts'
import type { Listener } from '../ports/network.ts'
import type { TlsIdentity, TlsOptions } from '../ports/tls.ts'
import { issueCertificate, makeAuthority } from './certificates.ts'
import { listenTcp } from './tcp.ts'
import { type IdentityMaterial, makeIdentity } from './tls.ts'

const validity = { fromMs: Date.now() - 60_000, untilMs: Date.now() + 60_000 }
const authority = makeAuthority('Lightlag test', validity)
const materialFor = (name: string): IdentityMaterial =>
  issueCertificate(authority, { dns: [name], ip: [], nodeIds: [] }, validity)

const listeners: Listener[] = []
afterEach(async () => {
  for (const listener of listeners.splice(0)) await listener.close()
})

/** A server that says `hello` to whoever is secured, and what it has known of each. */
async function serve(
  identity: TlsIdentity,
  more: Partial<TlsOptions & { role: 'server' }> = {},
): Promise<{ port: number; sessions: TlsSession[]; faults: (Fault | undefined)[] }> {
  const sessions: TlsSession[] = []
  const faults: (Fault | undefined)[] = []
  const listener = await listenTcp({ host: '127.0.0.1', port: 0 }, (stream) => {
    stream.onSecured = (session) => {
      sessions.push(session)
      stream.send(fromLatin1('hello'))
      stream.close()
    }
    stream.onEnd = (fault) => faults.push(fault)
    stream.secure({ role: 'server', identity, peerCertificate: 'ignored', ...more })
  })
  listeners.push(listener)
  return { port: listener.address.port, sessions, faults }
}

/** Everything that the server says to a client of another make. */
async function visit(
  port: number,
  options: ConnectionOptions = {},
): Promise<{ said: string; session: Buffer | undefined; isReused: boolean }> {
  const socket = connect({
    port,
    host: '127.0.0.1',
    servername: 'mail-1.a.com',
    ca: authority.certificate,
    ...options,
  })
  let said = ''
  let session: Buffer | undefined
  let isReused = false
  socket.on('secureConnect', () => {
    session = socket.getSession()
    isReused = socket.isSessionReused()
  })
  socket.on('data', (bytes) => {
    said += String(bytes)
  })
  await once(socket, 'close')
  return { said, session, isReused }
}

describe('TLS with a client of another make', () => {
  test.each(['TLSv1.2', 'TLSv1.3'] as const)('%s is spoken', async (version) => {
    const { port, sessions } = await serve(makeIdentity(materialFor('mail-1.a.com')).handle)
    const { said } = await visit(port, { minVersion: version, maxVersion: version })
    expect(said).toBe('hello')
    expect(sessions).toMatchObject([{ version, serverName: 'mail-1.a.com' }])
    // Only the newer version has one that cannot be had in two connections. RFC 9266.
    const exporter = sessions[0]?.channelBinding.tlsExporter
    expect(exporter?.length).toBe(version === 'TLSv1.3' ? 32 : undefined)
  })

  test.each([
    ['an old version', { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' }, 'DEFAULT@SECLEVEL=0'],
    ['a cipher without forward secrecy', { maxVersion: 'TLSv1.2' }, 'AES128-GCM-SHA256'],
    ['a cipher of another age', { maxVersion: 'TLSv1.2' }, 'ECDHE-ECDSA-AES128-SHA'],
  ] as const)('%s is refused', async (_, versions, ciphers) => {
    const { port, sessions, faults } = await serve(makeIdentity(materialFor('mail-1.a.com')).handle)
    await expect(visit(port, { ...versions, ciphers })).rejects.toThrow()
    expect(sessions).toEqual([])
    expect(faults).toMatchObject([{ code: 'network/tls-failed' }])
  })

  test('no session is resumed: the certificate is looked at each time', async () => {
    const { port } = await serve(makeIdentity(materialFor('mail-1.a.com')).handle)
    const { session } = await visit(port, { maxVersion: 'TLSv1.2' })
    const again = await visit(port, { maxVersion: 'TLSv1.2', ...(session && { session }) })
    expect(session).toBeDefined()
    expect(again).toMatchObject({ said: 'hello', isReused: false })
  })

  test('an identity that is replaced is shown to whoever comes next', async () => {
    const { handle, replace } = makeIdentity(materialFor('old.a.com'))
    const { port } = await serve(handle)
    expect((await visit(port, { servername: 'old.a.com' })).said).toBe('hello')
    replace(materialFor('new.a.com'))
    expect((await visit(port, { servername: 'new.a.com' })).said).toBe('hello')
    const bad = { certificate: authority.certificate, key: materialFor('x').key }
    expect(() => replace(bad)).toThrow()
    expect((await visit(port, { servername: 'new.a.com' })).said).toBe('hello')
  })

  test.skipIf(needs('openssl'))(
    'tls-server-end-point is of the hash that the certificate is signed with (RFC 5929)',
    async () => {
      const directory = mkdtempSync(join(tmpdir(), 'lightlag-'))
      const [certificate, key] = [join(directory, 'c.pem'), join(directory, 'k.pem')]
      for (const [algorithm, hash] of [
        ['sha256', 'sha256'],
        ['sha384', 'sha384'],
        ['sha512', 'sha512'],
      ] as const) {
        const make = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=a']
        const files = ['-keyout', key, '-out', certificate, `-${algorithm}`]
        execFileSync('openssl', [...make, ...files], { stdio: 'ignore' })
        const material = {
          certificate: readFileSync(certificate, 'utf8'),
          key: readFileSync(key, 'utf8'),
        }
        const { port, sessions } = await serve(makeIdentity(material).handle)
        await visit(port, { rejectUnauthorized: false })
        const { raw } = new X509Certificate(material.certificate)
        const expected = toHex(createHash(hash).update(raw).digest())
        expect(toHex(sessions[0]?.channelBinding.tlsServerEndPoint ?? raw)).toBe(expected)
      }
      rmSync(directory, { recursive: true })
    },
  )
})
