/** Answers the questions of one POP3 session out of an account's INBOX. */

import { assert } from '../base/assert.ts'
import { asFault, type Fault } from '../base/fault.ts'
import type { Clock } from '../ports/clock.ts'
import { MAILDROP_MESSAGES_MAX } from '../proto/pop3/limits.ts'
import type { MaildropMessage } from '../proto/pop3/maildrop.ts'
import type { Pop3Answer, Pop3Question } from '../proto/pop3/question.ts'
import { toUniqueId } from '../proto/pop3/unique-id.ts'
import type { Account } from './accounts.ts'
import { type LoginContext, logIn, scramKeys } from './login.ts'
import type {
  MailboxAccount,
  MessageContent,
  MessageContents,
  OpenMailbox,
  Uid,
} from './mailbox/mailbox.ts'

import type { Maildrops } from './maildrops.ts'

export interface Pop3SessionContext extends LoginContext {
  readonly service: 'pop3' | 'pop3s'
  readonly mailboxesOf: (account: Account) => MailboxAccount
  readonly maildrops: Maildrops
  readonly clock: Clock
  /** Between two logins of a user. RFC 2449 §6.5. */
  readonly loginDelayMs: number
}

type Question<Type extends Pop3Question['type']> = Extract<Pop3Question, { readonly type: Type }>

/** A maildrop that this session alone may open. */
interface Opened {
  readonly account: Account
  readonly inbox: OpenMailbox
  /** Message n is at n - 1. */
  readonly messages: readonly Message[]
}

interface Message extends MaildropMessage {
  readonly imapUid: Uid
}

interface Reading {
  readonly number: number
  readonly content: MessageContent
}

export class Pop3Session {
  readonly #id: string
  readonly #context: Pop3SessionContext
  readonly #peer: string
  #account: Account | undefined
  #opened: Opened | undefined
  #reading: Reading | undefined
  /** That was read last, from its beginning. */
  #last: number | undefined
  #ahead: MessageContents | undefined
  #ended = false
  #work: Promise<void> = Promise.resolve()

  /** `peer` is the client's address. */
  constructor(id: string, context: Pop3SessionContext, peer: string) {
    this.#id = id
    this.#peer = peer
    this.#context = context
  }

  ask(question: Pop3Question, answer: (event: Pop3Answer) => void): void {
    if (this.#ended) return
    this.#work = this.#work.then(async () => {
      const event = await this.#answerTo(question)
      if (event !== undefined) answer(event)
    })
  }

  /**
   * Resolves once what was asked is done and the maildrop is free for the next session. Hears no
   * further questions: one that an answer brings about would come after the release.
   */
  end(): Promise<void> {
    this.#ended = true
    this.#work = this.#work.then(() => this.#release())
    return this.#work
  }

  async #answerTo(question: Pop3Question): Promise<Pop3Answer | undefined> {
    switch (question.type) {
      case 'open':
        return this.#open(question)
      case 'scram-keys':
        return { type: 'scram-keys', ...scramKeys(this.#context, question.user) }
      case 'read':
        return this.#read(question)
      case 'update':
        return this.#update(question)
      case 'retrieved':
        this.#tellRetrieved(question.number)
        return undefined
      case 'refused':
        this.#context.events({
          ...question,
          type: 'command-refused',
          service: this.#context.service,
          session: this.#id,
          peer: this.#peer,
        })
        return undefined
    }
  }

  async #open({ user, password }: Question<'open'>): Promise<Pop3Answer> {
    const { service, events, mailboxesOf } = this.#context
    const session = { service, session: this.#id, peer: this.#peer }
    const account = await logIn(this.#context, session, user, password)
    if (account === 'not-now') return { type: 'not-opened', reason: 'trouble' }
    if (account === undefined) return { type: 'not-opened', reason: 'credentials' }
    events({ type: 'authenticated', service, session: this.#id, user: account.name })
    const { maildrops, clock, loginDelayMs } = this.#context
    const taken = maildrops.take(account.name, clock.now(), loginDelayMs)
    if (taken !== 'taken') return { type: 'not-opened', reason: taken }
    this.#account = account
    try {
      const inbox = await mailboxesOf(account).open('INBOX')
      const messages = messagesOf(inbox)
      this.#opened = { account, inbox, messages }
      maildrops.opened(account.name, clock.now())
      return { type: 'opened', messages }
    } catch (error) {
      this.#tellTrouble(asFault(error))
      await this.#release()
      return { type: 'not-opened', reason: 'trouble' }
    }
  }

  async #read({ number, offset, lengthMax }: Question<'read'>): Promise<Pop3Answer> {
    try {
      const content = await this.#contentOf(number, offset)
      const bytes = await content.read(offset, lengthMax)
      const isLast = bytes.length < lengthMax || offset + bytes.length >= content.sizeBytes
      if (isLast) await this.#closeReading()
      return { type: 'chunk', bytes, isLast }
    } catch (error) {
      this.#tellTrouble(asFault(error))
      return { type: 'unreadable' }
    }
  }

  /** Opened at its beginning, and kept open for the rest, so that a message is one file throughout. */
  async #contentOf(number: number, offset: number): Promise<MessageContent> {
    if (this.#reading?.number === number && offset > 0) return this.#reading.content
    await this.#closeReading()
    const content = await this.#begin(number)
    this.#reading = { number, content }
    return content
  }

  /** From the second on of messages that are asked for in their order, the next are read ahead. */
  async #begin(number: number): Promise<MessageContent> {
    const { inbox, message } = this.#message(number)
    const isNext = number - 1 === this.#last
    this.#last = number
    if (!isNext) {
      await this.#ahead?.close()
      this.#ahead = undefined
      return inbox.content(message.imapUid)
    }
    this.#ahead ??= inbox.contents(this.#uidsFrom(number))
    return this.#ahead.next(message.imapUid)
  }

  #uidsFrom(number: number): readonly Uid[] {
    return this.#opened?.messages.slice(number - 1).map(({ imapUid }) => imapUid) ?? []
  }

  async #update({ remove }: Question<'update'>): Promise<Pop3Answer> {
    let fault: Fault | undefined
    try {
      const uids = remove.map((number) => this.#message(number).message.imapUid)
      await this.#opened?.inbox.remove(uids)
    } catch (error) {
      fault = asFault(error)
      this.#tellTrouble(fault)
    }
    await this.#release()
    return { type: 'updated', removedAll: fault === undefined }
  }

  async #release(): Promise<void> {
    await this.#closeReading()
    await this.#ahead?.close()
    this.#opened?.inbox.close()
    if (this.#account !== undefined) this.#context.maildrops.release(this.#account.name)
    this.#account = undefined
    this.#opened = undefined
  }

  async #closeReading(): Promise<void> {
    const reading = this.#reading
    this.#reading = undefined
    try {
      await reading?.content.close()
    } catch (error) {
      this.#tellTrouble(asFault(error))
    }
  }

  #message(number: number): { readonly inbox: OpenMailbox; readonly message: Message } {
    const message = this.#opened?.messages[number - 1]
    assert(this.#opened !== undefined && message !== undefined, `no message ${number}`)
    return { inbox: this.#opened.inbox, message }
  }

  #tellRetrieved(number: number): void {
    const { uid, sizeBytes } = this.#message(number).message
    const user = this.#opened?.account.name ?? ''
    this.#context.events({ type: 'mail-retrieved', session: this.#id, user, uid, sizeBytes })
  }

  #tellTrouble(fault: Fault): void {
    this.#context.events({ type: 'trouble', where: `pop3 ${this.#id}`, reason: fault.message })
  }
}

/** Their unique-ids come from the names of their files, which stay whatever becomes of the index. */
function messagesOf(inbox: OpenMailbox): readonly Message[] {
  const messages: Message[] = []
  for (const imapUid of inbox.uids) {
    const name = inbox.uniqueName(imapUid)
    const sizeBytes = inbox.metadata(imapUid)?.sizeBytes
    if (name === undefined || sizeBytes === undefined) continue
    messages.push({ uid: toUniqueId(name), sizeBytes, imapUid })
    if (messages.length === MAILDROP_MESSAGES_MAX) break
  }
  return messages
}
