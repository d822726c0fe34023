/** What waits in a queue, page by page, as programs are told. */

import type { MailQueue, QueuedView } from '../mail/queue.ts'
import { formatMailbox } from '../proto/smtp/path.ts'
import { QUEUE_PAGE } from './limits.ts'
import type { QueueEntry } from './mail-requests.ts'

/** The queue ids after `after`: a page of them, none at the end. */
export function pageOfQueue(queue: MailQueue, after: string): readonly string[] {
  const page: string[] = []
  for (const queueId of queue.queueIds(after)) {
    page.push(queueId)
    if (page.length >= QUEUE_PAGE) break
  }
  return page
}

/** Undefined where it has gone meanwhile. */
export function queueEntry(queue: MailQueue, queueId: string): QueueEntry | undefined {
  const view = queue.look(queueId)
  return view && entryOf(view)
}

function entryOf({ envelope, statuses, state, routes, releaseAt }: QueuedView): QueueEntry {
  const { queueId, sizeBytes, acceptedAt, from, recipients } = envelope
  return {
    queueId,
    state,
    sizeBytes,
    acceptedAt,
    ...(releaseAt !== undefined && { releaseAt }),
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
