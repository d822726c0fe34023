/** Makes the ADU with several mails: their envelopes and messages as batch SMTP, packed. RFC 2442. */

import { concat } from '../base/bytes.ts'
import { addMs, type WallMs } from '../base/time.ts'
import type { MailStart } from '../mail/delivery.ts'
import type { Packing } from '../ports/packing.ts'
import { type BatchRecipient, writeBatches } from '../proto/smtp/batch.ts'
import type { MailFrom } from '../proto/smtp/envelope.ts'
import { encodeMails } from './adu.ts'
import { type PackingPlan, packObject } from './object-packing.ts'

export interface ObjectMail {
  readonly transaction: string
  readonly mail: MailStart
  readonly recipients: readonly BatchRecipient[]
  readonly message: Uint8Array | undefined
  /** When its envelope was as it is in `mail`. */
  readonly startedAt: WallMs
}

export interface ObjectPlan extends PackingPlan {
  /** As it names itself. */
  readonly host: string
  readonly wall: WallMs
  readonly mails: readonly ObjectMail[]
}

export async function makeObject(
  { host, wall, mails, ...how }: ObjectPlan,
  packing: Packing,
): Promise<{ readonly payload: Uint8Array; readonly messageBytes: number }> {
  const batch = mails.map(({ mail, recipients, message = new Uint8Array(0), startedAt }) => ({
    ...{ from: later(mail.from, addMs(wall, -startedAt)), recipients, message },
  }))
  const parts = writeBatches(host, batch)
  const packed = await packObject(concat(...parts), how, packing)
  const payload = encodeMails({
    ...packed,
    names: mails.map(({ transaction }) => transaction),
    sizes: parts.slice(0, -1).map(({ length }) => length),
  })
  return { payload, messageBytes: batch.reduce((sum, { message }) => sum + message.length, 0) }
}

/** The time that it is to be there in, less what it has waited here. RFC 2852. */
function later(from: MailFrom, waitedMs: number): MailFrom {
  const { deliverBy, ...parameters } = from.parameters
  if (deliverBy === undefined) return from
  const seconds = deliverBy.seconds - Math.floor(Math.max(0, waitedMs) / 1000)
  return { ...from, parameters: { ...parameters, deliverBy: { ...deliverBy, seconds } } }
}
