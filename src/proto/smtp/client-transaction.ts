/** One mail on its way to a server: what has been answered, and what follows from it. RFC 5321 §3.3. */

import { assert } from '../../base/assert.ts'
import { type Command, formatCommand } from './command.ts'
import type { Mailbox, MailFrom } from './envelope.ts'
import type { Extensions } from './extension.ts'
import { isPositive, type Reply } from './reply.ts'

/** The commands of a mail. */
export type MailStep =
  | { readonly type: 'reset' | 'mail' | 'data' }
  | { readonly type: 'recipient'; readonly index: number }

export class ClientTransaction {
  readonly #from: MailFrom
  readonly #recipients: readonly Mailbox[]
  #senderRefusal: Reply | undefined
  readonly #recipientReplies: Reply[] = []
  #finalReply: Reply | undefined

  constructor(from: MailFrom, recipients: readonly Mailbox[]) {
    this.#from = from
    this.#recipients = recipients
  }

  /** Everything up to the message itself. */
  steps(resetNeeded: boolean): MailStep[] {
    return [
      ...(resetNeeded ? [{ type: 'reset' } as const] : []),
      { type: 'mail' },
      ...this.#recipients.map((_, index) => ({ type: 'recipient', index }) as const),
      { type: 'data' },
    ]
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

  /** The reply to the end of the message. */
  finish(reply: Reply): void {
    this.#finalReply = reply
  }

  get isRefused(): boolean {
    return this.#senderRefusal !== undefined
  }

  /** Whether anybody is left whom the message could go to. */
  get isWanted(): boolean {
    return !this.isRefused && this.#recipientReplies.some(isPositive)
  }

  /** One reply for each recipient, once nothing more is awaited. */
  outcome(): readonly Reply[] {
    return this.#recipients.map((_, index) => {
      const own = this.#recipientReplies[index]
      const reply = this.#senderRefusal ?? (own && !isPositive(own) ? own : this.#finalReply)
      assert(reply !== undefined, 'every recipient is answered')
      return reply
    })
  }

  #command(step: MailStep, offered: Extensions): Command {
    switch (step.type) {
      case 'reset':
        return { verb: 'RSET' }
      case 'mail':
        return { verb: 'MAIL', from: onlyOffered(this.#from, offered) }
      case 'recipient':
        return { verb: 'RCPT', recipient: this.#recipients[step.index] as Mailbox }
      case 'data':
        return { verb: 'DATA' }
    }
  }
}

/** A parameter that the server does not know would have the mail refused. RFC 5321 §4.1.1.11. */
function onlyOffered({ reversePath, parameters }: MailFrom, offered: Extensions): MailFrom {
  const { sizeBytes, body } = parameters
  return {
    reversePath,
    parameters: {
      ...(offered.size && sizeBytes !== undefined ? { sizeBytes } : {}),
      ...(offered.eightBitMime && body !== undefined ? { body } : {}),
    },
  }
}
