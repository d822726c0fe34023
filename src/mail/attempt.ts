/** One attempt to deliver one queued mail to one next hop. */

import { assert } from '../base/assert.ts'
import { asFault, type Fault } from '../base/fault.ts'
import type { Mailbox, RecipientParameters } from '../proto/smtp/envelope.ts'
import type { Delivery, MailStart, Outcome } from './delivery.ts'
import type { LocalTarget } from './local-target.ts'
import type { Placement } from './maildir-draft.ts'

/** A recipient by its index in the envelope. */
export interface Addressee {
  readonly index: number
  readonly mailbox: Mailbox
  readonly parameters: RecipientParameters
  /** Where it has been written already, in an attempt that did not end. */
  readonly placement: Placement | undefined
}

export type Outcomes = Map<number, Outcome>

export interface AttemptMail {
  readonly start: MailStart
  readonly addressees: readonly Addressee[]
  /** The message; read as it is asked for. */
  readonly chunks: Iterable<Uint8Array>
}

/**
 * Hands the message over to another next hop. Resolves when it is with the target, with the promise
 * of the outcomes: that one may take days.
 */
export async function handOver(
  start: (mail: MailStart) => Promise<Delivery>,
  mail: AttemptMail,
): Promise<{ readonly outcomes: Promise<Outcomes> }> {
  const begun = await begin(start, mail)
  const { delivery, taken, outcomes } = begun
  if (delivery === undefined) return { outcomes: Promise.resolve(outcomes) }
  const committed = delivery.commit().then((results) => {
    for (const [i, { index }] of taken.entries()) outcomes.set(index, required(results[i]))
    return outcomes
  })
  return { outcomes: committed }
}

/** Delivers into mailboxes of this host; `record` makes the placements durable. */
export async function deliverLocally(
  local: LocalTarget,
  mail: AttemptMail,
  record: (placements: ReadonlyMap<number, Placement>) => Promise<void>,
): Promise<Outcomes> {
  const placements = new Map<number, Placement>()
  const unwritten = mail.addressees.filter(({ placement }) => placement === undefined)
  let outcomes: Outcomes = new Map()
  if (unwritten.length > 0) {
    const written = await begin((start) => local.start(start), { ...mail, addressees: unwritten })
    outcomes = written.outcomes
    const results = (await written.delivery?.prepare()) ?? []
    for (const [i, { index }] of written.taken.entries()) {
      const result = required(results[i])
      if (result.ok) placements.set(index, result.value)
      else outcomes.set(index, refused(result.fault))
    }
    try {
      if (placements.size > 0) await record(placements)
    } catch (error) {
      await written.delivery?.abort()
      for (const index of placements.keys()) outcomes.set(index, refused(asFault(error)))
      placements.clear()
    }
  }
  for (const { index, mailbox, placement } of mail.addressees) {
    const written = placement ?? placements.get(index)
    if (written !== undefined) outcomes.set(index, await place(local, mailbox, written))
  }
  return outcomes
}

export async function place(
  local: LocalTarget,
  mailbox: Mailbox,
  placement: Placement,
): Promise<Outcome> {
  try {
    return { type: 'delivered', detail: await local.place(mailbox, placement) }
  } catch (error) {
    return refused(asFault(error))
  }
}

export function refused(fault: Fault): Outcome {
  return { type: 'refused', fault }
}

interface Begun<Kind extends Delivery> {
  /** Undefined where nobody is left to deliver to. */
  readonly delivery: Kind | undefined
  readonly taken: readonly Addressee[]
  /** Of those that are not taken. */
  readonly outcomes: Outcomes
}

async function begin<Kind extends Delivery>(
  start: (mail: MailStart) => Promise<Kind>,
  mail: AttemptMail,
): Promise<Begun<Kind>> {
  const outcomes: Outcomes = new Map()
  const taken: Addressee[] = []
  let delivery: Kind | undefined
  try {
    delivery = await start(mail.start)
    for (const addressee of mail.addressees) {
      const fault = await faultOf(delivery.addRecipient(addressee.mailbox, addressee.parameters))
      if (fault === undefined) taken.push(addressee)
      else outcomes.set(addressee.index, refused(fault))
    }
    if (taken.length > 0) {
      for (const chunk of mail.chunks) await delivery.write(chunk)
      return { delivery, taken, outcomes }
    }
  } catch (error) {
    const fault = asFault(error)
    for (const { index } of mail.addressees) {
      if (!outcomes.has(index)) outcomes.set(index, refused(fault))
    }
  }
  await delivery?.abort()
  return { delivery: undefined, taken: [], outcomes }
}

async function faultOf(step: Promise<void>): Promise<Fault | undefined> {
  try {
    await step
    return undefined
  } catch (error) {
    return asFault(error)
  }
}

function required<T>(result: T | undefined): T {
  assert(result !== undefined, 'a target answers for every recipient')
  return result
}
