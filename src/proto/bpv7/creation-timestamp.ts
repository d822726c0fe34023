/** RFC 9171 §4.2.7. */

import type { CborReader } from '../cbor/reader.ts'
import type { CborWriter } from '../cbor/writer.ts'

/** With the source node ID, what identifies a bundle. */
export interface CreationTimestamp {
  /** DTN time, in milliseconds since 2000; 0 is unknown. RFC 9171 §4.2.6. */
  readonly time: bigint
  readonly sequence: bigint
}

export function writeCreationTimestamp(writer: CborWriter, timestamp: CreationTimestamp): void {
  writer.array(2)
  writer.uint(timestamp.time)
  writer.uint(timestamp.sequence)
}

/** Throws a Fault. */
export function readCreationTimestamp(reader: CborReader): CreationTimestamp {
  const length = reader.openArray()
  const time = reader.uint()
  const sequence = reader.uint()
  reader.closeArray(length, 2)
  return { time, sequence }
}
