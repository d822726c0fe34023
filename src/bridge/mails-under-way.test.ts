import { expect, test } from 'vitest'
import { addMs } from '../base/time.ts'
import { World } from '../lab/world.ts'
import type { MailStart } from '../mail/delivery.ts'
import type { Carrier } from './carrier.ts'
import { ANSWER_GRACE_MS_MAX, QUESTIONS_MAX } from './limits.ts'
import type { MailEnd } from './mail-outcome.ts'
import { MailsUnderWay, type MailUnderWay } from './mails-under-way.ts'

const LIFETIME_MS = 60_000
const ROUND_TRIP_MS = 4000

function stage() {
  const world = new World({ settle: async () => {} })
  const late: string[] = []
  const questions: number[] = []
  const underWay = new MailsUnderWay({
    clock: world,
    events: () => {},
    onLate: (queueId) => late.push(queueId),
  })
  const carrier = {
    to: 'ipn:3.2525',
    opensAt: (at) => at,
    answerAt: (at) => addMs(at, ROUND_TRIP_MS),
    send: async () => String(questions.push(world.now())),
  } as Partial<Carrier> as Carrier
  const ends: MailEnd[] = []
  const mail = (queueId: string, changes: Partial<MailUnderWay> = {}): MailUnderWay => ({
    ...{ id: `${queueId} ipn:3.2525`, queueId, mail: {} as MailStart, carrier, taken: [] },
    ...{ recipients: [], startedAt: world.wall(), expiresAt: addMs(world.wall(), LIFETIME_MS) },
    ...{ transaction: '', message: undefined, lateAt: undefined, questions: 0 },
    settle: (end) => ends.push(end),
    ...changes,
  })
  const wait = (ms: number) => world.run(addMs(world.now(), ms))
  return { world, underWay, mail, late, questions, ends, wait }
}

test('a mail is found by its transaction from when it has one until it is settled', () => {
  const { underWay, mail } = stage()
  const one = mail('A1')
  underWay.add(one)
  underWay.name(one, 'a1b2c3.1')
  expect(underWay.withTransaction('a1b2c3.1')).toBe(one)
  expect(underWay.ofQueueId('A1')).toEqual([one])
  underWay.remove(one)
  expect(underWay.withTransaction('a1b2c3.1')).toBeUndefined()
  expect(underWay.size).toBe(0)
})

test('one that was withdrawn before it had a name gets none, which nobody would ever forget', () => {
  const { underWay, mail } = stage()
  const one = mail('A1')
  underWay.add(one)
  underWay.remove(one)
  underWay.name(one, 'a1b2c3.1')
  expect(underWay.withTransaction('a1b2c3.1')).toBeUndefined()
})

test('one that was withdrawn is not on its way because a later attempt is', () => {
  const { underWay, mail } = stage()
  const first = mail('A1')
  underWay.add(first)
  underWay.remove(first)
  underWay.add(mail('A1'))
  expect(underWay.has(first)).toBe(false)
})

test('it is late once, by what was said first', async () => {
  const { world, underWay, mail, late, wait } = stage()
  const one = mail('A1')
  underWay.add(one)
  underWay.expect(one, addMs(world.wall(), 1000))
  underWay.expect(one, addMs(world.wall(), 9000))
  await wait(999)
  expect(late).toEqual([])
  await wait(9001)
  expect(late).toEqual(['A1'])
})

test('the far gateway is asked after a mail whose answer is overdue, so many times, before it has failed', async () => {
  const { underWay, mail, questions, ends, wait } = stage()
  underWay.add(mail('A1', { transaction: 'a1b2c3.1' }))
  await wait(LIFETIME_MS + ROUND_TRIP_MS - 1)
  expect(questions).toEqual([])
  await wait(ANSWER_GRACE_MS_MAX)
  expect(questions).toHaveLength(QUESTIONS_MAX)
  expect(ends).toMatchObject([{ type: 'ended', fault: { code: 'bridge/lifetime-ended' } }])
})

test('one that was in no object has failed when its lifetime is over, and nobody is asked', async () => {
  const { underWay, mail, questions, ends, wait } = stage()
  underWay.add(mail('A1'))
  await wait(LIFETIME_MS + ROUND_TRIP_MS)
  expect(questions).toEqual([])
  expect(ends).toMatchObject([{ fault: { code: 'bridge/lifetime-ended' } }])
})
