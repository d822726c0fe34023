/** Postfix and Dovecot as peers: each with files, queue and ports of its own, in one directory. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { freePort } from './free-port.ts'

/** Debian's user `mail`, and the name that deliveries are made as. */
export const MAIL = { name: 'mail', id: 8 }

export interface Certificate {
  readonly certificate: string
  readonly key: string
}

export class ForeignServer {
  readonly directory: string
  readonly port: number
  readonly #child: ChildProcess

  constructor(directory: string, port: number, child: ChildProcess) {
    this.directory = directory
    this.port = port
    this.#child = child
  }

  /** What it has logged so far. */
  get log(): string {
    const file = join(this.directory, 'log')
    return existsSync(file) ? readFileSync(file, 'utf8') : ''
  }

  async logged(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.log)
      if (found !== null) return found
      await setImmediate()
    }
  }

  /** The messages in a mailbox, once there are so many. */
  async mailbox(name: string, count: number): Promise<readonly string[]> {
    const folder = join(this.directory, 'mail', name, 'new')
    for (;;) {
      const files = existsSync(folder) ? readdirSync(folder) : []
      if (files.length >= count) {
        return files.map((file) => readFileSync(join(folder, file), 'latin1'))
      }
      await setImmediate()
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.kill()) await once(this.#child, 'exit')
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** What main.cf says of every Postfix of ours: all it has lies in `directory`, and it talks to loopback only. */
export function postfixSettings(
  directory: string,
  domain: string,
): Readonly<Record<string, string>> {
  return {
    compatibility_level: '3.6',
    queue_directory: `${directory}/queue`,
    data_directory: `${directory}/data`,
    command_directory: '/usr/sbin',
    daemon_directory: '/usr/lib/postfix/sbin',
    maillog_file: `${directory}/log`,
    maillog_file_prefixes: directory,
    mail_owner: 'postfix',
    setgid_group: 'postdrop',
    myhostname: domain,
    mydestination: domain,
    mynetworks: '127.0.0.0/8',
    inet_interfaces: '127.0.0.1',
    inet_protocols: 'ipv4',
    alias_maps: '',
    local_recipient_maps: '',
    mail_spool_directory: `${directory}/mail/`,
    disable_dns_lookups: 'yes',
    biff: 'no',
  }
}

/** For `mail@mail.example`; it offers the log-in of a Dovecot, where there is one. */
export async function startPostfix(options: {
  readonly identity: Certificate
  readonly tlsProtocol: 'TLSv1.2' | 'TLSv1.3'
  readonly authentication?: ForeignServer
}): Promise<ForeignServer> {
  const directory = newDirectory()
  const port = await freePort()
  const etc = join(directory, 'etc')
  for (const name of ['etc', 'queue', 'mail']) mkdirSync(join(directory, name))
  chmodSync(join(directory, 'mail'), 0o1777)
  writeFileSync(join(etc, 'cert.pem'), options.identity.certificate)
  writeFileSync(join(etc, 'key.pem'), options.identity.key, { mode: 0o600 })
  const { authentication } = options
  const settings = {
    ...postfixSettings(directory, 'mail.example'),
    smtpd_peername_lookup: 'no',
    message_size_limit: '100000',
    smtpd_tls_security_level: 'may',
    smtpd_tls_cert_file: `${etc}/cert.pem`,
    smtpd_tls_key_file: `${etc}/key.pem`,
    smtpd_tls_protocols: options.tlsProtocol,
    smtpd_tls_loglevel: '1',
    smtpd_tls_received_header: 'yes',
    ...(authentication && {
      smtpd_sasl_auth_enable: 'yes',
      smtpd_sasl_type: 'dovecot',
      smtpd_sasl_path: `${authentication.directory}/run/auth-client`,
      smtpd_tls_auth_only: 'yes',
      smtpd_client_restrictions: 'permit_sasl_authenticated, reject',
    }),
  }
  const lines = Object.entries(settings).map(([key, value]) => `${key} = ${value}\n`)
  writeFileSync(join(etc, 'main.cf'), lines.join(''))
  writeFileSync(
    join(etc, 'master.cf'),
    `127.0.0.1:${port} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
local unix - n n - - local
anvil unix - - n - 1 anvil
`,
  )
  execFileSync('/usr/sbin/postfix', ['-c', etc, 'check'], { stdio: 'ignore' })
  const child = spawn('/usr/lib/postfix/sbin/master', ['-c', etc, '-d'], { stdio: 'ignore' })
  return started(directory, port, child)
}

/** LMTP, and IMAP at a port, for `user` with the password `secret`, whose Maildir is in its directory. */
export async function startDovecot(imapPort?: number): Promise<ForeignServer> {
  const directory = newDirectory()
  const port = await freePort()
  const mail = join(directory, 'mail')
  mkdirSync(mail)
  chownSync(mail, MAIL.id, MAIL.id)
  writeFileSync(
    join(directory, 'users'),
    `user:{PLAIN}secret:${MAIL.id}:${MAIL.id}::${mail}/user\n`,
  )
  // Its programs write there as well, with other rights than its own.
  writeFileSync(join(directory, 'log'), '')
  chmodSync(join(directory, 'log'), 0o666)
  const conf = join(directory, 'dovecot.conf')
  writeFileSync(
    conf,
    `base_dir = ${directory}/run
state_dir = ${directory}/state
protocols = lmtp${imapPort === undefined ? '' : ' imap'}
ssl = no
log_path = ${directory}/log
mail_location = maildir:${mail}/%n
first_valid_uid = 1
auth_mechanisms = plain scram-sha-256
auth_username_format = %n
passdb {
  driver = passwd-file
  args = ${directory}/users
}
userdb {
  driver = passwd-file
  args = ${directory}/users
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = ${port}
  }
}
${imapPort === undefined ? '' : imapService(imapPort)}service auth {
  unix_listener auth-client {
    mode = 0666
  }
  unix_listener auth-userdb {
    mode = 0666
  }
}
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}
`,
  )
  return started(directory, port, spawn('dovecot', ['-F', '-c', conf], { stdio: 'ignore' }))
}

function imapService(port: number): string {
  return `service imap-login {
  inet_listener imap {
    address = 127.0.0.1
    port = ${port}
  }
  inet_listener imaps {
    port = 0
  }
}
`
}

/** One that the users of other programs may enter. */
function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'lightlag-foreign-'))
  chmodSync(directory, 0o755)
  return directory
}

async function started(
  directory: string,
  port: number,
  child: ChildProcess,
): Promise<ForeignServer> {
  const server = new ForeignServer(directory, port, child)
  while (child.exitCode === null) {
    const socket = connect(port, '127.0.0.1')
    const greeting = await Promise.race([
      once(socket, 'data').then(([bytes]) => String(bytes)),
      once(socket, 'error').then(() => ''),
    ]).catch(() => '')
    socket.destroy()
    if (greeting.startsWith('220')) return server
    await setImmediate()
  }
  const { log } = server
  await server.stop()
  throw new Error(`it does not start: ${log}`)
}
