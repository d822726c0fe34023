/** Records of TLS in words. RFC 5246 for version 1.2, RFC 8446 for version 1.3. */

/** By their numbers. RFC 8446 has those of version 1.2 as reserved. */
const HANDSHAKES: Readonly<Record<number, string>> = {
  1: 'ClientHello',
  2: 'ServerHello',
  4: 'NewSessionTicket',
  8: 'EncryptedExtensions',
  11: 'Certificate',
  12: 'ServerKeyExchange',
  13: 'CertificateRequest',
  14: 'ServerHelloDone',
  15: 'CertificateVerify',
  16: 'ClientKeyExchange',
  20: 'Finished',
  22: 'CertificateStatus',
}

export const RECORDS = { changeCipherSpec: 20, alert: 21, handshake: 22, content: 23 } as const

export interface TlsRecord {
  readonly type: number
  readonly body: Uint8Array
  readonly length: number
}

const HEAD_BYTES = 5

/** The record at the beginning; undefined while it is not all there. */
export function firstRecord(bytes: Uint8Array): TlsRecord | undefined {
  const [type = 0, , , high = 0, low = 0] = bytes.subarray(0, HEAD_BYTES)
  const length = HEAD_BYTES + ((high << 8) | low)
  if (bytes.length < HEAD_BYTES || bytes.length < length) return undefined
  return { type, body: bytes.subarray(HEAD_BYTES, length), length }
}

/** Whether a client that says this begins a handshake. */
export function beginsTls(bytes: Uint8Array): boolean {
  return bytes[0] === RECORDS.handshake && bytes[1] === 3
}

/** The names of the handshake's messages in a record that anybody can read. */
export function handshakeNames(body: Uint8Array): readonly string[] {
  const names: string[] = []
  for (let at = 0; at + 4 <= body.length; ) {
    const [type = 0, high = 0, middle = 0, low = 0] = body.subarray(at, at + 4)
    names.push(HANDSHAKES[type] ?? `handshake message ${type}`)
    at += 4 + high * 0x10000 + middle * 0x100 + low
  }
  return names
}
