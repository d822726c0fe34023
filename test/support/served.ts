import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fromLatin1 } from '../../src/base/bytes.ts'
import { asFault } from '../../src/base/fault.ts'
import { hostClock } from '../../src/host/clock.ts'
import { hostNetwork } from '../../src/host/network.ts'
import { openLmdbStore } from '../../src/host/store.ts'
import { submitMail } from '../../src/lab/mail-user.ts'
import { withPrefix } from '../../src/ports/store.ts'
import { isPositive } from '../../src/proto/smtp/reply.ts'
import { freePort } from './free-port.ts'

/** Ports of one host, by what listens on them. */
export interface Ports {
  readonly smtp: number
  readonly submission: number
  readonly imap: number
  readonly pop3: number
  /** The same for a convergence layer over TCP. */
  readonly udp: number
}

const USERS = 'users: [{name: user, password: 123456}]'

/** The two hosts of etc/, on free ports and in a directory of their own, with `user` at each. */
export class ServedPair {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'lightlag-'))
  readonly hosts: readonly [ServedHost, ServedHost]

  private constructor(ports: readonly [Ports, Ports], change: (text: string) => string) {
    const portOf = new Map<number, number>()
    for (const [i, first] of [2000, 3000].entries()) {
      const { smtp, submission, imap, pop3, udp } = ports[i] as Ports
      for (const [offset, port] of [
        [125, smtp],
        [587, submission],
        [143, imap],
        [110, pop3],
        [113, udp],
      ] as const) {
        portOf.set(first + offset, port)
      }
    }
    const host = (name: string, own: Ports): ServedHost => {
      const sample = readFileSync(`etc/${name}.yaml`, 'utf8')
      const text = sample
        .replace(/127\.0\.0\.1:(\d+)/g, (_, port) => `127.0.0.1:${portOf.get(Number(port))}`)
        .replace(/^directory: .*$/m, `directory: ${name}`)
        .replace(/^users: .*$/m, USERS)
      writeFileSync(join(this.directory, `${name}.yaml`), change(text))
      return new ServedHost(this.directory, name, own)
    }
    this.hosts = [host('mail-1', ports[0]), host('mail-2', ports[1])]
  }

  static async make(change: (text: string) => string = (text) => text): Promise<ServedPair> {
    return new ServedPair([await freePorts(), await freePorts()], change)
  }

  async start(): Promise<void> {
    await Promise.all(this.hosts.map((host) => host.start()))
  }

  /** Kills what still runs, and removes the directory. */
  async dispose(): Promise<void> {
    await Promise.all(this.hosts.map((host) => host.kill()))
    rmSync(this.directory, { recursive: true })
  }
}

/** One `lightlag serve`, started, stopped and killed at will. */
export class ServedHost {
  readonly ports: Ports
  readonly #directory: string
  readonly #name: string
  /** Everything that it has said, over all its starts. */
  readonly lines: string[] = []
  /** Resolves once it runs, or runs again. */
  up: Promise<void> = Promise.resolve()
  readonly #waits = new Set<(line: string) => void>()
  #process: ChildProcess | undefined
  readonly #all = new Set<ChildProcess>()

  constructor(directory: string, name: string, ports: Ports) {
    this.#directory = directory
    this.#name = name
    this.ports = ports
  }

  /** Of its process; undefined before the first start. */
  get pid(): number | undefined {
    return this.#process?.pid
  }

  /** Resolves when everything listens. */
  async start(): Promise<void> {
    const config = join(this.#directory, `${this.#name}.yaml`)
    const child = spawn(process.execPath, ['dist/cmd/lightlag.js', 'serve', '--config', config], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // Nodes of the same numbers may run for another test.
      env: { ...process.env, XDG_RUNTIME_DIR: join(this.#directory, 'run') },
    })
    this.#process = child
    this.#all.add(child)
    let complaint = ''
    child.stderr?.on('data', (bytes) => {
      complaint += String(bytes)
    })
    const started = this.until((line) => /: started$/.test(line))
    const ended = once(child, 'exit').then(() => {
      throw new Error(`lightlag serve ended: ${complaint}`)
    })
    ended.catch(() => {})
    createInterface({ input: child.stdout ?? process.stdin }).on('line', (line) => {
      this.lines.push(line)
      for (const wait of [...this.#waits]) wait(line)
    })
    this.up = Promise.race([started.then(() => {}), ended])
    await this.up
  }

  /** Resolves at the next line of the log that is `wanted`. */
  until(wanted: (line: string) => boolean): Promise<string> {
    return new Promise((resolve) => {
      const wait = (line: string): void => {
        if (!wanted(line)) return
        this.#waits.delete(wait)
        resolve(line)
      }
      this.#waits.add(wait)
    })
  }

  /** Asks it to read its files again. */
  hangUp(): void {
    this.#process?.kill('SIGHUP')
  }

  /** Asks it to stop; its exit status. */
  async stop(signal: 'SIGINT' | 'SIGTERM' = 'SIGTERM'): Promise<number | null> {
    return this.#process === undefined ? null : end(this.#process, signal)
  }

  /** Kills it, and every other process that this host has had. */
  async kill(): Promise<void> {
    for (const child of this.#all) await end(child, 'SIGKILL')
    this.#all.clear()
  }

  /** Mails in its queue, by its store; only while it is stopped. */
  async queueLength(): Promise<number> {
    const directory = join(this.#directory, this.#name, 'store')
    const store = await openLmdbStore(directory, { capacityBytes: 2 ** 30 })
    const envelopes = [...store.keys('spool', withPrefix('e'))]
    await store.close()
    return envelopes.length
  }

  /** Submits a mail for `user` at `domain`; whether it was answered 250. */
  async submit(message: string, domain: string): Promise<boolean> {
    try {
      const replies = await submitMail(
        {
          server: { host: '127.0.0.1', port: this.ports.submission },
          hostname: 'client.a.com',
          credentials: { user: 'user', password: '123456' },
          from: {
            reversePath: { localPart: 'user', domain: `${this.#name}.a.com` },
            parameters: {},
          },
          recipients: [{ localPart: 'user', domain }],
          message: fromLatin1(message),
        },
        { network: hostNetwork, clock: hostClock },
      )
      return replies.length === 1 && replies.every(isPositive)
    } catch (error) {
      asFault(error)
      return false
    }
  }

  /** The messages in the Maildir of `user`, by the bytes as characters. */
  mails(): readonly string[] {
    const maildir = join(this.#directory, this.#name, 'home/user/Maildir')
    return ['new', 'cur'].flatMap((part) => {
      const folder = join(maildir, part)
      try {
        return readdirSync(folder).map((name) => readFileSync(join(folder, name), 'latin1'))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
        throw error
      }
    })
  }
}

/** Resolves when it has ended, with its exit status; null where a signal ended it. */
async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const exited = once(child, 'exit')
  child.kill(signal)
  const [status] = (await exited) as [number | null]
  return status
}

/** Ports that were free a moment ago. */
async function freePorts(): Promise<Ports> {
  return {
    smtp: await freePort(),
    submission: await freePort(),
    imap: await freePort(),
    pop3: await freePort(),
    udp: await freePort(),
  }
}
