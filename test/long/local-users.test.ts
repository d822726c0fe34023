import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync } from 'node:fs'
import { createConnection, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needsFolderOpenToAll, needsRoot } from '../support/programs.ts'
import { ServedPair } from '../support/served.ts'

const NOBODY = 65_534

interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

let pair: ServedPair
let shared: string

beforeAll(async () => {
  pair = await ServedPair.make()
  chmodSync(pair.directory, 0o755)
  shared = join(pair.directory, 'run-all')
  mkdirSync(shared)
  process.env['LIGHTLAG_RUN'] = shared
  await pair.hosts[0].start()
})

afterAll(async () => {
  delete process.env['LIGHTLAG_RUN']
  await pair.dispose()
})

/** As a user of the machine who has nothing to do with the host. */
function asNobody(args: readonly string[], input: string | Buffer = ''): Ran {
  const words = ['dist/cmd/lightlag.js', ...args]
  const env = { PATH: process.env['PATH'], LIGHTLAG_RUN: shared }
  const options = { uid: NOBODY, gid: NOBODY, env, input, encoding: 'utf8' } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, words, options)
  return { status, stdout, stderr }
}

async function connected(
  socket: string,
): Promise<{ readonly socket: Socket; readonly said: string }> {
  const connection = createConnection({ path: socket })
  const [bytes] = (await once(connection, 'data')) as [Buffer]
  return { socket: connection, said: String(bytes) }
}

describe.skipIf(needsRoot() ?? needsFolderOpenToAll())('another user of the machine', () => {
  test('hands mail in, which is said to be his, lists the queue, and does nothing else', async () => {
    const [host] = pair.hosts
    const delivered = host.until((line) => line.includes('status=sent'))
    expect(asNobody(['sendmail', 'user'], 'Subject: hi\n\nHello\n')).toEqual({
      status: 0,
      stdout: '',
      stderr: '',
    })
    await delivered
    expect(host.mails()[0]).toMatch(/^Return-Path: <nobody@mail-1\.a\.com>\r\n/)
    expect(host.mails()[0]).toContain('Received: by mail-1.a.com (Lightlag, from user nobody) with')
    const words = ['-s', 'hi', '-c', 'c@mail-2.a.com', 'a@mail-2.a.com,b@mail-2.a.com']
    expect(asNobody(['mail', ...words], 'Hello\n').status).toBe(0)
    const { stdout } = asNobody(['mailq'])
    for (const name of ['a', 'b', 'c']) expect(stdout).toContain(`${name}@mail-2.a.com\n`)
    for (const command of [
      ['queue', 'delete', '--all'],
      ['sendmail', '-q'],
      ['fault', 'list'],
    ]) {
      expect(asNobody(command)).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('permission denied'),
      })
    }
  })

  test('has all of a large mail delivered, and a useful word where there is none', () => {
    const large = Buffer.alloc(5_000_000, `${'x'.repeat(70)}\n`)
    expect(asNobody(['sendmail', 'user'], large).status).toBe(0)
    expect(pair.hosts[0].mails().some((mail) => mail.length > 5_000_000)).toBe(true)
    expect(asNobody(['sendmail', '--node', '9', 'user'])).toMatchObject({
      status: 75,
      stderr: expect.stringContaining('no node 9 runs here'),
    })
    expect(asNobody(['sendmail', 'nobody-here'], 'x\n').status).toBe(67)
  })

  test('cannot keep others from handing mail in by connecting a thousand times', async () => {
    const socket = join(shared, '2.submit')
    const all = await Promise.all(Array.from({ length: 400 }, () => connected(socket)))
    const refused = all.filter(({ said }) => said.startsWith('421 '))
    expect(refused).toHaveLength(200)
    // Those who wait have ten seconds from when it got crowded.
    await Promise.all(
      all.filter((one) => !refused.includes(one)).map(({ socket }) => once(socket, 'close')),
    )
    expect(asNobody(['sendmail', 'user'], 'x\n').status).toBe(0)
  })
})
