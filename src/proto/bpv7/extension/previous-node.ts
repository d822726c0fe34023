/** The node that forwarded the bundle to us, block type 6. RFC 9171 §4.4.1. */

import type { Result } from '../../../base/fault.ts'
import { decodeCbor } from '../../cbor/decode.ts'
import { CborWriter } from '../../cbor/writer.ts'
import { type EndpointId, readEndpointId, writeEndpointId } from '../endpoint-id.ts'

/** Block-type-specific data. */
export function encodePreviousNode(node: EndpointId): Uint8Array {
  const writer = new CborWriter()
  writeEndpointId(writer, node)
  return writer.written()
}

export function decodePreviousNode(data: Uint8Array): Result<EndpointId> {
  return decodeCbor(data, readEndpointId)
}
