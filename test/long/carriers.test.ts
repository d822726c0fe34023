/** Two mail hosts as real processes that no network of bundles joins: a directory, and HTTPS. */

import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { mailOf } from '../support/lab.ts'
import { needs } from '../support/programs.ts'
import { type ServedHost, ServedPair } from '../support/served.ts'

const SECRET = '0123456789abcdef0123456789abcdef'

let pair: ServedPair | undefined

afterEach(() => pair?.dispose())

interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

function lightlag(...words: readonly string[]): Ran {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['dist/cmd/lightlag.js', ...words],
    {
      encoding: 'utf8',
    },
  )
  return { status, stdout, stderr }
}

/** Peers of each other, by `carry` or `https`. */
async function peers(
  by: 'carry' | 'https',
): Promise<{ pair: ServedPair; ports: readonly number[] }> {
  const ports = [await freePort(), await freePort()]
  const made = await ServedPair.make((text) => {
    const isFirst = /^host: mail-1/m.test(text)
    const [own, other] = isFirst ? ['mail-1', 'mail-2'] : ['mail-2', 'mail-1']
    const [port, far] = isFirst ? ports : [...ports].reverse()
    return text
      .replace(/^transport:.*\n( +.*\n)*/m, '')
      .concat(
        `transport: { ${other}.a.com: "${by}:${other}.a.com" }\n`,
        `https: { listen: 127.0.0.1:${port} }\n`,
        `peers: [{ name: ${other}.a.com, secret: peers.secret, url: "https://127.0.0.1:${far}/mail" }]\n`,
        `tls: { certificate: ca/${own}.pem, key: ca/${own}.key, authority: ca/authority.pem }\n`,
      )
  })
  pair = made
  const secret = join(made.directory, 'peers.secret')
  writeFileSync(secret, `${SECRET}\n`)
  chmodSync(secret, 0o600)
  const ca = join(made.directory, 'ca')
  const made1 = lightlag('certificate', 'authority', ca, '--name', 'Test')
  expect(made1).toMatchObject({ status: 0, stderr: '' })
  for (const name of ['mail-1', 'mail-2']) {
    const issued = lightlag('certificate', 'issue', ca, '--ip', '127.0.0.1', '--as', name)
    expect(issued).toMatchObject({ status: 0, stderr: '' })
  }
  return { pair: made, ports }
}

test('mail on a stick between two processes, killed in between, arrives once, and the answer frees the queue', async () => {
  const { pair: made } = await peers('carry')
  const [mail1, mail2] = made.hosts
  await made.start()
  const stick = join(made.directory, 'stick')
  mkdirSync(stick)
  const carry = (way: 'in' | 'out', name: string): Ran =>
    lightlag('carry', way, stick, '--node', join(made.directory, name, 'control.sock'))
  expect(await mail1.submit(mailOf('one'), 'mail-2.a.com')).toBe(true)
  expect(await mail1.submit(mailOf('two'), 'mail-2.a.com')).toBe(true)
  expect(carry('out', 'mail-1')).toEqual({ status: 0, stdout: '1 file written\n', stderr: '' })
  await mail1.kill()
  await mail1.start()
  const again = carry('out', 'mail-1')
  expect(again).toMatchObject({ status: 0, stdout: '0 files written, 1 were there already\n' })
  const [file = ''] = readdirSync(stick)
  const copy = readFileSync(join(stick, file))
  writeFileSync(join(stick, 'x.lightlag'), copy.subarray(0, 100))
  const delivered = sent(mail2, 2)
  const taken = carry('in', 'mail-2')
  expect(taken.status).toBe(1)
  expect(taken.stdout).toBe('1 files taken\n')
  expect(taken.stderr).toContain('x.lightlag: not taken: ')
  await delivered
  await mail2.kill()
  await mail2.start()
  writeFileSync(join(stick, file), copy)
  expect(carry('in', 'mail-2').stdout).toBe('1 files taken\n')
  expect(mail2.mails()).toHaveLength(2)
  expect(carry('out', 'mail-2').stdout).toBe('1 file written\n')
  const removed = mail1.until((line) => line.includes('removed'))
  expect(carry('in', 'mail-1').stdout).toContain('1 files taken')
  await removed
  expect(
    lightlag(
      'carry',
      'out',
      join(stick, 'none'),
      '--node',
      join(made.directory, 'mail-1', 'control.sock'),
    ),
  ).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('no such directory'),
  })
  expect(await mail1.stop()).toBe(0)
})

test.skipIf(needs('curl'))(
  'mail by HTTPS between two processes, and a batch that curl posts',
  async () => {
    const { pair: made, ports } = await peers('https')
    const [mail1, mail2] = made.hosts
    await made.start()
    const removed = mail1.until((line) => line.includes('removed'))
    expect(await mail1.submit(mailOf('posted'), 'mail-2.a.com')).toBe(true)
    await removed
    await until(() => mail2.mails().length === 1, mail2)
    const batch = join(made.directory, 'batch')
    const lines = [
      'EHLO x.example',
      'MAIL FROM:<a@x.example>',
      'RCPT TO:<user@mail-2.a.com>',
      'DATA',
    ]
    writeFileSync(
      batch,
      [...lines, 'From: <a@x.example>', '', 'curl', '.', 'QUIT', ''].join('\r\n'),
    )
    const post = (secret: string): string => {
      const words = [
        '-sS',
        '--cacert',
        join(made.directory, 'ca/authority.pem'),
        '-o',
        join(made.directory, 'said'),
      ]
      const fields = [
        '-H',
        'Content-Type: application/batch-SMTP',
        '-H',
        `Authorization: Bearer ${secret}`,
      ]
      const url = `https://127.0.0.1:${ports[1]}/mail`
      const all = [...words, '-w', '%{http_code}', ...fields, '--data-binary', `@${batch}`, url]
      return spawnSync('curl', all, { encoding: 'utf8' }).stdout
    }
    expect(post('not the secret')).toBe('401')
    expect(post(SECRET)).toBe('204')
    expect(post(SECRET)).toBe('204')
    await until(() => mail2.mails().length === 2, mail2)
    expect(await mail1.stop()).toBe(0)
    expect(mail2.mails()).toHaveLength(2)
  },
)

/** Until so many more recipients have their mail; the lines may come in one piece. */
async function sent(host: ServedHost, count: number): Promise<void> {
  let left = count
  await host.until((line) => line.includes('status=sent') && --left === 0)
}

/** It may have happened before; else a line of the log says that something did. */
async function until(isSo: () => boolean, host: ServedHost): Promise<void> {
  while (!isSo()) await host.until(() => true)
}
