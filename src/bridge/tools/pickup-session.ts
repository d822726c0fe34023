/** Hands mail to a running host, at the socket where it takes that of any user of the machine. */

import { fromUtf8, toBase64 } from '../../base/bytes.ts'
import { Failure } from '../../base/failure.ts'
import { addMs } from '../../base/time.ts'
import type { Clock } from '../../ports/clock.ts'
import { OWNER_KEYWORD, type OwnerDirectories, ownerDirectory } from '../../ports/local-users.ts'
import type { ByteStream } from '../../ports/network.ts'
import { dataBody } from '../../proto/smtp/client-body.ts'
import { formatCommand } from '../../proto/smtp/command.ts'
import type {
  Mailbox,
  MailFrom,
  MailParameters,
  RecipientParameters,
} from '../../proto/smtp/envelope.ts'
import { isAscii, parseMailbox } from '../../proto/smtp/path.ts'
import { isIntermediate, isPositive, isTemporary, type Reply } from '../../proto/smtp/reply.ts'
import { encodeReply, ReplyReader } from '../../proto/smtp/reply-codec.ts'
import { EX, statusOf } from './sysexits.ts'

export interface PickupPorts {
  readonly clock: Clock
  readonly owners: OwnerDirectories
  /** Where the stream leads: the path without links. */
  readonly socket: string
  /** Who runs the program, if the host can tell. */
  readonly user: string | undefined
}

export interface HandedMail {
  readonly from: MailFrom
  readonly recipients: readonly Mailbox[]
  /** For every recipient. */
  readonly recipientParameters: RecipientParameters
}

/** As RFC 5321 §4.5.3.2.6 has it for the longest of them, the end of the message. */
const REPLY_TIMEOUT_MS = 600_000

/** One session. Whatever keeps it from going on rejects with a Failure that has a status of sysexits.h. */
export class PickupSession {
  readonly stream: ByteStream
  readonly #reader = new ReplyReader()
  #waiting: { readonly hear: (reply: Reply) => void; readonly fail: (why: Failure) => void }[] = []
  #end: Failure | undefined
  #drained: () => void = () => {}
  #greeting: Reply = { code: 220, lines: [''] }

  readonly #ports: PickupPorts

  private constructor(stream: ByteStream, ports: PickupPorts) {
    this.stream = stream
    this.#ports = ports
    stream.onBytes = (bytes) => this.#onBytes(bytes)
    stream.onDrained = () => this.#drained()
    stream.onEnd = () => this.#fail('the host has closed the session')
  }

  /** Over a stream that is new. */
  static async open(stream: ByteStream, ports: PickupPorts): Promise<PickupSession> {
    const session = new PickupSession(stream, ports)
    session.#greeting = required(await session.#hear())
    await session.#introduce()
    return session
  }

  /** As it names itself. */
  get hostname(): string {
    return this.#greeting.lines[0]?.split(' ')[0] ?? ''
  }

  /** What it said first. */
  get greeting(): Uint8Array {
    return encodeReply(this.#greeting)
  }

  /** A name without a domain is a user of the host. */
  addressOf(name: string): string {
    return name.includes('@') ? name : `${name}@${this.hostname}`
  }

  /** `from` is empty for the null reverse-path. */
  envelopeOf(
    from: string,
    to: readonly string[],
    parameters: MailParameters,
  ): Pick<HandedMail, 'from' | 'recipients'> {
    const reversePath = from === '' ? undefined : this.#mailboxOf(from)
    const recipients = to.map((name) => this.#mailboxOf(name))
    const smtpUtf8 = [reversePath, ...recipients].every(isAscii) ? {} : { smtpUtf8: true as const }
    return { from: { reversePath, parameters: { ...parameters, ...smtpUtf8 } }, recipients }
  }

  #mailboxOf(name: string): Mailbox {
    const mailbox = parseMailbox(this.addressOf(name))
    if (mailbox === undefined) throw new Failure(EX.dataErr, `<${name}> is no address`)
    return mailbox
  }

  /** Takes a mail, for all recipients or none. Resolves with its queue id. */
  async handIn(mail: HandedMail, message: AsyncIterable<Uint8Array>): Promise<string> {
    required(await this.#ask(formatCommand({ verb: 'MAIL', from: mail.from })))
    const parameters = mail.recipientParameters
    for (const recipient of mail.recipients) {
      required(await this.#ask(formatCommand({ verb: 'RCPT', recipient, parameters })))
    }
    const ready = await this.#ask('DATA')
    if (!isIntermediate(ready)) throw refusal(ready)
    const body = dataBody()
    for await (const bytes of message) {
      for (const piece of body.piece(bytes)) await this.#send(piece)
    }
    this.stream.send(body.end())
    const said = required(await this.#hear())
    return /queued as (\S+)/.exec(said.lines[0] ?? '')?.[1] ?? ''
  }

  close(): void {
    this.stream.send(fromUtf8('QUIT\r\n'))
    this.stream.close()
  }

  /** Makes what only this user can make, for as long as the host needs to look at it. */
  async #introduce(): Promise<void> {
    const { socket, user, owners } = this.#ports
    const offered = required(await this.#ask('EHLO localhost')).lines.map((line) => line.split(' '))
    const session = offered.find(([keyword]) => keyword === OWNER_KEYWORD)?.[1]
    if (session === undefined || user === undefined) return
    const directory = ownerDirectory(session, socket)
    // Where it cannot be made, the host takes the mail as somebody's, or says why it does not.
    if (!owners.make(directory, user)) return
    try {
      await this.#ask(`AUTH EXTERNAL ${toBase64(fromUtf8(user))}`)
    } finally {
      owners.remove(directory)
    }
  }

  #ask(line: string): Promise<Reply> {
    this.stream.send(fromUtf8(`${line}\r\n`))
    return this.#hear()
  }

  #hear(): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#end !== undefined) {
        reject(this.#end)
        return
      }
      const { clock } = this.#ports
      const cancel = clock.at(addMs(clock.now(), REPLY_TIMEOUT_MS), () => {
        this.#fail('the host does not answer')
        this.stream.abort()
      })
      this.#waiting.push({
        hear: (reply) => {
          cancel()
          resolve(reply)
        },
        fail: (why) => {
          cancel()
          reject(why)
        },
      })
    })
  }

  async #send(bytes: Uint8Array): Promise<void> {
    if (this.#end !== undefined) throw this.#end
    this.stream.send(bytes)
    if (this.stream.unsentBytes === 0) return
    await new Promise<void>((resolve) => {
      this.#drained = resolve
    })
  }

  #onBytes(bytes: Uint8Array): void {
    this.#reader.append(bytes)
    for (let read = this.#reader.next(); read !== undefined; read = this.#reader.next()) {
      if (!read.ok) {
        this.#fail(read.fault.message)
        this.stream.abort()
        return
      }
      const next = this.#waiting.shift()
      if (next !== undefined) next.hear(read.value)
      // Unasked: it is about to close.
      else this.#end = refusal(read.value)
    }
  }

  #fail(why: string): void {
    this.#end ??= new Failure(EX.tempFail, why)
    for (const { fail } of this.#waiting.splice(0)) fail(this.#end)
    this.#drained()
  }
}

function required(reply: Reply): Reply {
  if (isPositive(reply)) return reply
  throw refusal(reply)
}

function refusal(reply: Reply): Failure {
  const { enhanced = '', lines } = reply
  const text = `${enhanced} ${lines.join(' ')}`.trim()
  return new Failure(isTemporary(reply) ? EX.tempFail : statusOf(enhanced), text)
}
