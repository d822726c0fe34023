import { expect, test } from 'vitest'
import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import { LabStore } from '../../lab/store.ts'
import { World } from '../../lab/world.ts'
import { Inbox } from './inbox.ts'
import { Journal } from './journal.ts'
import { TOPICS_MAX, UNCLAIMED_COUNT_MAX } from './limits.ts'

function stage() {
  const store = new LabStore()
  const world = new World({ settle: () => Promise.resolve() })
  const events = (): void => {}
  const journal = new Journal({ store, clock: world, events })
  const inbox = new Inbox({ store, journal, events })
  const come = async (topic: number, text: string): Promise<void> => {
    const item = { topic, source: 'ipn:3.128', profile: 1, bytes: fromUtf8(text) }
    const { changes, placed } = inbox.place([item])
    await journal.commit(changes)
    placed()
  }
  return { inbox, come }
}

test('a topic beyond those that are remembered stays open when an item of it finds no room', async () => {
  const { inbox, come } = stage()
  for (let topic = 0; topic < TOPICS_MAX; topic++) inbox.open(topic, () => {}).close()
  const heard: string[] = []
  inbox.open(TOPICS_MAX, ({ item, taken }) => {
    heard.push(toUtf8(item.bytes))
    taken()
  })
  const other = TOPICS_MAX + 1
  for (let count = 0; count < UNCLAIMED_COUNT_MAX; count++) await come(other, 'waits')
  await come(TOPICS_MAX, 'finds no room')
  inbox.open(other, ({ taken }) => taken())
  await come(TOPICS_MAX, 'comes later')
  expect(heard).toEqual(['comes later'])
  expect(inbox.counts).toMatchObject({ letGo: 1, taken: UNCLAIMED_COUNT_MAX + 1 })
})
