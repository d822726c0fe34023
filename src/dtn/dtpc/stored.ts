/** What the DTPC service writes into the store: a line of JSON, and behind it the octets. */

import { concat, fromUtf8, NO_BYTES, toUtf8 } from '../../base/bytes.ts'
import type { StoreChange } from '../../ports/store.ts'

export const TABLES = {
  /** By id: items that wait for an ADU. */
  outgoingItems: 'dtpc-out-items',
  /** By key: ADUs that are complete and not over. */
  outgoingAdus: 'dtpc-out-adus',
  /** By destination and profile: the number given last. */
  outgoingStreams: 'dtpc-out-streams',
  /** By the name of an item: what became of it. */
  outcomes: 'dtpc-outcomes',
  /** By source and profile. */
  incomingStreams: 'dtpc-in-streams',
  /** By source, profile and number: ADUs before their turn. */
  held: 'dtpc-held',
  /** By bundle: those without a number whose records are delivered and that may come again. */
  seen: 'dtpc-seen',
  /** By topic and order of arrival. */
  inbox: 'dtpc-inbox',
  /** Under one key: the number of the next item there. */
  inboxNext: 'dtpc-inbox-next',
  /** Those that an application had open. */
  topics: 'dtpc-topics',
} as const

const NEWLINE = 0x0a
const KEY_DIGITS = 16

/** A number as a key, in its order. */
export function keyOf(number: number): string {
  return String(number).padStart(KEY_DIGITS, '0')
}

export function put(
  table: string,
  key: string,
  header: object,
  bytes: Uint8Array = NO_BYTES,
): StoreChange {
  return { table, key, value: concat(fromUtf8(`${JSON.stringify(header)}\n`), bytes) }
}

export function removal(table: string, key: string): StoreChange {
  return { table, key, value: undefined }
}

/** As `put` wrote it. */
export function readStored<Header>(value: Uint8Array): {
  readonly header: Header
  readonly bytes: Uint8Array
} {
  const end = value.indexOf(NEWLINE)
  const header = JSON.parse(toUtf8(value.subarray(0, end))) as Header
  return { header, bytes: value.subarray(end + 1) }
}
