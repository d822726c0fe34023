/**
 * Batch-SMTP objects as they are, from gateways of other makes. RFC 2442. Nobody there would understand
 * an acknowledgement, so what is refused is reported to the sender, where it is his (`report-policy.ts`), and a copy is known by
 * what its carrier calls it.
 */

import { fromUtf8, toHex } from '../base/bytes.ts'
import { asFault } from '../base/fault.ts'
import { sha256 } from '../base/sha256.ts'
import { type BatchMail, readMails } from './batch-reader.ts'
import type { ReceivedAdu } from './carrier.ts'
import { badAdu } from './fault.ts'
import { OBJECT_MAILS_READ_MAX } from './limits.ts'
import type { MailTaking } from './mail-taking.ts'
import { type ReportPorts, reportRefusals } from './refusal-report.ts'

export interface BareObjectsPorts extends ReportPorts {
  readonly taking: MailTaking
}

export class BareObjects {
  readonly #options: { readonly host: string; readonly messageBytesMax: number }
  readonly #ports: BareObjectsPorts
  /** One after the other: a second copy finds what became of the first. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(
    options: { readonly host: string; readonly messageBytesMax: number },
    ports: BareObjectsPorts,
  ) {
    this.#options = options
    this.#ports = ports
  }

  /** Rejects with a Fault: temporary where the bundle has to wait, permanent where no mail is in it. */
  take(received: ReceivedAdu): Promise<void> {
    const taken = this.#turn.then(() => this.#takeAll(received))
    this.#turn = taken.catch(asFault)
    return taken
  }

  async #takeAll({ from, id: name, payload, expiresAt }: ReceivedAdu): Promise<void> {
    const { mails, refused } = readMails(payload, {
      ...this.#options,
      mailsMax: OBJECT_MAILS_READ_MAX,
    })
    const reason = refused?.lines.join(' ') ?? 'no mail in it'
    if (mails.length === 0) throw badAdu(reason)
    if (refused !== undefined) {
      const where = `object of ${from} behind its mail ${mails.length}`
      this.#ports.events({ type: 'trouble', where, reason })
    }
    const id = toHex(sha256(fromUtf8(name)).subarray(0, 16))
    for (const [i, mail] of mails.entries()) await this.#take(mail, from, `${id}-${i}`, expiresAt)
  }

  async #take(
    mail: BatchMail,
    from: string,
    transaction: string,
    expiresAt: ReceivedAdu['expiresAt'],
  ): Promise<void> {
    const { taking } = this.#ports
    const refusals = await taking.take({ from, transaction, expiresAt, mail })
    if (refusals.length === 0) return
    const about = { id: transaction, gateway: from, mail, refusals }
    await taking.once({ from, transaction: `${transaction}-report`, expiresAt }, (changes) =>
      reportRefusals(this.#options.host, about, this.#ports, changes),
    )
  }
}
