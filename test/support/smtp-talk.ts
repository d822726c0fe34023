/** A session of the SMTP server without a network: what it is told, and what it says to that. */

import { fromLatin1, toLatin1 } from '../../src/base/bytes.ts'
import { monoMs } from '../../src/base/time.ts'
import type {
  SmtpAnswer,
  SmtpQuestion,
  SmtpServerOptions,
  Verdict,
} from '../../src/proto/smtp/question.ts'
import { SmtpServer } from '../../src/proto/smtp/server.ts'

export const T0 = monoMs(1000)

export const TRANSFER: SmtpServerOptions = {
  hostname: 'mail-1.a.com',
  role: 'transfer',
  sizeBytesMax: 10_000,
  recipientsMax: 100,
  mechanisms: [],
  requireAuthentication: false,
}
export const SUBMISSION: SmtpServerOptions = {
  ...TRANSFER,
  role: 'submission',
  mechanisms: ['PLAIN', 'LOGIN'],
  requireAuthentication: true,
}
export const BATCH: SmtpServerOptions = { ...TRANSFER, role: 'batch' }

type Effect = ReturnType<SmtpServer['handle']>[number]
export type Policy = (question: SmtpQuestion) => Verdict | 'later'

const QUESTIONS = ['authenticate', 'mail', 'recipient', 'data', 'end-of-data']

/** Knows `user`, has no room for `full`, takes the rest. */
export function policy(question: SmtpQuestion): Verdict {
  if (question.type === 'recipient' && question.recipient.localPart === 'nobody') {
    return { ok: false, reply: { code: 550, enhanced: '5.1.1', lines: ['User unknown'] } }
  }
  if (question.type === 'authenticate' && question.password !== '123456') {
    return {
      ok: false,
      reply: { code: 535, enhanced: '5.7.8', lines: ['Error: authentication failed'] },
    }
  }
  return question.type === 'end-of-data' ? { ok: true, queueId: 'Q1' } : { ok: true }
}

/** A session with what it did, questions answered at once unless the policy says `later`. */
export class Talk {
  readonly server: SmtpServer
  now = T0
  readonly heard: SmtpQuestion[] = []
  sent = ''
  sendCount = 0
  closed = false
  readonly flow: string[] = []
  body = ''
  readonly #policy: Policy

  constructor(options: SmtpServerOptions, decide: Policy = policy) {
    this.server = new SmtpServer(options)
    this.#policy = decide
  }

  /** What is sent in return. */
  hear(event: Parameters<SmtpServer['handle']>[0]): string {
    const before = this.sent.length
    const inbox = [event]
    for (let next = inbox.shift(); next !== undefined; next = inbox.shift()) {
      for (const effect of this.server.handle(next, this.now)) {
        const answer = this.#carryOut(effect)
        if (answer !== undefined) inbox.push(answer)
      }
    }
    return this.sent.slice(before)
  }

  say(text: string): string {
    return this.hear({ type: 'bytes', bytes: fromLatin1(text) })
  }

  /** Several lines, CRLF after each. */
  lines(...lines: string[]): string {
    return this.say(lines.map((line) => `${line}\r\n`).join(''))
  }

  of<Type extends SmtpQuestion['type']>(type: Type): Extract<SmtpQuestion, { type: Type }>[] {
    return this.heard.filter((q): q is Extract<SmtpQuestion, { type: Type }> => q.type === type)
  }

  #carryOut(effect: Effect): SmtpAnswer | undefined {
    if (effect.type === 'send') {
      this.sent += toLatin1(effect.bytes)
      this.sendCount++
    } else if (effect.type === 'close') this.closed = true
    else if (effect.type === 'secure' || effect.type === 'pause' || effect.type === 'resume') {
      this.flow.push(effect.type)
    } else {
      this.heard.push(effect)
      if (effect.type === 'body') this.body += toLatin1(effect.bytes)
      if (effect.type === 'look-up') {
        return { type: 'looked-up', reply: { code: 250, enhanced: '2.1.5', lines: ['<x@b.com>'] } }
      }
      if (!QUESTIONS.includes(effect.type)) return undefined
      const verdict = this.#policy(effect)
      return verdict === 'later' ? undefined : { type: 'verdict', verdict }
    }
    return undefined
  }
}

export function connected(options: SmtpServerOptions = TRANSFER, decide?: Policy): Talk {
  const talk = new Talk(options, decide)
  talk.hear({ type: 'connected' })
  return talk
}

export function greeted(options: SmtpServerOptions = TRANSFER, decide?: Policy): Talk {
  const talk = connected(options, decide)
  talk.lines('EHLO client.a.com')
  return talk
}

export function inData(options: SmtpServerOptions = TRANSFER): Talk {
  const talk = greeted(options)
  talk.lines('MAIL FROM:<a@a.com>', 'RCPT TO:<user@b.com>', 'DATA')
  return talk
}
