import { expect, test } from 'vitest'
import { formatQueue } from './format-queue.ts'

test('the queue looks as with Postfix', () => {
  const mail = {
    queueId: '4XkQ1ABCDE',
    state: 'hold',
    sizeBytes: 1500,
    acceptedAt: 1_795_420_800_000,
    sender: '',
    recipients: [
      { address: 'a@b.com', reason: 'no answer' },
      { address: 'c@b.com', reason: 'no answer' },
    ],
  } as const
  expect(formatQueue([], 0)).toBe('Mail queue is empty\n')
  expect(formatQueue([mail], 0).split('\n')).toEqual([
    '-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------',
    '4XkQ1ABCDE!     1500 Mon Nov 23 08:00:00  MAILER-DAEMON',
    `${' '.repeat(66)}(no answer)`,
    `${' '.repeat(41)}a@b.com`,
    `${' '.repeat(41)}c@b.com`,
    '',
    '-- 2 Kbytes in 1 Request.',
    '',
  ])
})

test('a mail that its sender holds back says until when', () => {
  const mail = {
    queueId: '4XkQ1ABCDE',
    state: 'deferred',
    sizeBytes: 10,
    acceptedAt: 1_795_420_800_000,
    releaseAt: 1_795_424_400_000,
    sender: 'a@b.com',
    recipients: [{ address: 'c@b.com' }],
  } as const
  expect(formatQueue([mail], 0)).toContain(
    `${' '.repeat(36)}(held back until Mon Nov 23 09:00:00)\n${' '.repeat(41)}c@b.com\n`,
  )
})

test('what a far server says moves no cursor of who reads the queue', () => {
  const mail = {
    queueId: '4XkQ1ABCDE',
    state: 'deferred',
    sizeBytes: 1,
    acceptedAt: 0,
    sender: 'a@b.com',
    recipients: [{ address: 'a@c.com', reason: 'c said: 451 \x1b[2J\rno mail waits' }],
  } as const
  expect(formatQueue([mail], 0)).toContain('(c said: 451 \\u001b[2J\\u000dno mail waits)')
})
