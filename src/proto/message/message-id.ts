/** Message identifiers in fields that hold some. RFC 5322 §3.6.4. */

import { REFERENCES_MAX } from './limits.ts'

/** Without angle brackets, in order; the last REFERENCES_MAX of them, as the nearest are the last. */
export function parseMessageIds(text: string): readonly string[] {
  const ids: string[] = []
  let at = text.indexOf('<')
  while (at >= 0) {
    const end = text.indexOf('>', at)
    if (end < 0) break
    const inner = text.lastIndexOf('<', end)
    const id = text.slice(inner + 1, end).replace(/[ \t\r\n"]/g, '')
    if (id !== '') ids.push(id)
    at = text.indexOf('<', end)
  }
  return ids.slice(-REFERENCES_MAX)
}
