/** Reads a batch-SMTP object by the machine that also serves port 25. RFC 2442. */

import { monoMs } from '../base/time.ts'
import type { BatchRecipient } from '../proto/smtp/batch.ts'
import type { MailFrom } from '../proto/smtp/envelope.ts'
import type { SmtpQuestion, Verdict } from '../proto/smtp/question.ts'
import { type Reply, TOO_MANY_RECIPIENTS } from '../proto/smtp/reply.ts'
import { SmtpServer } from '../proto/smtp/server.ts'
import { BATCH_RECIPIENTS_MAX } from './limits.ts'

export interface BatchMail {
  /** As the far gateway called itself; empty where it did not. */
  readonly helo: string
  readonly from: MailFrom
  /** In the order of RCPT. */
  readonly recipients: readonly BatchRecipient[]
  /** The message, in pieces. */
  readonly body: readonly Uint8Array[]
}

export type BatchResult =
  | { readonly ok: true; readonly mail: BatchMail }
  /** What a client would have been told. */
  | { readonly ok: false; readonly reply: Reply }

/** A batch arrives complete: nothing in it waits for anything. */
const NO_TIME = monoMs(0)

/** The one mail in `batch`; whatever the machine refuses in it refuses all of it. */
export function readBatch(batch: Uint8Array, host: string, messageBytesMax: number): BatchResult {
  const { mails, refused } = readMails(batch, { host, messageBytesMax, mailsMax: 1 })
  const [mail] = mails
  if (refused !== undefined || mail === undefined)
    return { ok: false, reply: refused ?? NOT_ONE_MAIL }
  return { ok: true, mail }
}

export interface MailsRead {
  readonly mails: readonly BatchMail[]
  /** Of those among the mails whose message was refused, by their place. */
  readonly rejected: ReadonlyMap<number, Reply>
  /** Why the reading ended early. */
  readonly refused: Reply | undefined
}

/** The mails in `batch` that are whole, up to what is refused in it. */
export function readMails(
  batch: Uint8Array,
  options: {
    readonly host: string
    readonly messageBytesMax: number
    readonly mailsMax: number
    /**
     * Hears of a recipient whom the machine refuses, as in a session: the mail is for the others. What it
     * says of a message is then about that mail alone. Default: whatever it refuses ends the reading.
     */
    readonly passOver?: (reply: Reply) => void
  },
): MailsRead {
  const machine = new SmtpServer({
    hostname: options.host,
    role: 'batch',
    sizeBytesMax: options.messageBytesMax,
    // One more, so that the reading notices: a recipient left out would be a mail lost.
    recipientsMax: BATCH_RECIPIENTS_MAX + 1,
    mechanisms: [],
    requireAuthentication: false,
  })
  const reading = new Reading(options.mailsMax, options.passOver)
  for (const event of [
    { type: 'connected' as const },
    { type: 'bytes' as const, bytes: batch },
    { type: 'ended' as const },
  ]) {
    const effects = [...machine.handle(event, NO_TIME)]
    for (let next = effects.shift(); next !== undefined; next = effects.shift()) {
      // What follows could be long, and changes nothing any more.
      if (reading.isOver) break
      const verdict = isOfStream(next) ? undefined : reading.hear(next)
      if (verdict === undefined) continue
      effects.push(...machine.handle({ type: 'verdict', verdict }, NO_TIME))
    }
  }
  return reading.result()
}

type Effect = ReturnType<SmtpServer['handle']>[number]

function isOfStream(effect: Effect): effect is Exclude<Effect, SmtpQuestion> {
  return ['send', 'close', 'pause', 'resume', 'secure'].includes(effect.type)
}

const YES: Verdict = { ok: true }

class Reading {
  readonly #mailsMax: number
  readonly #passOver: ((reply: Reply) => void) | undefined
  readonly #mails: BatchMail[] = []
  /** Of the mail that is not whole yet. */
  #mail: Extract<SmtpQuestion, { type: 'mail' }> | undefined
  #recipients: BatchRecipient[] = []
  #body: Uint8Array[] = []
  readonly #rejected = new Map<number, Reply>()
  /** The mail that was abandoned last: of a message that is refused this is heard first. */
  #cutOff: BatchMail | undefined
  #refused: Reply | undefined

  constructor(mailsMax: number, passOver: ((reply: Reply) => void) | undefined) {
    this.#mailsMax = mailsMax
    this.#passOver = passOver
  }

  /** Nothing that comes counts. */
  get isOver(): boolean {
    return this.#refused !== undefined
  }

  /** The answer to a question; undefined where none is expected. */
  hear(question: SmtpQuestion): Verdict | undefined {
    switch (question.type) {
      case 'mail':
        if (this.#mails.length >= this.#mailsMax) this.#refused ??= NOT_ONE_MAIL
        this.#begin(question)
        return YES
      case 'recipient':
        this.#recipients.push({ recipient: question.recipient, parameters: question.parameters })
        if (this.#recipients.length > BATCH_RECIPIENTS_MAX) this.#refused ??= TOO_MANY_RECIPIENTS
        return YES
      case 'data':
        return YES
      case 'body':
        this.#body.push(question.bytes.slice())
        return undefined
      case 'end-of-data':
        this.#end()
        return YES
      case 'authenticate':
      case 'scram-keys':
      case 'look-up':
        return { ok: false, reply: NOT_ONE_MAIL }
      case 'refused':
        this.#refuse(question)
        return undefined
      case 'reset':
        this.#cutOff = this.#read()
        this.#begin(undefined)
        return undefined
    }
  }

  #refuse({ command, reply }: Extract<SmtpQuestion, { type: 'refused' }>): void {
    if (this.#passOver === undefined) this.#refused ??= reply
    else if (command === '(data)' && this.#cutOff !== undefined) {
      this.#rejected.set(this.#mails.length, reply)
      this.#mails.push(this.#cutOff)
      this.#cutOff = undefined
    }
    // Where nobody is left DATA is refused.
    else if (this.#mail !== undefined && /^rcpt /i.test(command)) this.#passOver(reply)
    else this.#refused ??= reply
  }

  #begin(mail: Extract<SmtpQuestion, { type: 'mail' }> | undefined): void {
    this.#mail = mail
    this.#recipients = []
    this.#body = []
  }

  #end(): void {
    const mail = this.#read()
    if (mail === undefined) return
    this.#mails.push(mail)
    this.#begin(undefined)
  }

  #read(): BatchMail | undefined {
    if (this.#mail === undefined) return undefined
    const { helo, from } = this.#mail
    return { helo, from, recipients: this.#recipients, body: this.#body }
  }

  result(): MailsRead {
    const refused = this.#refused ?? (this.#mail === undefined ? undefined : NOT_ONE_MAIL)
    return { mails: this.#mails, rejected: this.#rejected, refused }
  }
}

const NOT_ONE_MAIL: Reply = {
  code: 554,
  enhanced: '5.6.0',
  lines: ['Error: the batch is not exactly one complete mail'],
}
