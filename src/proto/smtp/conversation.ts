/** What a session says and asks, in order, until its client has made too many mistakes. */

import type { FlowEffect, SecureEffect, StreamEffect } from '../../base/machine.ts'
import { Mistakes } from './mistakes.ts'
import type { OpenQuestion, SmtpQuestion } from './question.ts'
import { type Reply, tooManyErrors } from './reply.ts'
import { ReplyGroup } from './reply-group.ts'

export type SmtpServerEffect = StreamEffect | FlowEffect | SecureEffect | SmtpQuestion

export class Conversation {
  readonly mistakes: Mistakes = new Mistakes()
  readonly #hostname: string
  readonly #replies = new ReplyGroup()
  #effects: SmtpServerEffect[] = []
  #question: OpenQuestion | undefined
  #isOver = false

  constructor(hostname: string) {
    this.#hostname = hostname
  }

  /** Not yet answered: no further command is read until then. */
  get question(): OpenQuestion | undefined {
    return this.#question
  }

  /** The client has been sent away, and the session is to be closed. */
  get isOver(): boolean {
    return this.#isOver
  }

  ask(question: OpenQuestion): void {
    if (this.#replies.isUrgent) this.flush()
    this.#question = question
    this.#effects.push(question)
  }

  /** The question is answered, or nobody waits for that any more. */
  answered(): void {
    this.#question = undefined
  }

  say(reply: Reply): void {
    this.#replies.addUrgent(reply)
  }

  /** To MAIL, RCPT or RSET. */
  sayInGroup(reply: Reply): void {
    this.#replies.add(reply)
  }

  /** It counts. */
  refuse(command: string, reply: Reply): void {
    this.say(reply)
    this.#effects.push({ type: 'refused', command, reply })
    this.bear(this.mistakes.refusal())
  }

  /** `isTooMany`: the last mistake was one too many. */
  bear(isTooMany: boolean): void {
    if (isTooMany) this.dismiss('(errors)', tooManyErrors(this.#hostname))
  }

  dismiss(command: string, reply: Reply): void {
    if (this.#isOver) return
    this.#isOver = true
    this.say(reply)
    this.#effects.push({ type: 'refused', command, reply })
  }

  emit(effect: SmtpServerEffect): void {
    this.#effects.push(effect)
  }

  /** Sends all that was said. */
  flush(): void {
    const bytes = this.#replies.take()
    if (bytes !== undefined) this.#effects.push({ type: 'send', bytes })
  }

  /** All since it was last asked for. */
  take(): readonly SmtpServerEffect[] {
    const effects = this.#effects
    this.#effects = []
    return effects
  }
}
