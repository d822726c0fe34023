import { asFault } from '../../base/fault.ts'
import type { EventSink } from '../../ports/events.ts'
import type { Mailbox } from '../../proto/smtp/envelope.ts'
import { LOCAL_ERROR, type Reply } from '../../proto/smtp/reply.ts'
import type { Policy, PolicyAnswer, PolicyMail, PolicyMessage, PolicySession } from './policy.ts'

/** What all of them together say: the first refusal, or every header that they want added. */
export type ChainAnswer =
  | { readonly ok: true; readonly headers: readonly string[] }
  | { readonly ok: false; readonly reply: Reply; readonly by: string }

/** Several policies as one: asked in order, until one refuses. */
export class PolicyChain {
  readonly #policies: readonly Policy[]
  readonly #events: EventSink
  readonly readsMessage: boolean

  constructor(policies: readonly Policy[], events: EventSink) {
    this.#policies = policies
    this.#events = events
    this.readsMessage = policies.some((policy) => policy.readsMessage)
  }

  authenticated(session: PolicySession): Promise<ChainAnswer> {
    return this.#ask((policy) => policy.authenticated?.(session))
  }

  connect(session: PolicySession): Promise<ChainAnswer> {
    return this.#ask((policy) => policy.connect?.(session))
  }

  helo(session: PolicySession): Promise<ChainAnswer> {
    return this.#ask((policy) => policy.helo?.(session))
  }

  mail(session: PolicySession, mail: PolicyMail): Promise<ChainAnswer> {
    return this.#ask((policy) => policy.mail?.(session, mail))
  }

  recipient(session: PolicySession, mail: PolicyMail, recipient: Mailbox): Promise<ChainAnswer> {
    return this.#ask((policy) => policy.recipient?.(session, mail, recipient))
  }

  data(session: PolicySession, mail: PolicyMail): Promise<ChainAnswer> {
    return this.#ask((policy) => policy.data?.(session, mail))
  }

  endOfData(
    session: PolicySession,
    mail: PolicyMail,
    message: PolicyMessage,
  ): Promise<ChainAnswer> {
    return this.#ask((policy) => policy.endOfData?.(session, mail, message))
  }

  ended(session: PolicySession): void {
    for (const policy of this.#policies) policy.ended?.(session)
  }

  async #ask(
    question: (policy: Policy) => Promise<PolicyAnswer> | undefined,
  ): Promise<ChainAnswer> {
    const headers: string[] = []
    for (const policy of this.#policies) {
      const answer = await this.#answerOf(policy, question)
      if (answer === undefined) continue
      if (answer.type !== 'accept') return { ok: false, reply: answer.reply, by: policy.name }
      headers.push(...(answer.headers ?? []))
    }
    return { ok: true, headers }
  }

  /** One that fails defers the mail: nobody gets round a check by making it fail. */
  async #answerOf(
    policy: Policy,
    question: (policy: Policy) => Promise<PolicyAnswer> | undefined,
  ): Promise<PolicyAnswer | undefined> {
    try {
      return await question(policy)
    } catch (error) {
      const reason = asFault(error).message
      this.#events({ type: 'trouble', where: `policy ${policy.name}`, reason })
      return { type: 'defer', reply: LOCAL_ERROR }
    }
  }
}
