/** Next hops that need no other host: `discard` and `error`. */

import type { DeliveryTarget, Outcome } from '../delivery.ts'
import { transportFault } from './fault.ts'
import { OutgoingDelivery, refusedAll } from './outgoing-delivery.ts'

/** Takes everything and keeps nothing. */
export const DISCARD: DeliveryTarget = {
  start: async (mail) =>
    new OutgoingDelivery(mail, async ({ recipients, body }) => {
      body.close()
      return recipients.map((): Outcome => ({ type: 'delivered', detail: 'discarded' }))
    }),
}

/** Refuses everything for good, in the words of the operator. */
export function errorTarget(code: string, text: string): DeliveryTarget {
  const fault = transportFault('transport/refused', text, code)
  return {
    start: async (mail) =>
      new OutgoingDelivery(mail, async ({ recipients, body }) => {
        body.close()
        return refusedAll(recipients.length, fault)
      }),
  }
}
