/**
 * Mail that asks for an attachment that was held back: a reply to its notice. Whoever asks must be one
 * to whom the mail went, and it goes to that address and no other, once: who forges a request, or
 * repeats one, gets nothing.
 */

import { asFault, Fault } from '../base/fault.ts'
import { plainLocalPart } from '../mail/aliases.ts'
import type { Delivery, DeliveryTarget, MailStart, Outcome } from '../mail/delivery.ts'
import { FieldFilter } from '../mail/policy/field-filter.ts'
import {
  ACCEPT,
  type Asked,
  type MessageFilter,
  type Policy,
  type PolicyMail,
  type PolicySession,
} from '../mail/policy/policy.ts'
import type { MailQueue } from '../mail/queue.ts'
import { newQueueId } from '../mail/queue-id.ts'
import type { Clock } from '../ports/clock.ts'
import type { Entropy } from '../ports/entropy.ts'
import type { EventSink } from '../ports/events.ts'
import type { Mailbox, ReversePath } from '../proto/smtp/envelope.ts'
import { formatMailbox, formatPath } from '../proto/smtp/path.ts'
import type { BridgeFaultCode } from './fault.ts'
import type { HeldAttachment, HeldAttachments } from './held-attachments.ts'
import { formatHandedOut, HELD_FIELD, isSentOnDemand, tokenOf } from './held-notice.ts'

export interface HeldRequestsPorts {
  readonly held: HeldAttachments
  readonly queue: () => Pick<MailQueue, 'start'>
  /** Whether this host is asked for attachments at this address: others have the like. */
  readonly isAskedAt: (recipient: Mailbox) => boolean
  readonly clock: Clock
  readonly entropy: Entropy
  readonly events: EventSink
}

interface Request {
  readonly held: HeldAttachment
  /** Which of its recipients asks. */
  readonly recipient: number
}

export class HeldRequests implements DeliveryTarget, Policy {
  readonly name: string = 'held-attachments'
  readonly #host: string
  readonly #ports: HeldRequestsPorts

  constructor(host: string, ports: HeldRequestsPorts) {
    this.#host = host
    this.#ports = ports
  }

  /** So that whoever may not ask hears it in the session: a report would have to cross the link. */
  recipient(_session: PolicySession, { from }: PolicyMail, recipient: Mailbox): Asked {
    if (!this.#ports.isAskedAt(recipient)) return undefined
    const token = tokenOf(recipient) ?? ''
    const request = this.#requestOf(token, from.reversePath)
    const isOpen = request !== undefined && !this.#ports.held.wasHandedOut(token, request.recipient)
    if (isOpen) return Promise.resolve(ACCEPT)
    const reply = { code: 550, enhanced: '5.1.1', lines: [notHeld(from.reversePath)] }
    return Promise.resolve({ type: 'reject', reply })
  }

  /**
   * That a mail brings what was asked for, and so crosses whole, is believed of far gateways alone: what
   * is handed out here comes in by no session, so here it is a user's own claim.
   */
  filter({ service }: PolicySession): MessageFilter | undefined {
    return service === 'bundle' ? undefined : new FieldFilter(HELD_FIELD, isSentOnDemand)
  }

  async start(mail: MailStart): Promise<Delivery> {
    const tokens: string[] = []
    return {
      addRecipient: async (recipient) => void tokens.push(tokenOf(recipient) ?? ''),
      // What it says beside its address means nothing.
      write: async () => {},
      commit: async () => {
        const outcomes: Outcome[] = []
        for (const token of tokens) outcomes.push(await this.#answer(mail, token))
        return outcomes
      },
      abort: async () => {},
    }
  }

  async #answer({ queueId: askedBy, from }: MailStart, token: string): Promise<Outcome> {
    const { held } = this.#ports
    try {
      if (held.wasAnswered(askedBy, token)) return { type: 'delivered', detail: 'handed out' }
      const request = this.#requestOf(token, from.reversePath)
      if (request === undefined) {
        const message = notHeld(from.reversePath)
        throw new Fault<BridgeFaultCode>('bridge/not-held', message, { temporary: false })
      }
      // One of two that asked at the same time: there is nothing to complain of.
      if (held.wasHandedOut(token, request.recipient)) {
        return { type: 'delivered', detail: 'handed out before' }
      }
      return { type: 'delivered', detail: `handed out as ${await this.#handOut(request, askedBy)}` }
    } catch (error) {
      return { type: 'refused', fault: asFault(error) }
    }
  }

  /** Resolves with the queue id of the mail that brings it. */
  async #handOut({ held, recipient }: Request, askedBy: string): Promise<string> {
    const { clock, entropy, events } = this.#ports
    const to = held.recipients[recipient] as HeldAttachment['recipients'][number]
    const queueId = newQueueId(clock, entropy)
    const { fields, content } = held
    const date = clock.wall()
    const header = formatHandedOut({ queueId, host: this.#host, date, to, fields, content })
    await this.#ports.held.handOut(held, { queueId, recipient, askedBy }, async (changes) => {
      const delivery = await this.#ports.queue().start({ queueId, from: held.from }, () => changes)
      try {
        await delivery.addRecipient(to, to.parameters)
        await delivery.write(header)
        for (const bytes of this.#ports.held.read(held)) await delivery.write(bytes)
      } catch (error) {
        await delivery.abort()
        throw error
      }
      for (const outcome of await delivery.commit()) {
        if (outcome.type === 'refused') throw outcome.fault
      }
    })
    events({
      type: 'mail-accepted',
      queueId,
      via: 'held',
      from: formatPath(held.from.reversePath),
      recipients: [formatMailbox(to)],
      sizeBytes: header.length + held.bytes,
      messageId: `<${queueId}@${this.#host}>`,
    })
    return queueId
  }

  /** Undefined where there is no such attachment, or not for them: which of the two is nobody's business. */
  #requestOf(token: string, sender: ReversePath): Request | undefined {
    if (sender === undefined) return undefined
    const held = this.#ports.held.find(token)
    if (held === undefined) return undefined
    const asks = nameOf(sender)
    const recipient = held.recipients.findIndex((one) => nameOf(one) === asks)
    return recipient < 0 ? undefined : { held, recipient }
  }
}

/** Of a mailbox, whatever was added to it behind a plus. */
function nameOf({ localPart, domain }: Mailbox): string {
  return formatMailbox({ localPart: plainLocalPart(localPart), domain }).toLowerCase()
}

function notHeld(sender: ReversePath): string {
  return `No attachment is held here for ${formatPath(sender)} by that name, or it has been sent before`
}
