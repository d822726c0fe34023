/** What is read of messages, as it is made of their files; on Node by threads, which find it here by its name. */

import { fromUtf8, NO_BYTES } from '../../base/bytes.ts'
import type { Digest } from '../../ports/disk.ts'
import { bareLfToCrlf } from '../../proto/message/line-endings.ts'
import { StructureReader } from '../../proto/message/structure.ts'
import { fingerprint, textOf } from './message-text.ts'
import { formatSummary } from './summary.ts'

/** The summary, of the beginning of a message; no octets where its header does not end there. */
export const messageHead: Digest = {
  name: 'messageHead',
  make: (start, wanted) => {
    const end = headerEnd(start)
    if (end === undefined && start.length >= wanted) return NO_BYTES
    const reader = new StructureReader()
    reader.push(end === undefined ? start : start.subarray(0, end))
    return formatSummary(end === undefined ? reader.end().fields : reader.fields)
  },
}

/** What the index keeps of a whole message. */
export interface WholeDigest {
  readonly summary: Uint8Array
  /** As JSON. */
  readonly part: Uint8Array
  /** Of its text. */
  readonly fingerprint: Uint8Array
}

/** A `WholeDigest` as octets, of a whole message of `wanted` octets as it is sent. */
export const wholeMessage: Digest = {
  name: 'wholeMessage',
  make: (file, wanted) => {
    const sent = file.length === wanted ? file : bareLfToCrlf(file, undefined)
    const reader = new StructureReader()
    reader.push(sent)
    const { fields, part } = reader.end()
    const parts = [formatSummary(fields), fromUtf8(JSON.stringify(part))]
    return joined([...parts, fingerprint(textOf(sent, part))])
  },
}

const LENGTH_BYTES = 4

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + LENGTH_BYTES + length, 0))
  const view = new DataView(whole.buffer)
  let at = 0
  for (const part of parts) {
    view.setUint32(at, part.length)
    whole.set(part, at + LENGTH_BYTES)
    at += LENGTH_BYTES + part.length
  }
  return whole
}

export function parseWholeDigest(octets: Uint8Array): WholeDigest {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length)
  let at = 0
  const next = (): Uint8Array => {
    const from = at + LENGTH_BYTES
    at = from + view.getUint32(at)
    return octets.subarray(from, at)
  }
  return { summary: next(), part: next(), fingerprint: next() }
}

const LF = 0x0a
const CR = 0x0d

/** Before the empty line: what its end would tell of the structure is not asked for. */
function headerEnd(bytes: Uint8Array): number | undefined {
  for (let at = 0; ; ) {
    if (bytes[at] === LF || (bytes[at] === CR && bytes[at + 1] === LF)) return at
    const lf = bytes.indexOf(LF, at)
    if (lf < 0) return undefined
    at = lf + 1
  }
}
