/**
 * Mails a second from the acceptance by SMTP on one node to the flushed file in the Maildir of another,
 * each a `lightlag serve` of its own. The texts differ from mail to mail, as what is alike costs the
 * compression nothing.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection, type Socket } from 'node:net'
import { basename, join, resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { mailCorpus } from './mail-corpus.ts'
import { answering, freePorts } from './mail-servers.ts'
import { costOf } from './process-cost.ts'

export type MailLayer = 'udp' | 'tcp'

export interface BetweenNodes {
  readonly layer: MailLayer
  readonly mails: number
  readonly bytes: number
  readonly sessions: number
  readonly acceptedPerSec: number
  /** From the first command to the last file. */
  readonly arrivedPerSec: number
  readonly cpuMicrosecPerMail: { readonly sender: number; readonly receiver: number }
  readonly memoryMiB: { readonly sender: number; readonly receiver: number }
}

export interface BetweenNodesOptions {
  readonly layer: MailLayer
  readonly seed: number
  readonly mails: number
  /** On the disk to measure. */
  readonly directory: string
}

const LIGHTLAG = fileURLToPath(new URL('../../bin/lightlag.js', import.meta.url))
const BYTES = 4096
const SESSIONS = 20
const WARM_UP_MAILS = 3000
const LOOK_MS = 10
/** Behind a lost object, which goes again, much longer than the rest takes. */
const ARRIVAL_MS_MAX = 60_000
/** Nothing slows UDP down but this; loopback loses nothing at it. */
const UDP_RATE = '18MB/s'

export async function measureBetweenNodes(options: BetweenNodesOptions): Promise<BetweenNodes> {
  const { layer, seed, mails } = options
  mkdirSync(options.directory, { recursive: true })
  const directory = mkdtempSync(join(resolve(options.directory), 'bench-'))
  // Files are made slowly near many that were removed, as those of the last run. The name of what is in
  // such a directory says where on the disk it goes.
  spawnSync('chattr', ['+T', directory], { stdio: 'ignore' })
  const [smtp, otherSmtp, duct, otherDuct] = (await freePorts(4)) as [
    number,
    number,
    number,
    number,
  ]
  const nodes = [
    await startNode(directory, { number: 2, other: 3, layer, smtp, duct, otherDuct }),
    await startNode(directory, {
      ...{ number: 3, other: 2, layer },
      ...{ smtp: otherSmtp, duct: otherDuct, otherDuct: duct },
    }),
  ] as const
  try {
    const maildir = join(directory, homeOf(directory, 3), 'home/user/Maildir/new')
    const texts = textsOf(seed)
    await drive(smtp, texts, WARM_UP_MAILS)
    await arrival(maildir, WARM_UP_MAILS)
    const before = nodes.map(({ pid = 0 }) => costOf(pid).cpuSec)
    const startedAt = performance.now()
    await drive(smtp, texts, mails)
    const acceptedSec = (performance.now() - startedAt) / 1000
    await arrival(maildir, WARM_UP_MAILS + mails)
    const arrivedSec = (performance.now() - startedAt) / 1000
    const [sender, receiver] = nodes.map(({ pid = 0 }, i) => {
      const { cpuSec, memoryMiB } = costOf(pid)
      return { cpu: Math.round(((cpuSec - (before[i] ?? 0)) * 1e6) / mails), memoryMiB }
    }) as [{ cpu: number; memoryMiB: number }, { cpu: number; memoryMiB: number }]
    return {
      ...{ layer, mails, bytes: BYTES, sessions: SESSIONS },
      acceptedPerSec: Math.round(mails / acceptedSec),
      arrivedPerSec: Math.round(mails / arrivedSec),
      cpuMicrosecPerMail: { sender: sender.cpu, receiver: receiver.cpu },
      memoryMiB: { sender: sender.memoryMiB, receiver: receiver.memoryMiB },
    }
  } finally {
    for (const child of nodes) {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
    }
    rmSync(directory, { recursive: true, force: true })
  }
}

interface NodePlan {
  readonly number: number
  readonly other: number
  readonly layer: MailLayer
  readonly smtp: number
  readonly duct: number
  readonly otherDuct: number
}

async function startNode(directory: string, plan: NodePlan): Promise<ChildProcess> {
  const { number, other, layer, smtp, duct, otherDuct } = plan
  const config = join(directory, `mail-${number}.yaml`)
  const rate = layer === 'udp' ? `, rate: ${UDP_RATE}` : ''
  const text = [
    `host: mail-${number}.example`,
    `directory: ${homeOf(directory, number)}`,
    `node: ipn:${number}`,
    'users: [{ name: user, password: a-password }]',
    `smtp: { listen: "127.0.0.1:${smtp}", sessionsPerPeerMax: 200 }`,
    `aliases: { far@mail-${number}.example: [user@mail-${other}.example] }`,
    `${layer}: { listen: "127.0.0.1:${duct}"${rate} }`,
    'plans:',
    `  - { to: ipn:${other}, protocol: ${layer}, duct: "127.0.0.1:${otherDuct}", oneWayDelay: 1ms }`,
    `transport: { mail-${other}.example: bp:ipn:${other}.2525 }`,
  ]
  writeFileSync(config, `${text.join('\n')}\n`)
  const log = openSync(join(directory, `log-${number}`), 'a')
  const child = spawn(LIGHTLAG, ['serve', '--config', config], {
    stdio: ['ignore', log, log],
    // Nodes of the same numbers may run beside these.
    env: { ...process.env, XDG_RUNTIME_DIR: join(directory, 'run') },
  })
  await answering(child, smtp, directory)
  return child
}

/** Of a node; another in each run. */
function homeOf(directory: string, number: number): string {
  return `${basename(directory)}-mail-${number}`
}

/** Different pieces of a corpus, of the same size. */
function textsOf(seed: number): readonly string[] {
  const lines = mailCorpus(seed, 1000).flatMap(({ message }) => message.split('\r\n'))
  const texts: string[] = []
  let text = ''
  for (const line of lines) {
    text += `${line.startsWith('.') ? '.' : ''}${line}\r\n`
    if (text.length < BYTES) continue
    texts.push(text)
    text = ''
  }
  return texts
}

/** Resolves once all are answered 250; rejects where one is not. */
async function drive(port: number, texts: readonly string[], count: number): Promise<void> {
  let next = 0
  await Promise.all(
    Array.from({ length: SESSIONS }, async () => {
      const session = await Session.open(port)
      while (next < count) await session.send(next, texts[next++ % texts.length] ?? '')
      session.close()
    }),
  )
}

/** A client that pipelines what it may. */
class Session {
  readonly #socket: Socket
  #unread = ''
  #codes: string[] = []
  #wake = (): void => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (bytes) => {
      this.#unread += bytes.toString('latin1')
      const lines = this.#unread.split('\r\n')
      this.#unread = lines.pop() ?? ''
      for (const line of lines) if (line[3] !== '-') this.#codes.push(line)
      this.#wake()
    })
    socket.on('error', (error) => this.#codes.push(error.message))
    socket.on('close', () => {
      this.#codes.push('the connection is closed')
      this.#wake()
    })
  }

  static async open(port: number): Promise<Session> {
    const socket = createConnection({ host: '127.0.0.1', port, noDelay: true })
    const session = new Session(socket)
    await session.#expect('220')
    socket.write('EHLO client.example\r\n')
    await session.#expect('250')
    return session
  }

  async send(number: number, text: string): Promise<void> {
    this.#socket.write(
      'MAIL FROM:<sender@elsewhere.example>\r\nRCPT TO:<far@mail-2.example>\r\nDATA\r\n',
    )
    for (const code of ['250', '250', '354']) await this.#expect(code)
    this.#socket.write(`Subject: mail ${number}\r\n\r\n${text}.\r\n`)
    await this.#expect('250')
  }

  close(): void {
    this.#socket.destroy()
  }

  async #expect(code: string): Promise<void> {
    while (this.#codes.length === 0) {
      await new Promise<void>((wake) => {
        this.#wake = wake
      })
    }
    const line = this.#codes.shift() ?? ''
    if (!line.startsWith(code)) throw new Error(`expected ${code}: ${line}`)
  }
}

async function arrival(maildir: string, count: number): Promise<void> {
  for (let waited = 0; arrived(maildir) < count; waited += LOOK_MS) {
    if (waited > ARRIVAL_MS_MAX) throw new Error(`${arrived(maildir)} of ${count} have arrived`)
    await setTimeout(LOOK_MS)
  }
}

function arrived(maildir: string): number {
  try {
    return readdirSync(maildir).length
  } catch {
    // Not before the first mail.
    return 0
  }
}
