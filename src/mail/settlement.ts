/**
 * What has ended for recipients of a queued mail, and what follows from it: a report to the sender
 * (RFC 5321 §4.4), the removal of the mail. All of it is one commit, so that nobody is settled twice
 * and nobody forgotten.
 */

import { assert } from '../base/assert.ts'
import { asFault, type Fault } from '../base/fault.ts'
import type { WallMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import type { Entropy } from '../ports/entropy.ts'
import type { EventSink, HostEvent } from '../ports/events.ts'
import type { StoreChange } from '../ports/store.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import { formatMailbox, formatPath } from '../proto/smtp/path.ts'
import type { Outcomes } from './attempt.ts'
import type { Outcome } from './delivery.ts'
import {
  formatReport,
  type Report,
  type ReportAction,
  type ReportedRecipient,
  statusCode,
} from './dsn.ts'
import { REPORT_HEADER_BYTES_MAX, REPORT_MESSAGE_BYTES_MAX } from './limits.ts'
import { formatNextHop, type NextHop } from './next-hop.ts'
import { type AttemptTimes, delaysOf } from './progress.ts'
import { newQueueId } from './queue-id.ts'
import type { Spool, SpooledMail } from './spool.ts'
import { type Envelope, type EnvelopeRecipient, isElsewhere, statusChange } from './spool-record.ts'

export interface UnsettledMail {
  readonly queueId: string
  readonly acceptedAt: WallMs
  /** Recipients without a recorded end. */
  unsettled: number
  /** The latest work on what is recorded: of two next hops that end together only one is the last. */
  turn: Promise<unknown> | undefined
}

export interface SettlementPorts {
  readonly clock: Clock
  readonly entropy: Entropy
  readonly events: EventSink
}

export interface SettlementHooks {
  /** Throws a Fault where nothing can be sent to this mailbox. */
  readonly mayReceive: (recipient: Mailbox) => void
  /** What others keep of a mail, removed in the commit that removes the mail. */
  readonly forget: (queueId: string) => readonly StoreChange[]
  /** A mail of which the spool holds nothing, where it waits; undefined where it is no longer to be had. */
  readonly written: (queueId: string) => Promise<Uint8Array | undefined>
  /** These recipients get nothing of it: what is written for them, by a mail as it was before, goes. */
  readonly discard: (before: SpooledMail, indices: readonly number[]) => Promise<void>
  /** Hears of each report once it is durable. */
  readonly acceptReport: (report: Envelope) => void
}

/** Where recipients have gone, or were to go, and the attempt at it. */
export interface Way {
  readonly hop: NextHop | undefined
  readonly times: AttemptTimes | undefined
}

export interface Warning {
  readonly recipients: readonly ReportedRecipient[]
  readonly changes: readonly StoreChange[]
}

interface MadeReport {
  readonly envelope: Envelope
  readonly kind: ReportKind
}

type ReportKind = NonNullable<Extract<HostEvent, { type: 'mail-accepted' }>['reportOn']>['kind']

export class Settlements {
  readonly #hostname: string
  readonly #spool: Spool
  readonly #ports: SettlementPorts
  readonly #hooks: SettlementHooks

  constructor(hostname: string, spool: Spool, ports: SettlementPorts, hooks: SettlementHooks) {
    this.#hostname = hostname
    this.#spool = spool
    this.#ports = ports
    this.#hooks = hooks
  }

  /** Resolves with false where it could not be recorded: then nothing has changed. */
  settle(mail: UnsettledMail, ended: Outcomes, way: Way): Promise<boolean> {
    return this.inTurn(mail, () => this.#settleInTurn(mail, ended, way))
  }

  /** Does something to what is recorded of a mail, when all that was begun before is durable. */
  inTurn<T>(mail: UnsettledMail, work: () => Promise<T>): Promise<T> {
    const turn = (mail.turn ?? Promise.resolve()).then(work)
    mail.turn = turn.catch(asFault)
    return turn
  }

  async #settleInTurn(mail: UnsettledMail, ended: Outcomes, way: Way): Promise<boolean> {
    const { queueId } = mail
    const envelope = this.#spool.envelope(queueId)
    assert(envelope !== undefined, `${queueId} is in the spool`)
    const left = mail.unsettled - ended.size
    const changes =
      left === 0
        ? [...this.#spool.removal(envelope), ...this.#hooks.forget(queueId)]
        : [...ended.keys()].map((index) => statusChange(queueId, index, { type: 'settled' }))
    const refused = [...ended].flatMap(([i, { type }]) => (type === 'refused' ? [i] : []))
    const before = refused.length === 0 ? undefined : this.#spool.mail(queueId)
    let report: MadeReport | undefined
    try {
      report = await this.#commit(envelope, ended, changes)
    } catch (error) {
      this.#trouble(queueId, asFault(error).message)
      return false
    }
    mail.unsettled = left
    if (before !== undefined) await this.#hooks.discard(before, refused)
    this.#tellEnds(envelope, ended, way)
    if (left === 0) {
      this.#spool.removed(envelope)
      this.#ports.events({ type: 'mail-removed', queueId })
    }
    if (report !== undefined) this.#acceptReport(report, queueId)
    return true
  }

  /** Resolves with the report to the sender, where there is one. */
  async #commit(
    envelope: Envelope,
    ended: Outcomes,
    changes: readonly StoreChange[],
  ): Promise<MadeReport | undefined> {
    const recipients = [...ended].flatMap(([index, outcome]): readonly ReportedRecipient[] => {
      const mailbox = envelope.recipients[index]
      const action = mailbox && reportedAction(mailbox, outcome)
      if (mailbox === undefined || action === undefined) return []
      const { parameters = {} } = mailbox
      const reason = outcome.type === 'refused' ? { fault: outcome.fault } : {}
      return [{ mailbox, parameters, action, ...reason }]
    })
    return this.#report(envelope, recipients, changes)
  }

  /**
   * Tells the sender that it takes longer, unless it has ended by then. `waiting` says who waits, and
   * what keeps the sender from being told again. Rejects with the store's Fault.
   */
  warn(mail: UnsettledMail, waiting: (envelope: Envelope) => Warning): Promise<void> {
    return this.inTurn(mail, async () => {
      const envelope = this.#spool.envelope(mail.queueId)
      if (envelope === undefined) return
      const { recipients, changes } = waiting(envelope)
      const made = await this.#report(envelope, recipients, changes)
      if (made !== undefined) this.#acceptReport(made, mail.queueId)
    })
  }

  async #report(
    envelope: Envelope,
    recipients: readonly ReportedRecipient[],
    changes: readonly StoreChange[],
  ): Promise<MadeReport | undefined> {
    const to = envelope.from.reversePath
    // Never a report about a report: it has a null reverse-path. RFC 5321 §4.5.5.
    if (recipients.length === 0 || to === undefined || !this.#canReport(envelope, to)) {
      await this.#spool.commit(changes)
      return undefined
    }
    const { clock, entropy } = this.#ports
    const queueId = newQueueId(clock, entropy)
    const returned = await this.#returned(envelope, recipients)
    const pieces = formatReport({
      hostname: this.#hostname,
      queueId,
      date: clock.wall(),
      to,
      about: { ...envelope, envelopeId: envelope.from.parameters.envelopeId },
      recipients,
      returned,
    })
    const draft = this.#spool.draft(queueId, 'report')
    try {
      for (const piece of pieces) await draft.write(piece)
      // What it tells is as secret as the mail. RFC 8689 §5.
      const { requireTls } = envelope.from.parameters
      const from = { reversePath: undefined, parameters: requireTls ? { requireTls } : {} }
      const head = { from, acceptedAt: clock.wall(), recipients: [to] }
      return { envelope: await draft.commit(head, changes), kind: kindOf(recipients) }
    } catch (error) {
      await draft.abort()
      throw error
    }
  }

  /** RFC 3461 §4.3 and §6.2. */
  async #returned(
    envelope: Envelope,
    recipients: readonly ReportedRecipient[],
  ): Promise<Report['returned']> {
    const isWritten = isElsewhere(envelope)
    const written = isWritten ? await this.#hooks.written(envelope.queueId) : undefined
    if (isWritten && written === undefined) return { type: 'nothing' }
    const { ret, requireTls, body } = envelope.from.parameters
    const isWhole =
      ret === 'FULL' &&
      // RFC 8689 §5; and the report goes by DATA, which carries nothing binary.
      requireTls === undefined &&
      body !== 'BINARYMIME' &&
      envelope.sizeBytes <= REPORT_MESSAGE_BYTES_MAX &&
      recipients.some(({ action }) => action === 'failed')
    return isWhole
      ? {
          type: 'message',
          chunks: written === undefined ? this.#spool.chunks(envelope) : [written],
        }
      : {
          type: 'header',
          head: (written ?? this.#spool.beginning(envelope)).subarray(0, REPORT_HEADER_BYTES_MAX),
        }
  }

  #canReport(envelope: Envelope, to: Mailbox): boolean {
    try {
      this.#hooks.mayReceive(to)
      return true
    } catch (error) {
      this.#trouble(envelope.queueId, `no report to the sender: ${asFault(error).message}`)
      return false
    }
  }

  #tellEnds(envelope: Envelope, ended: Outcomes, { hop, times }: Way): void {
    const { queueId } = envelope
    const delays = delaysOf(envelope, times, this.#ports.clock)
    const nextHop = hop === undefined ? 'none' : formatNextHop(hop)
    for (const [index, outcome] of ended) {
      const recipient = recipientName(envelope, index)
      if (outcome.type === 'delivered') {
        const route = hop?.transport ?? 'local'
        const { detail, relay = nextHop } = outcome
        this.#ports.events({
          type: 'mail-delivered',
          queueId,
          recipient,
          route,
          detail,
          relay,
          ...delays,
        })
      } else {
        const reason = outcome.fault.message
        const dsn = statusCode(outcome.fault, 'failed')
        this.#ports.events({
          type: 'mail-failed',
          queueId,
          recipient,
          reason,
          ...relayOf(outcome.fault, nextHop),
          ...(hop && { route: hop.transport }),
          ...delays,
          dsn,
        })
      }
    }
  }

  #acceptReport({ envelope: report, kind }: MadeReport, about: string): void {
    this.#ports.events({
      type: 'mail-accepted',
      queueId: report.queueId,
      via: 'report',
      from: formatPath(report.from.reversePath),
      recipients: report.recipients.map(formatMailbox),
      sizeBytes: report.sizeBytes,
      messageId: `<${report.queueId}@${this.#hostname}>`,
      reportOn: { queueId: about, kind },
    })
    this.#hooks.acceptReport(report)
  }

  #trouble(queueId: string, reason: string): void {
    this.#ports.events({ type: 'trouble', where: `queue ${queueId}`, reason })
  }
}

function kindOf(recipients: readonly ReportedRecipient[]): ReportKind {
  const has = (action: ReportAction): boolean => recipients.some((one) => one.action === action)
  return has('failed') ? 'non-delivery' : has('delayed') ? 'delay' : 'delivery status'
}

/** The host that refused it, or where it was to go; nothing where nobody was reached, as Postfix has it. */
export function relayOf({ code, detail }: Fault, nextHop: string): { readonly relay?: string } {
  const { remote } = detail
  if (remote !== undefined) return { relay: String(remote) }
  return /^(?:network|dns)\//.test(code) ? {} : { relay: nextHop }
}

/** What the sender is told of an end; undefined: nothing. RFC 3461 §5.2. */
function reportedAction(recipient: EnvelopeRecipient, outcome: Outcome): ReportAction | undefined {
  const notify = recipient.parameters?.notify
  if (outcome.type === 'refused') {
    if (outcome.fault.code === 'mail/deleted') return undefined
    return notify === undefined || notify.includes('failure') ? 'failed' : undefined
  }
  if (!notify?.includes('success') || outcome.reports === 'by-next-host') return undefined
  if (recipient.isExpanded) return 'expanded'
  return outcome.reports === 'by-nobody' ? 'relayed' : 'delivered'
}

/** Whether the sender may be told of a delay. RFC 3461 §5.2.5. */
export function mayWarn({ parameters }: EnvelopeRecipient): boolean {
  return parameters?.notify === undefined || parameters.notify.includes('delay')
}

export function recipientName(envelope: Envelope, index: number): string {
  const mailbox = envelope.recipients[index]
  return mailbox === undefined ? '' : formatMailbox(mailbox)
}
