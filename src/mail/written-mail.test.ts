import { describe, expect, it } from 'vitest'
import {
  HOST,
  mailbox,
  mailStage,
  type PowerCut,
  pass,
  type Stage,
  type StageOptions,
  submit,
} from '../../test/support/mail-stage.ts'
import { assert } from '../base/assert.ts'
import { fromUtf8, toUtf8 } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import type { Disk } from '../ports/disk.ts'
import type { StoreChange } from '../ports/store.ts'
import type { MailFrom } from '../proto/smtp/envelope.ts'
import { WRITTEN_PIECE_BYTES } from './limits.ts'
import { newQueueId } from './queue-id.ts'
import { NO_QUOTAS } from './quotas.ts'
import { SPOOL_TABLE } from './spool-record.ts'
import type { Addressee } from './written-mail.ts'

const MINUTE_MS = 60_000
const TEXT = 'Subject: hello\r\n\r\nHello\r\n'
const MEMORY: StoreChange = { table: 'taken', key: 'one', value: fromUtf8('taken') }

function addressee(name: string, parameters: Addressee['parameters'] = {}): Addressee {
  return { recipient: mailbox(name), parameters }
}

const BOTH = [addressee(`user@${HOST}`), addressee(`other@${HOST}`)]

function take(
  { queue, clock, entropy }: Stage,
  recipients: readonly Addressee[],
  parameters: MailFrom['parameters'] = {},
  text = TEXT,
): Promise<boolean> {
  const from = { reversePath: mailbox('ann@mail-2.a.com'), parameters }
  const start = { queueId: newQueueId(clock, entropy), from }
  return queue.acceptHere({ start, recipients, message: [fromUtf8(text)], alongside: [MEMORY] })
}

async function opened(options: StageOptions = {}): Promise<Stage> {
  const stage = mailStage(options)
  await stage.queue.open()
  stage.queue.resume()
  return stage
}

function spooled(stage: Stage): readonly string[] {
  return [...stage.store.keys(SPOOL_TABLE, {})]
}

async function copies(stage: Stage): Promise<readonly number[]> {
  return [(await stage.inbox('user')).length, (await stage.inbox('other')).length]
}

async function waiting({ disk }: Stage): Promise<number> {
  const names = await disk.list('/home/user/Maildir/tmp').catch(() => [])
  return names.length
}

/** Where nothing appears while `isStuck`. */
function stuck(isStuck: () => boolean): (disk: Disk) => Disk {
  const fault = new Fault('disk/failed', 'stuck', { temporary: true })
  return (disk) =>
    new Proxy(disk, {
      get: (target, name: keyof Disk) => {
        const isRefused = name === 'rename' && isStuck()
        return isRefused ? () => Promise.reject(fault) : target[name].bind(target)
      },
    })
}

describe('a mail for mailboxes here', () => {
  it('is written once, with Return-Path and Delivered-To, and the queue never holds its text', async () => {
    const stage = await opened()
    expect(await take(stage, [addressee(`user@${HOST}`)])).toBe(true)
    expect(spooled(stage).map((key) => key.split('/')[0])).toEqual(['e', 'r'])
    await pass(stage, 0)
    expect(await stage.inbox('user')).toEqual([
      `Return-Path: <ann@mail-2.a.com>\r\nDelivered-To: user@${HOST}\r\n${TEXT}`,
    ])
    expect(spooled(stage)).toEqual([])
    expect(stage.queue.bytes).toBe(0)
    expect(stage.events.map(({ type }) => type)).toEqual(['mail-delivered', 'mail-removed'])
  })

  it.each([
    ['for a host elsewhere', [...BOTH, addressee('user@mail-2.a.com')], {}],
    ['with an alias among its recipients', [addressee(`all@${HOST}`)], {}],
    [
      'whose sender wants to hear of its success',
      [addressee(`user@${HOST}`, { notify: ['success'] })],
      {},
    ],
    ['that is to be held back', BOTH, { hold: { forSec: 60 } }],
    ['that is to be there in time', BOTH, { deliverBy: { seconds: 1, mode: 'return' } }],
  ] as const)('goes through the queue where it is one %s', async (_, recipients, parameters) => {
    const aliases = [{ address: `all@${HOST}`, members: [mailbox(`user@${HOST}`)] }]
    const stage = await opened({ aliases })
    expect(await take(stage, recipients, parameters as MailFrom['parameters'])).toBe(false)
    expect(stage.store.get('taken', 'one')).toBeUndefined()
    expect(await waiting(stage)).toBe(0)
  })

  it('goes through the queue, and leaves nothing, where a filter wants it elsewhere or nowhere', async () => {
    for (const said of [
      { type: 'redirect', to: [mailbox('ann@mail-2.a.com')], keep: false } as const,
      { type: 'reject', reason: 'no' } as const,
    ]) {
      const stage = await opened({
        filter: async ({ account }) =>
          account === 'other' ? said : { type: 'file', into: [{ mailbox: 'INBOX', flags: [] }] },
      })
      expect(await take(stage, BOTH)).toBe(false)
      await pass(stage, 0)
      expect(await copies(stage)).toEqual([0, 0])
      expect([await waiting(stage), spooled(stage)]).toEqual([0, []])
    }
  })

  it('leaves the room that it does not take to the queue: it is not returned as too much', async () => {
    const stage = await opened({
      quotas: { ...NO_QUOTAS, each: { messagesMax: 1 } },
      filter: async ({ account }) =>
        account === 'other'
          ? { type: 'redirect', to: [mailbox('user@mail-2.a.com')], keep: false }
          : { type: 'file', into: [{ mailbox: 'INBOX', flags: [] }] },
    })
    expect(await take(stage, BOTH)).toBe(false)
    await submit(stage, [`user@${HOST}`, `other@${HOST}`])
    await pass(stage, MINUTE_MS)
    expect(await copies(stage)).toEqual([1, 0])
    expect(stage.events.filter(({ type }) => type === 'mail-failed')).toEqual([])
  })

  it('that cannot be recorded is not accepted, and leaves nothing', async () => {
    let isFull = false
    const full = new Fault('store/full', 'no room', { temporary: true })
    const stage = await opened({
      store: (store) => ({
        get: (...key) => store.get(...key),
        range: (...range) => store.range(...range),
        keys: (...range) => store.keys(...range),
        close: () => store.close(),
        commit: (changes) => (isFull ? Promise.reject(full) : store.commit(changes)),
      }),
    })
    isFull = true
    await expect(take(stage, BOTH)).rejects.toThrow('no room')
    expect([await waiting(stage), stage.queue.bytes]).toEqual([0, 0])
    isFull = false
    expect(await take(stage, BOTH)).toBe(true)
    await pass(stage, 0)
    expect(await copies(stage)).toEqual([1, 1])
  })

  it('is refused for now where the queue has no room for it', async () => {
    const stage = await opened({ queue: { spool: { bytesMax: TEXT.length - 1, messagesMax: 9 } } })
    await expect(take(stage, BOTH)).rejects.toMatchObject({ code: 'mail/spool-full' })
    expect(await waiting(stage)).toBe(0)
  })

  it('that cannot appear comes back with its text, which only its mailbox holds', async () => {
    const stage = await opened({ disk: stuck(() => true) })
    expect(await take(stage, BOTH, { ret: 'FULL' })).toBe(true)
    await pass(stage, 0)
    const [queueId = ''] = [...stage.queue.queueIds()]
    expect(await stage.queue.end(queueId, 'returned')).toBe(true)
    await pass(stage, 0)
    expect(stage.sent).toHaveLength(1)
    expect(stage.sent[0]).toMatch(/message\/rfc822\r\n.*Subject: hello\r\n\r\nHello\r\n/s)
  })

  it('that cannot appear is shown as it is in its mailbox, and nothing of it stays when it is deleted', async () => {
    let isStuck = false
    const stage = await opened({ disk: stuck(() => isStuck) })
    const recipients = [addressee(`user@${HOST}`)]
    const text = `${TEXT}${'x'.repeat(2 * WRITTEN_PIECE_BYTES)}`
    expect(await take(stage, recipients, {}, text)).toBe(true)
    isStuck = true
    await pass(stage, 0)
    const [queueId = ''] = [...stage.queue.queueIds()]
    const view = stage.queue.look(queueId)
    let shown = ''
    for (let i = 0; view !== undefined; i++) {
      const piece = await stage.queue.pieceAnywhere(view.envelope, i)
      if (piece === undefined || piece.length === 0) break
      expect(piece.length).toBeLessThanOrEqual(WRITTEN_PIECE_BYTES)
      shown += toUtf8(piece)
    }
    expect(shown).toMatch(/^Return-Path: <ann@mail-2\.a\.com>\r\nDelivered-To: /)
    expect(shown.endsWith(text)).toBe(true)
    expect(await waiting(stage)).toBe(1)
    expect(await stage.queue.end(queueId, 'deleted')).toBe(true)
    expect([await waiting(stage), await copies(stage)]).toEqual([0, [0, 0]])
  })

  it('is not shown as nothing where it waits nowhere any more', async () => {
    const stage = await opened({ disk: stuck(() => true) })
    expect(await take(stage, BOTH)).toBe(true)
    await pass(stage, 0)
    const [queueId = ''] = [...stage.queue.queueIds()]
    const view = stage.queue.look(queueId)
    assert(view !== undefined, 'it is in the queue')
    stage.accounts.replace([])
    await expect(stage.queue.pieceAnywhere(view.envelope, 0)).rejects.toThrow(
      `${queueId} is in its mailboxes by now, or they are gone`,
    )
  })

  it('whose users are gone comes back without its text: no part stands for it', async () => {
    const stage = await opened({ disk: stuck(() => true) })
    expect(await take(stage, BOTH)).toBe(true)
    await pass(stage, 0)
    stage.accounts.replace([])
    await pass(stage, 2 * MINUTE_MS)
    const [text] = stage.sent
    expect(text).toContain('no user user@')
    expect(text).not.toContain('rfc822-headers')
    expect(text).toMatch(/\r\n--=_[^\r]*--\r\n$/)
  })

  it('waits in tmp when it cannot appear, and appears at the next attempt', async () => {
    let isStuck = true
    const stage = await opened({ disk: stuck(() => isStuck) })
    expect(await take(stage, BOTH)).toBe(true)
    await pass(stage, 0)
    expect(await copies(stage)).toEqual([0, 0])
    isStuck = false
    await pass(stage, 2 * MINUTE_MS)
    expect(await copies(stage)).toEqual([1, 1])
    expect(spooled(stage)).toEqual([])
  })

  it('is there once, as is the memory of it, at whatever step the power fails, also twice', async () => {
    const runUntil = async (powerCut: PowerCut): Promise<{ stage: Stage; accepted: boolean }> => {
      const stage = mailStage({ powerCut })
      let accepted = false
      const whole = async (): Promise<void> => {
        await stage.queue.open()
        stage.queue.resume()
        accepted = await take(stage, BOTH)
      }
      void whole()
      await pass(stage, MINUTE_MS)
      return { stage, accepted }
    }
    const last = Number.POSITIVE_INFINITY
    const steps = (await runUntil({ operation: last, moment: 'before' })).stage.operations()
    expect(steps).toBeGreaterThan(10)
    for (let first = 1; first <= steps; first++) {
      for (const moment of ['before', 'after'] as const) {
        const { stage, accepted } = await runUntil({ operation: first, moment })
        const images = stage.crash()
        for (const second of [1, 2, 4, 8, last]) {
          const { world } = stage
          const powerCut: PowerCut = { operation: second, moment }
          const recovery = mailStage({ world, seed: 2, ...images, powerCut })
          void recovery.queue.open().then(() => recovery.queue.resume())
          await pass(recovery, MINUTE_MS)
          const again = await opened({ world, seed: 3, ...recovery.crash() })
          await pass(again, MINUTE_MS)
          const where = `operation ${first}, ${moment}, then ${second}`
          const isTaken = again.store.get('taken', 'one') !== undefined
          // Who does not remember it has it sent again.
          expect(await copies(again), where).toEqual(isTaken ? [1, 1] : [0, 0])
          if (accepted) expect(isTaken, where).toBe(true)
          expect(spooled(again), where).toEqual([])
        }
      }
    }
  })
})
