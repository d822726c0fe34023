/** How a mail on its way to a far gateway ends, and what that is for its recipients. */

import { Fault } from '../base/fault.ts'
import type { MailStart, Outcome } from '../mail/delivery.ts'
import type { Acknowledgement } from './adu.ts'
import type { BridgeFaultCode } from './fault.ts'

export type MailEnd =
  | { readonly type: 'answered'; readonly answer: Acknowledgement }
  | { readonly type: 'ended'; readonly fault: Fault }

const EARLIER_FIRST: Fault<BridgeFaultCode> = new Fault(
  'bridge/too-many-open',
  'an earlier transaction ends first',
  { temporary: true },
)

export const EARLIER_GOES_FIRST: MailEnd = { type: 'ended', fault: EARLIER_FIRST }

/** Of a recipient that was not in the transaction. */
export const LATER: Outcome = { type: 'refused', fault: EARLIER_FIRST }

/** The next attempt reads the message again and goes on with the same transaction. */
export function bundleLost(): MailEnd {
  return ended(
    new Fault('bridge/bundle-lost', 'what it went in is no longer stored', { temporary: true }),
  )
}

export function lifetimeEnded(to: string): MailEnd {
  const text = `no answer from ${to} in its lifetime`
  return ended(new Fault('bridge/lifetime-ended', text, { temporary: false }))
}

export function withdrawn(to: string): MailEnd {
  return ended(new Fault('bridge/withdrawn', `no longer waiting for ${to}`, { temporary: true }))
}

function ended(fault: Fault<BridgeFaultCode>): MailEnd {
  return { type: 'ended', fault }
}

/** A bundle's way is not known, nor whether TLS is on all of it. RFC 8689 §4.2.1; reports go on, §5. */
export function requireNoTls({ from }: MailStart): void {
  if (!from.parameters.requireTls || from.reversePath === undefined) return
  const message = 'REQUIRETLS support required, and bundles have none'
  throw new Fault<BridgeFaultCode>('bridge/no-tls', message, { temporary: false })
}

/** The far gateway has the envelope with all that it says of reports. RFC 3461 §5.2.4 (a). */
export function deliveredTo(destination: string): Outcome {
  return { type: 'delivered', detail: destination, reports: 'by-next-host' }
}

/** Of the recipient that is at `index` in the transaction. */
export function outcomeOf(
  { refusals }: Acknowledgement,
  index: number,
  destination: string,
): Outcome {
  const refusal = refusals.find(({ recipient }) => recipient === undefined || recipient === index)
  if (refusal === undefined) return deliveredTo(destination)
  const { code, text } = refusal
  const fault = new Fault<BridgeFaultCode>(
    'bridge/far-side-refused',
    `${destination} said: ${code} ${text}`,
    { temporary: code < 500, detail: { code } },
  )
  return { type: 'refused', fault }
}
