/** What an operator wants of the queue while something else is on its way to the disk. */

import { expect, test } from 'vitest'
import {
  HOST,
  mailbox,
  mailStage,
  pass,
  refusal,
  type Stage,
  type StageOptions,
  submit,
} from '../../test/support/mail-stage.ts'
import { fromUtf8 } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import type { Store } from '../ports/store.ts'
import { newQueueId } from './queue-id.ts'
import { SPOOL_TABLE } from './spool-record.ts'

const MINUTE_MS = 60_000
const FAR = 'user@mail-2.a.com'

/** A disk that is slow, or full, as long as it is told to be. */
interface Disk {
  commits: 'at once' | 'held back' | 'refused'
  /** Those that were held back, in their order. */
  letGo(): void
}

async function opened(options: StageOptions = {}): Promise<{ stage: Stage; disk: Disk }> {
  const waiting: (() => void)[] = []
  const disk: Disk = {
    commits: 'at once',
    letGo: () => {
      disk.commits = 'at once'
      for (const go of waiting.splice(0)) go()
    },
  }
  const slow = (store: Store): Store => ({
    get: (table, key) => store.get(table, key),
    range: (table, range) => store.range(table, range),
    keys: (table, range) => store.keys(table, range),
    close: () => store.close(),
    commit: (changes) => {
      if (disk.commits === 'at once') return store.commit(changes)
      if (disk.commits === 'refused') {
        return Promise.reject(new Fault('test/full', 'no room', { temporary: true }))
      }
      return new Promise((resolve, reject) => {
        waiting.push(() => store.commit(changes).then(resolve, reject))
      })
    },
  })
  const stage = mailStage({ remote: async () => refusal('temporary'), store: slow, ...options })
  await stage.queue.open()
  stage.queue.resume()
  return { stage, disk }
}

/** With a mail whose attempt ends well when `finish` is called. */
async function underWay(): Promise<
  Awaited<ReturnType<typeof opened>> & { queueId: string; finish: () => void }
> {
  let finish = (): void => {}
  const { stage, disk } = await opened({
    remote: () =>
      new Promise((resolve) => {
        finish = () => resolve({ type: 'delivered', detail: 'there' })
      }),
  })
  const queueId = await submit(stage, [FAR])
  await pass(stage, 0)
  return { stage, disk, queueId, finish }
}

function spooled(stage: Stage): readonly string[] {
  return [...stage.store.keys(SPOOL_TABLE, {})]
}

test('a mail is held from the moment that it is asked for: no attempt begins while that is recorded', async () => {
  const { stage, disk } = await opened()
  const queueId = await submit(stage, [FAR])
  await pass(stage, 0)
  expect(stage.sent).toHaveLength(1)
  disk.commits = 'held back'
  const held = stage.queue.hold(queueId)
  await pass(stage, 10 * MINUTE_MS)
  expect(stage.sent).toHaveLength(1)
  disk.letGo()
  expect(await held).toBe(true)
})

test('a mail that could not be held goes on as it would have', async () => {
  const { stage, disk } = await opened()
  const queueId = await submit(stage, [FAR])
  await pass(stage, 0)
  disk.commits = 'refused'
  await expect(stage.queue.hold(queueId)).rejects.toMatchObject({ code: 'test/full' })
  disk.commits = 'at once'
  expect(stage.queue.look(queueId)?.state).toBe('deferred')
  await pass(stage, MINUTE_MS)
  expect(stage.sent).toHaveLength(2)
})

test('a mail that ends while it is being held leaves nothing behind, and was not held', async () => {
  const { stage, disk, queueId, finish } = await underWay()
  disk.commits = 'held back'
  finish()
  await pass(stage, 0)
  const held = stage.queue.hold(queueId)
  disk.letGo()
  expect(await held).toBe(false)
  await pass(stage, 0)
  expect(spooled(stage)).toEqual([])
})

test('one that ends when its hold is not yet recorded leaves nothing behind either', async () => {
  const { stage, disk, queueId, finish } = await underWay()
  disk.commits = 'held back'
  const held = stage.queue.hold(queueId)
  finish()
  await pass(stage, 0)
  disk.letGo()
  await held
  await pass(stage, 0)
  expect(spooled(stage)).toEqual([])
})

test('a mail that is deleted while its deferral is recorded leaves nothing behind', async () => {
  const { stage, disk } = await opened()
  const queueId = await submit(stage, [FAR])
  disk.commits = 'held back'
  await pass(stage, 0)
  const ended = stage.queue.end(queueId, 'deleted')
  disk.letGo()
  expect(await ended).toBe(true)
  await pass(stage, 0)
  expect(spooled(stage)).toEqual([])
})

test('a mail that was to go later and is released can be requeued', async () => {
  const { stage } = await opened()
  const queueId = newQueueId(stage.clock, stage.entropy)
  const parameters = { hold: { forSec: 86_400 } }
  const from = { reversePath: mailbox(`user@${HOST}`), parameters }
  const delivery = await stage.queue.start({ queueId, from })
  await delivery.addRecipient(mailbox(FAR))
  await delivery.write(fromUtf8('Subject: hello\r\n\r\n'))
  await delivery.commit()
  await pass(stage, 0)
  expect(await stage.queue.release(queueId)).toBe(true)
  await pass(stage, 0)
  expect(stage.sent).toHaveLength(1)
  expect(stage.queue.requeue(queueId)).toBe(true)
  await pass(stage, 0)
  expect(stage.sent).toHaveLength(2)
})

test('a mail found after a restart is tried once, whoever is quick to requeue it', async () => {
  const { stage } = await opened()
  const queueId = await submit(stage, [FAR])
  await pass(stage, 0)
  const again = mailStage({
    world: stage.world,
    ...stage.crash(),
    remote: () => new Promise(() => {}),
  })
  await again.queue.open()
  again.queue.requeue(queueId)
  again.queue.resume()
  await pass(again, 10 * MINUTE_MS)
  expect(again.sent).toHaveLength(1)
})

test('of a release and a hold that follow each other, what was asked last holds', async () => {
  const { stage, disk } = await opened()
  const queueId = await submit(stage, [FAR])
  await pass(stage, 0)
  await stage.queue.hold(queueId)
  disk.commits = 'held back'
  const decided = [stage.queue.release(queueId), stage.queue.hold(queueId)]
  disk.letGo()
  expect(await Promise.all(decided)).toEqual([true, true])
  await pass(stage, 10 * MINUTE_MS)
  expect(stage.queue.look(queueId)?.state).toBe('hold')
  expect(stage.sent).toHaveLength(1)
})

test('a hold that cannot be recorded does not undo another that can', async () => {
  const { stage, disk } = await opened()
  const queueId = await submit(stage, [FAR])
  await pass(stage, 0)
  disk.commits = 'refused'
  const first = stage.queue.hold(queueId)
  first.catch(() => {})
  await Promise.resolve()
  const second = stage.queue.hold(queueId)
  disk.commits = 'at once'
  await expect(first).rejects.toMatchObject({ code: 'test/full' })
  expect(await second).toBe(true)
  const isHeld = stage.queue.look(queueId)?.state === 'hold'
  await pass(stage, 10 * MINUTE_MS)
  expect([isHeld, stage.sent.length]).toEqual([true, 1])
})

test('a mail that is being deleted is not tried, whoever requeues it meanwhile', async () => {
  const { stage, disk } = await opened()
  const queueId = await submit(stage, [FAR])
  await pass(stage, 0)
  disk.commits = 'held back'
  const ended = stage.queue.end(queueId, 'deleted')
  await pass(stage, 0)
  stage.queue.requeue(queueId)
  await pass(stage, 0)
  disk.letGo()
  expect(await ended).toBe(true)
  await pass(stage, 10 * MINUTE_MS)
  expect(stage.sent).toHaveLength(1)
  expect(spooled(stage)).toEqual([])
})

test('a mail that is deleted by one and returned by another at once ends once', async () => {
  const { stage, disk } = await opened()
  const queueId = await submit(stage, [FAR])
  await pass(stage, 0)
  disk.commits = 'held back'
  const ended = [stage.queue.end(queueId, 'deleted'), stage.queue.end(queueId, 'returned')]
  disk.letGo()
  await Promise.all(ended)
  await pass(stage, 10 * MINUTE_MS)
  expect(stage.events.filter(({ type }) => type === 'mail-removed')).toHaveLength(1)
  expect(spooled(stage)).toEqual([])
})

test('a mail found after a restart can be deleted before the queue goes on', async () => {
  const { stage } = await opened()
  const queueId = await submit(stage, [FAR])
  await pass(stage, 0)
  const again = mailStage({ world: stage.world, ...stage.crash() })
  await again.queue.open()
  expect(await again.queue.end(queueId, 'deleted')).toBe(true)
  again.queue.resume()
  await pass(again, 10 * MINUTE_MS)
  expect(again.sent).toEqual([])
})

test('who was told of the delay while a deferral waited to be recorded is not told again after a restart', async () => {
  let finish = (): void => {}
  const queue = { warnAfterMs: MINUTE_MS }
  const { stage, disk } = await opened({
    queue,
    remote: () =>
      new Promise((resolve) => {
        finish = () => resolve(refusal('temporary'))
      }),
  })
  const queueId = await submit(stage, [FAR])
  await pass(stage, 0)
  disk.commits = 'held back'
  const released = stage.queue.release(queueId)
  await pass(stage, MINUTE_MS)
  finish()
  await pass(stage, 0)
  disk.letGo()
  await released
  await pass(stage, 0)
  const warned = (of: Stage): number =>
    of.events.filter((event) => event.type === 'mail-accepted' && event.via === 'report').length
  expect(warned(stage)).toBe(1)
  const again = mailStage({ world: stage.world, ...stage.crash(), queue })
  await again.queue.open()
  again.queue.resume()
  await pass(again, 10 * MINUTE_MS)
  expect(warned(again)).toBe(0)
})
