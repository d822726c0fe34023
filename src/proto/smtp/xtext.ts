/** Text within a parameter's value, where a space or `=` cannot stand for itself. RFC 3461 §4. */

import { fromUtf8, toUtf8Strict } from '../../base/bytes.ts'

export function encodeXtext(text: string): string {
  let xtext = ''
  for (const octet of fromUtf8(text)) {
    const character = String.fromCharCode(octet)
    xtext += /[!-*,-<>-~]/.test(character) ? character : `+${hex(octet)}`
  }
  return xtext
}

/** Undefined where `xtext` is none, or stands for octets that are no text. */
export function decodeXtext(xtext: string | undefined): string | undefined {
  if (xtext === undefined || !/^(?:[!-*,-<>-~]|\+[0-9A-F]{2})+$/.test(xtext)) return undefined
  const octets: number[] = []
  for (const [part] of xtext.matchAll(/\+..|./g)) {
    octets.push(part.length === 3 ? Number.parseInt(part.slice(1), 16) : part.charCodeAt(0))
  }
  return toUtf8Strict(Uint8Array.from(octets))
}

/** What may be repeated in a report: no control could disturb a field of it. RFC 3461 §4.2. */
export function isPrintable(text: string | undefined): text is string {
  return text !== undefined && /^[^\p{Cc}\p{Zl}\p{Zp}]+$/u.test(text)
}

function hex(octet: number): string {
  return octet.toString(16).toUpperCase().padStart(2, '0')
}
