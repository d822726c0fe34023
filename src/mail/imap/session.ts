/** Answers the questions of one IMAP session out of the mailboxes of its account. */

import { assert } from '../../base/assert.ts'
import { asFault, type Fault } from '../../base/fault.ts'
import type { StreamFlow } from '../../drive/stream-flow.ts'
import type { Clock } from '../../ports/clock.ts'
import type { MailService } from '../../ports/events.ts'
import { type Modes, NO_MODES } from '../../proto/imap/capability.ts'
import type { ImapAnswer, ImapQuestion, RunnableCommand } from '../../proto/imap/question.ts'
import { bad, type Completion, fromOctets, no, ok } from '../../proto/imap/response.ts'
import type { Account } from '../accounts.ts'
import { UNWRITTEN_BYTES_MAX } from '../limits.ts'
import { type LoginContext, logIn, scramKeys } from '../login.ts'
import type { MailboxAccount } from '../mailbox/mailbox.ts'
import { Appending } from './append.ts'
import { copyOrMove } from './copy.ts'
import { expunge } from './expunge.ts'
import { fetch } from './fetch.ts'
import * as folders from './folders.ts'
import { list, lsub } from './list.ts'
import type { Finished, Place, Run } from './run.ts'
import { search, sort, thread } from './search.ts'
import { select } from './select.ts'
import type { Selected, Telling } from './selected.ts'
import { status } from './status.ts'
import { store } from './store.ts'

export interface ImapSessionContext extends LoginContext {
  readonly service: MailService
  readonly clock: Clock
  readonly mailboxesOf: (account: Account) => MailboxAccount
  readonly messageBytesMax: number
}

type Answer = (event: ImapAnswer) => void

export class ImapSession {
  readonly #id: string
  readonly #context: ImapSessionContext
  readonly #peer: string
  readonly #flow: StreamFlow
  #mailboxes: MailboxAccount | undefined
  #selected: Selected | undefined
  #modes: Modes = NO_MODES
  #tag = ''
  #run: Run | undefined
  #appending: Appending | undefined
  /** The client has said that it has heard enough, perhaps before it was told anything. */
  #isIdleOver = false
  #wakeIdle: () => void = () => {}
  #unwrittenBytes = 0
  #ended = false
  #work: Promise<void> = Promise.resolve()

  /** `peer` is the client's address. */
  constructor(id: string, context: ImapSessionContext, peer: string, flow: StreamFlow) {
    this.#id = id
    this.#context = context
    this.#peer = peer
    this.#flow = flow
  }

  ask(question: ImapQuestion, answer: Answer): void {
    if (this.#ended) return
    if (question.type === 'refused') {
      const { service } = this.#context
      this.#context.events({
        ...question,
        type: 'command-refused',
        service,
        session: this.#id,
        peer: this.#peer,
      })
      return
    }
    // It must be heard while the IDLE that it ends is being carried out.
    if (question.type === 'done') {
      this.#isIdleOver = true
      this.#wakeIdle()
      return
    }
    if (question.type === 'run') this.#isIdleOver = false
    if (question.type === 'body') this.#unwrittenBytes += question.bytes.length
    if (this.#unwrittenBytes > UNWRITTEN_BYTES_MAX) this.#flow.hold('unwritten')
    this.#work = this.#work.then(async () => {
      if (!this.#ended) await this.#answerTo(question, answer)
    })
  }

  /** Resolves once nothing of it is left. */
  end(): Promise<void> {
    this.#ended = true
    this.#isIdleOver = true
    this.#wakeIdle()
    this.#work = this.#work.then(async () => {
      await this.#run?.return(UNFINISHED)
      await this.#abortAppend()
      this.#deselect()
    })
    return this.#work
  }

  async #answerTo(
    question: Exclude<ImapQuestion, { readonly type: 'refused' | 'done' }>,
    answer: Answer,
  ): Promise<void> {
    switch (question.type) {
      case 'authenticate':
        answer({ type: 'verdict', verdict: await this.#authenticate(question) })
        return
      case 'scram-keys':
        answer({ type: 'scram-keys', ...scramKeys(this.#context, question.user) })
        return
      case 'run':
        this.#modes = question.modes
        this.#tag = question.tag
        this.#run = this.#answered(question.command)
        await this.#goOn(answer)
        return
      case 'more':
        await this.#goOn(answer)
        return
      case 'append':
        this.#modes = question.modes
        await this.#tried(answer, async () => {
          this.#appending = await Appending.to(question.mailbox, this.#place)
          return this.#appending
        })
        return
      case 'append-message':
        await this.#tried(answer, async () => {
          await this.#appending?.begin(question.message)
          return this.#appending
        })
        return
      case 'body':
        await this.#appending?.write(question.bytes)
        this.#unwrittenBytes -= question.bytes.length
        if (this.#unwrittenBytes <= UNWRITTEN_BYTES_MAX) this.#flow.release('unwritten')
        return
      case 'append-commit':
        this.#run = this.#committed()
        await this.#goOn(answer)
        return
      case 'append-abort':
        await this.#abortAppend()
    }
  }

  async #authenticate({
    user,
    password,
  }: Extract<ImapQuestion, { readonly type: 'authenticate' }>): Promise<
    'accepted' | 'refused' | 'not-now'
  > {
    const { service, events, mailboxesOf } = this.#context
    const session = { service, session: this.#id, peer: this.#peer }
    const account = await logIn(this.#context, session, user, password)
    if (account === 'not-now') return 'not-now'
    if (account === undefined) return 'refused'
    this.#mailboxes = mailboxesOf(account)
    events({ type: 'authenticated', service, session: this.#id, user: account.name })
    return 'accepted'
  }

  get #place(): Place {
    const { clock, messageBytesMax } = this.#context
    const mailboxes = this.#mailboxes
    assert(mailboxes !== undefined, 'the machine asks this of those who have logged in')
    const [modes, tag] = [this.#modes, this.#tag]
    return { mailboxes, clock, modes, tag, messageBytesMax }
  }

  /** The next piece of what is being carried out. */
  async #goOn(answer: Answer): Promise<void> {
    const run = this.#run
    if (run === undefined) return
    try {
      const { value, done } = await run.next()
      if (!done) {
        answer({ type: 'piece', bytes: value })
        return
      }
      this.#run = undefined
      answer({ type: 'finished', ...value })
      this.#cutIfInvalid(answer)
    } catch (error) {
      this.#run = undefined
      const fault = asFault(error)
      if (fault.code === 'imap/broken-answer') {
        this.#tellTrouble(fault)
        answer({ type: 'shut-down' })
        return
      }
      // Also where a SELECT has failed: then there is none.
      const selected = this.#selected !== undefined
      answer({ type: 'finished', completion: this.#completionOf(fault), selected })
      this.#cutIfInvalid(answer)
    }
  }

  /** The client must find out anew what is there. */
  #cutIfInvalid(answer: Answer): void {
    if (this.#selected?.isInvalid) answer({ type: 'shut-down' })
  }

  /** Before an APPEND goes on. */
  async #tried(answer: Answer, action: () => Promise<Appending | undefined>): Promise<void> {
    try {
      await action()
      answer({ type: 'go-on' })
    } catch (error) {
      await this.#abortAppend()
      answer({ type: 'finished', completion: this.#completionOf(asFault(error)) })
    }
  }

  async *#committed(): Run {
    const appending = this.#appending
    this.#appending = undefined
    const completion = (await appending?.commit()) ?? UNFINISHED.completion
    yield* this.#news('all')
    return { completion }
  }

  async #abortAppend(): Promise<void> {
    const appending = this.#appending
    this.#appending = undefined
    await appending?.abort().catch((error) => this.#tellTrouble(asFault(error)))
  }

  /** The command, and after it what has changed meanwhile. RFC 9051 §7. */
  async *#answered(command: RunnableCommand): Run {
    const carried = this.#carryOut(command)
    const finished = Symbol.asyncIterator in carried ? yield* carried : await carried
    if (finished.selected === false) this.#deselect()
    else if (command.verb !== 'SELECT' && command.verb !== 'EXAMINE') {
      const isNumbered = 'uid' in command && !command.uid && NUMBERED.includes(command.verb)
      if (!isNumbered) await this.#selected?.mailbox.refresh()
      yield* this.#news(isNumbered ? 'no-expunge' : 'all')
    }
    return finished
  }

  *#news(telling: Telling): Generator<Uint8Array> {
    const news = this.#selected?.news(this.#modes, telling) ?? ''
    if (news !== '') yield fromOctets(news)
  }

  #carryOut(command: RunnableCommand): Run | Promise<Finished> {
    const place = this.#place
    const selected = this.#selected as Selected
    switch (command.verb) {
      case 'NOOP':
      case 'CHECK':
        return Promise.resolve({ completion: ok(`${command.verb} done`) })
      case 'IDLE':
        return this.#idle()
      case 'SELECT':
      case 'EXAMINE': {
        const wasSelected = this.#selected !== undefined
        this.#deselect()
        return select(command, place, wasSelected, (now) => {
          this.#selected = now
        })
      }
      case 'CLOSE':
      case 'UNSELECT':
        return leave(selected, command.verb)
      case 'NAMESPACE':
      case 'CREATE':
      case 'DELETE':
      case 'RENAME':
      case 'SUBSCRIBE':
      case 'UNSUBSCRIBE':
      case 'GETQUOTA':
      case 'GETQUOTAROOT':
        return folders.carryOut(command, place)
      case 'LIST':
        return list(command, place)
      case 'LSUB':
        return lsub(command, place)
      case 'STATUS':
        return status(command, place)
      case 'EXPUNGE':
        return expunge(command, selected, place)
      case 'SEARCH':
        return search(command, selected, place)
      case 'SORT':
        return sort(command, selected, place)
      case 'THREAD':
        return thread(command, selected, place)
      case 'FETCH':
        return fetch(command, selected, place)
      case 'STORE':
        return store(command, selected, place)
      case 'COPY':
      case 'MOVE':
        return copyOrMove(command, selected, place)
    }
  }

  /** Tells what happens, until the client has heard enough. RFC 9051 §6.3.13. */
  async *#idle(): Run {
    let isChanged = true
    const selected = this.#selected
    if (selected !== undefined) {
      selected.onChange = () => {
        isChanged = true
        this.#wakeIdle()
      }
    }
    try {
      while (!this.#isIdleOver && selected?.isInvalid !== true) {
        if (!isChanged) {
          await new Promise<void>((resolve) => {
            this.#wakeIdle = resolve
          })
        }
        isChanged = false
        yield* this.#news('all')
      }
    } finally {
      if (selected !== undefined) selected.onChange = () => {}
      this.#wakeIdle = () => {}
    }
    return { completion: ok('that was all') }
  }

  #deselect(): void {
    this.#selected?.close()
    this.#selected = undefined
  }

  #completionOf(fault: Fault): Completion {
    if (!(fault.code in REFUSALS)) this.#tellTrouble(fault)
    return REFUSALS[fault.code] ?? no('something went wrong here, try again later', 'UNAVAILABLE')
  }

  #tellTrouble(fault: Fault): void {
    this.#context.events({
      type: 'trouble',
      where: `imap ${this.#id}`,
      reason: fault.message,
    })
  }
}

const UNFINISHED: Finished = { completion: no('not finished') }

/** In whose answers, and after which, no message may lose its number. RFC 9051 §7.5.1. */
const NUMBERED: readonly string[] = ['FETCH', 'STORE', 'SEARCH', 'SORT', 'THREAD']

/** What a client is told of a fault: RFC 5530 §3, RFC 9208 §5. */
const REFUSALS: Readonly<Record<string, Completion>> = {
  'mailbox/not-found': no('there is no such mailbox', 'NONEXISTENT'),
  'mailbox/exists': no('there is one of this name', 'ALREADYEXISTS'),
  'mailbox/bad-name': no('no mailbox can have this name', 'CANNOT'),
  'mailbox/not-permitted': no('that cannot be done to this mailbox', 'CANNOT'),
  'mailbox/over-quota': no('that is more than there is room for', 'OVERQUOTA'),
  'mailbox/gone': no('some of the messages are gone', 'EXPUNGEISSUED'),
  'mailbox/too-many': no('that is more than there can be', 'LIMIT'),
  'imap/message-too-large': no('the message is larger than is taken here', 'TOOBIG'),
  'imap/try-create': no('there is no such mailbox', 'TRYCREATE'),
  'imap/no-such-message': bad('there is no message of that number'),
  'imap/no-such-quota-root': no('there is no such quota root', 'NONEXISTENT'),
}

/** RFC 9051 §6.4.1: nobody is told of what CLOSE removes. */
async function leave(selected: Selected, verb: 'CLOSE' | 'UNSELECT'): Promise<Finished> {
  if (verb === 'CLOSE' && !selected.isReadOnly) await selected.mailbox.expunge()
  return { completion: ok('no mailbox is selected now'), selected: false }
}
