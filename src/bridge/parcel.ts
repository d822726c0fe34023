/**
 * An ADU as a file, for media that somebody carries: who it is from, whom it is for, until when it is
 * worth anything, a checksum, and proof that the sender knows the secret that both sides share.
 *
 * A line that says what it is; CBOR `[from, to, id, expires, payload]`; the SHA-256 of all that; and,
 * where there is a secret, the HMAC-SHA256 of that checksum.
 */

import { concat, equalBytes, fromUtf8 } from '../base/bytes.ts'
import { attempt, Fault, type Result } from '../base/fault.ts'
import { hmacSha256, sha256 } from '../base/sha256.ts'
import { type WallMs, wallMs } from '../base/time.ts'
import { CborReader } from '../proto/cbor/reader.ts'
import { CborWriter } from '../proto/cbor/writer.ts'
import type { BridgeFaultCode } from './fault.ts'

export interface Parcel {
  /** Names of hosts, as they call themselves. */
  readonly from: string
  readonly to: string
  /** The same for each copy, and for nothing else of this sender. */
  readonly id: string
  readonly expiresAt: WallMs
  /** Decoded it is a view. */
  readonly payload: Uint8Array
}

export interface ReadParcel extends Parcel {
  /** What `isProven` looks at. */
  readonly checksum: Uint8Array
  readonly proof: Uint8Array
}

const MAGIC = fromUtf8('lightlag parcel 1\r\n')
const HASH_BYTES = 32
/** RFC 5321 §4.5.3.1.2. */
const NAME_BYTES_MAX = 255
const ID_BYTES_MAX = 64

/** What a file has beside its payload, at the most. */
export const PARCEL_HEAD_BYTES_MAX: number =
  MAGIC.length + 2 * NAME_BYTES_MAX + ID_BYTES_MAX + 2 * HASH_BYTES + 64

export function encodeParcel(
  { from, to, id, expiresAt, payload }: Parcel,
  secret: Uint8Array | undefined,
): Uint8Array {
  const writer = new CborWriter(payload.length + PARCEL_HEAD_BYTES_MAX)
  writer.array(5)
  writer.textString(from)
  writer.textString(to)
  writer.textString(id)
  writer.uint(Math.max(0, Math.round(expiresAt)))
  writer.byteString(payload)
  const content = concat(MAGIC, writer.written())
  const checksum = sha256(content)
  const proof = secret === undefined ? [] : [hmacSha256(secret, checksum)]
  return concat(content, checksum, ...proof)
}

/** The Fault says what is wrong with the file. */
export function decodeParcel(bytes: Uint8Array): Result<ReadParcel> {
  return attempt(() => {
    if (!MAGIC.every((byte, i) => bytes[i] === byte)) {
      throw badParcel(bytes.length < MAGIC.length ? 'it is cut off' : 'it is none of ours')
    }
    const reader = new CborReader(bytes, MAGIC.length)
    const length = reader.openArray()
    const from = reader.textString(NAME_BYTES_MAX)
    const to = reader.textString(NAME_BYTES_MAX)
    const id = reader.textString(ID_BYTES_MAX)
    const expires = reader.safeUint()
    const payload = reader.byteString()
    reader.closeArray(length, 5)
    const end = reader.at
    const checksum = bytes.subarray(end, end + HASH_BYTES)
    const proof = bytes.subarray(end + HASH_BYTES)
    if (checksum.length < HASH_BYTES) throw badParcel('it is cut off')
    if (proof.length !== 0 && proof.length !== HASH_BYTES) throw badParcel('something follows it')
    if (!equalBytes(sha256(bytes.subarray(0, end)), checksum)) {
      throw badParcel('its checksum is another, so that it was damaged')
    }
    return { from, to, id, expiresAt: wallMs(expires), payload, checksum, proof }
  })
}

/** Whether who made it knows the secret. */
export function isProven({ checksum, proof }: ReadParcel, secret: Uint8Array): boolean {
  return isEqual(hmacSha256(secret, checksum), proof)
}

/** Takes as long for any two of one length. */
function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length
  for (const [i, byte] of a.entries()) difference |= byte ^ (b[i] ?? 0)
  return difference === 0
}

function badParcel(what: string): Fault<BridgeFaultCode> {
  return new Fault('bridge/bad-parcel', what, { temporary: false })
}
