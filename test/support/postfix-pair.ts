/** Postfix as Debian has it, before a Lightlag node: two of them, and mail between their users. */

import { execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  watch,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { ForeignServer, postfixSettings } from './foreign-mail.ts'

/** Users of every Debian that may have mail; deliveries are made as them. */
export const USERS = ['mail', 'news'] as const

export interface PostfixOptions {
  readonly domain: string
  readonly port: number
  /** As `transport_maps` has it: what is not Postfix's own in all of this. */
  readonly transport: Readonly<Record<string, string>>
  /** Lines of master.cf beside the usual ones. */
  readonly services?: readonly string[]
}

export async function startMta(options: PostfixOptions): Promise<ForeignServer> {
  const { domain, port, transport, services = [] } = options
  const directory = mkdtempSync(join(tmpdir(), 'lightlag-postfix-'))
  chmodSync(directory, 0o755)
  const etc = join(directory, 'etc')
  for (const name of ['etc', 'queue', 'mail']) mkdirSync(join(directory, name))
  chmodSync(join(directory, 'mail'), 0o1777)
  for (const user of USERS) makeMaildir(join(directory, 'mail', user), user)
  const maps = Object.entries(transport).map(([name, route]) => `{ ${name} = ${route} }`)
  const settings = {
    ...postfixSettings(directory, domain),
    // Whoever is to reach it without the nodes.
    mydestination: `${domain}, direct.${domain}`,
    message_size_limit: '52428800',
    mailbox_size_limit: '0',
    transport_maps: `inline:{ ${maps.join(', ')} }`,
  }
  const lines = Object.entries(settings).map(([key, value]) => `${key} = ${value}\n`)
  writeFileSync(join(etc, 'main.cf'), lines.join(''))
  writeFileSync(join(etc, 'master.cf'), [...masterCf(port), ...services, ''].join('\n'))
  execFileSync('/usr/sbin/postfix', ['-c', etc, 'check'], { stdio: 'ignore' })
  const child = spawn('/usr/lib/postfix/sbin/master', ['-c', etc, '-d'], { stdio: 'ignore' })
  for (;;) {
    if (await isAnswered(port)) return new ForeignServer(directory, port, child)
    await setImmediate()
  }
}

function makeMaildir(folder: string, user: string): void {
  for (const part of ['', 'tmp', 'new', 'cur']) mkdirSync(join(folder, part), { recursive: true })
  execFileSync('chown', ['-R', user, folder])
}

function masterCf(port: number): readonly string[] {
  return [
    `127.0.0.1:${port} inet n - n - - smtpd`,
    'postlog unix-dgram n - n - 1 postlogd',
    'pickup unix n - n 60 1 pickup',
    'cleanup unix n - n - 0 cleanup',
    'qmgr unix n - n 300 1 qmgr',
    'tlsmgr unix - - n 1000? 1 tlsmgr',
    'rewrite unix - - n - - trivial-rewrite',
    'bounce unix - - n - 0 bounce',
    'defer unix - - n - 0 bounce',
    'trace unix - - n - 0 bounce',
    'smtp unix - - n - - smtp',
    'lmtp unix - - n - - lmtp',
    'error unix - - n - - error',
    'retry unix - - n - - error',
    'local unix - n n - - local',
    'scache unix - - n - 1 scache',
    'anvil unix - - n - 1 anvil',
  ]
}

function isAnswered(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('data', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
    socket.once('close', () => resolve(false))
  })
}

/** Takes what is in the mailbox, once there are so many. */
export async function taken(
  mta: ForeignServer,
  user: (typeof USERS)[number],
  count: number,
): Promise<readonly string[]> {
  const folder = join(mta.directory, 'mail', user, 'new')
  await new Promise<void>((resolve) => {
    const watcher = watch(folder, () => look())
    const look = (): void => {
      if (readdirSync(folder).length < count) return
      watcher.close()
      resolve()
    }
    look()
  })
  return readdirSync(folder).map((name) => {
    const text = readFileSync(join(folder, name), 'latin1')
    rmSync(join(folder, name))
    return text
  })
}
