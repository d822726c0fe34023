/**
 * `sendmail -bs`: SMTP on standard input and output. The program's commands go on one at a time, so that
 * where its input ends is known: in the middle of a message, nothing is accepted.
 */

import { ByteQueue } from '../../base/byte-queue.ts'
import { concat, fromUtf8, toLatin1 } from '../../base/bytes.ts'
import { Failure } from '../../base/failure.ts'
import { parseCommand } from '../../proto/smtp/command.ts'
import { DataReader } from '../../proto/smtp/data.ts'
import { AUTH_LINE_MAX } from '../../proto/smtp/limits.ts'
import { type Reply, START_DATA } from '../../proto/smtp/reply.ts'
import { ReplyReader } from '../../proto/smtp/reply-codec.ts'
import type { MailToolPorts } from './mail-tool.ts'
import type { PickupSession } from './pickup-session.ts'
import { EX } from './sysexits.ts'

type DialoguePorts = Pick<MailToolPorts, 'input' | 'output' | 'flushed'>

export class SmtpDialogue {
  readonly #session: PickupSession
  readonly #ports: DialoguePorts
  /** Of the input, what is not yet sent. */
  readonly #unsent = new ByteQueue()
  readonly #reader = new ReplyReader()
  readonly #replies: Reply[] = []
  /** The beginning of a line is sent, and its end has not come. */
  #isWithinLine = false
  #isOver = false
  /** Something has come, has left, or is over. */
  #wake: () => void = () => {}
  readonly #over: Promise<undefined>

  /** Takes the session's stream over. */
  constructor(session: PickupSession, ports: DialoguePorts) {
    this.#session = session
    this.#ports = ports
    const { stream } = session
    stream.onBytes = (bytes) => this.#onBytes(bytes)
    stream.onDrained = () => this.#wake()
    this.#over = new Promise((resolve) => {
      stream.onEnd = () => {
        this.#isOver = true
        this.#wake()
        resolve(undefined)
      }
    })
  }

  /** Resolves when the host has said its last. Rejects with a Failure where the input ends too soon. */
  async run(): Promise<void> {
    this.#ports.output(this.#session.greeting)
    for (let goesOn = true; goesOn; ) goesOn = await this.#passCommand()
    // Where there was no QUIT.
    const quit = this.#isWithinLine ? '\r\nQUIT\r\n' : 'QUIT\r\n'
    if (!this.#isOver) this.#session.stream.send(fromUtf8(quit))
    await this.#over
  }

  /** False where there is none. */
  async #passCommand(): Promise<boolean> {
    const line = await this.#nextLine()
    if (line === undefined) return false
    await this.#send(concat(line, LF))
    const command = parseCommand(toLatin1(line).replace(/\r$/, ''))
    if (command.ok && command.value.verb === 'BDAT') await this.#passOctets(command.value.sizeBytes)
    const reply = await this.#reply()
    if (reply?.code !== START_DATA.code) return true
    await this.#passData()
    await this.#reply()
    return true
  }

  /** Without its LF; undefined where the input or the session is over. */
  async #nextLine(): Promise<Uint8Array | undefined> {
    for (let line = this.#unsent.takeLine(); ; line = this.#unsent.takeLine()) {
      if (line !== undefined) {
        this.#isWithinLine = false
        return line
      }
      // No host keeps as much of a line.
      if (this.#unsent.length > AUTH_LINE_MAX) {
        this.#isWithinLine = true
        await this.#send(this.#unsent.takeAll())
      }
      if (!(await this.#read())) return undefined
    }
  }

  /** Of a chunk: they follow whatever the host says of it. RFC 3030 §2. */
  async #passOctets(count: number): Promise<void> {
    for (let left = count; left > 0 && !this.#isOver; ) {
      if (this.#unsent.length === 0) await this.#readMessage()
      const octets = this.#unsent.take(left)
      left -= octets.length
      await this.#send(octets)
    }
  }

  async #passData(): Promise<void> {
    const data = new DataReader(Number.POSITIVE_INFINITY)
    for (let ended = false; !ended && !this.#isOver; ) {
      if (this.#unsent.length === 0) await this.#readMessage()
      const read = data.read(this.#unsent.view)
      ended = read.ended
      await this.#send(this.#unsent.take(read.consumed))
    }
  }

  async #readMessage(): Promise<void> {
    if ((await this.#read()) || this.#isOver) return
    const message = 'sendmail: the input ended inside of a message, which was not accepted'
    throw new Failure(EX.dataErr, message)
  }

  /** False where the input or the session is over. */
  async #read(): Promise<boolean> {
    const bytes = await Promise.race([this.#ports.input(), this.#over])
    if (bytes === undefined) return false
    this.#unsent.append(bytes)
    return !this.#isOver
  }

  /** Resolves when it has left. */
  async #send(bytes: Uint8Array): Promise<void> {
    const { stream } = this.#session
    stream.send(bytes)
    await this.#until(() => stream.unsentBytes === 0)
  }

  /** The next; undefined where the session ends without it. */
  async #reply(): Promise<Reply | undefined> {
    await this.#until(() => this.#replies.length > 0)
    return this.#replies.shift()
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo() && !this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  #onBytes(bytes: Uint8Array): void {
    const { stream } = this.#session
    this.#ports.output(bytes.slice())
    stream.pause()
    void this.#ports.flushed().then(() => stream.resume())
    this.#reader.append(bytes)
    for (let read = this.#reader.next(); read !== undefined; read = this.#reader.next()) {
      if (read.ok) this.#replies.push(read.value)
    }
    this.#wake()
  }
}

const LF = Uint8Array.of(0x0a)
