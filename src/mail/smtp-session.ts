/** Answers the questions of one SMTP session. */

import { assert } from '../base/assert.ts'
import { asFault, type Fault } from '../base/fault.ts'
import type { StreamFlow } from '../drive/stream-flow.ts'
import type { Clock } from '../ports/clock.ts'
import type { Entropy } from '../ports/entropy.ts'
import type { EventSink } from '../ports/events.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import { formatMailbox, formatPath } from '../proto/smtp/path.ts'
import {
  AUTHENTICATION_FAILED,
  AUTHENTICATION_NOT_NOW,
  LOCAL_ERROR,
  mailLoop,
  noSuchRelayUser,
  noSuchUser,
  type Reply,
  relayDenied,
  STORAGE_FULL,
  TOO_MANY_HOPS,
} from '../proto/smtp/reply.ts'
import type { SmtpAnswer, SmtpQuestion, Verdict } from '../proto/smtp/server.ts'
import { type Accounts, numbering } from './accounts.ts'
import { lookUpAddress } from './address-lookup.ts'
import type { Outcome } from './delivery.ts'
import { HELD_MESSAGE_BYTES_MAX, HOPS_MAX, UNWRITTEN_BYTES_MAX } from './limits.ts'
import type { LocalTarget } from './local-target.ts'
import { logIn, scramKeys } from './login.ts'
import type { LoginAttempts } from './login-attempts.ts'
import { MessageIntake } from './message-intake.ts'
import type { PickupAccess } from './pickup-access.ts'
import { type HoldBudget, MessageHold } from './policy/message-hold.ts'
import { headerText, type MessageFilter, type PolicyMail } from './policy/policy.ts'
import type { ChainAnswer, MessageReaders, PolicyChain } from './policy/policy-chain.ts'
import { SessionPolicies } from './policy/session-policies.ts'
import { delaysOf } from './progress.ts'
import type { MailQueue } from './queue.ts'
import { newQueueId } from './queue-id.ts'
import type { Routes } from './route.ts'
import { type SessionDelivery, SessionTarget } from './session-target.ts'
import type { Addressee } from './written-mail.ts'

/** `submissions` is submission under TLS from the first octet; `pickup` is for programs of this machine. */
export type SmtpServiceName = 'smtp' | 'submission' | 'submissions' | 'lmtp' | 'pickup'

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
  writing:
    | {
        readonly filter: MessageFilter
        readonly intake: MessageIntake
        target: SessionDelivery
        readonly readers: MessageReaders
        /** Undefined where no policy reads the message. */
        readonly hold: MessageHold | undefined
      }
    | undefined
  /** Why the message cannot be taken; told when it is complete. */
  fault: Fault | undefined
  /** Of the message with what we add, as it came; and as it was written. */
  bytesTaken: number
  sizeBytes: number
}

const ACCEPTED: Verdict = { ok: true }

export class SmtpSession {
  readonly #id: string
  readonly #context: SmtpSessionContext
  readonly #peer: string
  readonly #flow: StreamFlow
  readonly #target: SessionTarget
  readonly #policies: SessionPolicies
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
      this.#tellRefused(question.command, question.reply)
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
    const { service, events, pickup } = this.#context
    const session = this.#id
    if (pickup !== undefined) return this.#identify(pickup, user)
    const account = await logIn(
      this.#context,
      { service, session, peer: this.#peer },
      user,
      password,
    )
    if (account === 'not-now') {
      this.#tellRefused('AUTH', AUTHENTICATION_NOT_NOW)
      return { ok: false, reply: AUTHENTICATION_NOT_NOW }
    }
    if (account === undefined) return { ok: false, reply: AUTHENTICATION_FAILED }
    const said = await this.#policies.authenticated(account.name)
    if (!said.ok) return this.#refuseBy('AUTH', said)
    events({ type: 'authenticated', service, session, user: account.name })
    return ACCEPTED
  }

  async #identify(pickup: PickupAccess, user: string): Promise<Verdict> {
    const { service, events } = this.#context
    const session = this.#id
    const refusal = await pickup.identify(session, user)
    if (refusal !== undefined) {
      events({ type: 'authentication-failed', service, session, peer: this.#peer, user })
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
      this.#tellRefused(command, objection)
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
      writing: undefined,
      fault: undefined,
      bytesTaken: 0,
      sizeBytes: 0,
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
      this.#tellRefused(command, reply)
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

  /** Nobody relays through us who has not said who they are, but for what the relay rules allow. */
  #objectionTo(recipient: Mailbox, user: string | undefined): Reply | undefined {
    const { service, routes, local } = this.#context
    const name = formatMailbox(recipient)
    const hop = routes.of(recipient)
    if (hop?.transport === 'local') {
      if (!local.knows(recipient)) return noSuchUser(name)
      return leadsBack(local, recipient) ? mailLoop(name) : undefined
    }
    const isUser = user !== undefined || service === 'pickup'
    const mayRelay = isUser || (service === 'smtp' && routes.mayRelay(this.#peer))
    if (!mayRelay && !routes.isOpenTo(recipient)) return relayDenied(name)
    if (!routes.mayExist(recipient) && !local.isAlias(recipient)) return noSuchRelayUser(name)
    if (hop?.transport === 'error') return recipientRejected(name, hop.code, hop.text)
    return hop === undefined ? recipientRejected(name, '5.1.2', 'Domain not found') : undefined
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
      const target = await this.#target.start({ queueId, from: mail.from }, recipients)
      const readers = chain.readers(session, policyMail(transaction))
      const hold =
        readers.size === 0 ? undefined : new MessageHold(HELD_MESSAGE_BYTES_MAX, holdBudget)
      const filter = chain.filter(session, policyMail(transaction))
      transaction.writing = { filter, intake, target, readers, hold }
      await this.#take(transaction, headerText(said.headers))
      return ACCEPTED
    } catch (error) {
      return this.#refuse('DATA', asFault(error))
    }
  }

  async #body(bytes: Uint8Array): Promise<void> {
    const transaction = this.#required()
    const { writing } = transaction
    if (writing !== undefined) {
      await this.#take(transaction, writing.intake.push(writing.filter.push(bytes)))
    }
    this.#unwrittenBytes -= bytes.length
    if (this.#unwrittenBytes <= UNWRITTEN_BYTES_MAX) this.#flow.release('unwritten')
  }

  /** Writes it, now or when the policies have seen the message. */
  async #take(transaction: Transaction, bytes: Uint8Array): Promise<void> {
    transaction.bytesTaken += bytes.length
    const { hold, readers } = transaction.writing ?? {}
    for (const reader of readers?.values() ?? []) reader.push(bytes)
    const passed = hold?.push(bytes) ?? bytes
    if (hold?.isOverflown) await this.#intoQueue(transaction)
    await this.#write(transaction, passed)
  }

  /** There, unlike in a mailbox, what the policies add can stand above what has been written. */
  async #intoQueue(transaction: Transaction): Promise<void> {
    const { queueId, mail, recipients, writing } = transaction
    if (writing === undefined || writing.target.kind === 'queued') return
    if (transaction.fault !== undefined) return
    try {
      await writing.target.delivery.abort()
      writing.target = await this.#target.startQueued({ queueId, from: mail.from }, recipients)
    } catch (error) {
      transaction.fault = asFault(error)
    }
  }

  async #write(transaction: Transaction, bytes: Uint8Array): Promise<void> {
    const { writing } = transaction
    if (bytes.length === 0 || transaction.fault !== undefined) return
    transaction.sizeBytes += bytes.length
    try {
      await writing?.target.delivery.write(bytes)
    } catch (error) {
      transaction.fault = asFault(error)
    }
  }

  async #endOfData(): Promise<Verdict> {
    const transaction = this.#required()
    const { writing } = transaction
    if (writing === undefined) return { ok: false, reply: LOCAL_ERROR }
    await this.#take(transaction, writing.intake.push(writing.filter.end()))
    await this.#take(transaction, writing.intake.end())
    const said = await this.#policiesOnMessage(transaction)
    if (!said.ok) {
      await this.#reset()
      return this.#refuseBy('end of data', said)
    }
    const loop = loopOf(transaction, writing.intake)
    if (loop !== undefined || transaction.fault !== undefined) {
      const { fault } = transaction
      await this.#reset()
      if (fault !== undefined) return this.#refuse('end of data', fault)
      const reply = loop ?? LOCAL_ERROR
      this.#tellRefused('end of data', reply)
      return { ok: false, reply }
    }
    this.#transaction = undefined
    const outcomes = await writing.target.delivery.commit()
    return this.#settled(transaction, outcomes)
  }

  /** Only mailboxes here have outcomes that differ: the queue has all of it or nothing. */
  #settled(transaction: Transaction, outcomes: readonly Outcome[]): Verdict {
    const { queueId, recipients, named, writing } = transaction
    const refusal = outcomes.find((outcome) => outcome.type === 'refused')
    if (refusal === undefined) {
      this.#tellAccepted(transaction, outcomes)
      return { ok: true, queueId }
    }
    if (writing?.target.kind !== 'direct' || outcomes.length === 1) {
      return this.#refuse('end of data', refusal.fault)
    }
    if (outcomes.some(({ type }) => type === 'delivered')) this.#tellAccepted(transaction, outcomes)
    const verdicts = recipients.map(({ recipient }, i): Verdict => {
      const outcome = outcomes[i]
      return outcome?.type === 'refused'
        ? this.#refuse(`end of data for <${formatMailbox(recipient)}>`, outcome.fault)
        : { ok: true, queueId }
    })
    return { ok: true, queueId, each: named.flatMap((number) => verdicts[number] ?? []) }
  }

  /** Lets the message pass where they take it. */
  async #policiesOnMessage(transaction: Transaction): Promise<ChainAnswer> {
    const { hold, readers = new Map() } = transaction.writing ?? {}
    const message = { sizeBytes: transaction.bytesTaken }
    const { chain, session } = this.#policies
    const said = await chain.endOfData(session, policyMail(transaction), message, readers)
    if (said.ok && hold !== undefined) {
      await this.#addHeaders(transaction, headerText(said.headers))
      await this.#write(transaction, hold.release())
    }
    return said
  }

  /** Above the message, whether any of it has been written or not. */
  async #addHeaders(transaction: Transaction, bytes: Uint8Array): Promise<void> {
    const { hold, target } = transaction.writing ?? {}
    if (!hold?.isOverflown || target?.kind !== 'queued') return this.#write(transaction, bytes)
    if (bytes.length === 0 || transaction.fault !== undefined) return
    try {
      target.delivery.prepend(bytes)
      transaction.sizeBytes += bytes.length
    } catch (error) {
      transaction.fault = asFault(error)
    }
  }

  async #reset(): Promise<void> {
    const writing = this.#transaction?.writing
    this.#transaction = undefined
    writing?.hold?.release()
    await writing?.target.delivery.abort()
  }

  #tellAccepted(transaction: Transaction, outcomes: readonly Outcome[]): void {
    const { events, service, clock } = this.#context
    const { queueId, mail, recipients, sizeBytes, writing } = transaction
    const isDirect = writing?.target.kind === 'direct'
    events({
      type: 'mail-accepted',
      queueId,
      via: service,
      from: formatPath(mail.from.reversePath),
      recipients: recipients.flatMap(({ recipient }, i) =>
        isDirect && outcomes[i]?.type === 'refused' ? [] : [formatMailbox(recipient)],
      ),
      sizeBytes,
      client: {
        service,
        session: this.#id,
        peer: this.#peer,
        ...(mail.user !== undefined && { user: mail.user }),
      },
      ...(writing?.intake.messageId !== undefined && { messageId: writing.intake.messageId }),
    })
    if (!isDirect) return
    const progress = delaysOf({ queueId, acceptedAt: clock.wall() }, undefined, clock)
    for (const [i, { recipient }] of recipients.entries()) {
      const outcome = outcomes[i]
      if (outcome?.type !== 'delivered') continue
      const { detail } = outcome
      const name = formatMailbox(recipient)
      const relay = 'local'
      const to = { recipient: name, route: relay, relay, ...progress } as const
      events({ type: 'mail-delivered', queueId, ...to, detail })
    }
  }

  #refuse(command: string, fault: Fault): Verdict {
    const reply = replyToFault(fault)
    this.#tellRefused(command, reply, fault.message)
    return { ok: false, reply }
  }

  #refuseBy(command: string, { reply, by }: Extract<ChainAnswer, { ok: false }>): Verdict {
    this.#tellRefused(command, reply, `policy: ${by}`)
    return { ok: false, reply }
  }

  #tellRefused(command: string, reply: Reply, why?: string): void {
    const { events, service } = this.#context
    const said = `${reply.code} ${reply.enhanced ?? ''} ${reply.lines.join(' ')}`
    events({
      type: 'command-refused',
      service,
      session: this.#id,
      peer: this.#peer,
      command,
      reply: why === undefined ? said : `${said} (${why})`,
    })
  }

  #required(): Transaction {
    const transaction = this.#transaction
    assert(transaction !== undefined, 'the machine asks this in a mail transaction only')
    return transaction
  }
}

/** Whether it is an alias that stands for nobody, told before it takes the others' mail with it. */
function leadsBack(local: LocalTarget, recipient: Mailbox): boolean {
  if (!local.isAlias(recipient)) return false
  try {
    local.expand(recipient)
    return false
  } catch (error) {
    asFault(error)
    return true
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

/** For good; `enhanced` is the enhanced status code. RFC 3463 §2. */
function recipientRejected(recipient: string, enhanced: string, why: string): Reply {
  const text = `<${recipient}>: Recipient address rejected: ${why}`
  return { code: 550, enhanced, lines: [text] }
}
