/** Answers the questions of one SMTP session. */

import { assert } from '../base/assert.ts'
import { asFault, type Fault } from '../base/fault.ts'
import type { StreamFlow } from '../drive/stream-flow.ts'
import type { Clock } from '../ports/clock.ts'
import type { Entropy } from '../ports/entropy.ts'
import type { EventSink } from '../ports/events.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import { formatMailbox, formatPath } from '../proto/smtp/path.ts'
import type { SmtpAnswer, SmtpQuestion, Verdict } from '../proto/smtp/question.ts'
import {
  AUTHENTICATION_FAILED,
  AUTHENTICATION_NOT_NOW,
  LOCAL_ERROR,
  mailLoop,
  type Reply,
  STORAGE_FULL,
  TOO_MANY_HOPS,
} from '../proto/smtp/reply.ts'
import { type Accounts, numbering } from './accounts.ts'
import { lookUpAddress } from './address-lookup.ts'
import type { Outcome } from './delivery.ts'
import { IncomingMessage } from './incoming-message.ts'
import { HELD_MESSAGE_BYTES_MAX, HOPS_MAX, UNWRITTEN_BYTES_MAX } from './limits.ts'
import type { LocalTarget } from './local-target.ts'
import { logIn, scramKeys } from './login.ts'
import type { LoginAttempts } from './login-attempts.ts'
import { MessageIntake } from './message-intake.ts'
import type { PickupAccess } from './pickup-access.ts'
import { type HoldBudget, MessageHold } from './policy/message-hold.ts'
import { headerText, type PolicyMail } from './policy/policy.ts'
import type { ChainAnswer, PolicyChain } from './policy/policy-chain.ts'
import { SessionPolicies } from './policy/session-policies.ts'
import type { MailQueue } from './queue.ts'
import { newQueueId } from './queue-id.ts'
import { recipientObjection } from './recipient-rules.ts'
import type { Routes } from './route.ts'
import { SessionTarget } from './session-target.ts'
import { type SessionName, SmtpSessionLog } from './smtp-session-log.ts'
import type { Addressee } from './written-mail.ts'

export type SmtpServiceName = SessionName['service']

export interface SmtpSessionContext {
  readonly service: SmtpServiceName
  readonly hostname: string
  readonly clock: Clock
  readonly entropy: Entropy
  readonly events: EventSink
  readonly accounts: Accounts
  readonly logins: LoginAttempts
  readonly routes: Routes
  readonly local: LocalTarget
  readonly queue: MailQueue
  readonly policies: PolicyChain
  /** For messages that a policy wants to see. */
  readonly holdBudget: HoldBudget
  /** Of `pickup`. */
  readonly pickup?: PickupAccess
  /** Unpredictable, and the same as long as the service runs. */
  readonly secret: Uint8Array
}

type Question<Type extends SmtpQuestion['type']> = Extract<SmtpQuestion, { readonly type: Type }>

interface Transaction {
  readonly queueId: string
  readonly mail: Question<'mail'>
  /** Each once, however often it was named. */
  readonly recipients: Addressee[]
  readonly numberOf: (recipient: Mailbox) => number
  /** For each RCPT that was accepted, which of the recipients it named. */
  readonly named: number[]
  /** From DATA on. */
  message: IncomingMessage | undefined
}

const ACCEPTED: Verdict = { ok: true }

export class SmtpSession {
  readonly #id: string
  readonly #context: SmtpSessionContext
  readonly #peer: string
  readonly #flow: StreamFlow
  readonly #target: SessionTarget
  readonly #policies: SessionPolicies
  readonly #log: SmtpSessionLog
  #transaction: Transaction | undefined
  #unwrittenBytes = 0
  #abandoned = false
  #work: Promise<void> = Promise.resolve()

  /** `peer` is the client's address. */
  constructor(id: string, context: SmtpSessionContext, peer: string, flow: StreamFlow) {
    this.#id = id
    this.#context = context
    this.#peer = peer
    this.#flow = flow
    const { service, policies } = context
    this.#policies = new SessionPolicies(policies, { id, service, peer })
    this.#log = new SmtpSessionLog({ service, session: id, peer }, context)
    const replies = service === 'lmtp' ? 'each' : 'one'
    this.#target = new SessionTarget(context.queue, context.local, context.routes, replies)
  }

  /** Reads no more; resolves when everything that came in before is done and answered. */
  async finish(): Promise<void> {
    this.#flow.hold('stopping')
    for (let work: Promise<void> | undefined; work !== this.#work; ) {
      work = this.#work
      await work
    }
  }

  /** Questions are answered one after the other; `body` and `reset` keep their place among them. */
  ask(question: SmtpQuestion, answer: (event: SmtpAnswer) => void): void {
    if (this.#abandoned) return
    if (question.type === 'refused') {
      this.#log.refused(question.command, question.reply)
      return
    }
    if (question.type === 'body') this.#unwrittenBytes += question.bytes.length
    if (this.#unwrittenBytes > UNWRITTEN_BYTES_MAX) this.#flow.hold('unwritten')
    this.#work = this.#work.then(async () => {
      if (question.type === 'scram-keys') {
        answer({ type: 'scram-keys', ...scramKeys(this.#context, question.user) })
        return
      }
      if (question.type === 'look-up') {
        const { verb, argument } = question
        answer({ type: 'looked-up', reply: lookUpAddress(verb, argument, this.#context) })
        return
      }
      const verdict = await this.#carryOut(question)
      if (verdict !== undefined) answer({ type: 'verdict', verdict })
    })
  }

  /** Leaves nothing of an open transaction behind and hears no further questions. */
  abandon(): Promise<void> {
    this.#abandoned = true
    this.#work = this.#work.then(async () => {
      await this.#reset()
      this.#policies.ended()
      this.#context.pickup?.ended(this.#id)
    })
    return this.#work
  }

  async #carryOut(
    question: Exclude<SmtpQuestion, { readonly type: 'refused' | 'scram-keys' | 'look-up' }>,
  ): Promise<Verdict | undefined> {
    switch (question.type) {
      case 'authenticate':
        return this.#authenticate(question)
      case 'mail':
        return this.#mail(question)
      case 'recipient':
        return this.#recipient(question)
      case 'data':
        return this.#data()
      case 'body':
        await this.#body(question.bytes)
        return undefined
      case 'end-of-data':
        return this.#endOfData()
      case 'reset':
        await this.#reset()
        return undefined
    }
  }

  async #authenticate(question: Question<'authenticate'>): Promise<Verdict> {
    const { user, password } = question
    const { service, pickup } = this.#context
    if (pickup !== undefined) return this.#identify(pickup, user)
    const account = await logIn(
      this.#context,
      { service, session: this.#id, peer: this.#peer },
      user,
      password,
    )
    if (account === 'not-now') {
      this.#log.refused('AUTH', AUTHENTICATION_NOT_NOW)
      return { ok: false, reply: AUTHENTICATION_NOT_NOW }
    }
    if (account === undefined) return { ok: false, reply: AUTHENTICATION_FAILED }
    const said = await this.#policies.authenticated(account.name)
    if (!said.ok) return this.#refuseBy('AUTH', said)
    this.#log.authenticated(account.name)
    return ACCEPTED
  }

  async #identify(pickup: PickupAccess, user: string): Promise<Verdict> {
    const refusal = await pickup.identify(this.#id, user)
    if (refusal !== undefined) {
      this.#log.authenticationFailed(user)
      return { ok: false, reply: refusal }
    }
    const said = await this.#policies.authenticated(user)
    return said.ok ? ACCEPTED : this.#refuseBy('AUTH', said)
  }

  async #mail(mail: Question<'mail'>): Promise<Verdict> {
    const { queue, clock, entropy, accounts, pickup } = this.#context
    const command = `MAIL FROM:${formatPath(mail.from.reversePath)}`
    const objection = pickup?.objectionTo(mail.user)
    if (objection !== undefined) {
      this.#log.refused(command, objection)
      return { ok: false, reply: objection }
    }
    try {
      queue.requireRoom(mail.from.parameters.sizeBytes ?? 0)
    } catch (error) {
      return this.#refuse(command, asFault(error))
    }
    const transaction: Transaction = {
      queueId: newQueueId(clock, entropy),
      mail,
      recipients: [],
      numberOf: numbering(accounts),
      named: [],
      message: undefined,
    }
    const said = await this.#policies.mail(policyMail(transaction), mail.helo)
    if (!said.ok) return this.#refuseBy(command, said)
    this.#transaction = transaction
    return ACCEPTED
  }

  async #recipient({ recipient, parameters }: Question<'recipient'>): Promise<Verdict> {
    const transaction = this.#required()
    const { routes, local } = this.#context
    const command = `RCPT TO:<${formatMailbox(recipient)}>`
    const reply = this.#objectionTo(recipient, transaction.mail.user)
    if (reply !== undefined) {
      this.#log.refused(command, reply)
      return { ok: false, reply }
    }
    try {
      const { sizeBytes } = transaction.mail.from.parameters
      if (routes.of(recipient)?.transport === 'local') await local.requireRoom(recipient, sizeBytes)
    } catch (error) {
      return this.#refuse(command, asFault(error))
    }
    const said = await this.#policies.chain.recipient(
      this.#policies.session,
      policyMail(transaction),
      recipient,
    )
    if (!said.ok) return this.#refuseBy(command, said)
    const number = transaction.numberOf(recipient)
    if (number === transaction.recipients.length) {
      transaction.recipients.push({ recipient, parameters })
    }
    transaction.named.push(number)
    return ACCEPTED
  }

  #objectionTo(recipient: Mailbox, user: string | undefined): Reply | undefined {
    const { service } = this.#context
    const isUser = user !== undefined || service === 'pickup'
    const peer = service === 'smtp' ? this.#peer : undefined
    return recipientObjection(recipient, { peer, isUser }, this.#context)
  }

  async #data(): Promise<Verdict> {
    const { service, hostname, clock, holdBudget } = this.#context
    const transaction = this.#required()
    const { queueId, mail, recipients } = transaction
    const { chain, session } = this.#policies
    const said = await chain.data(session, policyMail(transaction))
    if (!said.ok) return this.#refuseBy('DATA', said)
    const [first, second] = recipients
    const from =
      service === 'pickup'
        ? { helo: undefined, peer: undefined, user: mail.user, protocol: 'LOCAL' }
        : {
            helo: mail.helo === '' ? undefined : mail.helo,
            peer: this.#peer,
            protocol: mail.protocol,
          }
    const intake = new MessageIntake(
      {
        ...from,
        by: hostname,
        id: queueId,
        recipient:
          first === undefined || second !== undefined ? undefined : formatMailbox(first.recipient),
        date: clock.wall(),
      },
      service === 'smtp' || service === 'lmtp' ? 'transfer' : 'submission',
    )
    try {
      const start = { queueId, from: mail.from }
      const target = await this.#target.start(start, recipients)
      const readers = chain.readers(session, policyMail(transaction))
      const message = new IncomingMessage({
        ...{ intake, target, readers },
        filter: chain.filter(session, policyMail(transaction)),
        hold: readers.size === 0 ? undefined : new MessageHold(HELD_MESSAGE_BYTES_MAX, holdBudget),
        startQueued: () => this.#target.startQueued(start, recipients),
      })
      transaction.message = message
      await message.begin(headerText(said.headers))
      return ACCEPTED
    } catch (error) {
      return this.#refuse('DATA', asFault(error))
    }
  }

  async #body(bytes: Uint8Array): Promise<void> {
    await this.#required().message?.push(bytes)
    this.#unwrittenBytes -= bytes.length
    if (this.#unwrittenBytes <= UNWRITTEN_BYTES_MAX) this.#flow.release('unwritten')
  }

  async #endOfData(): Promise<Verdict> {
    const transaction = this.#required()
    const { message } = transaction
    if (message === undefined) return { ok: false, reply: LOCAL_ERROR }
    await message.end()
    const { chain, session } = this.#policies
    const { bytesTaken: sizeBytes, readers, intake } = message
    const said = await chain.endOfData(session, policyMail(transaction), { sizeBytes }, readers)
    if (!said.ok) {
      await this.#reset()
      return this.#refuseBy('end of data', said)
    }
    await message.pass(headerText(said.headers))
    const { fault } = message
    const loop = loopOf(transaction, intake)
    if (loop !== undefined || fault !== undefined) {
      await this.#reset()
      if (fault !== undefined) return this.#refuse('end of data', fault)
      const reply = loop ?? LOCAL_ERROR
      this.#log.refused('end of data', reply)
      return { ok: false, reply }
    }
    this.#transaction = undefined
    return this.#settled(transaction, message, await message.commit())
  }

  /** Only mailboxes here have outcomes that differ: the queue has all of it or nothing. */
  #settled(
    transaction: Transaction,
    message: IncomingMessage,
    outcomes: readonly Outcome[],
  ): Verdict {
    const { queueId, mail, recipients, named } = transaction
    const refusal = outcomes.find((outcome) => outcome.type === 'refused')
    if (refusal === undefined) {
      this.#log.accepted({ ...mail, queueId, recipients }, message, outcomes)
      return { ok: true, queueId }
    }
    if (!message.isDirect || outcomes.length === 1) {
      return this.#refuse('end of data', refusal.fault)
    }
    if (outcomes.some(({ type }) => type === 'delivered')) {
      this.#log.accepted({ ...mail, queueId, recipients }, message, outcomes)
    }
    const verdicts = recipients.map(({ recipient }, i): Verdict => {
      const outcome = outcomes[i]
      return outcome?.type === 'refused'
        ? this.#refuse(`end of data for <${formatMailbox(recipient)}>`, outcome.fault)
        : { ok: true, queueId }
    })
    return { ok: true, queueId, each: named.flatMap((number) => verdicts[number] ?? []) }
  }

  async #reset(): Promise<void> {
    const message = this.#transaction?.message
    this.#transaction = undefined
    await message?.abort()
  }

  #refuse(command: string, fault: Fault): Verdict {
    const reply = replyToFault(fault)
    this.#log.refused(command, reply, fault.message)
    return { ok: false, reply }
  }

  #refuseBy(command: string, { reply, by }: Extract<ChainAnswer, { ok: false }>): Verdict {
    this.#log.refused(command, reply, `policy: ${by}`)
    return { ok: false, reply }
  }

  #required(): Transaction {
    const transaction = this.#transaction
    assert(transaction !== undefined, 'the machine asks this in a mail transaction only')
    return transaction
  }
}

/** Where it is going round in circles. RFC 5321 §6.3. */
function loopOf({ recipients: all }: Transaction, intake: MessageIntake): Reply | undefined {
  if (intake.hops >= HOPS_MAX) return TOO_MANY_HOPS
  const [first] = all
  const isLoop = first !== undefined && all.every(({ recipient }) => intake.wasAt(recipient))
  return isLoop ? mailLoop(formatMailbox(first.recipient)) : undefined
}

function policyMail({ queueId, mail, recipients }: Transaction): PolicyMail {
  return { queueId, from: mail.from, recipients: recipients.map(({ recipient }) => recipient) }
}

/** What a client is told of a Fault of ours: nothing about our inside. */
function replyToFault(fault: Fault): Reply {
  switch (fault.code) {
    case 'mail/spool-full':
    case 'store/full':
    case 'disk/full':
      return STORAGE_FULL
    case 'mail/rejected':
      return { code: 550, enhanced: '5.7.1', lines: [fault.message] }
    case 'mail/over-quota':
      return fault.temporary
        ? { code: 452, enhanced: '4.2.2', lines: [fault.message] }
        : { code: 552, enhanced: '5.2.2', lines: [fault.message] }
    default:
      return fault.temporary ? LOCAL_ERROR : { ...LOCAL_ERROR, code: 554, enhanced: '5.3.0' }
  }
}
