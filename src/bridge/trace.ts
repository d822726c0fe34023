/** What is told of where a mail is: its story so far, where it stands, and what it waits for. */

import type { MailQueue } from '../mail/queue.ts'
import type { Journal, Story } from './journal.ts'
import type { MailProgress } from './mail-progress.ts'
import type { ObjectTransport } from './object-transport.ts'

export interface MailTrace extends Story {
  /** Undefined where it is not in the queue any more. */
  readonly now?: {
    readonly state: 'active' | 'deferred' | 'hold'
    /** Recipients that are not settled, and what each waits for. */
    readonly waiting: readonly {
      readonly recipient: string
      readonly route: string
      readonly reason?: string
      readonly retryAt?: number
    }[]
    /** On its way in bundles, for each next hop. */
    readonly underWay: readonly MailProgress[]
  }
}

export interface TracePorts {
  readonly journal: Journal
  readonly queue: MailQueue
  readonly transport: Pick<ObjectTransport, 'progressOf'>
}

/** `name` is a queue id, or a Message-ID with or without its brackets. */
export function traceOf(name: string, { journal, queue, transport }: TracePorts): MailTrace[] {
  return journal.find(name).map((story) => {
    const view = queue.look(story.queueId)
    if (view === undefined) return story
    const waiting = view.envelope.recipients.flatMap((recipient, index) => {
      const status = view.statuses.get(index)
      if (status?.type === 'settled' || recipient.isExpanded) return []
      const { localPart, domain } = recipient
      const tried =
        status?.type === 'deferred' ? { reason: status.reason, retryAt: status.retryAt } : {}
      const route = view.routes[index] ?? ''
      return [{ recipient: `${localPart}@${domain}`, route, ...tried }]
    })
    const underWay = transport.progressOf(story.queueId)
    return { ...story, now: { state: view.state, waiting, underWay } }
  })
}
