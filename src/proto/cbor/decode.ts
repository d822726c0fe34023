import { asFault, Fault, type Result } from '../../base/fault.ts'
import type { CborFaultCode } from './fault.ts'
import { CborReader } from './reader.ts'

/** What `read` makes of `bytes`, all of which it must take; its Fault becomes a value. */
export function decodeCbor<T>(bytes: Uint8Array, read: (reader: CborReader) => T): Result<T> {
  try {
    const reader = new CborReader(bytes)
    const value = read(reader)
    if (!reader.isAtEnd) {
      const code: CborFaultCode = 'cbor/trailing-bytes'
      throw new Fault(code, 'bytes left over after the item', { temporary: false })
    }
    return { ok: true, value }
  } catch (error) {
    return { ok: false, fault: asFault(error) }
  }
}
