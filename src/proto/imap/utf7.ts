/** Names of mailboxes as IMAP4rev1 writes them: modified UTF-7. RFC 3501 §5.1.3. */

import { fromBase64, toBase64 } from '../../base/bytes.ts'

/** Every name has one form: what needs no shift is not shifted. */
export function encodeUtf7(name: string): string {
  return name.replace(/[^\x20-\x7e]+|&/g, (run) => (run === '&' ? '&-' : `&${toModified(run)}-`))
}

/** Undefined where `encoded` is not the one form of any name. */
export function decodeUtf7(encoded: string): string | undefined {
  if (/[^\x20-\x7e]/.test(encoded)) return undefined
  let isWhole = true
  const name = encoded.replace(/&([^-]*)(-?)/g, (_, digits: string, dash: string) => {
    const text = digits === '' ? '&' : fromModified(digits)
    if (dash === '' || text === undefined) isWhole = false
    return text ?? ''
  })
  return isWhole && encodeUtf7(name) === encoded ? name : undefined
}

function toModified(run: string): string {
  const octets = new Uint8Array(run.length * 2)
  for (let i = 0; i < run.length; i++) {
    octets[2 * i] = run.charCodeAt(i) >> 8
    octets[2 * i + 1] = run.charCodeAt(i) & 0xff
  }
  return toBase64(octets).replaceAll('/', ',').replace(/=+$/, '')
}

function fromModified(digits: string): string | undefined {
  const padded = digits.replaceAll(',', '/') + '==='.slice((digits.length + 3) % 4)
  const octets = digits.includes('/') ? undefined : fromBase64(padded)
  if (octets === undefined || octets.length % 2 !== 0) return undefined
  let text = ''
  for (let i = 0; i < octets.length; i += 2) {
    text += String.fromCharCode(((octets[i] as number) << 8) | (octets[i + 1] as number))
  }
  return text
}

/** Whether a name can be written in UTF-8 too: no half of a surrogate pair alone. */
export function isWellFormed(name: string): boolean {
  return !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(name)
}
