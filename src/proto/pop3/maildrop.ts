/** What one session sees of a maildrop: fixed numbers, and marks that only an UPDATE carries out. RFC 1939 §4, §5. */

export interface MaildropMessage {
  /** One to 70 characters in the range 0x21 to 0x7E. RFC 1939 §7. */
  readonly uid: string
  /** In octets as sent: each line end counts two, stuffed dots none. RFC 1939 §11. */
  readonly sizeBytes: number
}

export class Maildrop {
  readonly #messages: readonly MaildropMessage[]
  readonly #deleted = new Set<number>()
  readonly #totalBytes: number
  #deletedBytes = 0

  /** The first of `messages` gets number 1. */
  constructor(messages: readonly MaildropMessage[]) {
    this.#messages = messages
    this.#totalBytes = messages.reduce((sum, message) => sum + message.sizeBytes, 0)
  }

  /** Highest number given. */
  get highest(): number {
    return this.#messages.length
  }

  get count(): number {
    return this.#messages.length - this.#deleted.size
  }

  get sizeBytes(): number {
    return this.#totalBytes - this.#deletedBytes
  }

  /** Numbers marked as deleted. */
  get deleted(): readonly number[] {
    return [...this.#deleted]
  }

  /** Undefined where there is none of this number, or where it is marked as deleted. */
  find(number: number): MaildropMessage | undefined {
    return this.#deleted.has(number) ? undefined : this.#messages[number - 1]
  }

  /** Without effect on what `find` does not find. */
  delete(number: number): void {
    this.#deletedBytes += this.find(number)?.sizeBytes ?? 0
    if (this.#messages[number - 1] !== undefined) this.#deleted.add(number)
  }

  undelete(): void {
    this.#deleted.clear()
    this.#deletedBytes = 0
  }
}
