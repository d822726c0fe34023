import { expect, test } from 'vitest'
import { type MonoMs, wallMs } from '../base/time.ts'
import { LabStore } from '../lab/store.ts'
import { World } from '../lab/world.ts'
import { type BudgetedMail, Budgets } from './budgets.ts'

const HOUR_MS = 3_600_000
/** Ten minutes into an hour. */
const START_MS = 500_000 * HOUR_MS + 600_000
const LINK = {
  route: 'bp:ipn:3.2525',
  budget: { bytes: 1000, periodMs: HOUR_MS },
  userBudget: { bytes: 600, periodMs: HOUR_MS },
}

function stage() {
  const world = new World({ settle: async () => {}, wallAtStart: wallMs(START_MS) })
  const store = new LabStore()
  const wait = (ms: number): Promise<void> => world.run((world.now() + ms) as MonoMs)
  return { world, store, wait, budgets: new Budgets(store, world) }
}

function mail(queueId: string, bytes: number, account?: string): BudgetedMail {
  return { queueId, route: LINK.route, account, bytes }
}

test('what does not fit into the budget waits for the next period, and the reason says how long', async () => {
  const { budgets, wait } = stage()
  await budgets.charge(LINK, mail('A', 900))
  await expect(budgets.charge(LINK, mail('B', 101))).rejects.toMatchObject({
    code: 'bridge/over-budget',
    temporary: true,
    message:
      'a mail of 101B waits for the budget of 1000B in 1h for bp:ipn:3.2525: 100B left until 2027-01-15T09:00:00Z',
  })
  await budgets.charge(LINK, mail('C', 100))
  await wait(50 * 60_000 - 1)
  await expect(budgets.charge(LINK, mail('B', 101))).rejects.toThrow('waits for the budget')
  await wait(1)
  await budgets.charge(LINK, mail('B', 101))
  expect(budgets.useOf(LINK)).toMatchObject({ usedBytes: 101, bytes: 1000 })
})

test('the budget of an account is its own, and mail of nobody here has only that of the next hop', async () => {
  const { budgets } = stage()
  await budgets.charge(LINK, mail('A', 600, 'ann'))
  await expect(budgets.charge(LINK, mail('B', 1, 'ann'))).rejects.toThrow(
    'the budget of 600B in 1h of ann for bp:ipn:3.2525: 0B left',
  )
  // What was refused by one budget has used nothing of the other.
  await budgets.charge(LINK, mail('C', 100, 'bob'))
  await budgets.charge(LINK, mail('D', 300))
  await expect(budgets.charge(LINK, mail('E', 1))).rejects.toThrow(
    'in 1h for bp:ipn:3.2525: 0B left',
  )
})

test('an account may be written in any letters, and at any length', async () => {
  const { budgets, store } = stage()
  await budgets.charge(LINK, mail('A', 450, 'büro@a.com'))
  await budgets.charge(LINK, mail('B', 300, 'x'.repeat(400)))
  for (const key of store.keys('bridge-budgets', {})) expect(key).toMatch(/^[ -~]{1,300}$/)
  await expect(budgets.charge(LINK, mail('C', 151, 'büro@a.com'))).rejects.toThrow('of büro@a.com')
})

test('what can never fit is refused for good', async () => {
  const { budgets } = stage()
  await expect(budgets.charge(LINK, mail('A', 1001))).rejects.toMatchObject({
    code: 'bridge/too-large',
    temporary: false,
  })
  await expect(budgets.charge(LINK, mail('A', 601, 'ann'))).rejects.toThrow(
    'of ann for bp:ipn:3.2525',
  )
})

test('a mail is charged once, also by the next run, until it has left the queue', async () => {
  const { budgets, store, world } = stage()
  await budgets.charge(LINK, mail('A', 900))
  await budgets.charge(LINK, mail('A', 900))
  const next = new Budgets(store, world)
  await next.charge(LINK, mail('A', 900))
  expect(next.useOf(LINK)?.usedBytes).toBe(900)
  await expect(next.charge(LINK, mail('B', 101))).rejects.toThrow('100B left')
  await store.commit(next.removal('A'))
  expect([...store.keys('bridge-budgets', { from: 'm/', to: 'n' })]).toEqual([])
  expect(next.useOf(LINK)?.usedBytes).toBe(900)
})

test('what could not be recorded is not charged', async () => {
  const { store, world } = stage()
  let isFull = true
  const budgets = new Budgets(
    {
      get: (table, key) => store.get(table, key),
      range: (table, range) => store.range(table, range),
      keys: (table, range) => store.keys(table, range),
      close: () => store.close(),
      commit: (changes) =>
        isFull ? Promise.reject(new Error('store/full')) : store.commit(changes),
    },
    world,
  )
  await expect(budgets.charge(LINK, mail('A', 900))).rejects.toThrow('store/full')
  isFull = false
  await budgets.charge(LINK, mail('A', 900))
  expect(budgets.useOf(LINK)?.usedBytes).toBe(900)
})

test('two that are charged at the same time do not share what is left', async () => {
  const { budgets } = stage()
  const both = await Promise.allSettled([
    budgets.charge(LINK, mail('A', 600)),
    budgets.charge(LINK, mail('B', 600)),
  ])
  expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
})
