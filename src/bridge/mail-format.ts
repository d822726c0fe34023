/** How mail travels to the next hops `bp:EID`: each has one format, and this is what all formats can do. */

import type { DeliveryTarget } from '../mail/delivery.ts'
import type { StoreChange } from '../ports/store.ts'
import { type EndpointId, formatEndpointId } from '../proto/bpv7/endpoint-id.ts'

export interface MailFormat {
  target(destination: EndpointId): DeliveryTarget
  /** Waits no longer for answers about a mail; what was sent may still arrive. */
  withdraw(queueId: string): void
  /** The changes that forget a mail, for the commit that removes it from the queue. */
  removal(queueId: string): readonly StoreChange[]
}

/** The formats of all next hops as one: the usual one, and others by the EID of the next hop. */
export class MailFormats implements MailFormat {
  readonly #usual: MailFormat
  readonly #others: ReadonlyMap<string, MailFormat>

  constructor(usual: MailFormat, others: ReadonlyMap<string, MailFormat> = new Map()) {
    this.#usual = usual
    this.#others = others
  }

  target(destination: EndpointId): DeliveryTarget {
    const format = this.#others.get(formatEndpointId(destination)) ?? this.#usual
    return format.target(destination)
  }

  withdraw(queueId: string): void {
    for (const format of this.#all()) format.withdraw(queueId)
  }

  removal(queueId: string): readonly StoreChange[] {
    return [...this.#all()].flatMap((format) => format.removal(queueId))
  }

  #all(): ReadonlySet<MailFormat> {
    return new Set([this.#usual, ...this.#others.values()])
  }
}
