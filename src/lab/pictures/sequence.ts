/** What a sequence diagram says, whichever way it is drawn. */

import type { MonoMs } from '../../base/time.ts'

export interface Sequence {
  readonly title: string
  /** Those who stand first, in their order; others follow as the items name them. */
  readonly participants: readonly string[]
  readonly items: readonly SequenceItem[]
  /** What the picture leaves out, where that is something. */
  readonly remark?: string | undefined
}

export type SequenceItem = SequenceMessage | SequenceNote

export interface SequenceMessage {
  readonly type: 'message'
  readonly at: MonoMs
  readonly from: string
  readonly to: string
  /** Perhaps of several lines, with LF between them. */
  readonly text: string
  readonly lost: boolean
}

export interface SequenceNote {
  readonly type: 'note'
  /** One participant, beside whom it stands, or those over whom it reaches. */
  readonly over: readonly [string, ...string[]]
  readonly text: string
}

/** All who take part, in the order in which they stand. */
export function participantsOf({ participants, items }: Sequence): readonly string[] {
  const named = items.flatMap((item) =>
    item.type === 'message' ? [item.from, item.to] : [...item.over],
  )
  return [...new Set([...participants, ...named])]
}

/** `t=1.5s`. */
export function formatSeconds(at: MonoMs): string {
  return `t=${Math.round(at) / 1000}s`
}
