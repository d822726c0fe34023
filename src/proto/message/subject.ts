/** What remains of a subject when replies and forwards are taken away from it. RFC 5256 §2.1. */

/** How often a layer is taken away, and what is looked at: a line has 998 characters. RFC 5322 §2.1.1. */
const ROUNDS_MAX = 100
const SUBJECT_MAX = 998

export interface BaseSubject {
  readonly text: string
  readonly isReplyOrForward: boolean
}

/** `subject` decoded; the result in upper case is what SORT and THREAD compare. */
export function baseSubject(subject: string): BaseSubject {
  let text = subject
    .slice(0, SUBJECT_MAX)
    .replace(/[ \t\r\n]+/g, ' ')
    .trim()
  let isReplyOrForward = false
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const before = text
    text = text.trim()
    while (/\(fwd\)$/i.test(text)) {
      text = text.slice(0, -5).trimEnd()
      isReplyOrForward = true
    }
    const leader = LEADER.exec(text)
    if (leader !== null) {
      text = text.slice(leader[0].length)
      isReplyOrForward = true
    } else {
      const blob = BLOB.exec(text)?.[0]
      // Not where nothing would be left.
      if (blob !== undefined && blob.length < text.length) text = text.slice(blob.length)
    }
    const forwarded = /^\[fwd:(.*)\]$/i.exec(text)
    if (forwarded !== null) {
      text = (forwarded[1] ?? '').trim()
      isReplyOrForward = true
    }
    if (text === before) break
  }
  return { text: text.trim(), isReplyOrForward }
}

const LEADER = /^ *(?:\[[^[\]]*\] *)*(?:re|fwd?) *(?:\[[^[\]]*\] *)?:/i
const BLOB = /^\[[^[\]]*\] */
