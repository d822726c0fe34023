/** Ten thousand connections to a real host at once, held open by clients that mean no good. */

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { mailOf } from '../support/lab.ts'
import { type ServedHost, ServedPair } from '../support/served.ts'

const CONNECTIONS = 10_000
/** Fewer than one address may have. */
const PER_ADDRESS = 40
/** What connects at the same time: fewer than a listener's backlog. */
const AT_ONCE = 100

/** What a session may cost, with all that Node keeps of its socket; measured: about 20 KiB. */
const SESSION_BYTES_MAX = 48 * 1024
/** What a refused connection may leave behind. */
const REFUSAL_BYTES_MAX = 4 * 1024
/** What Node may not have collected yet of all that was used meanwhile: its young generation, and what has just left that. */
const GARBAGE_BYTES_MAX = 64 * 1_048_576

/** Node takes all that it may have. */
const OPEN_FILES_MAX = Number(
  /^Max open files +\d+ +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1],
)
const hasTooFew = OPEN_FILES_MAX < CONNECTIONS + 1000

let pair: ServedPair | undefined
const sockets: Socket[] = []

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await pair?.dispose()
})

async function served(port: string): Promise<ServedHost> {
  pair = await ServedPair.make((text) =>
    text.replace(/^(smtp:\n {2}listen: .*)$/m, `$1${port.replace(/^/gm, '\n  ')}`),
  )
  const [host] = pair.hosts
  await host.start()
  return host
}

/** Resident, of its process. */
function memoryOf(host: ServedHost): number {
  const status = readFileSync(`/proc/${host.pid}/status`, 'latin1')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}

/** What attackers do with a connection once they have been greeted. */
const DEEDS: readonly string[] = [
  '',
  'EHLO eve\r\nMAIL FR',
  'x'.repeat(4000),
  'EHLO eve\r\nMAIL FROM:<eve@x.org>\r\nRCPT TO:<user@mail-1.a.com>\r\nDATA\r\nSubject: never',
  `EHLO eve\r\nMAIL FROM:<eve@x.org>\r\n${'RCPT TO:<user@mail-1.a.com>\r\n'.repeat(50)}BDAT 100000\r\nx`,
]

/** Opens so many connections, from addresses enough; how each was greeted, by the code of the reply. */
async function attack(port: number): Promise<Map<string, number>> {
  const greetings = new Map<string, number>()
  const open = async (index: number): Promise<void> => {
    const address = Math.floor(index / PER_ADDRESS)
    const localAddress = `127.1.${Math.floor(address / 250)}.${1 + (address % 250)}`
    const socket = connect({ host: '127.0.0.1', port, localAddress })
    sockets.push(socket)
    socket.on('error', () => {})
    const [bytes] = (await once(socket, 'data')) as [Buffer]
    const code = bytes.toString('latin1').slice(0, 3)
    greetings.set(code, (greetings.get(code) ?? 0) + 1)
    socket.on('data', () => {})
    if (code === '220') socket.write(DEEDS[index % DEEDS.length] ?? '')
  }
  for (let from = 0; from < CONNECTIONS; from += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => open(from + i)))
    await setImmediate()
  }
  return greetings
}

/** What one more connection hears first. */
async function greeting(host: ServedHost): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port: host.ports.smtp })
  sockets.push(socket)
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  return bytes.toString()
}

/** How long a client that means well waits until it has been answered 250, in ms. */
async function served250(host: ServedHost): Promise<number> {
  const begun = performance.now()
  expect(await host.submit(mailOf('in between'), 'mail-1.a.com')).toBe(true)
  return Math.round(performance.now() - begun)
}

function report(what: string, before: number, after: number, waitedMs: number): void {
  const mebibytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MiB`
  const each = Math.round((after - before) / CONNECTIONS)
  process.stdout.write(
    `${what}: ${mebibytes(before)} before, ${mebibytes(after)} with them (${each} octets each); a mail was taken in ${waitedMs} ms\n`,
  )
}

test.skipIf(hasTooFew)(
  '10,000 sessions are held in bounded memory, and others are served meanwhile',
  async () => {
    const host = await served('sessionsMax: 12000')
    await served250(host)
    const before = memoryOf(host)
    expect(await attack(host.ports.smtp)).toEqual(new Map([['220', CONNECTIONS]]))
    const waitedMs = await served250(host)
    const after = memoryOf(host)
    report('10,000 sessions', before, after, waitedMs)
    expect(after - before).toBeLessThan(CONNECTIONS * SESSION_BYTES_MAX)
    expect(waitedMs).toBeLessThan(5000)
    // And over the port that is under attack.
    expect(await greeting(host)).toMatch(/^220 /)
    expect(await host.stop()).toBe(0)
  },
)

test.skipIf(hasTooFew)(
  'of 10,000 connections to a port as it is by default 1000 are sessions, and the rest hear 421',
  async () => {
    const host = await served('')
    await served250(host)
    const before = memoryOf(host)
    expect(await attack(host.ports.smtp)).toEqual(
      new Map([
        ['220', 1000],
        ['421', CONNECTIONS - 1000],
      ]),
    )
    const after = memoryOf(host)
    // Those who log in have a port of their own.
    const waitedMs = await served250(host)
    report('10,000 connections, 1000 sessions', before, after, waitedMs)
    const heldBytesMax = 1000 * SESSION_BYTES_MAX + CONNECTIONS * REFUSAL_BYTES_MAX
    expect(after - before).toBeLessThan(heldBytesMax + GARBAGE_BYTES_MAX)
    // Nobody lets go, and yet whoever comes again finds a place within seconds.
    await expect.poll(() => greeting(host), { timeout: 120_000 }).toMatch(/^220 /)
    expect(await host.stop()).toBe(0)
  },
)
