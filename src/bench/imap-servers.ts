/** The two servers that the mailbox benchmark compares, each with a copy of the same Maildir. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdirSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { hostPasswords } from '../host/password.ts'
import { DOVECOT, MAIL_UID } from './dovecot.ts'
import { answering, freePorts } from './mail-servers.ts'

export type MailboxServerName = 'lightlag' | 'dovecot'

/** What a server offers here, as far as it is installed. */
export interface MailboxPorts {
  readonly imap: number
  readonly pop3: number | undefined
  readonly lmtp: number | undefined
}

/** One server's files, which outlive its runs. */
export class MailboxServer {
  readonly name: MailboxServerName
  readonly directory: string
  readonly ports: MailboxPorts
  #child: ChildProcess | undefined

  /** `directory` is new; the Maildir belongs to be put where `maildir` says before `start`. */
  static async prepare(
    name: MailboxServerName,
    directory: string,
    sessions: number,
  ): Promise<MailboxServer> {
    const [imap, pop3, lmtp] = (await freePorts(3)) as [number, number, number]
    const isOurs = name === 'lightlag'
    const ports = {
      imap,
      pop3: isOurs || existsSync('/usr/lib/dovecot/pop3') ? pop3 : undefined,
      lmtp: isOurs || existsSync('/usr/lib/dovecot/lmtp') ? lmtp : undefined,
    }
    const server = new MailboxServer(name, directory, ports)
    mkdirSync(join(server.maildir, '..'), { recursive: true })
    if (isOurs) writeFileSync(join(directory, 'mail.yaml'), ourConfig(ports, sessions))
    else {
      dovecotConfig(directory, ports, sessions)
      // As ours hashes it: both pay for the check.
      const { argon2 } = await hostPasswords().hash('a-password')
      writeFileSync(join(directory, 'users'), `user:{ARGON2ID}${argon2}\n`, { mode: 0o644 })
    }
    return server
  }

  private constructor(name: MailboxServerName, directory: string, ports: MailboxPorts) {
    this.name = name
    this.directory = directory
    this.ports = ports
  }

  get maildir(): string {
    const { directory } = this
    return join(directory, this.name === 'lightlag' ? 'home/user/Maildir' : 'mail/user')
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  async start(): Promise<void> {
    const log = openSync(join(this.directory, 'log'), 'a')
    const isOurs = this.name === 'lightlag'
    const program = isOurs ? LIGHTLAG : DOVECOT
    const args = isOurs
      ? ['serve', '--config', join(this.directory, 'mail.yaml')]
      : ['-F', '-c', join(this.directory, 'dovecot.conf')]
    this.#child = spawn(program, args, { stdio: ['ignore', log, log] })
    await answering(this.#child, this.ports.imap, this.directory)
  }

  async stop(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    await ended
  }
}

const LIGHTLAG = fileURLToPath(new URL('../../bin/lightlag.js', import.meta.url))

export function isInstalled(name: MailboxServerName): boolean {
  return name === 'lightlag' || existsSync('/usr/lib/dovecot/imap')
}

function ourConfig({ imap, pop3, lmtp }: MailboxPorts, sessions: number): string {
  const bounds = `sessionsMax: ${sessions}, sessionsPerPeerMax: ${sessions}, connectionsPerPeerMax: off`
  const lines = [
    'host: mail.example',
    'directory: .',
    'node: ipn:2',
    'users: [{ name: user, password: a-password }]',
    `imap: { listen: "127.0.0.1:${imap}", plaintextAuth: allow, ${bounds} }`,
    `pop3: { listen: "127.0.0.1:${pop3}", plaintextAuth: allow, ${bounds} }`,
    `lmtp: { listen: "127.0.0.1:${lmtp}" }`,
  ]
  return `${lines.join('\n')}\n`
}

/** With processes that stay and start ahead, as its manual says for many connections. */
function dovecotConfig(directory: string, ports: MailboxPorts, sessions: number): void {
  const mail = join(directory, 'mail')
  mkdirSync(mail, { recursive: true })
  chownSync(mail, MAIL_UID, MAIL_UID)
  const { imap, pop3, lmtp } = ports
  const protocols = ['imap', ...(pop3 ? ['pop3'] : []), ...(lmtp ? ['lmtp'] : [])].join(' ')
  const listener = (service: string, name: string, port: number): string =>
    `service ${service} {
  service_count = 0
  process_min_avail = 2
  client_limit = ${sessions}
  inet_listener ${name} {
    address = 127.0.0.1
    port = ${port}
  }
  inet_listener ${name}s {
    port = 0
  }
}
`
  writeFileSync(
    join(directory, 'dovecot.conf'),
    `base_dir = ${directory}/run
state_dir = ${directory}/state
protocols = ${protocols}
ssl = no
disable_plaintext_auth = no
log_path = ${directory}/dovecot.log
mail_location = maildir:${mail}/%n
mail_max_userip_connections = ${sessions}
first_valid_uid = 1
default_process_limit = ${sessions}
default_client_limit = ${3 * sessions}
passdb {
  driver = passwd-file
  args = scheme=ARGON2ID ${directory}/users
}
userdb {
  driver = static
  args = uid=${MAIL_UID} gid=${MAIL_UID} home=${mail}/%n allow_all_users=yes
}
${listener('imap-login', 'imap', imap)}${pop3 ? listener('pop3-login', 'pop3', pop3) : ''}service imap {
  process_limit = ${sessions}
  process_min_avail = 4
}
service lmtp {
  process_min_avail = 1
  inet_listener lmtp {
    address = 127.0.0.1
    port = ${lmtp ?? 0}
  }
}
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}
`,
  )
}
