import { expect, it } from 'vitest'
import { LabStore } from '../../lab/store.ts'
import { Descriptions } from './descriptions.ts'
import { KeptOrders } from './kept-orders.ts'
import { KeptSummaries } from './kept-summaries.ts'
import { CACHE_CHANGES_MAX } from './limits.ts'
import { formatSummary } from './summary.ts'

it('knows what is on its way into the index, also when it is no longer kept beside it', async () => {
  let finish = (): void => {}
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })
  const store = new LabStore()
  const slow = {
    ...{ close: () => store.close(), keys: store.keys.bind(store), range: store.range.bind(store) },
    get: store.get.bind(store),
    commit: async (changes: Parameters<LabStore['commit']>[0]) => {
      await finished
      await store.commit(changes)
    },
  }
  const kept = {
    summaries: new KeptSummaries(),
    orders: new KeptOrders(),
    threads: new KeptOrders(),
  }
  const descriptions = new Descriptions(slow, kept as Descriptions['kept'], '/home/ann')
  const uids = Array.from({ length: CACHE_CHANGES_MAX }, (_, i) => i + 1)
  for (const uid of uids) {
    descriptions.takeHead('a', uid, formatSummary({ subject: `${uid}` }))
  }
  const lost = (): readonly number[] => {
    kept.summaries.forgetAll(descriptions.keyOf('a'))
    return uids.filter((uid) => descriptions.summary('a', uid) === undefined)
  }
  expect(lost()).toEqual([])
  finish()
  await descriptions.flush()
  expect(lost()).toEqual([])
})
