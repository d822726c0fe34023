/** The journeys of mails: what hosts told of them, and what carried them between hosts. */

import type { HostEvent } from '../../ports/events.ts'
import type { Happening } from '../lab.ts'
import { type Message, userOn } from './messages.ts'
import type { SequenceItem } from './sequence.ts'

/**
 * All names of one mail: its queue ids on every host, its transactions, its Message-ID; `name` is
 * any of them, a Message-ID with or without its brackets. Just that where nobody told of it.
 */
export function namesOfMail(name: string, happenings: readonly Happening[]): readonly string[] {
  const pairs = happenings.flatMap(({ event }) => namesIn(event))
  const names = new Set([name, `<${name}>`])
  // One name leads to the next: as often as it takes until there is no new one.
  for (let before = 0; before < names.size; ) {
    before = names.size
    for (const pair of pairs)
      if (pair.some((one) => names.has(one))) for (const one of pair) names.add(one)
  }
  return [...names]
}

/** Names of the same mail in one event. */
function namesIn(event: HostEvent): readonly (readonly string[])[] {
  switch (event.type) {
    case 'mail-accepted':
      return event.messageId === undefined ? [] : [[event.queueId, event.messageId]]
    case 'transaction-sent':
    case 'transaction-taken':
      return [[event.queueId, event.transaction]]
    default:
      return []
  }
}

/** Of all mails, or of those with these names. */
export function journeyItems(
  happenings: readonly Happening[],
  messages: readonly Message[],
  names: readonly string[] | undefined,
): readonly SequenceItem[] {
  const wanted = (named: readonly string[]): boolean =>
    names === undefined || named.some((name) => names.includes(name))
  const told = happenings.flatMap((happening) => {
    const step = stepOf(happening)
    return step !== undefined && wanted(step.names) ? [{ at: happening.at, item: step.item }] : []
  })
  const crossed = messages.flatMap(({ at, from, to, text, lost, mails, stream }) => {
    const isLocal = stream?.client.startsWith(userOn('')) === true
    if (isLocal || mails.length === 0 || !wanted(mails)) return []
    return [{ at, item: { type: 'message', at, from, to, text, lost } as const }]
  })
  // What a host tells at one moment comes before what it sends then.
  return [...told, ...crossed].sort((a, b) => a.at - b.at).map(({ item }) => item)
}

interface Step {
  readonly item: SequenceItem
  readonly names: readonly string[]
}

function stepOf({ at, host, event }: Happening): Step | undefined {
  const note = (text: string, ...names: string[]): Step => ({
    item: { type: 'note', over: [host], text },
    names,
  })
  switch (event.type) {
    case 'mail-accepted': {
      const { queueId, from, recipients, sizeBytes, via, client } = event
      const text = `${queueId}\nfrom ${from}\nto ${recipients.join(', ')}, ${sizeBytes} B`
      const item: SequenceItem =
        client?.user === undefined
          ? { type: 'note', over: [host], text: `came from ${via}: ${text}` }
          : { type: 'message', at, from: userOn(host), to: host, text, lost: false }
      return { item, names: [queueId] }
    }
    case 'mail-delivered':
      return event.route === 'local'
        ? note(`${event.queueId} is in the mailbox of ${event.recipient}`, event.queueId)
        : note(`${event.queueId} is settled for ${event.recipient}: ${event.detail}`, event.queueId)
    case 'mail-deferred':
      return note(`${event.queueId} is deferred: ${event.reason}`, event.queueId)
    case 'mail-failed':
      return note(`${event.queueId} failed: ${event.reason}`, event.queueId)
    case 'transaction-resent': {
      const { queueId, transaction, attempt } = event
      return note(
        `${queueId} was not acknowledged in time: attempt ${attempt}`,
        queueId,
        transaction,
      )
    }
    case 'transaction-duplicate':
      return note(`${event.transaction} came again: dropped`, event.transaction)
    default:
      return undefined
  }
}
