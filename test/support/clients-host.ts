/** A mail host for programs of others, each with a user of its own, that configure themselves from what it publishes. */

import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ImapFlow, type ImapFlowOptions } from 'imapflow'
import { freePort } from './free-port.ts'
import { type ServedHost, ServedPair } from './served.ts'

const run = promisify(execFile)

export const DOMAIN = 'a.com'
export const PASSWORD = 'a secret, 42'

/** One server of `lightlag client-config --only autoconfig`. */
export interface PublishedServer {
  readonly hostname: string
  readonly port: string
  readonly username: string
}

/** What a mail program finds out before its user has typed more than an address and a password. */
export interface Published {
  readonly address: string
  readonly imaps: PublishedServer
  readonly imap: PublishedServer
  readonly pop3s: PublishedServer
  readonly submissions: PublishedServer
  readonly submission: PublishedServer
}

export class ClientsHost {
  readonly #pair: ServedPair
  readonly host: ServedHost
  /** PEM file of who has signed its certificate. */
  readonly authority: string

  private constructor(pair: ServedPair) {
    this.#pair = pair
    this.host = pair.hosts[0]
    this.authority = join(pair.directory, 'mail-1/tls/authority.pem')
  }

  /** Started. Its name is one that every machine finds: the programs take no other for it. */
  static async start(users: readonly string[]): Promise<ClientsHost> {
    const ports = [await freePort(), await freePort(), await freePort()]
    const pair = await ServedPair.make((text) =>
      text
        .replace(/^host: .*$/m, `host: localhost\ndomains: [${DOMAIN}]`)
        .replace(/^users: .*$/m, `users: [${users.map(userText).join(', ')}]`)
        .replaceAll('plaintextAuth: allow', 'plaintextAuth: refuse')
        .concat(
          `imaps: {listen: "127.0.0.1:${ports[0]}"}\n`,
          `pop3s: {listen: "127.0.0.1:${ports[1]}"}\n`,
          `submissions: {listen: "127.0.0.1:${ports[2]}"}\n`,
        ),
    )
    const made = new ClientsHost(pair)
    try {
      await made.host.start()
    } catch (error) {
      await pair.dispose()
      throw error
    }
    return made
  }

  dispose(): Promise<void> {
    return this.#pair.dispose()
  }

  /** A directory for a client's files. */
  directoryFor(client: string): string {
    const directory = join(this.#pair.directory, `of-${client}`)
    mkdirSync(directory, { recursive: true })
    return directory
  }

  async published(user: string): Promise<Published> {
    const address = `${user}@${DOMAIN}`
    const config = join(this.#pair.directory, 'mail-1.yaml')
    const { stdout } = await run(process.execPath, [
      ...['dist/cmd/lightlag.js', 'client-config', address],
      ...['--config', config, '--only', 'autoconfig'],
    ])
    const server = (type: string, socketType: string): PublishedServer => {
      const found = stdout
        .split(/<(?=incomingServer|outgoingServer)/)
        .find((text) => text.includes(`type="${type}"`) && text.includes(`>${socketType}<`))
      const value = (name: string): string =>
        new RegExp(`<${name}>(.*)</${name}>`).exec(found ?? '')?.[1] ?? ''
      return {
        hostname: value('hostname'),
        port: value('port'),
        username: value('username').replace('%EMAILADDRESS%', address),
      }
    }
    return {
      address,
      imaps: server('imap', 'SSL'),
      imap: server('imap', 'STARTTLS'),
      pop3s: server('pop3', 'SSL'),
      submissions: server('smtp', 'SSL'),
      submission: server('smtp', 'STARTTLS'),
    }
  }

  /** imapflow, logged in. */
  async connect(user: string, options: Partial<ImapFlowOptions> = {}): Promise<ImapFlow> {
    const { imaps } = await this.published(user)
    const client = new ImapFlow({
      host: imaps.hostname,
      port: Number(imaps.port),
      secure: true,
      auth: { user: imaps.username, pass: PASSWORD },
      tls: { ca: readFileSync(this.authority, 'utf8') },
      logger: false,
      ...options,
    })
    await client.connect()
    return client
  }

  /** What imapflow sees in a mailbox, in a session of its own. */
  async sees(user: string, mailbox: string): ReturnType<typeof contentsOf> {
    const client = await this.connect(user)
    try {
      return await contentsOf(client, mailbox)
    } finally {
      await client.logout()
    }
  }

  /** Puts messages into a user's INBOX as any program that delivers into a Maildir does. */
  deliver(user: string, ...messages: readonly string[]): void {
    const maildir = join(this.#pair.directory, 'mail-1/home', user, 'Maildir')
    for (const part of ['tmp', 'new', 'cur']) mkdirSync(join(maildir, part), { recursive: true })
    for (const message of messages) {
      const name = `${1_700_000_000 + this.#delivered}.M${this.#delivered}P1.test`
      this.#delivered++
      writeFileSync(join(maildir, 'new', name), message)
    }
  }

  #delivered = 0
}

function userText(name: string): string {
  return `{name: ${name}, password: "${PASSWORD}"}`
}

/** A small message with a subject. */
export function letter(subject: string, text = `Text of ${subject}.`): string {
  return [
    'From: Ada <ada@example.org>',
    `To: someone@${DOMAIN}`,
    `Subject: ${subject}`,
    `Message-ID: <${subject.replace(/\W+/g, '-')}@example.org>`,
    'Date: Mon, 02 Nov 2026 10:00:00 +0000',
    '',
    text,
    '',
  ].join('\r\n')
}

/** The subjects in a mailbox with the flags of each, as imapflow sees them. */
export async function contentsOf(
  client: ImapFlow,
  mailbox: string,
): Promise<Readonly<Record<string, readonly string[]>>> {
  const lock = await client.getMailboxLock(mailbox)
  try {
    const seen: Record<string, readonly string[]> = {}
    for await (const message of client.fetch('1:*', { envelope: true, flags: true })) {
      const flags = [...(message.flags ?? [])].filter((flag) => flag !== '\\Recent')
      seen[message.envelope?.subject ?? ''] = flags.toSorted()
    }
    return seen
  } finally {
    lock.release()
  }
}
