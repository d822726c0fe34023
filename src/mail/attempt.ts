/** One attempt to deliver one queued mail to one next hop. */

import { assert } from '../base/assert.ts'
import { asFault, type Fault } from '../base/fault.ts'
import type { StoreChange } from '../ports/store.ts'
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
  readonly placing: Placing | undefined
}

/** What is written of a message for one recipient; where nothing is kept of it, `detail` says why. */
export interface Placing {
  readonly placements: readonly Placement[]
  readonly detail?: string
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

/**
 * Delivers into mailboxes of this host. `record` makes durable what is about to appear, `changes` says
 * what that is.
 */
export async function deliverLocally(
  local: LocalTarget,
  mail: AttemptMail,
  { changes, record }: PlacingRecord,
): Promise<Outcomes> {
  const placing = new Map<number, Placing>()
  const unwritten = mail.addressees.filter((one) => one.placing === undefined)
  let outcomes: Outcomes = new Map()
  if (unwritten.length > 0) {
    const written = await begin((start) => local.start(start), { ...mail, addressees: unwritten })
    outcomes = written.outcomes
    const results = (await written.delivery?.prepare()) ?? []
    const unrecorded = new Map<number, Placing>()
    for (const [i, { index }] of written.taken.entries()) {
      const result = required(results[i])
      if (!result.ok) {
        outcomes.set(index, refused(result.fault))
        continue
      }
      const { placements, detail, redirect } = result.value
      const one = detail === '' ? { placements } : { placements, detail }
      if (redirect === undefined) unrecorded.set(index, one)
      else {
        // Accepted for the others and recorded here in one commit, so that nobody has it twice.
        const fault = await faultOf(redirect(changes(new Map([[index, one]]))))
        if (fault === undefined) placing.set(index, one)
        else outcomes.set(index, refused(fault))
      }
    }
    const fault = unrecorded.size === 0 ? undefined : await faultOf(record(changes(unrecorded)))
    for (const [index, one] of unrecorded) {
      if (fault === undefined) placing.set(index, one)
      else outcomes.set(index, refused(fault))
    }
    await written.delivery?.finish((i) => placing.has(required(written.taken[i]).index))
  }
  for (const { index, mailbox, placing: before } of mail.addressees) {
    const written = before ?? placing.get(index)
    if (written !== undefined) outcomes.set(index, await place(local, mailbox, written))
  }
  return outcomes
}

export interface PlacingRecord {
  readonly changes: (placing: ReadonlyMap<number, Placing>) => readonly StoreChange[]
  readonly record: (changes: readonly StoreChange[]) => Promise<void>
}

export async function place(
  local: LocalTarget,
  mailbox: Mailbox,
  { placements, detail }: Placing,
): Promise<Outcome> {
  try {
    const paths = await local.place(mailbox, placements)
    const said = detail === undefined ? paths : [...paths, detail]
    return { type: 'delivered', detail: said.join(', ') }
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

export async function faultOf(step: Promise<void>): Promise<Fault | undefined> {
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
