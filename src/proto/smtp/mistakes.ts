/** What a server bears of one client before it sends it away. */

import {
  AUTH_FAILURES_MAX,
  ERRORS_MAX,
  HURRIED_ERRORS_MAX,
  HURRIED_IDLE_COMMANDS_MAX,
  IDLE_COMMANDS_MAX,
  RECIPIENTS_OVERSHOOT_MAX,
} from './limits.ts'

export class Mistakes {
  #isHurried = false
  #errors = 0
  #idleCommands = 0
  #excessRecipients = 0
  #authenticationFailures = 0

  /** Less is borne from now on. */
  hurry(): void {
    this.#isHurried = true
  }

  /** Each of these tells whether that was one too many. */
  refusal(): boolean {
    return ++this.#errors >= (this.#isHurried ? HURRIED_ERRORS_MAX : ERRORS_MAX)
  }

  /** Of a command that brings no mail any further. */
  idleCommand(): boolean {
    const max = this.#isHurried ? HURRIED_IDLE_COMMANDS_MAX : IDLE_COMMANDS_MAX
    return ++this.#idleCommands > max && this.refusal()
  }

  excessRecipient(): boolean {
    return ++this.#excessRecipients > RECIPIENTS_OVERSHOOT_MAX && this.refusal()
  }

  authenticationFailure(): boolean {
    return ++this.#authenticationFailures >= AUTH_FAILURES_MAX
  }

  /** A mail was accepted: but for guessed passwords all is forgotten. */
  forgive(): void {
    this.#errors = 0
    this.#idleCommands = 0
    this.#excessRecipients = 0
  }
}
