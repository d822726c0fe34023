/** Two mail hosts as real processes, over TCPCL with TLS and certificates of `lightlag certificate`. */

import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { createCertificate, validityOf } from '../../src/host/certificate-files.ts'
import { mailOf } from '../support/lab.ts'
import { needs } from '../support/programs.ts'
import { ServedPair } from '../support/served.ts'

let pair: ServedPair | undefined

afterEach(() => pair?.dispose())

const REQUIRED = '\n  tls: require'

/** Both over TCPCL, each with the certificate of its name in `ca`; `tcp` is what the file says of it. */
async function certified(tcp: string): Promise<ServedPair> {
  const made = await ServedPair.make((text) =>
    text
      .replace(/^udp:\n(.*)$/m, `tcp:\n$1${tcp}`)
      .replace('protocol: udp', 'protocol: tcp')
      .concat(tlsOf(/^host: (mail-\d)/m.exec(text)?.[1] ?? '')),
  )
  pair = made
  const ca = join(made.directory, 'ca')
  lightlag('authority', ca, '--name', 'Lunar network')
  lightlag('issue', ca, '--node', 'ipn:2', '--as', 'mail-1')
  lightlag('issue', ca, '--node', 'ipn:3', '--as', 'mail-2')
  lightlag('issue', ca, '--node', 'ipn:4', '--as', 'other')
  return made
}

function tlsOf(name: string): string {
  return `tls: {certificate: ca/${name}.pem, key: ca/${name}.key, authority: ca/authority.pem}\n`
}

function lightlag(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['dist/cmd/lightlag.js', 'certificate', ...args],
    { encoding: 'utf8' },
  )
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return stdout
}

test('mail crosses between hosts that show the node IDs of their certificates', async () => {
  const {
    hosts: [mail1, mail2],
    directory,
  } = await certified(REQUIRED)
  await mail1.start()
  await mail2.start()
  const delivered = mail2.until((line) => line.includes('status=sent'))
  expect(await mail1.submit(mailOf('sealed'), 'mail-2.a.com')).toBe(true)
  await delivered
  expect(mail2.mails()).toHaveLength(1)
  expect(readdirSync(join(directory, 'mail-1/tls'))).toEqual([])
  expect(await mail1.stop()).toBe(0)
})

test('a host with the certificate of another is refused, until it has its own, without a restart', async () => {
  const {
    hosts: [mail1, mail2],
    directory,
  } = await certified(REQUIRED)
  const own = join(directory, 'ca/mail-1')
  const [kept, other] = [join(directory, 'ca/kept'), join(directory, 'ca/other')]
  for (const kind of ['.pem', '.key']) {
    copyFileSync(own + kind, kept + kind)
    copyFileSync(other + kind, own + kind)
  }
  await mail1.start()
  await mail2.start()
  const refused = mail2.until((line) =>
    /it is ipn:2\.0, its certificate is for ipn:4\.0/.test(line),
  )
  expect(await mail1.submit(mailOf('sealed'), 'mail-2.a.com')).toBe(true)
  await refused
  expect(mail2.mails()).toEqual([])
  // The old key does not fit the new certificate, and the host goes on with what it has.
  copyFileSync(`${kept}.pem`, `${own}.pem`)
  const complaint = mail1.until((line) => /mail-1\.key is not the key of/.test(line))
  mail1.hangUp()
  await complaint
  copyFileSync(`${kept}.key`, `${own}.key`)
  const delivered = mail2.until((line) => line.includes('status=sent'))
  mail1.hangUp()
  await delivered
})

test('a host makes what it needs where its file names nothing, and offers TLS by itself', async () => {
  pair = await ServedPair.make((text) =>
    text.replace(/^udp:\n(.*)$/m, 'tcp:\n$1').replace('protocol: udp', 'protocol: tcp'),
  )
  const [mail1] = pair.hosts
  await mail1.start()
  expect(await mail1.stop()).toBe(0)
  const folder = join(pair.directory, 'mail-1/tls')
  expect(readdirSync(folder).sort()).toEqual([
    'authority.key',
    'authority.pem',
    'host.key',
    'host.pem',
  ])
  expect(statSync(join(folder, 'host.key')).mode & 0o777).toBe(0o600)
  const shown = lightlag('show', join(folder, 'host.pem'))
  expect(shown).toMatch(/DNS name mail-1\.a\.com\n.*\n {2}node ID ipn:2\.0\n/)
})

test.skipIf(needs('openssl'))(
  'a certificate that is out of date is told at the start, and mail goes on; a current one is taken without a restart',
  async () => {
    const {
      hosts: [mail1],
      directory,
    } = await certified('')
    const ca = join(directory, 'ca')
    const old = { certificate: join(ca, 'old.pem'), key: join(ca, 'old.key') }
    const names = { dns: ['mail-1.a.com'], ip: [], nodeIds: [] }
    createCertificate(ca, old, names, validityOf(30, Date.now() - 40 * 86_400_000))
    const current = { certificate: join(ca, 'current.pem'), key: join(ca, 'current.key') }
    createCertificate(ca, current, names, validityOf(30, Date.now()))
    const put = ({ certificate, key }: typeof old): void => {
      copyFileSync(certificate, join(ca, 'mail-1.pem'))
      copyFileSync(key, join(ca, 'mail-1.key'))
    }
    /** What a client that looks at it says of the certificate. */
    const verdict = (): string => {
      const how = ['-starttls', 'smtp', '-connect', `127.0.0.1:${mail1.ports.smtp}`]
      const { stdout } = spawnSync(
        'openssl',
        ['s_client', '-CAfile', join(ca, 'authority.pem'), ...how],
        { encoding: 'utf8', input: 'QUIT\r\n' },
      )
      return /Verify return code: (.*)/.exec(stdout)?.[1] ?? stdout
    }
    put(old)
    const warned = mail1.until((line) =>
      /warning: certificates: .*mail-1\.pem is valid from .* to .*, and now it is/.test(line),
    )
    await mail1.start()
    await warned
    expect(verdict()).toBe('10 (certificate has expired)')
    expect(await mail1.submit(mailOf('all the same'), 'mail-1.a.com')).toBe(true)
    put(current)
    mail1.hangUp()
    await expect.poll(verdict, { timeout: 120_000 }).toBe('0 (ok)')
    // Nor does an old one come back by mistake.
    put(old)
    const refused = mail1.until((line) => /warning: certificates: .* is valid from/.test(line))
    mail1.hangUp()
    await refused
    expect(verdict()).toBe('0 (ok)')
  },
)

test('files of no use end the start with a line that says what would be right', async () => {
  const {
    hosts: [mail1],
    directory,
  } = await certified(REQUIRED)
  const key = join(directory, 'ca/mail-1.key')
  chmodSync(key, 0o644)
  await expect(mail1.start()).rejects.toThrow(
    `lightlag serve: ${key} is open to others than its owner (mode 644): mode 600 would be right`,
  )
  rmSync(key)
  await expect(mail1.start()).rejects.toThrow(`lightlag serve: ${key}: no such file`)
  copyFileSync(join(directory, 'ca/other.key'), key)
  await expect(mail1.start()).rejects.toThrow(/mail-1\.key is not the key of .*mail-1\.pem/)
})
