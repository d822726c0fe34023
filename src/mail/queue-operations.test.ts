import { describe, expect, it } from 'vitest'
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
import type { MailParameters, RecipientParameters } from '../proto/smtp/envelope.ts'
import { newQueueId } from './queue-id.ts'
import { SPOOL_TABLE } from './spool-record.ts'

const MINUTE_MS = 60_000
const FAR = 'user@mail-2.a.com'
const NEAR = `user@${HOST}`

async function opened(options: StageOptions = {}): Promise<Stage> {
  const stage = mailStage(options)
  await stage.queue.open()
  stage.queue.resume()
  return stage
}

/** A mail with parameters. */
async function send(
  stage: Stage,
  recipients: Readonly<Record<string, RecipientParameters>>,
  parameters: MailParameters = {},
): Promise<string> {
  const queueId = newQueueId(stage.clock, stage.entropy)
  const from = { reversePath: mailbox(NEAR), parameters }
  const delivery = await stage.queue.start({ queueId, from })
  for (const [name, of] of Object.entries(recipients)) {
    await delivery.addRecipient(mailbox(name), of)
  }
  await delivery.write(fromUtf8('Subject: hello\r\n\r\nHello\r\n'))
  await delivery.commit()
  return queueId
}

function spooled(stage: Stage): readonly string[] {
  return [...stage.store.keys(SPOOL_TABLE, {})]
}

describe('an operator of the queue', () => {
  it('holds a mail, also over a restart, and releases it', async () => {
    const stage = await opened({ remote: async () => refusal('temporary') })
    const queueId = await submit(stage, [FAR])
    await pass(stage, 0)
    expect(await stage.queue.hold(queueId)).toBe(true)
    await pass(stage, 10 * MINUTE_MS)
    expect(stage.sent).toHaveLength(1)
    const again = await opened({ world: stage.world, ...stage.crash() })
    await pass(again, 10 * MINUTE_MS)
    expect(again.sent).toEqual([])
    expect(again.queue.look(queueId)?.state).toBe('hold')
    await again.queue.release(queueId)
    await pass(again, 0)
    expect(again.sent).toHaveLength(1)
    expect(spooled(again)).toEqual([])
  })

  it('holds what is under way once its attempt is over', async () => {
    let finish = (): void => {}
    const stage = await opened({
      remote: () =>
        new Promise((resolve) => {
          finish = () => resolve(refusal('temporary'))
        }),
    })
    const queueId = await submit(stage, [FAR])
    await pass(stage, 0)
    expect(stage.queue.look(queueId)?.state).toBe('active')
    await stage.queue.hold(queueId)
    finish()
    await pass(stage, 30 * MINUTE_MS)
    expect(stage.sent).toHaveLength(1)
    await stage.queue.release(queueId)
    await pass(stage, 0)
    expect(stage.sent).toHaveLength(2)
  })

  it('has what waits tried now', async () => {
    const stage = await opened({ remote: async () => refusal('temporary') })
    const queueId = await submit(stage, [FAR])
    await pass(stage, 1000)
    expect(stage.queue.requeue(queueId)).toBe(true)
    await pass(stage, 0)
    expect(stage.sent).toHaveLength(2)
  })

  it('deletes a mail without a word to its sender', async () => {
    const stage = await opened({ remote: async () => refusal('temporary') })
    const queueId = await submit(stage, [FAR])
    await pass(stage, 0)
    expect(await stage.queue.end(queueId, 'deleted')).toBe(true)
    await pass(stage, 60 * MINUTE_MS)
    expect(stage.sent).toHaveLength(1)
    expect(await stage.inbox('user')).toEqual([])
    expect(spooled(stage)).toEqual([])
    expect(stage.queue.look(queueId)).toBeUndefined()
  })

  it('returns a mail that is held to its sender', async () => {
    const stage = await opened({ remote: async () => refusal('temporary') })
    const queueId = await submit(stage, [FAR])
    await pass(stage, 0)
    await stage.queue.hold(queueId)
    await stage.queue.end(queueId, 'returned')
    await pass(stage, 0)
    expect((await stage.inbox('user'))[0]).toContain('returned by the operator')
    expect(spooled(stage)).toEqual([])
  })

  it('ends what is under way when its attempt is over', async () => {
    let finish = (): void => {}
    const stage = await opened({
      remote: () =>
        new Promise((resolve) => {
          finish = () => resolve(refusal('temporary'))
        }),
    })
    const queueId = await submit(stage, [FAR])
    await pass(stage, 0)
    await stage.queue.end(queueId, 'deleted')
    expect(spooled(stage)).not.toEqual([])
    finish()
    await pass(stage, 0)
    expect(spooled(stage)).toEqual([])
  })

  it('hears that a mail is not, or no longer, there', async () => {
    const stage = await opened()
    expect(await stage.queue.hold('NONE')).toBe(false)
    expect(await stage.queue.release('NONE')).toBe(false)
    expect(stage.queue.requeue('NONE')).toBe(false)
    expect(await stage.queue.end('NONE', 'deleted')).toBe(false)
    expect([...stage.queue.queueIds()]).toEqual([])
  })
})

describe('what a sender asks for', () => {
  it('a mail held for a time goes then, also after a restart (RFC 4865)', async () => {
    const stage = await opened()
    await send(stage, { [FAR]: {} }, { hold: { forSec: 600 } })
    await pass(stage, 5 * MINUTE_MS)
    const again = await opened({ world: stage.world, ...stage.crash() })
    await pass(again, 5 * MINUTE_MS - 1)
    expect(again.sent).toEqual([])
    await pass(again, 1)
    expect(again.sent).toHaveLength(1)
  })

  it('a mail that must arrive in time is returned when it has not (RFC 2852)', async () => {
    const stage = await opened({ remote: async () => refusal('temporary') })
    const deliverBy = { seconds: 300, mode: 'return', trace: false } as const
    await send(stage, { [FAR]: {} }, { deliverBy })
    await pass(stage, 5 * MINUTE_MS - 1)
    expect(await stage.inbox('user')).toEqual([])
    await pass(stage, 1)
    expect((await stage.inbox('user'))[0]).toContain('not in the time its sender gave it')
    expect(spooled(stage)).toEqual([])
  })

  it('the next host is told of the time that is left (RFC 2852)', async () => {
    const seen: unknown[] = []
    const stage = await opened({
      remote: async ({ from }) => {
        seen.push(from.parameters.deliverBy?.seconds)
        return refusal('temporary')
      },
    })
    const deliverBy = { seconds: 300, mode: 'return', trace: false } as const
    await send(stage, { [FAR]: {} }, { deliverBy })
    await pass(stage, MINUTE_MS)
    expect(seen).toEqual([300, 240])
  })

  it('success is reported of mailboxes here, and by the far host otherwise (RFC 3461 §5.2.1)', async () => {
    const stage = await opened({
      remote: async (_, { localPart }) => ({
        type: 'delivered',
        detail: '',
        reports: localPart === 'user' ? 'by-next-host' : 'by-nobody',
      }),
    })
    const notify = ['success'] as const
    await send(stage, { [`other@${HOST}`]: { notify } })
    await send(stage, { [FAR]: { notify }, 'old@mail-2.a.com': { notify } })
    await pass(stage, 0)
    const reports = (await stage.inbox('user')).join('')
    expect(reports).toContain(`Final-Recipient: rfc822; other@${HOST}\r\nAction: delivered\r\n`)
    expect(reports).toContain('Final-Recipient: rfc822; old@mail-2.a.com\r\nAction: relayed\r\n')
    expect(reports).not.toContain(FAR)
  })

  it('nobody hears of a failure who did not want to (RFC 3461 §5.2.6)', async () => {
    const stage = await opened({ remote: async () => refusal('permanent') })
    await send(stage, { [FAR]: { notify: ['never'] }, 'b@mail-2.a.com': { notify: ['success'] } })
    await pass(stage, 0)
    expect(await stage.inbox('user')).toEqual([])
    await send(stage, { [FAR]: { notify: ['failure'] } }, { ret: 'FULL', envelopeId: 'E1' })
    await pass(stage, 0)
    const [report] = await stage.inbox('user')
    expect(report).toContain('Original-Envelope-Id: E1')
    expect(report).toContain('\r\n\r\nHello\r\n')
  })

  it('a delay is told once, to those who may hear of it (RFC 3461 §5.2.5)', async () => {
    const stage = await opened({
      remote: async () => refusal('temporary'),
      queue: { warnAfterMs: 10 * MINUTE_MS },
    })
    await send(stage, { [FAR]: {}, 'b@mail-2.a.com': { notify: ['failure'] } })
    await pass(stage, 9 * MINUTE_MS)
    expect(await stage.inbox('user')).toEqual([])
    await pass(stage, 40 * MINUTE_MS)
    const [report, ...others] = await stage.inbox('user')
    expect(others).toEqual([])
    expect(report).toContain(`Final-Recipient: rfc822; ${FAR}\r\nAction: delayed\r\n`)
    expect(report).not.toContain('b@mail-2.a.com')
  })

  it('a delay is told at its time, also while an attempt is under way, and not again after a restart', async () => {
    const queue = { warnAfterMs: 10 * MINUTE_MS }
    const stage = await opened({ remote: () => new Promise(() => {}), queue })
    await send(stage, { [FAR]: {} })
    await pass(stage, 10 * MINUTE_MS - 1)
    expect(await stage.inbox('user')).toEqual([])
    const early = await opened({
      world: stage.world,
      ...stage.crash(),
      queue,
      remote: () => new Promise(() => {}),
    })
    await pass(early, 1)
    const [report, ...others] = await early.inbox('user')
    expect(others).toEqual([])
    expect(report).toContain('Action: delayed\r\nStatus: 4.4.7\r\n')
    expect(report).toContain(`<${FAR}>: not delivered yet\r\n`)
    const late = await opened({
      world: stage.world,
      ...early.crash(),
      queue,
      remote: async () => refusal('temporary'),
    })
    await pass(late, 30 * MINUTE_MS)
    expect(late.sent).not.toEqual([])
    expect(await late.inbox('user')).toHaveLength(1)
  })

  it('a mail that is to go later is not late before (RFC 4865), one with a time to be told at is (RFC 2852)', async () => {
    const stage = await opened({
      remote: async () => refusal('temporary'),
      queue: { warnAfterMs: 10 * MINUTE_MS },
    })
    await send(stage, { [FAR]: {} }, { hold: { forSec: 1200 } })
    await pass(stage, 29 * MINUTE_MS)
    expect(await stage.inbox('user')).toEqual([])
    await pass(stage, MINUTE_MS)
    expect(await stage.inbox('user')).toHaveLength(1)
    await send(stage, { [FAR]: {} }, { deliverBy: { seconds: 120, mode: 'notify', trace: false } })
    await pass(stage, 2 * MINUTE_MS)
    expect(await stage.inbox('user')).toHaveLength(2)
  })

  it('a delay that cannot be recorded is told later', async () => {
    let isFull = false
    const stage = await opened({
      remote: () => new Promise(() => {}),
      queue: { warnAfterMs: 10 * MINUTE_MS },
      store: (store) => ({
        get: (table, key) => store.get(table, key),
        range: (table, range) => store.range(table, range),
        keys: (table, range) => store.keys(table, range),
        commit: async (changes) => {
          if (isFull) throw new Fault('store/full', 'the store is full', { temporary: true })
          await store.commit(changes)
        },
        close: () => store.close(),
      }),
    })
    await send(stage, { [FAR]: {} })
    isFull = true
    await pass(stage, 10 * MINUTE_MS)
    expect(await stage.inbox('user')).toEqual([])
    isFull = false
    await pass(stage, MINUTE_MS)
    expect(await stage.inbox('user')).toHaveLength(1)
  })

  it('of an alias for several it is told that it was passed on (RFC 3461 §5.2.7.3)', async () => {
    const members = [mailbox(`other@${HOST}`), mailbox(FAR)]
    const stage = await opened({ aliases: [{ address: `all@${HOST}`, members }] })
    await send(stage, { [`all@${HOST}`]: { notify: ['success', 'failure'] } })
    await pass(stage, 0)
    const [report, ...others] = await stage.inbox('user')
    expect(others).toEqual([])
    expect(report).toContain(`Final-Recipient: rfc822; all@${HOST}\r\nAction: expanded\r\n`)
    expect(await stage.inbox('other')).toHaveLength(1)
    expect(stage.sent).toHaveLength(1)
    expect(spooled(stage)).toEqual([])
  })
})
