/** The lines of a host's /var/log/mail.log, as many as it may keep. */

import { MAIL_LOG_CHARACTERS_MAX } from './limits.ts'

export class MailLog {
  readonly #lines: string[] = []
  #characters = 0

  get lines(): readonly string[] {
    return this.#lines
  }

  /** Beyond the bound the older half is forgotten. */
  add(lines: readonly string[]): void {
    this.#lines.push(...lines)
    for (const { length } of lines) this.#characters += length
    if (this.#characters <= MAIL_LOG_CHARACTERS_MAX) return
    for (const { length } of this.#lines.splice(0, this.#lines.length / 2)) {
      this.#characters -= length
    }
  }

  clear(): void {
    this.#lines.length = 0
    this.#characters = 0
  }
}
