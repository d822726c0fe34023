/**
 * What mailboxes take, ours and Dovecot's in turns: both serve a copy of the same generated Maildir,
 * and both are asked for the same by the same client. The README says what came out.
 */

import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { MAIL_UID } from './dovecot.ts'
import { type BenchMessage, benchMessages } from './imap-messages.ts'
import { benchOpening, type OpenResult } from './imap-open.ts'
import { isInstalled, MailboxServer, type MailboxServerName } from './imap-servers.ts'
import { TASKS, type Task, type TaskResult, type TaskSizes } from './imap-tasks.ts'
import { median } from './median.ts'

export interface ImapOptions extends TaskSizes {
  readonly pairs: number
  readonly seed: number
  /** Parts of names of the tasks that are wanted; default: all. */
  readonly only: readonly string[] | undefined
  /** On the disk that is to be measured. */
  readonly directory: string
}

export interface ImapResult {
  readonly task: string
  readonly unit: Task['unit']
  /** Medians over the pairs. */
  readonly ours: number
  readonly dovecot: number | undefined
  /** How much better ours is: above 1 it is faster, or takes less. */
  readonly ratio: number | undefined
  /** Both were asked for the same and answered differently. */
  readonly differs?: true
}

export class ImapBench {
  readonly #options: ImapOptions
  readonly #directory: string
  readonly #servers: Set<MailboxServer> = new Set()

  constructor(options: ImapOptions) {
    this.#options = options
    mkdirSync(options.directory, { recursive: true })
    this.#directory = mkdtempSync(join(resolve(options.directory), 'bench-imap-'))
    chmodSync(this.#directory, 0o755)
    spawnSync('chattr', ['+T', this.#directory], { stdio: 'ignore' })
  }

  /** What is left out here, and why. */
  get omissions(): readonly string[] {
    if (!isInstalled('dovecot')) return ['Dovecot is not installed: dovecot-imapd']
    return MISSING_PARTS.filter(({ file }) => spawnSync('test', ['-x', file]).status !== 0).map(
      ({ what }) => what,
    )
  }

  async results(): Promise<readonly ImapResult[]> {
    const template = this.#template()
    const names: readonly MailboxServerName[] = isInstalled('dovecot')
      ? ['lightlag', 'dovecot']
      : ['lightlag']
    const rounds: Map<MailboxServerName, Map<Task, TaskResult>>[] = []
    for (let round = 0; round < this.#options.pairs; round++) {
      const order = round % 2 === 0 ? names : [...names].reverse()
      rounds.push(await this.#round(String(round), order, template))
    }
    return TASKS.filter((task) => rounds[0]?.get('lightlag')?.has(task)).map((task) =>
      resultOf(task, rounds),
    )
  }

  /** Of our own server alone. */
  opening(messages: number): Promise<OpenResult> {
    const directory = join(this.#directory, 'open')
    mkdirSync(directory)
    return benchOpening(directory, messages, (server) => this.#servers.add(server))
  }

  /** Also in the middle of a run. */
  async dispose(): Promise<void> {
    await Promise.all([...this.#servers].map((server) => server.stop()))
    rmSync(this.#directory, { recursive: true, force: true })
  }

  async #round(
    name: string,
    order: readonly MailboxServerName[],
    template: Template,
  ): Promise<Map<MailboxServerName, Map<Task, TaskResult>>> {
    const { sessions, only } = this.#options
    const results = new Map<MailboxServerName, Map<Task, TaskResult>>()
    const servers: MailboxServer[] = []
    for (const one of order) {
      const directory = join(this.#directory, `${name}-${one}`)
      mkdirSync(directory)
      const server = await MailboxServer.prepare(one, directory, sessions + 100)
      this.#servers.add(server)
      copyMaildir(template, server.maildir)
      await server.start()
      servers.push(server)
      results.set(one, new Map())
    }
    for (const task of TASKS) {
      if (only !== undefined && !only.some((part) => task.name.includes(part))) continue
      for (const server of servers) {
        const result = await task.run(server, this.#options)
        if (result !== undefined) results.get(server.name)?.set(task, result)
      }
    }
    for (const server of servers) {
      await server.stop()
      this.#servers.delete(server)
    }
    return results
  }

  #template(): Template {
    const path = join(this.#directory, 'template')
    mkdirSync(path)
    const files: TemplateFile[] = []
    let n = 0
    for (const message of benchMessages(this.#options.messages, this.#options.seed)) {
      const source = join(path, String(n))
      writeFileSync(source, message.text, { mode: 0o600 })
      chownSync(source, MAIL_UID, MAIL_UID)
      files.push({ source, ...nameOf(message, n++) })
    }
    return files
  }
}

interface TemplateFile {
  readonly source: string
  readonly place: 'new' | 'cur'
  readonly name: string
}

type Template = readonly TemplateFile[]

function nameOf({ text, flags, second }: BenchMessage, n: number): Omit<TemplateFile, 'source'> {
  const base = `${second}.M${n}P1.bench,S=${text.length},W=${text.length}`
  return flags === '' ? { place: 'new', name: base } : { place: 'cur', name: `${base}:2,${flags}` }
}

/** By links: neither server changes what is in a file. */
function copyMaildir(template: Template, maildir: string): void {
  for (const path of [maildir, ...['tmp', 'new', 'cur'].map((name) => join(maildir, name))]) {
    mkdirSync(path, { mode: 0o700 })
    chownSync(path, MAIL_UID, MAIL_UID)
  }
  for (const { source, place, name } of template) linkSync(source, join(maildir, place, name))
}

const MISSING_PARTS = [
  { file: '/usr/lib/dovecot/pop3', what: 'POP3 of Dovecot is not installed: dovecot-pop3d' },
  { file: '/usr/lib/dovecot/lmtp', what: 'LMTP of Dovecot is not installed: dovecot-lmtpd' },
] as const

function resultOf(
  task: Task,
  rounds: readonly Map<MailboxServerName, Map<Task, TaskResult>>[],
): ImapResult {
  const of = (name: MailboxServerName): readonly TaskResult[] =>
    rounds.flatMap((round) => round.get(name)?.get(task) ?? [])
  const [ours, others] = [of('lightlag'), of('dovecot')]
  const ratios = ours.flatMap(({ value }, i) => {
    const other = others[i]?.value
    return other === undefined ? [] : [task.unit === '/s' ? value / other : other / value]
  })
  const isOther = ours.some(
    ({ answer }, i) => others[i] !== undefined && answer !== others[i].answer,
  )
  return {
    task: task.name,
    unit: task.unit,
    ours: rounded(median(ours.map(({ value }) => value))),
    dovecot: others.length === 0 ? undefined : rounded(median(others.map(({ value }) => value))),
    ratio: ratios.length === 0 ? undefined : rounded(median(ratios)),
    ...(isOther && { differs: true }),
  }
}

/** To three digits. */
function rounded(value: number): number {
  return Number(value.toPrecision(3))
}
