/** What a mailbox is asked for, in this order: each finds what those before have left. */

import { writeFileSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { ImapClient, LmtpClient, Pop3Client } from './imap-client.ts'
import { RARE_SENDER, RARE_WORD } from './imap-messages.ts'
import type { MailboxServer } from './imap-servers.ts'
import { median } from './median.ts'
import { costOf } from './process-cost.ts'

export interface TaskSizes {
  readonly messages: number
  readonly fetched: number
  readonly appended: number
  readonly pushes: number
  readonly sessions: number
}

export interface TaskResult {
  readonly value: number
  /** Where both servers should say the same: what this one said. */
  readonly answer?: string
}

export interface Task {
  readonly name: string
  readonly unit: 'ms' | '/s' | 'MiB'
  /** Undefined where the server does not offer what it takes. */
  readonly run: (server: MailboxServer, sizes: TaskSizes) => Promise<TaskResult | undefined>
}

/** A mailbox that a server has had open before, by a process that still runs. */
const WARM_TRIALS = 10

export const TASKS: readonly Task[] = [
  {
    name: 'open without an index',
    unit: 'ms',
    run: ({ ports }) => opening(ports.imap),
  },
  {
    name: 'open after a restart',
    unit: 'ms',
    run: async (server) => {
      await server.stop()
      await server.start()
      return opening(server.ports.imap)
    },
  },
  {
    name: 'open warm',
    unit: 'ms',
    run: async ({ ports }) => {
      const times: number[] = []
      for (let i = 0; i < WARM_TRIALS; i++) times.push((await opening(ports.imap)).value)
      return { value: median(times) }
    },
  },
  ...pair(
    'FETCH flags, sizes, envelopes',
    () => 'FETCH 1:* (FLAGS UID RFC822.SIZE ENVELOPE)',
    sorted,
  ),
  ...pair('FETCH bodies', ({ fetched }) => `FETCH 1:${fetched} BODY.PEEK[]`),
  ...pair('SEARCH TEXT', () => `SEARCH TEXT ${RARE_WORD}`, plain),
  ...pair('SEARCH FROM', () => `SEARCH FROM ${RARE_SENDER}`, plain),
  ...pair('SORT', () => 'SORT (SUBJECT REVERSE DATE) UTF-8 ALL', plain),
  ...pair('THREAD', () => 'THREAD REFERENCES UTF-8 ALL', plain),
  {
    name: 'POP3 UIDL',
    unit: 'ms',
    run: async ({ ports }) => {
      if (ports.pop3 === undefined) return undefined
      const { pop3 } = ports
      return timed(async () => {
        const client = await Pop3Client.login(pop3)
        await client.lines('UIDL')
        await client.quit()
      })
    },
  },
  {
    name: 'POP3 RETR',
    unit: '/s',
    run: async ({ ports }, { fetched }) => {
      if (ports.pop3 === undefined) return undefined
      const client = await Pop3Client.login(ports.pop3)
      const result = await rate(fetched, async () => {
        for (let n = 1; n <= fetched; n++) await client.lines(`RETR ${n}`)
      })
      await client.quit()
      return result
    },
  },
  {
    name: 'APPEND, one session',
    unit: '/s',
    run: ({ ports }, { appended }) => appending(ports.imap, 1, appended),
  },
  {
    name: 'APPEND, ten sessions',
    unit: '/s',
    run: ({ ports }, { appended }) => appending(ports.imap, 10, appended),
  },
  {
    name: 'IDLE, from LMTP to EXISTS',
    unit: 'ms',
    run: async (server, { pushes }) => {
      if (server.ports.lmtp === undefined) return undefined
      const lmtp = await LmtpClient.connect(server.ports.lmtp)
      const result = await pushing(server, pushes, (sent) =>
        lmtp.deliver('user@mail.example', SHORT, sent),
      )
      await lmtp.close()
      return result
    },
  },
  {
    name: 'IDLE, from a file in new to EXISTS',
    unit: 'ms',
    run: (server, { pushes }) => pushing(server, pushes, (sent) => drop(server, sent)),
  },
  {
    name: 'STORE on all',
    unit: 'ms',
    run: async ({ ports }) => onSelected(ports.imap, 'STORE 1:* +FLAGS.SILENT (\\Flagged)'),
  },
  {
    name: 'EXPUNGE of half',
    unit: 'ms',
    run: async ({ ports }, { messages }) => {
      const client = await ImapClient.select(ports.imap)
      const odd = Array.from({ length: Math.floor(messages / 2) }, (_, i) => 2 * i + 1)
      for (let at = 0; at < odd.length; at += SET_NUMBERS) {
        const set = odd.slice(at, at + SET_NUMBERS).join(',')
        await client.command(`STORE ${set} +FLAGS.SILENT (\\Deleted)`)
      }
      const result = await timed(() => client.command('EXPUNGE'))
      await client.close()
      return result
    },
  },
  {
    name: 'memory with idle sessions',
    unit: 'MiB',
    run: async (server, { sessions }) => {
      const clients: ImapClient[] = []
      for (let i = 0; i < sessions; i++) {
        const client = await ImapClient.select(server.ports.imap)
        await client.idle()
        clients.push(client)
      }
      const { memoryMiB } = costOf(server.pid)
      await Promise.all(clients.map((client) => client.close()))
      return { value: memoryMiB }
    },
  },
]

/** Numbers in one command: both servers bound the length of a line. */
const SET_NUMBERS = 1000
const SHORT = `From: Bench <bench@elsewhere.example>\r\nSubject: news\r\n\r\n${'A line of text.\r\n'.repeat(100)}`

/** Asked for once in a session of its own, and once more in another. */
function pair(
  name: string,
  command: (sizes: TaskSizes) => string,
  told?: (answer: Buffer) => string,
): readonly Task[] {
  const run: Task['run'] = ({ ports }, sizes) => onSelected(ports.imap, command(sizes), told)
  return [
    { name: `${name}, first`, unit: 'ms', run },
    { name: `${name}, again`, unit: 'ms', run },
  ]
}

function plain(answer: Buffer): string {
  return answer.toString('latin1').split('\r\n')[0] ?? ''
}

/** However the attributes are ordered: the numbers in it. */
function sorted(answer: Buffer): string {
  const text = answer.toString('latin1')
  return [...text.matchAll(/UID (\d+)|RFC822\.SIZE (\d+)/g)]
    .map(([one]) => one)
    .sort()
    .join(' ')
}

async function onSelected(
  port: number,
  command: string,
  told?: (answer: Buffer) => string,
): Promise<TaskResult> {
  const client = await ImapClient.select(port)
  let answer: Buffer = Buffer.alloc(0)
  const { value } = await timed(async () => {
    answer = await client.command(command)
  })
  await client.close()
  return { value, ...(told && { answer: told(answer) }) }
}

async function opening(port: number): Promise<TaskResult> {
  let client: ImapClient | undefined
  const result = await timed(async () => {
    client = await ImapClient.select(port)
  })
  await client?.close()
  return result
}

async function appending(port: number, sessions: number, count: number): Promise<TaskResult> {
  const clients: ImapClient[] = []
  for (let i = 0; i < sessions; i++) clients.push(await ImapClient.login(port))
  let left = count
  const result = await rate(count, async () => {
    await Promise.all(
      clients.map(async (client) => {
        while (left-- > 0) await client.append(SHORT)
      }),
    )
  })
  await Promise.all(clients.map((client) => client.close()))
  return result
}

/** The median of the times from when a message was handed over until it is told of. */
async function pushing(
  { ports }: MailboxServer,
  count: number,
  deliver: (sent: () => void) => Promise<void>,
): Promise<TaskResult> {
  const client = await ImapClient.select(ports.imap)
  const push = await client.idle()
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    let sentAt = 0
    const told = push()
    await deliver(() => {
      sentAt = performance.now()
    })
    await told
    times.push(performance.now() - sentAt)
    // A server may gather what comes close behind.
    await setTimeout(BETWEEN_MS)
  }
  await client.close()
  return { value: median(times) }
}

const BETWEEN_MS = 100

let dropped = 0

/** As any other program delivers. */
async function drop({ maildir }: MailboxServer, sent: () => void): Promise<void> {
  const name = `${Math.floor(Date.now() / 1000)}.M${dropped++}P${process.pid}.bench`
  const file = join(maildir, 'tmp', name)
  writeFileSync(file, SHORT.replaceAll('\r\n', '\n'), { mode: 0o644 })
  sent()
  await rename(file, join(maildir, 'new', name))
}

async function timed(action: () => Promise<unknown>): Promise<TaskResult> {
  const startedAt = performance.now()
  await action()
  return { value: performance.now() - startedAt }
}

async function rate(count: number, action: () => Promise<void>): Promise<TaskResult> {
  const { value } = await timed(action)
  return { value: (count * 1000) / value }
}
