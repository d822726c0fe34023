/** What a mail host counts, for Prometheus: one more reader of its events. */

import { CounterFamily, HistogramFamily, type Metric } from '../base/metrics.ts'
import type { HostEvent, MailService } from '../ports/events.ts'
import type { QueueDepth } from './queue.ts'

/** Seconds: a mail to a mailbox here takes milliseconds, one to Mars half an hour, a conjunction weeks. */
const DELAY_BOUNDS = [
  0.01, 0.1, 0.5, 1, 5, 10, 60, 300, 900, 3600, 14_400, 86_400, 604_800, 2_592_000,
]

export class MailMetrics {
  readonly #accepted = new CounterFamily()
  readonly #acceptedBytes = new CounterFamily()
  readonly #outcomes = new CounterFamily()
  readonly #delays = new HistogramFamily(DELAY_BOUNDS)
  readonly #reports = new CounterFamily()
  readonly #sessions = new CounterFamily()
  readonly #refused = new CounterFamily()
  readonly #commands = new CounterFamily()
  readonly #logins = new CounterFamily()
  readonly #retrieved = new CounterFamily()
  readonly #resent = new CounterFamily()
  readonly #objects = new CounterFamily()
  readonly #objectMails = new CounterFamily()
  readonly #objectMessageBytes = new CounterFamily()
  readonly #objectPayloadBytes = new CounterFamily()
  readonly #trouble = new CounterFamily()
  readonly #open = new Map<MailService, number>()

  hear(event: HostEvent): void {
    switch (event.type) {
      case 'mail-accepted':
        this.#accept(event)
        return
      case 'mail-delivered': {
        const { route, delayMs } = event
        this.#outcomes.add({ route, outcome: 'sent' })
        if (delayMs !== undefined) this.#delays.add({ route }, delayMs / 1000)
        return
      }
      case 'mail-deferred':
        this.#outcomes.add({ route: routeOf(event.route), outcome: 'deferred' })
        return
      case 'mail-failed':
        this.#outcomes.add({ route: routeOf(event.route), outcome: 'bounced' })
        return
      case 'session-opened':
        this.#sessions.add({ service: event.service })
        this.#open.set(event.service, (this.#open.get(event.service) ?? 0) + 1)
        return
      case 'session-closed':
        this.#open.set(event.service, (this.#open.get(event.service) ?? 1) - 1)
        return
      case 'session-refused':
        this.#refused.add({ service: event.service })
        return
      case 'command-refused':
        this.#commands.add({ service: event.service })
        return
      case 'authenticated':
        this.#logins.add({ service: event.service, outcome: 'ok' })
        return
      case 'authentication-failed':
        this.#logins.add({ service: event.service, outcome: 'failed' })
        return
      case 'mail-retrieved':
        this.#retrieved.add({})
        return
      case 'object-sent': {
        const labels = { route: `bp:${event.to}` }
        this.#objects.add(labels)
        this.#objectMails.add(labels, event.mails)
        this.#objectMessageBytes.add(labels, event.messageBytes)
        this.#objectPayloadBytes.add(labels, event.payloadBytes)
        return
      }
      case 'transaction-resent':
        this.#resent.add({})
        return
      case 'trouble':
        this.#trouble.add({})
    }
  }

  #accept({ via, sizeBytes, reportOn, client }: Accepted): void {
    const isOurs = via === 'pickup' || via === 'report' || via === 'held'
    const origin = client?.service ?? (isOurs ? via : 'bundle')
    this.#accepted.add({ via: origin })
    this.#acceptedBytes.add({ via: origin }, sizeBytes)
    if (reportOn !== undefined) this.#reports.add({ kind: reportOn.kind })
  }

  metrics(queue: QueueDepth): readonly Metric[] {
    const depths = [...queue.routes].flatMap(([route, depth]) =>
      Object.entries(depth).map(([state, count]) => [{ route, state }, count] as const),
    )
    const open = [...this.#open].map(([service, count]) => [{ service }, count] as const)
    return [
      gauge('queue_mails', 'Mails in the queue, for each next hop, by what they do.', depths),
      gauge('queue_bytes', 'Bytes of the mails in the queue.', [[{}, queue.bytes]]),
      gauge('queue_bytes_max', 'Bytes that the queue takes.', [[{}, queue.bytesMax]]),
      this.#accepted.metric(name('accepted_total'), 'Mails accepted, by where they came from.'),
      this.#acceptedBytes.metric(name('accepted_bytes_total'), 'Their bytes.'),
      this.#outcomes.metric(name('recipients_total'), 'Ends of attempts, for each recipient.'),
      this.#delays.metric(name('delay_seconds'), 'From arrival to delivery, of recipients.'),
      this.#reports.metric(name('reports_total'), 'Notifications to senders.'),
      gauge('sessions', 'Sessions that are open.', open),
      this.#sessions.metric(name('sessions_total'), 'Sessions that were opened.'),
      this.#refused.metric(name('sessions_refused_total'), 'Clients beyond the bounds.'),
      this.#commands.metric(name('commands_refused_total'), 'Commands refused to clients.'),
      this.#logins.metric(name('logins_total'), 'Logins, by outcome.'),
      this.#retrieved.metric(name('retrieved_total'), 'Mails read by POP3.'),
      this.#resent.metric(name('resent_total'), 'Mails in bundles that were sent again.'),
      this.#objects.metric(name('objects_total'), 'Bundles made of mails, by next hop.'),
      this.#objectMails.metric(name('object_mails_total'), 'Mails in them.'),
      this.#objectMessageBytes.metric(
        name('object_message_bytes_total'),
        'Bytes of those mails, as they were accepted.',
      ),
      this.#objectPayloadBytes.metric(
        name('object_payload_bytes_total'),
        'Bytes that they became, with their envelopes, packed.',
      ),
      this.#trouble.metric(name('warnings_total'), 'Warnings in the log.'),
    ]
  }
}

type Accepted = Extract<HostEvent, { readonly type: 'mail-accepted' }>

const PREFIX = 'lightlag_mail_'

function name(rest: string): string {
  return `${PREFIX}${rest}`
}

function gauge(rest: string, help: string, samples: Metric['samples']): Metric {
  return { name: name(rest), type: 'gauge', help, samples }
}

function routeOf(route: string | undefined): string {
  return route ?? 'none'
}
