/** One mail on its way to a server: what has been answered, and what follows from it. RFC 5321 §3.3. */

import { assert } from '../../base/assert.ts'
import { type OutgoingMail, offeredMail, offeredRecipient } from './client-envelope.ts'
import { type Command, formatCommand } from './command.ts'
import type { Mailbox } from './envelope.ts'
import type { Extensions } from './extension.ts'
import { isPositive, type Reply } from './reply.ts'

/** The commands of a mail. */
export type MailStep =
  | { readonly type: 'reset' | 'mail' | 'data' }
  | { readonly type: 'recipient'; readonly index: number }

export class ClientTransaction {
  readonly #mail: OutgoingMail
  #senderRefusal: Reply | undefined
  readonly #recipientReplies: Reply[] = []
  /** Of the message: one for all, or by LMTP one for each that it was wanted for. RFC 2033. */
  #finalReply: Reply | undefined
  readonly #finalReplies = new Map<number, Reply>()

  constructor(mail: OutgoingMail) {
    this.#mail = mail
  }

  /** Everything up to the message itself. */
  steps(resetNeeded: boolean): MailStep[] {
    return [
      ...(resetNeeded ? [{ type: 'reset' } as const] : []),
      { type: 'mail' },
      ...this.#mail.recipients.map((_, index) => ({ type: 'recipient', index }) as const),
      ...(this.isBinary ? [] : [{ type: 'data' } as const]),
    ]
  }

  /** It goes by BDAT, without DATA. RFC 3030 §3. */
  get isBinary(): boolean {
    return this.#mail.from.parameters.body === 'BINARYMIME'
  }

  /** The command line of a step. */
  line(step: MailStep, offered: Extensions): string {
    return `${formatCommand(this.#command(step, offered))}\r\n`
  }

  /** The reply to a step; to `data` only where it is a refusal. */
  hear(step: MailStep, reply: Reply): void {
    switch (step.type) {
      case 'reset':
        break
      case 'mail':
        if (!isPositive(reply)) this.#senderRefusal = reply
        break
      case 'recipient':
        this.#recipientReplies[step.index] = reply
        break
      case 'data':
        this.#finalReply = reply
        break
    }
  }

  /** The reply to the end of the message, or to that for one recipient. */
  finish(reply: Reply, index?: number): void {
    if (index === undefined) this.#finalReply = reply
    else this.#finalReplies.set(index, reply)
  }

  /** Whether the end of the message is answered for some recipients already. */
  get isPartlyFinished(): boolean {
    return this.#finalReplies.size > 0
  }

  /** Places of the recipients that were accepted. */
  get wanted(): readonly number[] {
    if (this.isRefused) return []
    return this.#mail.recipients.flatMap((_, index) => {
      const reply = this.#recipientReplies[index]
      return reply !== undefined && isPositive(reply) ? [index] : []
    })
  }

  get isRefused(): boolean {
    return this.#senderRefusal !== undefined
  }

  /** Whether anybody is left whom the message could go to. */
  get isWanted(): boolean {
    return this.wanted.length > 0
  }

  /** One reply for each recipient, once nothing more is awaited. */
  outcome(): readonly Reply[] {
    return this.#mail.recipients.map((_, index) => {
      const own = this.#recipientReplies[index]
      const reply = this.#senderRefusal ?? (own && !isPositive(own) ? own : this.#final(index))
      assert(reply !== undefined, 'every recipient is answered')
      return reply
    })
  }

  #final(index: number): Reply | undefined {
    return this.#finalReplies.get(index) ?? this.#finalReply
  }

  #command(step: MailStep, offered: Extensions): Command {
    switch (step.type) {
      case 'reset':
        return { verb: 'RSET' }
      case 'mail':
        return { verb: 'MAIL', from: offeredMail(this.#mail, offered) }
      case 'recipient':
        return {
          verb: 'RCPT',
          recipient: this.#mail.recipients[step.index] as Mailbox,
          parameters: offeredRecipient(this.#mail.recipientParameters?.[step.index], offered),
        }
      case 'data':
        return { verb: 'DATA' }
    }
  }
}
