/**
 * A mail whose recipients all have mailboxes here, written there before it is accepted: the queue then
 * keeps only that it has to appear, and never the message.
 */

import type { StoreChange } from '../ports/store.ts'
import type { Mailbox, RecipientParameters } from '../proto/smtp/envelope.ts'
import { faultOf, type Placing } from './attempt.ts'
import type { MailStart } from './delivery.ts'
import type { LocalTarget } from './local-target.ts'
import type { Routes } from './route.ts'

export interface Addressee {
  readonly recipient: Mailbox
  readonly parameters: RecipientParameters
}

/** A mail that is here as a whole. */
export interface WholeMail {
  readonly start: MailStart
  readonly recipients: readonly Addressee[]
  readonly message: readonly Uint8Array[]
  /** Becomes durable in the step that accepts it. */
  readonly alongside: readonly StoreChange[]
}

export interface WrittenMail {
  /** By index of recipient: durable, and seen by no reader. */
  readonly placing: ReadonlyMap<number, Placing>
  /** To be called once it is known whether it is accepted: what is not leaves nothing behind. */
  readonly finish: (isAccepted: boolean) => Promise<void>
}

/** Delivered at once, there is nobody to report it or to wait for its time. */
function needsQueue({ from }: MailStart, { parameters }: Addressee): boolean {
  return parameters.notify?.includes('success') === true || from.parameters.hold !== undefined
}

/** Whether nothing but its mailbox has to do with a mail for this recipient. */
export function isHere(
  mail: MailStart,
  addressee: Addressee,
  { local, routes }: { readonly local: LocalTarget; readonly routes: Routes },
): boolean {
  const { recipient } = addressee
  return (
    !needsQueue(mail, addressee) &&
    !local.isAlias(recipient) &&
    routes.of(recipient)?.transport === 'local'
  )
}

/** Undefined, with nothing left behind, where it cannot be written so for all of them: the queue sees to it. */
export async function writeHere(
  { start, recipients, message }: WholeMail,
  local: LocalTarget,
): Promise<WrittenMail | undefined> {
  const delivery = await local.start(start)
  for (const { recipient } of recipients) {
    if ((await faultOf(delivery.addRecipient(recipient))) !== undefined) return undefined
  }
  for (const piece of message) await delivery.write(piece)
  const placing = new Map<number, Placing>()
  for (const [i, result] of (await delivery.prepare()).entries()) {
    // Whom a filter sends it on to is accepted for by the queue.
    if (!result.ok || result.value.redirect !== undefined) continue
    const { placements, detail } = result.value
    placing.set(i, detail === '' ? { placements } : { placements, detail })
  }
  const isWhole = placing.size === recipients.length
  if (isWhole) return { placing, finish: (isAccepted) => delivery.finish(() => isAccepted) }
  await delivery.finish(() => false)
  return undefined
}
