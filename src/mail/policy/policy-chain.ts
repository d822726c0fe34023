import { concat, NO_BYTES } from '../../base/bytes.ts'
import { asFault } from '../../base/fault.ts'
import type { EventSink } from '../../ports/events.ts'
import type { Mailbox } from '../../proto/smtp/envelope.ts'
import { LOCAL_ERROR, type Reply } from '../../proto/smtp/reply.ts'
import type {
  Asked,
  MessageFilter,
  MessageReader,
  Policy,
  PolicyAnswer,
  PolicyMail,
  PolicyMessage,
  PolicySession,
} from './policy.ts'

/** What all of them together say: the first refusal, or every header that they want added. */
export type ChainAnswer =
  | { readonly ok: true; readonly headers: readonly string[] }
  | { readonly ok: false; readonly reply: Reply; readonly by: string }

export type MessageReaders = ReadonlyMap<Policy, MessageReader>

/** Several policies as one: asked in order, until one refuses. */
export class PolicyChain {
  readonly #policies: readonly Policy[]
  readonly #events: EventSink

  constructor(policies: readonly Policy[], events: EventSink) {
    this.#policies = policies
    this.#events = events
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

  /** All that it passes through, in their order. */
  filter(session: PolicySession, mail: PolicyMail): MessageFilter {
    const filters = this.#policies.flatMap((policy) => policy.filter?.(session, mail) ?? [])
    return {
      push: (bytes) => filters.reduce((passed, filter) => filter.push(passed), bytes),
      end: () =>
        filters.reduce<Uint8Array>(
          (passed, filter) => concat(filter.push(passed), filter.end()),
          NO_BYTES,
        ),
    }
  }

  /** Those who see the message that comes now; they are asked by `endOfData`. */
  readers(session: PolicySession, mail: PolicyMail): MessageReaders {
    const readers = new Map<Policy, MessageReader>()
    for (const policy of this.#policies) {
      const reader = policy.reader?.(session, mail)
      if (reader !== undefined) readers.set(policy, reader)
    }
    return readers
  }

  /** What costs little is asked first: who has read the message looks up names before it answers. */
  async endOfData(
    session: PolicySession,
    mail: PolicyMail,
    message: PolicyMessage,
    readers: MessageReaders,
  ): Promise<ChainAnswer> {
    const said = await this.#ask((policy) => policy.endOfData?.(session, mail, message))
    if (!said.ok) return said
    const read = await this.#ask((policy) => readers.get(policy)?.end())
    return read.ok ? { ok: true, headers: [...said.headers, ...read.headers] } : read
  }

  ended(session: PolicySession): void {
    for (const policy of this.#policies) policy.ended?.(session)
  }

  async #ask(question: (policy: Policy) => Asked): Promise<ChainAnswer> {
    const headers: string[] = []
    for (const policy of this.#policies) {
      const answer = this.#answerOf(policy, question)
      // Most have nothing to say to most questions, and waiting for that costs too.
      const said = answer === undefined ? undefined : await answer
      if (said === undefined) continue
      if (said.type !== 'accept') return { ok: false, reply: said.reply, by: policy.name }
      headers.push(...(said.headers ?? []))
    }
    return { ok: true, headers }
  }

  /** One that fails defers the mail: nobody gets round a check by making it fail. */
  #answerOf(policy: Policy, question: (policy: Policy) => Asked): Asked {
    const failed = (error: unknown): PolicyAnswer => {
      const reason = asFault(error).message
      this.#events({ type: 'trouble', where: `policy ${policy.name}`, reason })
      return { type: 'defer', reply: LOCAL_ERROR }
    }
    try {
      return question(policy)?.catch(failed)
    } catch (error) {
      return Promise.resolve(failed(error))
    }
  }
}
