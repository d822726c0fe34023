/** What of a mail waits here when it crosses an expensive link, and the mail as it crosses then. */

import { concat, fromLatin1, toLatin1 } from '../base/bytes.ts'
import { addMs } from '../base/time.ts'
import { faultOf } from '../mail/attempt.ts'
import type { Delivery, DeliveryTarget, MailStart, Outcome } from '../mail/delivery.ts'
import type { Clock } from '../ports/clock.ts'
import { attachmentsAbove } from '../proto/message/attachments.ts'
import type { MessagePart } from '../proto/message/envelope.ts'
import { HEADER_BYTES_MAX } from '../proto/message/limits.ts'
import { type Splice, Splicer } from '../proto/message/splicer.ts'
import { StructureReader } from '../proto/message/structure.ts'
import type { MailParameters } from '../proto/smtp/envelope.ts'
import { formatMailbox } from '../proto/smtp/path.ts'
import type { HeldAttachment, HeldAttachments, HeldPlan } from './held-attachments.ts'
import {
  formatHeldBack,
  formatNotice,
  formatWhole,
  type HeldFields,
  isSentOnDemand,
} from './held-notice.ts'
import { HELD_PARTS_MAX, STRUCTURE_TURN_BYTES } from './limits.ts'
import type { HeldBackOptions } from './link-options.ts'

export interface HoldingBackOptions extends Pick<HeldBackOptions, 'keepMs'> {
  /** As this host names itself. */
  readonly host: string
  /** In which it is asked for attachments: one of its own. */
  readonly domain: string
}

export interface HoldingBackPorts {
  readonly held: HeldAttachments
  readonly clock: Clock
}

/** How a mail crosses. */
export interface Holding {
  /** As it is then. */
  readonly sizeBytes: number
  /** The largest of the mails that bring what was held back, without their headers. */
  readonly largestBytes: number
  /** The message as it is then. */
  read(): Iterable<Uint8Array>
  start(inner: DeliveryTarget): Promise<Delivery>
}

export class HoldingBack {
  readonly #options: HoldingBackOptions
  readonly #ports: HoldingBackPorts

  constructor(options: HoldingBackOptions, ports: HoldingBackPorts) {
    this.#options = options
    this.#ports = ports
  }

  /**
   * Resolves with undefined where it crosses as it is; `above` undefined: only what was begun before
   * goes on. A large mail is read in several turns.
   */
  async of(
    mail: MailStart,
    route: string,
    above: number | undefined,
  ): Promise<Holding | undefined> {
    const { held } = this.#ports
    const { queueId, sizeBytes = 0, read } = mail
    const before = held.planOf(queueId, route)
    const isCandidate = above !== undefined && sizeBytes > above && !held.isHandedOut(queueId)
    if (read === undefined || (before === undefined && !isCandidate)) return undefined
    const { plan, fields } = before
      ? { plan: before, fields: {} }
      : await this.#plan(read, above ?? 0)
    if (plan.parts.length === 0) return undefined
    const splices = splicesOf(plan)
    return {
      sizeBytes: Splicer.sizeAfter(sizeBytes, splices),
      largestBytes: Math.max(...plan.parts.map(({ start, end }) => end - start)),
      read: () => splicedBy(new Splicer(splices), read()),
      start: async (inner) => {
        const crossing = { mail, route, plan, splices, isNew: before === undefined, fields }
        return this.#begin(crossing, await inner.start(shortened(mail, splices)))
      },
    }
  }

  async #plan(
    read: () => Iterable<Uint8Array>,
    above: number,
  ): Promise<{ readonly plan: HeldPlan; readonly fields: HeldFields }> {
    const { held, clock } = this.#ports
    const { host, domain, keepMs } = this.#options
    const { part: message, fields } = await this.#structureOf(read)
    const header = toLatin1(
      concat(...octetsOf(read(), 0, Math.min(message.bodyStart, HEADER_BYTES_MAX))),
    )
    const candidates = isSentOnDemand(header) ? [] : attachmentsAbove(message, above)
    const found = largest(candidates, HELD_PARTS_MAX)
    const date = clock.wall()
    const parts = found.map((part) => {
      const token = held.newToken()
      const expiresAt = addMs(date, keepMs)
      const about = { token, host, domain, date, expiresAt }
      const notice = part === message ? formatWhole(header, part, about) : formatNotice(part, about)
      return { token, start: part.headerStart, bodyStart: part.bodyStart, end: part.end, notice }
    })
    return {
      plan: { parts, head: formatHeldBack(host, found), names: [], expiresAt: addMs(date, keepMs) },
      fields: {
        ...(fields['from'] !== undefined && { from: fields['from'] }),
        ...(fields['subject'] !== undefined && { subject: fields['subject'] }),
        ...(fields['message-id'] !== undefined && { messageId: fields['message-id'] }),
      },
    }
  }

  async #structureOf(read: () => Iterable<Uint8Array>): Promise<Structure> {
    const { clock } = this.#ports
    const reader = new StructureReader()
    let turnBytes = 0
    for (const bytes of read()) {
      reader.push(bytes)
      turnBytes += bytes.length
      if (turnBytes < STRUCTURE_TURN_BYTES) continue
      turnBytes = 0
      await new Promise<void>((resume) => clock.at(clock.now(), resume))
    }
    return reader.end()
  }

  #begin(crossing: Crossing, inner: Delivery): Delivery {
    const { held } = this.#ports
    const { mail, route } = crossing
    const recipients: Recipient[] = []
    let splicer: Promise<Splicer> | undefined
    return {
      addRecipient: async (recipient, parameters = {}) => {
        await inner.addRecipient(recipient, parameters)
        recipients.push({ ...recipient, parameters })
      },
      write: async (bytes) => {
        splicer ??= this.#hold(crossing, recipients)
        await inner.write((await splicer).push(bytes))
      },
      commit: async () => {
        const outcomes = await inner.commit()
        // Before anybody is settled: once one is, the mail may be forgotten.
        const fault = outcomes.some(isDelivered)
          ? await faultOf(held.crossed(mail.queueId, route))
          : undefined
        return fault === undefined ? outcomes : outcomes.map(() => ({ type: 'refused', fault }))
      },
      abort: () => inner.abort(),
    }
  }

  /** Resolves once what is held back is durable. */
  async #hold(crossing: Crossing, recipients: readonly Recipient[]): Promise<Splicer> {
    const { mail, route, plan, splices, isNew, fields } = crossing
    const names = recipients.map(formatMailbox)
    if (!isNew) {
      // Whom a changed route brought here could not ask for it: for them all of it crosses.
      return new Splicer(names.every((name) => plan.names.includes(name)) ? splices : [])
    }
    const { queueId, from, read = () => [] } = mail
    await this.#ports.held.keep({
      ...{ queueId, route, recipients, fields, plan: { ...plan, names } },
      from: { ...from, parameters: parametersOf(from.parameters) },
      read: (start, end) => octetsOf(read(), start, end),
    })
    return new Splicer(splices)
  }
}

type Structure = ReturnType<StructureReader['end']>
type Recipient = HeldAttachment['recipients'][number]

interface Crossing {
  readonly mail: MailStart
  readonly route: string
  readonly plan: HeldPlan
  readonly splices: readonly Splice[]
  readonly isNew: boolean
  readonly fields: HeldFields
}

function splicesOf({ parts, head }: HeldPlan): readonly Splice[] {
  const notices = parts.map(({ start, end, notice }) => ({ start, end, bytes: fromLatin1(notice) }))
  return [{ start: 0, end: 0, bytes: fromLatin1(head) }, ...notices]
}

/** What is said of the size is true of the mail that crosses. */
function shortened(mail: MailStart, splices: readonly Splice[]): MailStart {
  const { from, sizeBytes = 0, read = () => [] } = mail
  const { sizeBytes: declared, ...parameters } = from.parameters
  const size = Splicer.sizeAfter(sizeBytes, splices)
  return {
    ...mail,
    from: {
      ...from,
      parameters: { ...parameters, ...(declared !== undefined && { sizeBytes: size }) },
    },
    sizeBytes: size,
    read: () => splicedBy(new Splicer(splices), read()),
  }
}

function* splicedBy(splicer: Splicer, chunks: Iterable<Uint8Array>): Iterable<Uint8Array> {
  for (const bytes of chunks) yield splicer.push(bytes)
}

/** At most `count` of them, in the order of the message. */
function largest(parts: readonly MessagePart[], count: number): readonly MessagePart[] {
  const sizeOf = ({ headerStart, end }: MessagePart): number => end - headerStart
  return [...parts]
    .sort((a, b) => sizeOf(b) - sizeOf(a))
    .slice(0, count)
    .sort((a, b) => a.headerStart - b.headerStart)
}

function* octetsOf(chunks: Iterable<Uint8Array>, start: number, end: number): Iterable<Uint8Array> {
  let at = 0
  for (const bytes of chunks) {
    const from = Math.max(start - at, 0)
    if (from < bytes.length) yield bytes.subarray(from, end - at)
    at += bytes.length
    if (at >= end) return
  }
}

/** What holds for the attachment as for the mail: not when it was to go, nor how large it was. */
function parametersOf(parameters: MailParameters): MailParameters {
  const { body, smtpUtf8, ret, envelopeId, priority } = parameters
  return {
    ...(body !== undefined && { body }),
    ...(smtpUtf8 !== undefined && { smtpUtf8 }),
    ...(ret !== undefined && { ret }),
    ...(envelopeId !== undefined && { envelopeId }),
    ...(priority !== undefined && { priority }),
  }
}

function isDelivered({ type }: Outcome): boolean {
  return type === 'delivered'
}
