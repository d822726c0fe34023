import { expect, test } from 'vitest'
import { wallMs } from '../../base/time.ts'
import type { Uid } from './mailbox.ts'
import type { RowData } from './row-pages.ts'
import type { SortKey, ThreadNode } from './search.ts'
import { type Sortable, sortMessages, threadByReferences, threadBySubject } from './sort.ts'
import { formatSummary, Summary } from './summary.ts'

interface Fields {
  readonly id?: string
  readonly subject?: string
  readonly from?: string
  readonly date?: string
  readonly references?: readonly string[]
  readonly inReplyTo?: string
  readonly size?: number
  readonly arrival?: number
}

/** The n-th has the UID n, and came in the n-th minute. */
function messages(...all: readonly Fields[]): readonly Sortable[] {
  return all.map((one, i) => {
    const { id, subject, from, date, references = [], inReplyTo } = one
    const fields = {
      ...(id !== undefined && { 'message-id': `<${id}>` }),
      ...(subject !== undefined && { subject }),
      ...(date !== undefined && { date }),
      ...(inReplyTo !== undefined && { 'in-reply-to': `<${inReplyTo}>` }),
      ...(from !== undefined && { from: `${from}@a.com` }),
      references: references.map((one) => `<${one}>`).join(' '),
    }
    const row = { uid: i + 1, dateMs: wallMs(one.arrival ?? i * 60_000), sizeBytes: one.size ?? 1 }
    return { row: row as unknown as RowData, summary: new Summary(formatSummary(fields)) }
  })
}

function sorted(all: readonly Sortable[], by: SortKey['by'], isReverse = false): readonly Uid[] {
  return sortMessages(all, [{ by, isReverse }])
}

/** `1(2(3)4)`; a message that is missing is `?`. */
function drawn(nodes: readonly ThreadNode[]): string {
  return nodes
    .map(({ uid, children }) => `${uid ?? '?'}${children.length > 0 ? `(${drawn(children)})` : ''}`)
    .join(' ')
}

test('equal ones stay in their order, also where the order is reversed (RFC 5256 §3)', () => {
  const all = messages({ size: 2 }, { size: 1 }, { size: 2 }, { size: 1 })
  expect(sorted(all, 'size')).toEqual([2, 4, 1, 3])
  expect(sorted(all, 'size', true)).toEqual([1, 3, 2, 4])
  const order = [
    { by: 'size', isReverse: true },
    { by: 'arrival', isReverse: true },
  ] as const
  expect(sortMessages(all, order)).toEqual([3, 1, 4, 2])
})

test('subjects are compared by what they answer, and without regard to case (RFC 5256 §2.1)', () => {
  const all = messages(
    { subject: 'Re: [list] banana' },
    { subject: 'APPLE' },
    { subject: '=?utf-8?Q?Fwd:_cherry?=' },
    {},
  )
  expect(sorted(all, 'subject')).toEqual([4, 2, 1, 3])
})

test('dates count with their zones, and the time of arrival for one that is missing (RFC 5256 §2.2)', () => {
  const all = messages(
    { date: 'Thu, 01 Jan 1970 03:00:00 +0200', arrival: 0 },
    { date: 'Thu, 01 Jan 1970 00:30:00 +0000', arrival: 0 },
    { arrival: 45 * 60_000 },
  )
  expect(sorted(all, 'date')).toEqual([2, 3, 1])
})

test('addresses are compared by the first one before its @; none comes first (RFC 5256 §3)', () => {
  expect(sorted(messages({ from: 'bob' }, { from: 'Ann' }, {}), 'from')).toEqual([3, 2, 1])
})

test('ORDEREDSUBJECT gathers equal subjects, each behind the first of them (RFC 5256 §3)', () => {
  const all = messages({ subject: 'b' }, { subject: 'a' }, { subject: 'Re: b' }, { subject: 'b' })
  expect(drawn(threadBySubject(all))).toBe('1(3 4) 2')
})

test('REFERENCES puts answers below what they answer, and a place for what is missing (RFC 5256 §3)', () => {
  const all = messages(
    { id: 'a', subject: 'x' },
    { id: 'b', subject: 'y', references: ['a'] },
    { id: 'c', subject: 'z', references: ['a', 'b'] },
    { id: 'd', subject: 'p', references: ['gone'] },
    { id: 'e', subject: 'q', references: ['gone'] },
    { id: 'f', subject: 'r', inReplyTo: 'a' },
  )
  expect(drawn(threadByReferences(all))).toBe('1(2(3) 6) ?(4 5)')
})

test('REFERENCES joins threads of one subject, and no circle of references hangs it (RFC 5256 §3)', () => {
  const answers = messages({ id: 'a', subject: 'x' }, { id: 'b', subject: 'Re: x' })
  expect(drawn(threadByReferences(answers))).toBe('1(2)')
  const circle = messages(
    { id: 'a', subject: 'x', references: ['b'] },
    { id: 'b', subject: 'y', references: ['a'] },
    { id: 'c', subject: 'z', references: ['c'] },
  )
  const uids = drawn(threadByReferences(circle)).match(/\d/g)
  expect(uids?.sort()).toEqual(['1', '2', '3'])
})

test('two messages of one identifier are both there (RFC 5256 §3)', () => {
  const all = messages({ id: 'a', subject: 'x' }, { id: 'a', subject: 'y' })
  expect(drawn(threadByReferences(all)).match(/\d/g)?.sort()).toEqual(['1', '2'])
})
