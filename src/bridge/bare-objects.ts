/**
 * Batch-SMTP objects as they are, from gateways of other makes. RFC 2442. Nobody there would understand
 * an acknowledgement, so what is refused is reported to the sender, where it is his (`report-policy.ts`), and a copy is known by
 * what its carrier calls it.
 */

import { fromUtf8, toHex } from '../base/bytes.ts'
import { asFault } from '../base/fault.ts'
import { sha256 } from '../base/sha256.ts'
import type { Reply } from '../proto/smtp/reply.ts'
import { readMails } from './batch-reader.ts'
import type { ReceivedAdu } from './carrier.ts'
import { badAdu } from './fault.ts'
import { OBJECT_MAILS_READ_MAX } from './limits.ts'
import { type MailTaking, type OfferedMail, refusalOf } from './mail-taking.ts'
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

  async #takeAll({ from, id: name, payload, expiresAt, ...how }: ReceivedAdu): Promise<void> {
    const passedOver: string[] = []
    const { mails, rejected, refused } = readMails(payload, {
      ...this.#options,
      mailsMax: OBJECT_MAILS_READ_MAX,
      passOver: ({ lines }) => passedOver.push(lines.join(' ')),
    })
    const [first] = passedOver
    if (first !== undefined) {
      const where = `object of ${from}, ${passedOver.length} recipients passed over`
      this.#ports.events({ type: 'trouble', where, reason: first })
    }
    const why = refused ?? [...rejected.values()][0]
    const reason = why?.lines.join(' ') ?? 'no mail in it'
    // Who hears it returns the mails: reports of ours would be the second.
    const isForReport = rejected.size > 0 && !how.hearsRefusal
    if (mails.length === rejected.size && !isForReport) throw badAdu(reason)
    if (refused !== undefined) {
      const where = `object of ${from} behind its mail ${mails.length}`
      this.#ports.events({ type: 'trouble', where, reason })
    }
    const id = toHex(sha256(fromUtf8(name)).subarray(0, 16))
    for (const [i, mail] of mails.entries()) {
      await this.#take({ from, transaction: `${id}-${i}`, expiresAt, mail }, rejected.get(i))
    }
  }

  async #take(offered: OfferedMail, rejected: Reply | undefined): Promise<void> {
    const { taking } = this.#ports
    const { from, transaction, expiresAt, mail } = offered
    const refusals =
      rejected === undefined ? await taking.take(offered) : [refusalOf(rejected, undefined)]
    if (refusals.length === 0) return
    const about = { id: transaction, gateway: from, mail, refusals }
    await taking.once({ from, transaction: `${transaction}-report`, expiresAt }, (changes) =>
      reportRefusals(this.#options.host, about, this.#ports, changes),
    )
  }
}
