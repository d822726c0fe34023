import { expect, test } from 'vitest'
import { matches, type QueueEntry } from './mail-requests.ts'

const ENTRY: QueueEntry = {
  queueId: 'A',
  state: 'deferred',
  sizeBytes: 1,
  acceptedAt: 1000,
  sender: 'User@mail-1.a.com',
  recipients: [{ address: 'ann@mail-2.a.com', route: 'bp:ipn:3.2525' }],
}

test.each([
  [{}, true],
  [{ queueIds: ['A', 'B'] }, true],
  [{ queueIds: ['B'] }, false],
  [{ address: 'user@MAIL-1.a.com' }, true],
  [{ address: 'ann@mail-2.a.com' }, true],
  [{ address: 'nn@mail-2.a.com' }, false],
  [{ domain: 'mail-2.a.com' }, true],
  [{ domain: 'a.com' }, false],
  [{ domain: 'mail-1.a.com' }, false],
  [{ olderThanMs: 1000 }, true],
  [{ olderThanMs: 1001 }, false],
  [{ domain: 'mail-2.a.com', queueIds: ['B'] }, false],
])('selection %j', (selection, selected) => {
  expect(matches(ENTRY, selection, 2000)).toBe(selected)
})
