/**
 * Line ends for the wire, where CRLF is the only one (RFC 5321 §2.3.8): files of other programs end
 * their lines with a bare LF. A message comes in pieces; `before` is the byte that preceded this
 * one, undefined at the beginning.
 */

const CR = 0x0d
const LF = 0x0a

export function countBareLf(bytes: Uint8Array, before: number | undefined): number {
  let count = 0
  for (let lf = bytes.indexOf(LF); lf >= 0; lf = bytes.indexOf(LF, lf + 1)) {
    if ((lf > 0 ? bytes[lf - 1] : before) !== CR) count++
  }
  return count
}

/** Puts the missing CR before each bare LF: `bytes` itself where none is missing. */
export function bareLfToCrlf(bytes: Uint8Array, before: number | undefined): Uint8Array {
  const missing = countBareLf(bytes, before)
  if (missing === 0) return bytes
  const converted = new Uint8Array(bytes.length + missing)
  let from = 0
  let to = 0
  for (let lf = bytes.indexOf(LF); lf >= 0; lf = bytes.indexOf(LF, lf + 1)) {
    if ((lf > 0 ? bytes[lf - 1] : before) === CR) continue
    converted.set(bytes.subarray(from, lf), to)
    to += lf - from
    converted[to++] = CR
    from = lf
  }
  converted.set(bytes.subarray(from), to)
  return converted
}
