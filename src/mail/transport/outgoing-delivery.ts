import { asFault, type Fault } from '../../base/fault.ts'
import type { Mailbox, RecipientParameters } from '../../proto/smtp/envelope.ts'
import type { Delivery, MailStart, Outcome } from '../delivery.ts'
import { Body } from './body.ts'

/** A mail for other hosts, and how it is brought there; rejects with a Fault that counts for all recipients. */
export interface Errand {
  readonly mail: MailStart
  readonly recipients: readonly Mailbox[]
  readonly recipientParameters: readonly (RecipientParameters | undefined)[]
  readonly body: Body
}

/**
 * Sets out with the first byte of the message, and gives the rest on as it comes: in bounded memory,
 * and a short message does not keep the queue waiting for a slow server.
 */
export class OutgoingDelivery implements Delivery {
  readonly #mail: MailStart
  readonly #run: (errand: Errand) => Promise<readonly Outcome[]>
  readonly #recipients: Mailbox[] = []
  readonly #parameters: (RecipientParameters | undefined)[] = []
  readonly #body = new Body()
  #outcomes: Promise<readonly Outcome[]> | undefined

  readonly #judge: (recipient: Mailbox) => void

  /** `judge` throws a Fault for recipients whom this is no way to. */
  constructor(
    mail: MailStart,
    run: (errand: Errand) => Promise<readonly Outcome[]>,
    judge: (recipient: Mailbox) => void = () => {},
  ) {
    this.#mail = mail
    this.#run = run
    this.#judge = judge
  }

  async addRecipient(recipient: Mailbox, parameters?: RecipientParameters): Promise<void> {
    this.#judge(recipient)
    this.#recipients.push(recipient)
    this.#parameters.push(parameters)
  }

  write(bytes: Uint8Array): Promise<void> {
    void this.#setOut()
    return this.#body.write(bytes)
  }

  commit(): Promise<readonly Outcome[]> {
    this.#body.end()
    return this.#setOut()
  }

  async abort(): Promise<void> {
    this.#body.close()
  }

  #setOut(): Promise<readonly Outcome[]> {
    this.#outcomes ??= this.#run({
      mail: this.#mail,
      recipients: this.#recipients,
      recipientParameters: this.#parameters,
      body: this.#body,
    })
      .catch((error: unknown) => refusedAll(this.#recipients.length, asFault(error)))
      .finally(() => this.#body.close())
    return this.#outcomes
  }
}

export function refusedAll(count: number, fault: Fault): readonly Outcome[] {
  return Array.from({ length: count }, () => ({ type: 'refused', fault }))
}
