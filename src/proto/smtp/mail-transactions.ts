/** The mail transactions of a session: sender, recipients, message, and what became of it. RFC 5321 §3.3. */

import type { MonoMs } from '../../base/time.ts'
import { Chunk } from './chunk.ts'
import type { Command } from './command.ts'
import type { Conversation } from './conversation.ts'
import type { Mailbox, MailFrom, RecipientParameters } from './envelope.ts'
import { BODY_BYTES_MAX } from './limits.ts'
import { MessageReader, type ReadMessage } from './message-reader.ts'
import type { OpenQuestion, SmtpServerOptions, Verdict } from './question.ts'
import * as replies from './reply.ts'
import { protocolOf, type Session } from './sequence.ts'

export class MailTransactions {
  readonly #options: SmtpServerOptions
  readonly #session: Session
  readonly #conversation: Conversation
  readonly #message: MessageReader
  #isReading = false
  /** It waits for the answer to `data`. */
  #firstChunk: Chunk | undefined
  /** How often the end of the message is answered: over LMTP for each recipient. */
  #finalReplies = 1

  constructor(options: SmtpServerOptions, session: Session, conversation: Conversation) {
    this.#options = options
    this.#session = session
    this.#conversation = conversation
    this.#message = new MessageReader(options)
  }

  /** A message comes, or a part of it, and no command. */
  get isReading(): boolean {
    return this.#isReading
  }

  /** When that has begun. */
  get since(): MonoMs {
    return this.#message.since
  }

  /** Of that, so far. */
  get readBytes(): number {
    return this.#message.readBytes
  }

  mail(from: MailFrom): void {
    const { client, user, tls } = this.#session
    const protocol = protocolOf(from, this.#session, this.#options)
    const helo = client?.name ?? ''
    this.#conversation.ask({ type: 'mail', from, helo, user, protocol, tls })
  }

  recipient({ localPart, domain }: Mailbox, parameters: RecipientParameters): void {
    const { hostname, recipientsMax } = this.#options
    const { mistakes } = this.#conversation
    // Those taken stay, and it is no mistake of the client. RFC 5321 §4.5.3.1.10.
    if ((this.#session.transaction?.recipientCount ?? 0) >= recipientsMax) {
      this.#conversation.sayInGroup(replies.TOO_MANY_RECIPIENTS)
      this.#conversation.bear(mistakes.excessRecipient())
      return
    }
    const recipient = { localPart, domain: domain === '' ? hostname : domain }
    this.#conversation.ask({ type: 'recipient', recipient, parameters })
  }

  data(): void {
    this.#conversation.ask({ type: 'data' })
  }

  /** Its octets follow whether or not they are wanted. RFC 3030 §2. */
  chunk(
    { sizeBytes, isLast }: Extract<Command, { verb: 'BDAT' }>,
    objection: replies.Reply | undefined,
    now: MonoMs,
  ): void {
    const chunk = new Chunk(sizeBytes, isLast, objection)
    const { transaction } = this.#session
    if (objection !== undefined || transaction === undefined || this.#message.hasChunks) {
      this.#startChunk(chunk, now)
      return
    }
    transaction.isChunked = true
    this.#firstChunk = chunk
    // The client does not wait, so that its octets would pile up here until the answer.
    if (this.#options.role !== 'batch') this.#conversation.emit({ type: 'pause' })
    this.data()
  }

  /** How many bytes of `bytes` were message data. */
  read(bytes: Uint8Array): number {
    let used = 0
    while (used < bytes.length && this.#isReading) {
      const read = this.#message.read(bytes.subarray(used, used + BODY_BYTES_MAX))
      used += read.consumed
      if (read.body.length > 0) this.#conversation.emit({ type: 'body', bytes: read.body })
      // The rest of the data is read and thrown away; what was taken can go at once.
      if (this.#message.problem !== undefined) this.abandon()
      if (read.ended) this.#onEndOfPart()
    }
    return used
  }

  verdict(question: OpenQuestion, verdict: Verdict, now: MonoMs): void {
    const { transaction } = this.#session
    switch (question.type) {
      case 'mail': {
        this.#conversation.sayInGroup(verdict.ok ? replies.SENDER_OK : verdict.reply)
        if (!verdict.ok) return
        const { parameters } = question.from
        this.#session.transaction = { parameters, recipientCount: 0, isChunked: false }
        return
      }
      case 'recipient':
        this.#conversation.sayInGroup(verdict.ok ? replies.RECIPIENT_OK : verdict.reply)
        if (verdict.ok && transaction !== undefined) transaction.recipientCount++
        return
      case 'data':
        this.#onReadyForData(verdict, now)
        return
      case 'end-of-data':
        this.#onAccepted(verdict)
        return
      default:
        return
    }
  }

  /** Not once the message was handed over complete: that is settled by its verdict. */
  abandon(): void {
    const question = this.#conversation.question?.type
    const isOpen = this.#session.transaction !== undefined && question !== 'end-of-data'
    if (isOpen || question === 'mail') this.#conversation.emit({ type: 'reset' })
    this.#forget()
  }

  #forget(): void {
    this.#session.transaction = undefined
    this.#message.forget()
  }

  #startChunk(chunk: Chunk, now: MonoMs): void {
    this.#isReading = true
    if (this.#message.startChunk(chunk, now)) this.#onEndOfPart()
  }

  #onEndOfPart(): void {
    this.#isReading = false
    const end = this.#message.end()
    switch (end.type) {
      case 'message':
        this.#onEndOfMessage(end.message)
        return
      case 'chunk':
        this.#conversation.say(replies.chunkTaken(end.sizeBytes))
        if (end.sizeBytes === 0) {
          this.#conversation.bear(this.#conversation.mistakes.idleCommand())
        }
        return
      case 'refused':
        this.#conversation.refuse('BDAT', end.reply)
    }
  }

  #onEndOfMessage({ problem, sizeBytes }: ReadMessage): void {
    if (problem !== undefined) {
      this.abandon()
      const reply = problem === 'too-big' ? replies.TOO_BIG : replies.BARE_LINE_END
      for (let i = 1; i < this.#finalReplies; i++) this.#conversation.say(reply)
      this.#conversation.refuse('(data)', reply)
      return
    }
    this.#conversation.ask({ type: 'end-of-data', sizeBytes })
  }

  #onReadyForData(verdict: Verdict, now: MonoMs): void {
    const { role } = this.#options
    const { recipientCount = 1, parameters } = this.#session.transaction ?? {}
    this.#finalReplies = role === 'lmtp' ? recipientCount : 1
    const chunk = this.#firstChunk
    this.#firstChunk = undefined
    if (chunk !== undefined) {
      if (role !== 'batch') this.#conversation.emit({ type: 'resume' })
      if (verdict.ok) this.#message.startChunks(parameters?.body === 'BINARYMIME')
      else {
        this.abandon()
        chunk.objection = verdict.reply
      }
      this.#startChunk(chunk, now)
      return
    }
    this.#conversation.say(verdict.ok ? replies.START_DATA : verdict.reply)
    if (!verdict.ok) return
    this.#message.startData(now)
    this.#isReading = true
  }

  #onAccepted(verdict: Verdict): void {
    this.#forget()
    for (let i = 0; i < this.#finalReplies; i++) {
      const one = (verdict.ok && verdict.each?.[i]) || verdict
      this.#conversation.say(one.ok ? replies.queued(one.queueId) : one.reply)
    }
    if (verdict.ok) this.#conversation.mistakes.forgive()
  }
}
