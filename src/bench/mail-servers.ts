/** The servers that the mail benchmark compares, each started in a directory of its own. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, openSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createConnection, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { DOVECOT, dovecotFiles } from './dovecot.ts'
import { POSTFIX_MASTER, postfixFiles } from './postfix.ts'

export type ServerName = 'lightlag' | 'postfix' | 'dovecot' | 'smtp-server'

export interface MailServer {
  readonly pid: number
  readonly smtp: number
  readonly lmtp: number
  /** A recipient with a mailbox there, and one who is somewhere else. */
  readonly recipients: { readonly maildir: string; readonly relay: string }
  /** Where the messages of the first appear. */
  readonly maildir: string
  stop(): Promise<void>
}

const LIGHTLAG = fileURLToPath(new URL('../../bin/lightlag.js', import.meta.url))
const LIBRARY = fileURLToPath(new URL('smtp-server-file.js', import.meta.url))
const START_MS_MAX = 20_000
const LOOK_MS = 20

export function isInstalled(name: ServerName): boolean {
  if (name === 'postfix') return existsSync(POSTFIX_MASTER)
  return name === 'dovecot' ? existsSync(DOVECOT) : true
}

/** `directory` is new and empty. Resolves when the server answers. */
export async function startServer(name: ServerName, directory: string): Promise<MailServer> {
  const [smtp, lmtp, nobody] = await freePorts(3)
  const ports = { smtp, lmtp, nobody } as Ports
  const { program, args, maildir, recipients, probe } = STARTS[name](directory, ports)
  const log = openSync(join(directory, 'log'), 'a')
  const child = spawn(program, args, { stdio: ['ignore', log, log] })
  const ended = once(child, 'exit')
  await answering(child, probe, directory)
  return {
    pid: child.pid ?? 0,
    smtp: ports.smtp,
    lmtp: ports.lmtp,
    maildir,
    recipients,
    stop: async () => {
      child.kill('SIGTERM')
      await ended
    },
  }
}

interface Ports {
  readonly smtp: number
  readonly lmtp: number
  /** Where nothing listens: the next hop of what is to be relayed, which so stays in the queue. */
  readonly nobody: number
}

interface Start {
  readonly program: string
  readonly args: readonly string[]
  readonly maildir: string
  readonly recipients: MailServer['recipients']
  /** The port that answers when all is ready. */
  readonly probe: number
}

const STARTS: Readonly<Record<ServerName, (directory: string, ports: Ports) => Start>> = {
  lightlag: (directory, { smtp, lmtp, nobody }) => {
    const config = join(directory, 'mail.yaml')
    const text = [
      'host: mail.example',
      'directory: .',
      'node: ipn:2',
      'users: [{ name: user, password: a-password }]',
      `smtp: { listen: "127.0.0.1:${smtp}", sessionsPerPeerMax: 200 }`,
      `lmtp: { listen: "127.0.0.1:${lmtp}", sessionsPerPeerMax: 200 }`,
      'aliases: { far@mail.example: [user@far.example] }',
      `transport: { far.example: "smtp:[127.0.0.1]:${nobody}" }`,
    ]
    writeFileSync(config, `${text.join('\n')}\n`)
    return {
      program: LIGHTLAG,
      args: ['serve', '--config', config],
      maildir: join(directory, 'home/user/Maildir'),
      recipients: { maildir: 'user@mail.example', relay: 'far@mail.example' },
      probe: lmtp,
    }
  },
  postfix: (directory, { smtp, nobody }) => {
    postfixFiles(directory, { smtp, nobody })
    return {
      program: POSTFIX_MASTER,
      args: ['-c', join(directory, 'etc'), '-d'],
      maildir: join(directory, 'mail/mail'),
      recipients: { maildir: 'mail@mail.example', relay: 'user@far.example' },
      probe: smtp,
    }
  },
  dovecot: (directory, { lmtp }) => {
    dovecotFiles(directory, lmtp)
    return {
      program: DOVECOT,
      args: ['-F', '-c', join(directory, 'dovecot.conf')],
      maildir: join(directory, 'mail/user'),
      recipients: { maildir: 'user@mail.example', relay: '' },
      probe: lmtp,
    }
  },
  'smtp-server': (directory, { smtp }) => ({
    program: process.execPath,
    args: ['--max-semi-space-size=64', LIBRARY, String(smtp), join(directory, 'mails')],
    maildir: '',
    recipients: { maildir: '', relay: 'user@far.example' },
    probe: smtp,
  }),
}

/** Resolves once something on the port greets; rejects where `child` ends or says nothing. */
export async function answering(
  child: ChildProcess,
  port: number,
  directory: string,
): Promise<void> {
  for (let waited = 0; waited < START_MS_MAX; waited += LOOK_MS) {
    if (child.exitCode !== null) break
    if (await answers(port)) return
    await setTimeout(LOOK_MS)
  }
  child.kill('SIGKILL')
  throw new Error(`the server does not answer; ${join(directory, 'log')} may say why`)
}

async function answers(port: number): Promise<boolean> {
  const socket = createConnection({ host: '127.0.0.1', port })
  try {
    const [greeting] = (await once(socket, 'data')) as [Buffer]
    socket.end('QUIT\r\n')
    return /^(?:220|\* OK)/.test(greeting.toString())
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** Ports that were free a moment ago. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  for (const server of servers) server.close()
  return ports
}

/** A directory that the users of other programs may enter. */
export function openDirectory(path: string): string {
  mkdirSync(path, { mode: 0o755 })
  return path
}
