/**
 * The same memory without Buffer's own methods: `slice` of a Buffer shares memory where `slice` of
 * any other Uint8Array copies, so no Buffer may pass through a port.
 */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
