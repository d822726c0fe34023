/**
 * How long a mailbox of many messages takes to open: its index is made as if the mailbox had been
 * looked at before, and its directory holds as many files, links of a few.
 */

import { linkSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ImapClient } from './imap-client.ts'
import { benchMessages } from './imap-messages.ts'
import { MailboxServer } from './imap-servers.ts'
import { median } from './median.ts'
import { costOf } from './process-cost.ts'

export interface OpenResult {
  readonly messages: number
  /** The server has never seen it: LOGIN and SELECT list the directory and write the index. */
  readonly withoutIndexMs: number
  /** SELECT alone, as the next. */
  readonly afterRestartMs: number
  readonly warmMs: number
  /** One APPEND with the mailbox open. */
  readonly appendMs: number
  readonly memoryMiB: number
}

/** Of ext4, less some. */
const LINKS_MAX = 60_000
const WARM_TRIALS = 5
/** Longer than a directory that has just been changed is looked at again. */
const REST_MS = 1000

/** `started` hears of the server, in case all is broken off. */
export async function benchOpening(
  directory: string,
  messages: number,
  started: (server: MailboxServer) => void,
): Promise<OpenResult> {
  const server = await MailboxServer.prepare('lightlag', directory, 100)
  fill(server.maildir, messages)
  started(server)
  await server.start()
  try {
    const withoutIndexMs = await timed(async () =>
      (await ImapClient.select(server.ports.imap)).close(),
    )
    await new Promise((resolve) => setTimeout(resolve, REST_MS))
    // Another look, now that the directory has rested, is remembered.
    await selecting(server)
    await server.stop()
    await server.start()
    const afterRestartMs = await selecting(server)
    const times: number[] = []
    for (let i = 0; i < WARM_TRIALS; i++) times.push(await selecting(server))
    const client = await ImapClient.select(server.ports.imap)
    const appendMs = await timed(() => client.append('Subject: one more\r\n\r\n'))
    await client.close()
    return {
      messages,
      withoutIndexMs,
      afterRestartMs,
      warmMs: Math.round(median(times)),
      appendMs,
      memoryMiB: costOf(server.pid).memoryMiB,
    }
  } finally {
    await server.stop()
  }
}

async function selecting(server: MailboxServer): Promise<number> {
  const client = await ImapClient.login(server.ports.imap)
  const result = await timed(() => client.command('SELECT INBOX'))
  await client.close()
  return result
}

function fill(maildir: string, messages: number): void {
  for (const name of ['', 'tmp', 'new', 'cur']) mkdirSync(join(maildir, name), { recursive: true })
  let source = ''
  let n = 0
  const texts = benchMessages(Math.ceil(messages / LINKS_MAX), 1)
  let sizes = ''
  for (; n < messages; n++) {
    const isNewSource = n % LINKS_MAX === 0
    if (isNewSource) {
      const { text } = texts.next().value as { readonly text: string }
      source = join(maildir, '..', `source-${n}`)
      sizes = `S=${text.length},W=${text.length}`
      writeFileSync(source, text)
    }
    const flags = n % 10 === 0 ? '' : 'S'
    linkSync(source, join(maildir, 'cur', `${1_600_000_000 + n}.M${n}P1.bench,${sizes}:2,${flags}`))
  }
}

async function timed(action: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await action()
  return Math.round(performance.now() - startedAt)
}
