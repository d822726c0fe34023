import { expect, test } from 'vitest'
import { addMs } from '../base/time.ts'
import { LabStore } from '../lab/store.ts'
import { World } from '../lab/world.ts'
import type { HostEvent } from '../ports/events.ts'
import { Journal } from './journal.ts'
import { JOURNAL_FLUSH_MS, JOURNAL_STEPS_MAX } from './limits.ts'

function stage(storiesMax = 100) {
  const world = new World({ settle: async () => {} })
  const store = new LabStore()
  const events = (event: HostEvent): void => {
    throw new Error(`trouble: ${JSON.stringify(event)}`)
  }
  const open = (): Journal => new Journal(storiesMax, { store, clock: world, events })
  const flush = (): Promise<void> => world.run(addMs(world.now(), JOURNAL_FLUSH_MS))
  return { store, open, flush, journal: open() }
}

function accepted(queueId: string, messageId?: string): HostEvent {
  return {
    ...{ type: 'mail-accepted', queueId, via: 'smtp', from: 'a@x.org', recipients: [] },
    ...{ sizeBytes: 1, ...(messageId !== undefined && { messageId }) },
  }
}

test('a story is found by queue id and by Message-ID, also by the next run', async () => {
  const { open, flush, journal } = stage()
  journal.hear(accepted('A1', '<1@x.org>'))
  journal.hear({ type: 'mail-removed', queueId: 'A1' })
  const types = ({ steps }: ReturnType<Journal['find']>[number]) => steps.map(({ type }) => type)
  expect(journal.find('a1').map(types)).toEqual([['mail-accepted', 'mail-removed']])
  expect(journal.find('1@x.org')).toHaveLength(1)
  await flush()
  for (const name of ['A1', '<1@x.org>', '1@x.org']) {
    expect(open().find(name).map(types)).toEqual([['mail-accepted', 'mail-removed']])
  }
  expect(open().find('2@x.org')).toEqual([])
})

test('a bundle that is handed over is a step of each mail in it, whichever is told first', () => {
  const { journal } = stage()
  const sent = { type: 'bundle-sent', to: 'x', wireBytes: 1, fragments: 1 } as const
  const transaction = (queueId: string, bundle: string): HostEvent => ({
    ...{ type: 'transaction-sent', queueId, transaction: 't', object: 'o', to: 'x', bundle },
    arrivalAt: 0 as never,
  })
  journal.hear(transaction('A1', 'b1'))
  journal.hear(transaction('A2', 'b1'))
  journal.hear({ ...sent, bundle: 'b1' })
  journal.hear({ ...sent, bundle: 'b2' })
  journal.hear(transaction('A3', 'b2'))
  for (const queueId of ['A1', 'A2', 'A3']) {
    const steps = journal.find(queueId)[0]?.steps.map(({ type }) => type)
    expect(steps?.sort()).toEqual(['bundle-sent', 'transaction-sent'])
  }
})

test('the oldest stories go, with their names, and of a long one the middle', async () => {
  const { store, flush, journal } = stage(3)
  for (let i = 1; i <= 5; i++) {
    journal.hear(accepted(`A${i}`, `<${i}@x.org>`))
    await flush()
  }
  expect([...store.keys('bridge-journal', {})]).toEqual(['A3', 'A4', 'A5'])
  expect(journal.find('1@x.org')).toEqual([])
  expect([...store.keys('bridge-journal-names', {})]).toHaveLength(3)
  for (let i = 0; i < 200; i++) journal.hear({ type: 'mail-removed', queueId: 'A5' })
  const [story] = journal.find('A5')
  expect(story?.steps).toHaveLength(JOURNAL_STEPS_MAX)
  expect(story?.steps[0]?.type).toBe('mail-accepted')
})
