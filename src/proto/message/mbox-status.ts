/** Flags of a message in an mbox file: the fields that mail programs of Unix keep in its header. */

import { fromLatin1, toLatin1 } from '../../base/bytes.ts'
import { HeaderReader } from './header.ts'

export interface MboxStatus {
  /** Of `RODAFT`: read, old, deleted, answered, flagged, draft. */
  readonly letters: string
  readonly keywords: readonly string[]
}

/** At the top of what we write, always all three: so they are told from fields that the message has itself. */
const OWN = /^Status: ([RO]*)\r\nX-Status: ([DAFT]*)\r\nX-Keywords: ([^\r\n]*)\r\n/

/** To be written above the message. */
export function formatStatus({ letters, keywords }: MboxStatus): Uint8Array {
  const of = (all: string): string => [...all].filter((one) => letters.includes(one)).join('')
  return fromLatin1(
    `Status: ${of('RO')}\r\nX-Status: ${of('DAFT')}\r\nX-Keywords: ${keywords.join(' ')}\r\n`,
  )
}

/**
 * What the beginning of a message says, which has to hold its header as far as it is to be looked at.
 * `ownBytes`: so much of it is `formatStatus`, and none of the message's. The fields of other programs
 * are read and stay.
 */
export function readStatus(head: Uint8Array): MboxStatus & { readonly ownBytes: number } {
  const own = OWN.exec(toLatin1(head.subarray(0, OWN_BYTES_MAX)))
  if (own !== null) {
    const [all, status = '', xStatus = '', keywords = ''] = own
    return { letters: status + xStatus, keywords: words(keywords), ownBytes: all.length }
  }
  const header = new HeaderReader()
  header.push(head)
  header.end()
  const valueIn = (name: string): string =>
    header.fields.find((field) => field.name === name)?.value ?? ''
  return {
    letters: `${valueIn('status')}${valueIn('x-status')}`.replace(/[^RODAFT]/g, ''),
    keywords: words(valueIn('x-keywords')),
    ownBytes: 0,
  }
}

/** As many keywords as a mailbox has, of the greatest length. */
const OWN_BYTES_MAX = 4096

function words(text: string): readonly string[] {
  return text.split(/[ \t]+/).filter((word) => /^[!#-$&-'+-Z^-z|}~]+$/.test(word))
}
