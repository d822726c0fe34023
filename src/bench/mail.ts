/**
 * Mails a second, ours and others' in turns: every server is started anew for each run, in a
 * directory that is used once, and driven by Postfix's `smtp-source`. The README says what came out.
 */

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { type DiskLimit, measureDiskLimit } from './disk-limit.ts'
import {
  isInstalled,
  type MailServer,
  openDirectory,
  type ServerName,
  startServer,
} from './mail-servers.ts'
import { median } from './median.ts'
import { costOf } from './process-cost.ts'

/** Into the Maildir by SMTP, or by LMTP; or into the queue, for a next hop that is down. */
export type MailWork = 'maildir' | 'lmtp' | 'relay'

export interface MailCase {
  readonly work: MailWork
  readonly sessions: number
  /** Of the message, without its header. */
  readonly bytes: number
  readonly connections: 'reused' | 'new'
}

export interface MailOptions {
  readonly cases: readonly MailCase[]
  readonly pairs: number
  /** Ours in each run, with others a quarter of it; default: what takes some seconds. */
  readonly count: number | undefined
  /** On the disk that is to be measured. */
  readonly directory: string
}

export interface MailResult extends MailCase {
  /** Who ours is compared with. */
  readonly other: ServerName
  /** Medians over the pairs. */
  readonly ours: MailFigures
  readonly others: MailFigures
  /** The median of the pairs' ratios of mails a second: when all were accepted, and when all had arrived. */
  readonly ratio: { readonly accepted: number; readonly arrived: number }
}

export interface MailFigures {
  readonly acceptedPerSec: number
  /** In the Maildir and flushed; for the queue the same as accepted. */
  readonly arrivedPerSec: number
  readonly cpuMicrosecPerMail: number
  /** At the end, all its processes together. */
  readonly memoryMiB: number
}

const RIVALS: Readonly<Record<MailWork, readonly ServerName[]>> = {
  maildir: ['postfix'],
  lmtp: ['dovecot'],
  relay: ['postfix', 'smtp-server'],
}

const WARM_UP: Readonly<Record<ServerName, number>> = {
  lightlag: 3000,
  'smtp-server': 3000,
  postfix: 200,
  dovecot: 200,
}
const LOOK_MS = 10
const ARRIVAL_MS_MAX = 60_000

export class MailBench {
  readonly #options: MailOptions
  readonly #directory: string
  #runs = 0
  /** The server that is being driven. */
  #running: number | undefined

  constructor(options: MailOptions) {
    if (spawnSync('smtp-source').error) {
      throw new Error('there is no smtp-source here: the Debian package postfix has it')
    }
    this.#options = options
    mkdirSync(options.directory, { recursive: true })
    this.#directory = mkdtempSync(join(resolve(options.directory), 'bench-'))
    chmodSync(this.#directory, 0o755)
    // Where ext4 has no journal, a name is made slowly while many files near it have just been
    // removed; so each run gets a part of the disk to itself, if it can be had.
    spawnSync('chattr', ['+T', this.#directory], { stdio: 'ignore' })
  }

  /** Of mails of 4 KB. */
  diskLimit(): Promise<DiskLimit> {
    return measureDiskLimit(this.#newDirectory(), 4096 + HEADER_BYTES)
  }

  async *results(): AsyncIterable<MailResult> {
    for (const mailCase of this.#options.cases) {
      const rivals = RIVALS[mailCase.work].filter(isInstalled)
      for (const other of rivals) yield await this.#compare(mailCase, other)
    }
  }

  /** Also in the middle of a run. */
  dispose(): void {
    if (this.#running !== undefined) process.kill(this.#running, 'SIGTERM')
    rmSync(this.#directory, { recursive: true, force: true })
  }

  async #compare(mailCase: MailCase, other: ServerName): Promise<MailResult> {
    const ours: MailFigures[] = []
    const others: MailFigures[] = []
    for (let pair = 0; pair < this.#options.pairs; pair++) {
      const first = pair % 2 === 0
      if (first) ours.push(await this.#run('lightlag', mailCase))
      others.push(await this.#run(other, mailCase))
      if (!first) ours.push(await this.#run('lightlag', mailCase))
    }
    const ratio = (of: (figures: MailFigures) => number): number =>
      median(ours.map((figures, i) => of(figures) / of(others[i] as MailFigures)))
    return {
      ...mailCase,
      other,
      ours: medians(ours),
      others: medians(others),
      ratio: {
        accepted: tenths(ratio(({ acceptedPerSec }) => acceptedPerSec)),
        arrived: tenths(ratio(({ arrivedPerSec }) => arrivedPerSec)),
      },
    }
  }

  async #run(name: ServerName, mailCase: MailCase): Promise<MailFigures> {
    const server = await startServer(name, this.#newDirectory())
    this.#running = server.pid
    try {
      const count = this.#countOf(name, mailCase)
      await drive(server, mailCase, Math.min(WARM_UP[name], count))
      const before = arrived(server, mailCase)
      const cpuBefore = costOf(server.pid).cpuSec
      const startedAt = performance.now()
      await drive(server, mailCase, count)
      const acceptedSec = (performance.now() - startedAt) / 1000
      await arrival(server, mailCase, before + count)
      const arrivedSec = (performance.now() - startedAt) / 1000
      const { cpuSec, memoryMiB } = costOf(server.pid)
      return {
        acceptedPerSec: Math.round(count / acceptedSec),
        arrivedPerSec: Math.round(count / (mailCase.work === 'relay' ? acceptedSec : arrivedSec)),
        cpuMicrosecPerMail: Math.round(((cpuSec - cpuBefore) * 1e6) / count),
        memoryMiB,
      }
    } finally {
      this.#running = undefined
      await server.stop()
    }
  }

  #countOf(name: ServerName, { sessions, bytes }: MailCase): number {
    const whole = this.#options.count ?? (sessions === 1 ? 4000 : bytes > 16_384 ? 6000 : 12_000)
    return name === 'lightlag' || name === 'smtp-server' ? whole : Math.ceil(whole / 4)
  }

  #newDirectory(): string {
    return openDirectory(join(this.#directory, String(this.#runs++)))
  }
}

/** Sends `count` mails; resolves when the last is answered. Rejects where one was not accepted. */
async function drive(server: MailServer, mailCase: MailCase, count: number): Promise<void> {
  const { work, sessions, bytes, connections } = mailCase
  const { maildir, relay } = server.recipients
  const args = ['-s', sessions, '-m', count, '-l', bytes, '-f', 'sender@elsewhere.example']
  args.push('-t', work === 'relay' ? relay : maildir)
  if (connections === 'reused') args.push('-d')
  if (work === 'lmtp') args.push('-L')
  args.push(`inet:127.0.0.1:${work === 'lmtp' ? server.lmtp : server.smtp}`)
  const source = spawn('smtp-source', args.map(String), { stdio: ['ignore', 'ignore', 'pipe'] })
  let complaint = ''
  source.stderr.on('data', (bytes) => {
    complaint += String(bytes)
  })
  const [status] = (await once(source, 'exit')) as [number | null]
  if (status !== 0 || complaint !== '') throw new Error(`smtp-source: ${complaint || status}`)
}

/** Resolves when as many messages are in the mailbox, as a server may answer before that. */
async function arrival(server: MailServer, mailCase: MailCase, count: number): Promise<void> {
  for (let waited = 0; arrived(server, mailCase) < count; waited += LOOK_MS) {
    if (waited > ARRIVAL_MS_MAX) {
      throw new Error(`${arrived(server, mailCase)} of ${count} mails have arrived`)
    }
    await setTimeout(LOOK_MS)
  }
}

function arrived({ maildir }: MailServer, { work }: MailCase): number {
  if (work === 'relay') return Number.POSITIVE_INFINITY
  return readdirSync(join(maildir, 'new')).length
}

function medians(all: readonly MailFigures[]): MailFigures {
  const of = (figure: keyof MailFigures): number =>
    Math.round(median(all.map((figures) => figures[figure])))
  return {
    acceptedPerSec: of('acceptedPerSec'),
    arrivedPerSec: of('arrivedPerSec'),
    cpuMicrosecPerMail: of('cpuMicrosecPerMail'),
    memoryMiB: of('memoryMiB'),
  }
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10
}

/** Of what `smtp-source` sends, with what the servers add. */
const HEADER_BYTES = 500
