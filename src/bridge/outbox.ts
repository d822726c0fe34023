/**
 * What this gateway has under way: for each queued mail and destination, the transaction that is
 * open and the recipients that the far side has taken. Written before anything is sent and removed
 * together with the queue's own entry, so that a restart at any moment sends the same transaction
 * again instead of a second one.
 */

import { fromUtf8, toUtf8 } from '../base/bytes.ts'
import { type Store, type StoreChange, withPrefix } from '../ports/store.ts'

const TABLE = 'bridge-outbox'

export interface OutboxRecord {
  /** Recipients, `local-part@domain`, that the far gateway has taken. */
  readonly taken: readonly string[]
  readonly open: OpenTransaction | undefined
}

export interface OpenTransaction {
  /** Hexadecimal. */
  readonly transaction: string
  readonly recipients: readonly string[]
}

export class Outbox {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  read(queueId: string, destination: string): OutboxRecord | undefined {
    const value = this.#store.get(TABLE, keyOf(queueId, destination))
    return value === undefined ? undefined : (JSON.parse(toUtf8(value)) as OutboxRecord)
  }

  write(queueId: string, destination: string, record: OutboxRecord): Promise<void> {
    const value = fromUtf8(JSON.stringify(record))
    return this.#store.commit([{ table: TABLE, key: keyOf(queueId, destination), value }])
  }

  /** The changes that forget a mail, for the commit that removes it from the queue. */
  removal(queueId: string): readonly StoreChange[] {
    return [...this.#store.keys(TABLE, withPrefix(`${queueId} `))].map((key) => ({
      table: TABLE,
      key,
      value: undefined,
    }))
  }
}

function keyOf(queueId: string, destination: string): string {
  return `${queueId} ${destination}`
}
