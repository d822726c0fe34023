import { expect, test } from 'vitest'
import { monoMs, wallMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import { ResolverGuard } from './resolver-guard.ts'

const limits = { atOnceMax: 2, waitingMax: 1, silentAfter: 2, silenceMs: 1000 }

function guardAt(): { guard: ResolverGuard; pass: (ms: number) => void } {
  let nowMs = 0
  const clock: Clock = { now: () => monoMs(nowMs), wall: () => wallMs(0), at: () => () => {} }
  const pass = (ms: number): void => {
    nowMs += ms
  }
  return { guard: new ResolverGuard(clock, limits), pass }
}

const timeOut = new Error('time-out')
const isTimeOut = (error: unknown): boolean => error === timeOut
const answers = async (): Promise<string> => 'answer'
const isSilent = (): Promise<string> => Promise.reject(timeOut)
const fails = (): Promise<string> => Promise.reject(new Error('refused'))

test('so many questions are asked at once, some wait for their turn, and the others are turned away', async () => {
  const { guard } = guardAt()
  const open: (() => void)[] = []
  const slow = (): Promise<string> => new Promise((resolve) => open.push(() => resolve('late')))
  const asked = [1, 2, 3].map(() => guard.ask(slow, isTimeOut))
  await expect(guard.ask(answers, isTimeOut)).rejects.toMatchObject({ code: 'dns/failed' })
  expect(open).toHaveLength(2)
  open[0]?.()
  await asked[0]
  await Promise.resolve()
  expect(open).toHaveLength(3)
  for (const answer of open) answer()
  expect(await Promise.all(asked)).toEqual(['late', 'late', 'late'])
  expect(await guard.ask(answers, isTimeOut)).toBe('answer')
})

test('an answer, or a failure that somebody told, is no silence', async () => {
  const { guard } = guardAt()
  for (const query of [isSilent, fails, isSilent, answers, isSilent]) {
    await guard.ask(query, isTimeOut).catch(() => {})
  }
  expect(await guard.ask(answers, isTimeOut)).toBe('answer')
})

test('one question tries a silent resolver again, and the others do not wait for it', async () => {
  const { guard, pass } = guardAt()
  const asked = (query: () => Promise<string>) => guard.ask(query, isTimeOut)
  for (const query of [isSilent, isSilent]) await expect(asked(query)).rejects.toBe(timeOut)
  await expect(asked(answers)).rejects.toMatchObject({ code: 'dns/timed-out' })
  pass(1000)
  // Silent still.
  const trial = asked(isSilent)
  await expect(asked(answers)).rejects.toMatchObject({ code: 'dns/timed-out' })
  await expect(trial).rejects.toBe(timeOut)
  await expect(asked(answers)).rejects.toMatchObject({ code: 'dns/timed-out' })
  pass(1000)
  expect(await asked(answers)).toBe('answer')
  expect(await asked(answers)).toBe('answer')
})
