/** An IMAP service on one host of a lab, and people at terminals on another. */

import { fromLatin1, fromUtf8, toLatin1 } from '../../src/base/bytes.ts'
import { seededRandom } from '../../src/base/random.ts'
import { addMs, wallMs } from '../../src/base/time.ts'
import { labIdentity } from '../../src/lab/certificate.ts'
import { labCompression } from '../../src/lab/compression.ts'
import { LabDisk } from '../../src/lab/disk.ts'
import { labEntropy } from '../../src/lab/entropy.ts'
import { LabNetwork } from '../../src/lab/network.ts'
import { labAccount, labPasswords } from '../../src/lab/password.ts'
import { LabStore } from '../../src/lab/store.ts'
import { World } from '../../src/lab/world.ts'
import { Accounts } from '../../src/mail/accounts.ts'
import { ImapService, type ImapServiceOptions } from '../../src/mail/imap-service.ts'
import { LoginAttempts } from '../../src/mail/login-attempts.ts'
import type { Quota } from '../../src/mail/mailbox/account.ts'
import type { MailboxAccount } from '../../src/mail/mailbox/mailbox.ts'
import { Mailboxes } from '../../src/mail/mailbox/mailboxes.ts'
import type { HostEvent } from '../../src/ports/events.ts'
import type { ByteStream } from '../../src/ports/network.ts'

const SERVER = { host: '172.21.0.3', port: 143 }
const MESSAGE_BYTES_MAX = 1_000_000

const CERTIFICATE = labIdentity(
  'lab',
  { dns: ['mail-1.a.com'], ip: [], nodeIds: [] },
  { from: wallMs(0), until: wallMs(Number.MAX_SAFE_INTEGER) },
)

export class ImapStage {
  readonly world: World = new World({
    settle: () => new Promise((resolve) => setImmediate(resolve)),
  })
  readonly events: HostEvent[] = []
  readonly disk: LabDisk = new LabDisk({ clock: this.world })
  readonly #network = new LabNetwork({ world: this.world, random: seededRandom(1) })
  readonly #server = this.#network.addHost('mail-1', 'earth', SERVER.host)
  readonly #program = this.#network.addHost('mail-3', 'earth', '172.21.0.4')
  readonly #entropy = labEntropy(seededRandom(2))
  readonly #mailboxes: Mailboxes
  #service: ImapService | undefined

  /** `quota`: of each account. */
  constructor(quota: Quota = {}) {
    this.#mailboxes = new Mailboxes(
      {
        hostname: 'mail-1.a.com',
        maildirOf: (name) => `/home/${name}/Maildir`,
        quotaOf: () => quota,
      },
      {
        disk: this.disk,
        openIndex: async () => new LabStore(),
        clock: this.world,
        entropy: this.#entropy,
      },
    )
  }

  /** `tls`: it has a certificate, and takes no password without. */
  async start(options: Partial<ImapServiceOptions> = {}, tls?: 'tls'): Promise<void> {
    const accounts = new Accounts(['a.com'], labPasswords)
    accounts.replace([labAccount('ada', 'secret'), labAccount('bob', 'other')])
    this.#service = new ImapService(
      {
        listen: SERVER,
        plaintextAuth: tls === undefined ? 'allow' : 'refuse',
        oneWayDelayMs: 0,
        ...options,
      },
      {
        service: 'imap',
        hostname: 'mail-1.a.com',
        network: this.#server.network,
        clock: this.world,
        entropy: this.#entropy,
        events: (event) => this.events.push(event),
        accounts,
        logins: new LoginAttempts(this.world),
        mailboxesOf: ({ name }) => this.account(name),
        messageBytesMax: MESSAGE_BYTES_MAX,
        compression: labCompression(this.world),
        ...(tls && { tls: { identity: CERTIFICATE } }),
      },
    )
    await this.perform(this.#service.start())
  }

  async stop(): Promise<void> {
    await this.perform(this.#service?.stop() ?? Promise.resolve())
  }

  account(name: string): MailboxAccount {
    return this.#mailboxes.of(name)
  }

  /** As a delivery does. */
  async deliver(mailbox: string, message: string): Promise<void> {
    const open = await this.perform(this.account('ada').open(mailbox))
    const draft = await this.perform(open.append({ flags: [] }))
    await this.perform(draft.write(fromUtf8(message)))
    await this.perform(open.commit([draft]))
    open.close()
  }

  async connect(): Promise<Terminal> {
    const stream = await this.perform(this.#program.network.connect(SERVER, 10_000))
    const terminal = new Terminal(this, stream)
    await this.wait(1)
    return terminal
  }

  wait(durationMs: number): Promise<unknown> {
    return this.world.run(addMs(this.world.now(), durationMs))
  }

  /** Lets time pass until `work` is done. */
  perform<T>(work: Promise<T>): Promise<T> {
    return this.world.perform(work)
  }
}

/** Whoever sits there. */
export class Terminal {
  readonly stream: ByteStream
  readonly #stage: ImapStage
  #heard = ''
  #send: (bytes: Uint8Array) => void
  isEnded = false

  constructor(stage: ImapStage, stream: ByteStream) {
    this.#stage = stage
    this.stream = stream
    this.#send = (bytes) => stream.send(bytes)
    stream.onBytes = (bytes) => this.#hear(bytes)
    stream.onEnd = () => {
      this.isEnded = true
    }
  }

  send(octets: string): void {
    this.#send(fromLatin1(octets))
  }

  /** From here on, as both have agreed. */
  compress(): void {
    const channel = labCompression(this.#stage.world).open({
      deflated: (bytes) => this.stream.send(bytes),
      drained: () => {},
      inflated: (bytes) => this.#hear(bytes),
      broken: () => {
        this.#heard += '(no DEFLATE)'
      },
    })
    this.stream.onBytes = (bytes) => channel.inflate(bytes)
    this.#send = (bytes) => channel.deflate(bytes)
  }

  #hear(bytes: Uint8Array): void {
    this.#heard += toLatin1(bytes)
  }

  /** The handshake of TLS, as both have agreed. */
  async secure(): Promise<void> {
    const secured = new Promise<void>((resolve) => {
      this.stream.onSecured = () => resolve()
    })
    this.stream.secure({ role: 'client', peerCertificate: 'ignored' })
    await this.#stage.perform(secured)
  }

  /** What has come since it was asked last. */
  heard(): string {
    const text = this.#heard
    this.#heard = ''
    return text
  }

  /** What comes within a second of these lines. */
  async say(...lines: readonly string[]): Promise<string> {
    this.send(lines.map((line) => `${line}\r\n`).join(''))
    await this.#stage.wait(1000)
    return this.heard()
  }
}
