/** Answers the questions of one POP3 session out of a Maildir. */

import { assert } from '../base/assert.ts'
import { asFault, type Fault } from '../base/fault.ts'
import type { FileReader } from '../ports/disk.ts'
import type { Pop3Answer, Pop3Question } from '../proto/pop3/server.ts'
import { toUniqueId } from '../proto/pop3/unique-id.ts'
import type { Account } from './accounts.ts'
import { type LoginContext, logIn, scramKeys } from './login.ts'
import type { Maildir, MaildirEntry } from './maildir.ts'

export interface Pop3SessionContext extends LoginContext {
  readonly service: 'pop3' | 'pop3s'
  readonly maildirOf: (account: Account) => Maildir
}

type Question<Type extends Pop3Question['type']> = Extract<Pop3Question, { readonly type: Type }>

/** A maildrop that this session alone may open. */
interface Opened {
  readonly account: Account
  readonly maildir: Maildir
  /** Message n is at n - 1. */
  readonly entries: readonly MaildirEntry[]
}

interface Reading {
  readonly number: number
  readonly file: FileReader
}

export class Pop3Session {
  readonly #id: string
  readonly #context: Pop3SessionContext
  readonly #peer: string
  /** Names of accounts whose maildrop some session of this service holds. */
  readonly #locked: Set<string>
  #account: Account | undefined
  #opened: Opened | undefined
  #reading: Reading | undefined
  #ended = false
  #work: Promise<void> = Promise.resolve()

  /** `peer` is the client's address. */
  constructor(id: string, context: Pop3SessionContext, peer: string, locked: Set<string>) {
    this.#id = id
    this.#peer = peer
    this.#context = context
    this.#locked = locked
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
    const { service, events, maildirOf } = this.#context
    const session = { service, session: this.#id, peer: this.#peer }
    const account = await logIn(this.#context, session, user, password)
    if (account === 'not-now') return { type: 'not-opened', reason: 'trouble' }
    if (account === undefined) return { type: 'not-opened', reason: 'credentials' }
    events({ type: 'authenticated', service, session: this.#id, user: account.name })
    if (this.#locked.has(account.name)) return { type: 'not-opened', reason: 'in-use' }
    this.#locked.add(account.name)
    this.#account = account
    try {
      const maildir = maildirOf(account)
      const entries = await maildir.list()
      this.#opened = { account, maildir, entries }
      const messages = entries.map(({ uid, sizeBytes }) => ({ uid: toUniqueId(uid), sizeBytes }))
      return { type: 'opened', messages }
    } catch (error) {
      this.#tellTrouble(asFault(error))
      await this.#release()
      return { type: 'not-opened', reason: 'trouble' }
    }
  }

  async #read({ number, offset, lengthMax }: Question<'read'>): Promise<Pop3Answer> {
    try {
      const file = await this.#fileOf(number, offset)
      const bytes = await file.read(offset, lengthMax)
      const isLast = bytes.length < lengthMax || offset + bytes.length >= file.sizeBytes
      if (isLast) await this.#closeReading()
      return { type: 'chunk', bytes, isLast }
    } catch (error) {
      this.#tellTrouble(asFault(error))
      return { type: 'unreadable' }
    }
  }

  /** Opened at its beginning, and kept open for the rest, so that a message is one file throughout. */
  async #fileOf(number: number, offset: number): Promise<FileReader> {
    if (this.#reading?.number === number && offset > 0) return this.#reading.file
    await this.#closeReading()
    const { maildir, entry } = this.#message(number)
    const file = await maildir.read(entry)
    this.#reading = { number, file }
    return file
  }

  async #update({ remove }: Question<'update'>): Promise<Pop3Answer> {
    let faults: readonly Fault[] = []
    try {
      const entries = remove.map((number) => this.#message(number).entry)
      faults = (await this.#opened?.maildir.remove(entries)) ?? []
    } catch (error) {
      faults = [asFault(error)]
    }
    for (const fault of faults) this.#tellTrouble(fault)
    await this.#release()
    return { type: 'updated', removedAll: faults.length === 0 }
  }

  async #release(): Promise<void> {
    await this.#closeReading()
    if (this.#account !== undefined) this.#locked.delete(this.#account.name)
    this.#account = undefined
    this.#opened = undefined
  }

  async #closeReading(): Promise<void> {
    const reading = this.#reading
    this.#reading = undefined
    try {
      await reading?.file.close()
    } catch (error) {
      this.#tellTrouble(asFault(error))
    }
  }

  #message(number: number): { readonly maildir: Maildir; readonly entry: MaildirEntry } {
    const entry = this.#opened?.entries[number - 1]
    assert(this.#opened !== undefined && entry !== undefined, `no message ${number}`)
    return { maildir: this.#opened.maildir, entry }
  }

  #tellRetrieved(number: number): void {
    const { entry } = this.#message(number)
    const user = this.#opened?.account.name ?? ''
    const { uid, sizeBytes } = entry
    this.#context.events({ type: 'mail-retrieved', session: this.#id, user, uid, sizeBytes })
  }

  #tellTrouble(fault: Fault): void {
    this.#context.events({ type: 'trouble', where: `pop3 ${this.#id}`, reason: fault.message })
  }
}
