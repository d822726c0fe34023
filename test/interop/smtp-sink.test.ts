import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fromLatin1 } from '../../src/base/bytes.ts'
import { hostClock } from '../../src/host/clock.ts'
import { hostDns } from '../../src/host/dns.ts'
import { hostEntropy } from '../../src/host/entropy.ts'
import { hostHttps } from '../../src/host/https.ts'
import { hostNetwork } from '../../src/host/network.ts'
import { LabStore } from '../../src/lab/store.ts'
import type { Outcome } from '../../src/mail/delivery.ts'
import { parseNextHop } from '../../src/mail/next-hop.ts'
import { type ServerHop, SmtpTransport } from '../../src/mail/transport/smtp-transport.ts'
import { freePort } from '../support/free-port.ts'
import { needs } from '../support/programs.ts'

let directory: string
let sink: ChildProcess | undefined
let transport: SmtpTransport

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lightlag-sink-'))
  transport = new SmtpTransport(
    { hostname: 'mail-1.a.com', tls: 'offered', oneWayDelayMs: 0 },
    {
      network: hostNetwork,
      clock: hostClock,
      dns: hostDns({ clock: hostClock, servers: ['127.0.0.1:9'] }),
      entropy: hostEntropy,
      https: hostHttps(),
      store: new LabStore({}),
      tls: {},
    },
  )
})

afterEach(async () => {
  await transport.stop()
  if (sink?.kill()) await once(sink, 'exit')
  rmSync(directory, { recursive: true })
})

/** Starts Postfix's `smtp-sink`, which writes each message to a file. Resolves with its port. */
async function sinkWith(...options: readonly string[]): Promise<number> {
  const port = await freePort()
  const user = process.getuid?.() === 0 ? ['-u', 'root'] : []
  sink = spawn(
    'smtp-sink',
    [...user, ...options, '-d', join(directory, 'mail.'), `inet:127.0.0.1:${port}`, '10'],
    { stdio: 'ignore' },
  )
  for (;;) {
    const socket = connect(port, '127.0.0.1')
    const isUp = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false)
    socket.destroy()
    if (isUp) return port
    await setImmediate()
  }
}

async function send(route: string, text: string): Promise<readonly Outcome[]> {
  const delivery = await transport.target(parseNextHop(route) as ServerHop).start({
    queueId: 'Q',
    from: { reversePath: { localPart: 'a', domain: 'a.com' }, parameters: {} },
  })
  await delivery.addRecipient({ localPart: 'b', domain: 'b.com' })
  await delivery.addRecipient({ localPart: 'c', domain: 'b.com' })
  await delivery.write(fromLatin1(text))
  return delivery.commit()
}

/** What the server was given, without its own first lines. */
function received(): readonly string[] {
  return readdirSync(directory)
    .map((name) => readFileSync(join(directory, name), 'latin1'))
    .filter((text) => text.includes('Subject:'))
}

const MESSAGE = 'Subject: test\r\n\r\n.dot\r\n..two\r\nend\r\n'

test.skipIf(needs('smtp-sink')).each([
  ['smtp', []],
  ['smtp', ['-p']],
  ['smtp', ['-e']],
  ['smtp', ['-8']],
  ['lmtp', ['-L']],
] as const)(
  "Postfix's smtp-sink takes several mails by %s, started with %j",
  async (protocol, options) => {
    const port = await sinkWith(...options)
    const route = protocol === 'lmtp' ? `lmtp:127.0.0.1:${port}` : `smtp:[127.0.0.1]:${port}`
    for (let i = 0; i < 3; i++) {
      const outcomes = await send(route, MESSAGE)
      expect(outcomes.map(({ type }) => type)).toEqual(['delivered', 'delivered'])
    }
    expect(received()).toHaveLength(3)
    for (const text of received()) {
      expect(text.replaceAll('\r', '')).toContain('\n.dot\n..two\nend\n')
    }
  },
)

test.skipIf(needs('smtp-sink'))(
  'what smtp-sink refuses for now is deferred, for good is refused, with its words',
  async () => {
    const port = await sinkWith('-r', 'RCPT')
    for (const outcome of await send(`smtp:[127.0.0.1]:${port}`, MESSAGE)) {
      expect(outcome).toMatchObject({
        type: 'refused',
        fault: { temporary: true, message: expect.stringMatching(/127\.0\.0\.1.* said: 4/) },
      })
    }
  },
)
