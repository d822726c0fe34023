/** The commands that talk to a running lab. */

import { resolve } from 'node:path'
import { isatty } from 'node:tty'
import { fromBase64, fromUtf8, toBase64, toUtf8 } from '../base/bytes.ts'
import { formatLogTime } from '../base/calendar.ts'
import { asFault } from '../base/fault.ts'
import { monoMs, wallMs } from '../base/time.ts'
import type { NodeClient } from '../dtn/control/node-client.ts'
import type { PowerAction } from '../lab/desk.ts'
import type { Detail, SequenceForm } from '../lab/pictures/choices.ts'
import { timeText } from '../lab/recording.ts'
import { EXIT, Failure } from './failure.ts'
import { requireLab, runningLabs } from './lab-places.ts'
import type {
  CaptureStopped,
  CaptureStopRequest,
  DiagramRequest,
  ExecProgress,
  ExecRequest,
  LabState,
  LinkRequest,
  ProcessRequest,
} from './lab-requests.ts'
import { formatLink, speedText } from './lab-text.ts'

export interface LabOption {
  /** Its name; default: the only one that runs. */
  readonly lab?: string
}

async function ask<Answer>(client: NodeClient, name: string, request: unknown): Promise<Answer> {
  const answer = await client.call(name, fromUtf8(JSON.stringify(request)))
  return JSON.parse(toUtf8(answer)) as Answer
}

/** What the lab says against it ends the command. */
async function withLab<T>(
  { lab }: LabOption,
  work: (client: NodeClient) => Promise<T>,
): Promise<T> {
  const client = await requireLab(lab)
  try {
    return await work(client)
  } catch (error) {
    if (error instanceof Failure) throw error
    const { code, message } = asFault(error)
    const text = code === 'control/ended' ? 'the lab has ended' : message
    throw new Failure(EXIT.failed, text)
  } finally {
    client.close()
  }
}

export async function labPs(options: LabOption & { readonly json?: true }): Promise<void> {
  const states: LabState[] = []
  if (options.lab !== undefined) {
    states.push(await withLab(options, (client) => ask<LabState>(client, 'state', {})))
  } else {
    const { running, silent } = await runningLabs()
    for (const [, client] of [...running].sort(([a], [b]) => (a < b ? -1 : 1))) {
      states.push(await ask<LabState>(client, 'state', {}))
      client.close()
    }
    for (const { message } of silent) process.stderr.write(`${message}\n`)
  }
  if (options.json) process.stdout.write(`${JSON.stringify(states)}\n`)
  else if (states.length === 0) process.stdout.write('no lab runs\n')
  else process.stdout.write(states.map(stateText).join('\n'))
}

const BEHIND_TOLD_MS = 1000

function stateText(state: LabState): string {
  const { name, speed, now, behindMs, wall, hosts, packets } = state
  // A moment behind is nothing to tell: whatever is due now has not happened yet.
  const lag = behindMs < BEHIND_TOLD_MS ? '' : `, ${timeText(monoMs(behindMs))} behind`
  const time = `${timeText(monoMs(now))}, ${formatLogTime(wallMs(wall))} UTC there`
  const rows = hosts.map(({ host, address, network, node, isOn, services }) => [
    host,
    address,
    network,
    node,
    isOn ? 'up' : 'no power',
    services
      .map(({ service, port, published }) =>
        published === undefined ? `${service} ${port}` : `${service} ${port} at ${published}`,
      )
      .join(', '),
  ])
  const commands = hosts.flatMap(({ host, commands }) =>
    commands.map((command) => `  ${host} runs ${command}\n`),
  )
  const head = [`${name}: ${speedText(speed)}, ${time}${lag}, ${packets} packets so far`]
  if (state.recording !== undefined) head.push(`recorded into ${state.recording}`)
  return `${head.join('\n')}\n${table([['HOST', 'ADDRESS', 'NETWORK', 'NODE', 'STATE', 'SERVICES'], ...rows])}${commands.join('')}`
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  return rows
    .map(
      (row) =>
        `  ${row
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

export async function labLinks(options: LabOption & { readonly json?: true }): Promise<void> {
  const { links } = await withLab(options, (client) => ask<LabState>(client, 'state', {}))
  process.stdout.write(
    options.json
      ? `${JSON.stringify(links)}\n`
      : links.map(({ from, to, quality }) => `${from} -> ${to}: ${formatLink(quality)}\n`).join(''),
  )
}

export function labSetLink(request: LinkRequest, options: LabOption): Promise<void> {
  return withLab(options, async (client) => {
    await ask(client, 'set-link', request)
  })
}

export function labPower(action: PowerAction, host: string, options: LabOption): Promise<void> {
  return withLab(options, async (client) => {
    await ask(client, 'power', { host, action })
  })
}

export function labStartCapture(options: LabOption): Promise<void> {
  return withLab(options, async (client) => {
    await ask(client, 'capture-start', {})
  })
}

export function labStopCapture(
  file: string,
  { at, ...options }: LabOption & { readonly at?: string },
): Promise<void> {
  return withLab(options, async (client) => {
    const request: CaptureStopRequest = { file: resolve(file), ...(at !== undefined && { at }) }
    const { packets } = await ask<CaptureStopped>(client, 'capture-stop', request)
    process.stdout.write(`${packets} packets\n`)
  })
}

export function labDiagram({
  detail,
  form,
  host,
  protocol,
  mail,
  ...options
}: LabOption & {
  readonly detail: Detail
  readonly form: SequenceForm
  readonly host?: readonly string[]
  readonly protocol?: readonly string[]
  readonly mail?: string
}): Promise<void> {
  return withLab(options, async (client) => {
    const request: DiagramRequest = {
      detail,
      form,
      filter: { hosts: host, protocols: protocol, mail },
    }
    process.stdout.write(await ask<string>(client, 'diagram', request))
  })
}

export interface SendArguments extends LabOption {
  readonly from: string
  readonly subject: string
  readonly size: number
}

/** By `sendmail` on the host that the sender's domain names; its exit status becomes ours. */
export async function labSend(
  to: readonly string[],
  { from, subject, size, ...options }: SendArguments,
): Promise<void> {
  const domain = from.slice(from.lastIndexOf('@') + 1)
  if (domain === '' || domain === from) {
    const message = `--from ${from}: an address such as user@mail-1.a.com would be right`
    throw new Failure(EXIT.usage, message)
  }
  const head = `From: <${from}>\nTo: ${to.map((one) => `<${one}>`).join(', ')}\nSubject: ${subject}\n\n`
  const line = `${'x'.repeat(LINE_LENGTH - 1)}\n`
  const body = line.repeat(Math.ceil(size / LINE_LENGTH)).slice(0, size)
  const words = ['sendmail', '-i', '-f', from, ...to]
  process.exitCode = await exec({ host: domain, words }, options, [fromUtf8(head + body)])
}

/** As text is usually broken. */
const LINE_LENGTH = 72

/** Resolves when it has ended. */
export function labDown(options: LabOption): Promise<void> {
  return withLab(options, async (client) => {
    const over = new Promise<void>((done) => {
      client.onOver = () => done()
    })
    await ask(client, 'down', {})
    await over
  })
}

export interface ExecArguments extends LabOption {
  readonly user?: string
}

/** Runs a command on a host, with the standard streams of this one; its exit status becomes ours. */
export async function labExec(
  host: string,
  words: readonly string[],
  { user, ...options }: ExecArguments,
): Promise<void> {
  const [only = ''] = words
  // What is one word with spaces in it can only be meant for a shell.
  const isLine = words.length === 1 && /[\s|<>;&]/.test(only)
  const command = words.length === 0 ? ['bash'] : isLine ? ['sh', '-c', only] : words
  process.exitCode = await exec(
    {
      host,
      words: command,
      ...(user !== undefined && { user }),
      terminal: { input: isatty(0), output: isatty(1) },
    },
    options,
  )
}

/** The exit status; `input` in place of standard input. */
export function exec(
  request: ExecRequest,
  options: LabOption,
  input?: Iterable<Uint8Array>,
): Promise<number> {
  return withLab(options, async (client) => {
    const { process: number } = await ask<ProcessRequest>(client, 'exec', request)
    const interrupt = (): void => {
      ask(client, 'interrupt', { process: number }).catch(asFault)
    }
    process.on('SIGINT', interrupt)
    void type(client, number, input ?? process.stdin)
    try {
      for (;;) {
        const { written, status } = await ask<ExecProgress>(client, 'read', { process: number })
        for (const { stream, bytes } of written) {
          const output = stream === 'output' ? process.stdout : process.stderr
          const isTaken = output.write(fromBase64(bytes) ?? new Uint8Array(0))
          if (!isTaken) await new Promise((done) => output.once('drain', done))
        }
        if (status !== undefined) return status
      }
    } finally {
      process.off('SIGINT', interrupt)
      if (input === undefined) process.stdin.destroy()
    }
  })
}

async function type(
  client: NodeClient,
  number: number,
  input: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  try {
    for await (const bytes of input) {
      await ask(client, 'type', { process: number, bytes: toBase64(bytes) })
    }
    await ask(client, 'end-input', { process: number })
  } catch (error) {
    // It has ended, or standard input has gone.
    if (!(error instanceof Error)) throw error
  }
}
