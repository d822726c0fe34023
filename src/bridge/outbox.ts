/**
 * What this gateway has under way: for each queued mail and destination, the transaction that is
 * open and the recipients that the far side has taken. Written together with the bundle, before that
 * leaves, and removed together with the queue's own entry, so that a restart at any moment sends the same transaction
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
  /** As `transactionName` makes it. */
  readonly transaction: string
  readonly recipients: readonly string[]
  /** The object that it went in last: the name under which the node holds its bundle. */
  readonly object: string
  /** When its sender is told that it takes longer, POSIX milliseconds; absent where nobody knows. */
  readonly lateAt?: number
}

/** One mail for one destination. */
export interface OutboxKey {
  readonly queueId: string
  readonly destination: string
}

export class Outbox {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  read(key: OutboxKey): OutboxRecord | undefined {
    const value = this.#store.get(TABLE, keyOf(key))
    return value === undefined ? undefined : (JSON.parse(toUtf8(value)) as OutboxRecord)
  }

  write(record: OutboxKey & OutboxRecord): Promise<void> {
    return this.#store.commit(this.changes([record]))
  }

  /** The changes that write them, for the commit of the bundle that they go in. */
  changes(records: readonly (OutboxKey & OutboxRecord)[]): readonly StoreChange[] {
    return records.map(({ taken, open, ...key }) => ({
      table: TABLE,
      key: keyOf(key),
      value: fromUtf8(JSON.stringify({ taken, open })),
    }))
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

function keyOf({ queueId, destination }: OutboxKey): string {
  return `${queueId} ${destination}`
}
