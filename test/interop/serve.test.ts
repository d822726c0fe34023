import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { mailOf } from '../support/lab.ts'
import { needs, needsCapture, needsProc } from '../support/programs.ts'
import { ServedPair } from '../support/served.ts'

const run = promisify(execFile)

let pair: ServedPair

beforeEach(async () => {
  pair = await ServedPair.make()
})

afterEach(async () => {
  await pair.dispose()
})

/** Submits `file` on the first host with swaks, for the user of the second. */
async function swaks(file: string): Promise<string> {
  const { submission } = pair.hosts[0].ports
  const { stdout } = await run('swaks', [
    ...['--server', `127.0.0.1:${submission}`, '--auth', 'PLAIN'],
    ...['--auth-user', 'user', '--auth-password', '123456'],
    ...['--from', 'user@mail-1.a.com', '--to', 'user@mail-2.a.com', '--data', `@${file}`],
  ])
  return stdout
}

test.skipIf(needs('swaks') ?? needs('curl'))(
  'what swaks submits to one process lies in the Maildir of the other, and curl reads it by POP3',
  async () => {
    await pair.start()
    const [, mail2] = pair.hosts
    const delivered = mail2.until((line) => line.includes('status=sent'))
    expect(await swaks('examples/hello.eml')).toMatch(/250 2\.0\.0 Ok: queued as/)
    await delivered
    const [mail = '', ...others] = mail2.mails()
    expect(others).toEqual([])
    // swaks ends every message with one more line end.
    const sent = `${readFileSync('examples/hello.eml', 'latin1')}\n`.replace(/\r?\n/g, '\r\n')
    expect(mail.slice(mail.length - sent.length)).toBe(sent)
    const trace = mail.slice(0, mail.length - sent.length)
    expect(trace).toMatch(/^Return-Path: <user@mail-1\.a\.com>\r\nDelivered-To: /)
    expect(trace.match(/^Received: /gm)).toHaveLength(2)
    const { stdout } = await run(
      'curl',
      ['-s', '-u', 'user:123456', `pop3://127.0.0.1:${mail2.ports.pop3}/1`],
      { encoding: 'latin1' },
    )
    expect(stdout).toBe(mail)
  },
)

test.skipIf(needs('swaks'))(
  'a mail accepted while the other side is down waits for it',
  async () => {
    const [mail1, mail2] = pair.hosts
    await mail1.start()
    const sent = mail1.until((line) => line.includes('sent to 127.0.0.1'))
    await swaks('examples/hello.eml')
    await sent
    expect(await mail1.stop('SIGINT')).toBe(0)
    await mail2.start()
    const delivered = mail2.until((line) => line.includes('status=sent'))
    await mail1.start()
    await delivered
    expect(mail2.mails()).toHaveLength(1)
  },
)

test('SIGTERM ends a process with status 0, and a second start finds everything as it was', async () => {
  const [mail1] = pair.hosts
  await mail1.start()
  expect(await mail1.stop('SIGTERM')).toBe(0)
  await mail1.start()
  expect(await mail1.stop('SIGINT')).toBe(0)
})

test('a client that never closes does not keep a process that is told to stop', async () => {
  const [mail1] = pair.hosts
  await mail1.start()
  const clients = await Promise.all(
    [mail1.ports.smtp, mail1.ports.pop3].map(async (port) => {
      const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      await once(client, 'data')
      return client
    }),
  )
  const askedAt = performance.now()
  expect(await mail1.stop()).toBe(0)
  // One second, on a machine that may be busy.
  expect(performance.now() - askedAt).toBeLessThan(5000)
  for (const client of clients) client.destroy()
})

test.skipIf(needsProc())(
  'SIGTERM ends a process with status 0 while it is loaded and in the middle of its start',
  async () => {
    const config = join(pair.directory, 'mail-1.yaml')
    const folder = join(pair.directory, 'mail-1')
    const moments = [
      // In the middle of loading the program.
      (pid: number) => readFileSync(`/proc/${pid}/maps`, 'latin1').includes('lmdb'),
      () => existsSync(folder),
      () => existsSync(`${folder}/store/data.mdb`),
    ]
    for (const hasCome of moments) {
      rmSync(folder, { recursive: true, force: true })
      const child = spawn(process.execPath, ['dist/cmd/lightlag.js', 'serve', '--config', config], {
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      let said = ''
      child.stderr.on('data', (text: Buffer) => {
        said += text
      })
      const exited = once(child, 'exit')
      while (child.exitCode === null && !hasCome(child.pid ?? 0)) await setImmediate()
      child.kill('SIGTERM')
      expect(await exited, said).toEqual([0, null])
      expect(existsSync(`${folder}/control.sock`)).toBe(false)
    }
  },
)

test('a second process on the same directory is refused with a clear line', async () => {
  const [mail1] = pair.hosts
  await mail1.start()
  await expect(mail1.start()).rejects.toThrow(/another process has opened/)
})

test.skipIf(needsCapture())(
  'tshark finds well-formed BPv7 bundles with good CRCs on the UDP ports',
  async () => {
    await pair.start()
    const [mail1, mail2] = pair.hosts
    const file = join(pair.directory, 'udp.pcapng')
    const ports = [mail1.ports.udp, mail2.ports.udp]
    const capture = spawn('tshark', [
      // The mail and its acknowledgement.
      ...[
        '-c',
        '2',
        '-i',
        'lo',
        '-w',
        file,
        '-f',
        ports.map((port) => `udp port ${port}`).join(' or '),
      ],
    ])
    let said = ''
    await new Promise<void>((resolve, reject) => {
      capture.stderr.on('data', (bytes) => {
        said += String(bytes)
        if (said.includes('Capture started')) resolve()
      })
      capture.once('exit', () => reject(new Error(said)))
    })
    const captured = once(capture, 'exit')
    expect(await mail1.submit(mailOf('Hello'), 'mail-2.a.com')).toBe(true)
    await captured
    const { stdout: text } = await run('tshark', [
      ...['-r', file, '-T', 'json', '--no-duplicate-keys'],
      ...ports.flatMap((port) => ['-d', `udp.port==${port},bundle`]),
    ])
    const bundles = JSON.parse(text) as { _source: { layers: Record<string, unknown> } }[]
    expect(bundles.length).toBeGreaterThanOrEqual(2)
    for (const { _source } of bundles) expect(Object.keys(_source.layers)).toContain('bpv7')
    expect(text).not.toContain('_ws.malformed')
    const statuses = [...text.matchAll(/"bpv7\.\w*crc_status": "(\d)"/g)].map(([, value]) => value)
    // 1 is good, 3 is for a block that has none.
    expect(statuses.filter((status) => status === '1').length).toBeGreaterThanOrEqual(4)
    expect(statuses.filter((status) => status !== '1' && status !== '3')).toEqual([])
  },
)
