import { HeaderReader } from '../../proto/message/header.ts'

/** Whether the sender would rather have a message arrive without TLS than not. RFC 8689 §3, §4.2.2. */
export function isTlsOptional(message: Iterable<Uint8Array>): boolean {
  const header = new HeaderReader()
  for (const bytes of message) {
    header.push(bytes)
    if (header.state !== 'reading') break
  }
  header.end()
  return header.fields.some(
    ({ name, value }) => name === 'tls-required' && value.toLowerCase() === 'no',
  )
}
