import { expect, test } from 'vitest'
import { mailbox, mailStage, pass } from '../../test/support/mail-stage.ts'
import { fromUtf8, toUtf8 } from '../base/bytes.ts'
import { newQueueId } from '../mail/queue-id.ts'
import { queueEntry } from './queue-list.ts'

test('a mail that its sender holds back says until when, as long as that is so (RFC 4865)', async () => {
  const stage = mailStage({ remote: () => new Promise(() => {}) })
  await stage.queue.open()
  const queueId = newQueueId(stage.clock, stage.entropy)
  const hold = { forSec: 3600 }
  const from = { reversePath: mailbox('user@mail-1.a.com'), parameters: { hold } }
  const delivery = await stage.queue.start({ queueId, from })
  await delivery.addRecipient(mailbox('ann@mail-2.a.com'))
  await delivery.write(fromUtf8('Hello\r\n'))
  await delivery.commit()
  await pass(stage, 0)
  const { acceptedAt = 0, releaseAt } = queueEntry(stage.queue, queueId) ?? {}
  expect(releaseAt).toBe(acceptedAt + 3_600_000)
  await pass(stage, 3_600_000)
  expect(queueEntry(stage.queue, queueId)).not.toHaveProperty('releaseAt')
  expect(queueEntry(stage.queue, 'none')).toBeUndefined()
})

test('a message is read from the queue piece by piece, to its end', async () => {
  const stage = mailStage({ remote: () => new Promise(() => {}) })
  await stage.queue.open()
  const queueId = newQueueId(stage.clock, stage.entropy)
  const delivery = await stage.queue.start({
    queueId,
    from: { reversePath: undefined, parameters: {} },
  })
  await delivery.addRecipient(mailbox('ann@mail-2.a.com'))
  const line = `${'x'.repeat(998)}\r\n`
  for (let i = 0; i < 600; i++) await delivery.write(fromUtf8(line))
  delivery.prepend(fromUtf8('A: b\r\n'))
  await delivery.commit()
  await pass(stage, 0)
  const envelope = stage.queue.look(queueId)?.envelope
  if (envelope === undefined) throw new Error('not there')
  const pieces: string[] = []
  for (let i = 0; ; i++) {
    const piece = stage.queue.piece(envelope, i)
    if (piece === undefined) break
    pieces.push(toUtf8(piece))
  }
  expect(pieces.length).toBeGreaterThan(2)
  expect(pieces.join('')).toBe(`A: b\r\n${line.repeat(600)}`)
})
