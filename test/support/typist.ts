import { fromLatin1, toLatin1 } from '../../src/base/bytes.ts'
import { addMs, type MonoMs } from '../../src/base/time.ts'
import type { TlsSession } from '../../src/base/tls.ts'
import type { Lab } from '../../src/lab/lab.ts'
import type { ByteStream, Network, SocketAddress } from '../../src/ports/network.ts'

const CONNECT_TIMEOUT_MS = 86_400_000
/** What hangs for longer has been forgotten. */
const REPLY_TIMEOUT_MS = 86_400_000

/** Somebody on a machine of the lab who types and reads the replies, SMTP's by default, in virtual time. */
export class Typist {
  readonly stream: ByteStream
  readonly #lab: Lab
  /** All that the server has said and that was not read. */
  #unread = ''
  #tls: TlsSession | undefined
  isClosed = false

  private constructor(lab: Lab, stream: ByteStream) {
    this.#lab = lab
    this.stream = stream
    stream.onBytes = (bytes) => {
      this.#unread += toLatin1(bytes)
    }
    stream.onSecured = (session) => {
      this.#tls = session
    }
    stream.onEnd = () => {
      this.isClosed = true
    }
  }

  static async to(lab: Lab, from: Network, server: SocketAddress): Promise<Typist> {
    return new Typist(lab, await lab.perform(from.connect(server, CONNECT_TIMEOUT_MS)))
  }

  get now(): MonoMs {
    return this.#lab.world.now()
  }

  /** What the client shows of itself and believes is nothing. */
  async secure(): Promise<TlsSession> {
    this.stream.secure({ role: 'client', peerCertificate: 'ignored' })
    await this.#until(() => this.#tls !== undefined)
    if (this.#tls === undefined) throw new Error('no handshake')
    return this.#tls
  }

  type(text: string): void {
    this.stream.send(fromLatin1(text))
  }

  /** The next reply, all its lines, without the last CRLF; what there is when the server closes. */
  async reply(): Promise<string> {
    const first = (): RegExpExecArray | null => /^(?:\d{3}-.*\r\n)*\d{3} .*\r\n/.exec(this.#unread)
    await this.#until(() => first() !== null)
    const reply = first()?.[0] ?? this.#unread
    this.#unread = this.#unread.slice(reply.length)
    return reply.trimEnd()
  }

  /** The next line that is `wanted`; those before it are passed over. */
  async line(wanted: RegExp): Promise<string> {
    const found = (): number => this.#unread.split('\r\n').findIndex((line) => wanted.test(line))
    await this.#until(() => found() >= 0)
    const lines = this.#unread.split('\r\n')
    const at = found()
    this.#unread = lines.slice(at + 1).join('\r\n')
    return lines[at] ?? ''
  }

  /** The reply to each line, one after the other. */
  async say(...lines: readonly string[]): Promise<readonly string[]> {
    const said: string[] = []
    for (const line of lines) {
      this.type(`${line}\r\n`)
      said.push(await this.reply())
    }
    return said
  }

  /** All that comes until the server closes. */
  async rest(): Promise<string> {
    await this.#until(() => false)
    const rest = this.#unread
    this.#unread = ''
    return rest
  }

  runFor(durationMs: number): Promise<void> {
    return this.#lab.world.run(addMs(this.now, durationMs))
  }

  #until(isThere: () => boolean): Promise<void> {
    const end = addMs(this.now, REPLY_TIMEOUT_MS)
    return this.#lab.world.run(() => isThere() || this.isClosed || this.now >= end)
  }
}
