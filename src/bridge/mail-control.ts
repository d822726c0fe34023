/** What programs on this machine may ask of a host's mail: `mailq`, `lightlag queue`, `sendmail`. */

import { fromUtf8, toUtf8 } from '../base/bytes.ts'
import { asFault, Fault } from '../base/fault.ts'
import type { Accounts } from '../mail/accounts.ts'
import { HOPS_MAX } from '../mail/limits.ts'
import { MessageIntake } from '../mail/message-intake.ts'
import {
  INJECTED_AT,
  type InjectedFault,
  type InjectedFaults,
} from '../mail/policy/injected-faults.ts'
import { headerText, type MessageReader } from '../mail/policy/policy.ts'
import type { MailQueue, QueuedView } from '../mail/queue.ts'
import { newQueueId } from '../mail/queue-id.ts'
import type { Clock } from '../ports/clock.ts'
import type { Entropy } from '../ports/entropy.ts'
import type { EventSink } from '../ports/events.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import { formatMailbox, formatPath, parseMailbox } from '../proto/smtp/path.ts'
import type { BridgeFaultCode } from './fault.ts'
import { QUEUE_PAGE } from './limits.ts'
import type { AboutHost, SubmittedEnvelope } from './mail-client.ts'
import type { MailHostOptions } from './mail-host-options.ts'
import { matches, type QueueAction, type QueueEntry, type QueueSelection } from './mail-requests.ts'

export type MailControlOptions = Pick<MailHostOptions, 'host' | 'limits'>

export interface MailControlPorts {
  readonly accounts: Accounts
  /** The directory in which every user has one. */
  readonly homes: string
  readonly queue: MailQueue
  readonly faults: InjectedFaults
  readonly clock: Clock
  readonly entropy: Entropy
  readonly events: EventSink
  /** Signs what is handed in; default: nothing is signed. */
  readonly signer?: () => MessageReader | undefined
}

export class MailControl {
  readonly #options: MailControlOptions
  readonly #ports: MailControlPorts
  /** One action after the other: two on one mail would stand in each other's way. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: MailControlOptions, ports: MailControlPorts) {
    this.#options = options
    this.#ports = ports
  }

  /** Rejects with a Fault. */
  async call(name: string, body: Uint8Array): Promise<Uint8Array> {
    switch (name) {
      case 'queue-list':
        return json(this.#list(read<{ readonly after: string }>(body).after))
      case 'queue-message':
        return this.#message(read<{ readonly queueId: string }>(body).queueId)
      case 'queue-act': {
        const { action, selection } = read<{
          readonly action: QueueAction
          readonly selection: QueueSelection
        }>(body)
        const done = this.#turn.then(() => this.#act(action, selection))
        this.#turn = done.catch(asFault)
        return json(await done)
      }
      case 'submit': {
        const end = body.indexOf(0x0a)
        const envelope = read<SubmittedEnvelope>(body.subarray(0, Math.max(end, 0)))
        return json({ queueId: await this.#submit(envelope, body.subarray(end + 1)) })
      }
      case 'about':
        return json(this.#about(read<{ readonly user?: string }>(body).user))
      case 'check-recipient':
        this.#ports.queue.requireRoute(
          this.#mailbox(read<{ readonly address: string }>(body).address),
        )
        return json({})
      case 'fault-list':
        return json(this.#ports.faults.all)
      case 'fault-add':
        return json({ id: this.#addFault(read<InjectedFault>(body)) })
      case 'fault-remove': {
        const { id } = read<{ readonly id?: number }>(body)
        return json({ removed: this.#removeFaults(id) })
      }
      default:
        throw refused(`this host does nothing called ${name}`)
    }
  }

  #about(user: string | undefined): AboutHost {
    const { host, limits } = this.#options
    const { accounts, homes } = this.#ports
    const account = user === undefined ? undefined : accounts.named(user)
    return {
      host,
      messageBytesMax: limits.messageBytesMax,
      ...(account && { maildir: `${homes}/${account.name}/Maildir` }),
    }
  }

  #addFault(fault: InjectedFault): number {
    if (!INJECTED_AT.includes(fault.at)) {
      throw refused(`a fault at ${fault.at}: ${INJECTED_AT.join(' or ')} would be right`)
    }
    if (fault.reply === undefined && fault.delayMs === undefined) {
      throw refused('a fault without reply and delayMs: one of them would be right')
    }
    try {
      return this.#ports.faults.add(fault)
    } catch (error) {
      if (error instanceof RangeError) throw refused(error.message)
      throw error
    }
  }

  /** Without a number: all of them. */
  #removeFaults(id: number | undefined): number {
    const { faults } = this.#ports
    if (id !== undefined) return faults.remove(id) ? 1 : 0
    const count = faults.all.length
    faults.replace([])
    return count
  }

  /** A page; the next begins after its last, until a page is empty. */
  #list(after: string): readonly QueueEntry[] {
    const entries: QueueEntry[] = []
    for (const queueId of this.#page(after)) {
      const view = this.#ports.queue.look(queueId)
      if (view !== undefined) entries.push(entryOf(view))
    }
    return entries
  }

  #page(after: string): readonly string[] {
    const page: string[] = []
    for (const queueId of this.#ports.queue.queueIds(after)) {
      page.push(queueId)
      if (page.length >= QUEUE_PAGE) break
    }
    return page
  }

  #message(queueId: string): Uint8Array {
    const { queue } = this.#ports
    const view = queue.look(queueId)
    if (view === undefined) throw refused(`no mail ${queueId} in the queue`)
    const bytes = new Uint8Array(view.envelope.sizeBytes)
    let at = 0
    for (const chunk of queue.message(view.envelope)) {
      bytes.set(chunk, at)
      at += chunk.length
    }
    return bytes
  }

  async #act(
    action: QueueAction,
    selection: QueueSelection,
  ): Promise<{ readonly matched: number; readonly done: number }> {
    const now = this.#ports.clock.wall()
    let [matched, done] = [0, 0]
    const act = async (queueId: string): Promise<void> => {
      const view = this.#ports.queue.look(queueId)
      if (view === undefined || !matches(entryOf(view), selection, now)) return
      matched++
      if (await this.#actOn(action, queueId)) done++
    }
    if (selection.queueIds !== undefined) {
      for (const queueId of selection.queueIds) await act(queueId)
      return { matched, done }
    }
    let page = this.#page('')
    while (page.length > 0) {
      for (const queueId of page) await act(queueId)
      // Whoever else has something to do comes in between.
      await this.#pause()
      page = this.#page(page.at(-1) ?? '')
    }
    return { matched, done }
  }

  #pause(): Promise<void> {
    const { clock } = this.#ports
    return new Promise((resume) => {
      clock.at(clock.now(), resume)
    })
  }

  async #actOn(action: QueueAction, queueId: string): Promise<boolean> {
    const { queue } = this.#ports
    switch (action) {
      case 'hold':
        return queue.hold(queueId)
      case 'release':
        return queue.release(queueId)
      case 'requeue':
        return queue.requeue(queueId)
      case 'delete':
        return queue.end(queueId, 'deleted')
      case 'bounce':
        return queue.end(queueId, 'returned')
      default:
        throw refused('none of the things that can be done with a queue')
    }
  }

  async #submit(
    { from, to, parameters = {}, recipientParameters = [] }: SubmittedEnvelope,
    message: Uint8Array,
  ): Promise<string> {
    const { queue, clock, entropy, events } = this.#ports
    const reversePath = from === '' ? undefined : this.#mailbox(from)
    const recipients = to.map((name) => this.#mailbox(name))
    if (recipients.length === 0) throw refused('a mail needs a recipient')
    const queueId = newQueueId(clock, entropy)
    const [first, second] = recipients
    const recipient = first === undefined || second !== undefined ? undefined : formatMailbox(first)
    const trace = { by: this.#options.host, protocol: 'LOCAL', id: queueId, date: clock.wall() }
    const intake = new MessageIntake(
      { ...trace, helo: undefined, peer: undefined, recipient },
      'submission',
    )
    const delivery = await queue.start({ queueId, from: { reversePath, parameters } })
    try {
      for (const [i, recipient] of recipients.entries()) {
        await delivery.addRecipient(recipient, recipientParameters[i])
      }
      const signer = this.#ports.signer?.()
      for (const bytes of [intake.push(message), intake.end()]) {
        signer?.push(bytes)
        await delivery.write(bytes)
      }
      const said = await signer?.end()
      if (said?.type === 'accept') delivery.prepend(headerText(said.headers ?? []))
      if (intake.hops >= HOPS_MAX || recipients.every((recipient) => intake.wasAt(recipient))) {
        throw refused('the message is going round in circles')
      }
      for (const outcome of await delivery.commit()) {
        if (outcome.type === 'refused') throw outcome.fault
      }
    } catch (error) {
      await delivery.abort()
      throw asFault(error)
    }
    events({
      type: 'mail-accepted',
      queueId,
      via: 'pickup',
      from: formatPath(reversePath),
      recipients: recipients.map(formatMailbox),
      sizeBytes: message.length,
      ...(intake.messageId !== undefined && { messageId: intake.messageId }),
    })
    return queueId
  }

  /** `user` is one of this host's. */
  #mailbox(name: string): Mailbox {
    const mailbox = parseMailbox(name.includes('@') ? name : `${name}@${this.#options.host}`)
    if (mailbox === undefined) throw refused(`<${name}> is no address`)
    return mailbox
  }
}

function entryOf({ envelope, statuses, state, routes }: QueuedView): QueueEntry {
  const { queueId, sizeBytes, acceptedAt, from, recipients } = envelope
  return {
    queueId,
    state,
    sizeBytes,
    acceptedAt,
    sender: from.reversePath === undefined ? '' : formatMailbox(from.reversePath),
    recipients: recipients.flatMap((recipient, index) => {
      const status = statuses.get(index)
      if (status?.type === 'settled' || recipient.isExpanded) return []
      const tried =
        status?.type === 'deferred' ? { reason: status.reason, retryAt: status.retryAt } : {}
      return [{ address: formatMailbox(recipient), route: routes[index] ?? '', ...tried }]
    }),
  }
}

function json(value: unknown): Uint8Array {
  return fromUtf8(JSON.stringify(value))
}

/** What a program of the same version writes. */
function read<Value extends object>(body: Uint8Array): Value {
  try {
    const value: unknown = JSON.parse(toUtf8(body))
    if (typeof value === 'object' && value !== null) return value as Value
  } catch {
    // Told below.
  }
  throw refused('a request that is no JSON object')
}

function refused(message: string): Fault<BridgeFaultCode> {
  return new Fault('bridge/bad-request', message, { temporary: false })
}
