import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  HOST,
  mailbox,
  mailStage,
  newWorld,
  type PowerCut,
  pass,
  QUEUE_OPTIONS,
  refusal,
  type Stage,
  type StageOptions,
  submit,
  wrapped,
} from '../../test/support/mail-stage.ts'
import { fromUtf8 } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import { addMs } from '../base/time.ts'
import type { HostEvent } from '../ports/events.ts'
import { formatMailbox } from '../proto/smtp/path.ts'
import { REPORT_HEADER_BYTES_MAX } from './limits.ts'
import { SPOOL_TABLE } from './spool-record.ts'

const MINUTE_MS = 60_000
const FAR = 'user@mail-2.a.com'
const NEAR = `user@${HOST}`

function spooled(stage: Stage): readonly string[] {
  return [...stage.store.keys(SPOOL_TABLE, {})]
}

function typesOf(events: readonly HostEvent[]): readonly string[] {
  return events.map(({ type }) => type)
}

async function opened(options: StageOptions = {}): Promise<Stage> {
  const stage = mailStage(options)
  await stage.queue.open()
  stage.queue.resume()
  return stage
}

describe('MailQueue', () => {
  it('delivers to another host and forgets the mail', async () => {
    const stage = await opened()
    await submit(stage, [FAR])
    expect(spooled(stage)).not.toEqual([])
    await pass(stage, 0)
    expect(stage.sent).toEqual([`${FAR}: Subject: hello\r\n\r\nHello\r\n`])
    expect(spooled(stage)).toEqual([])
    expect(typesOf(stage.events)).toEqual(['mail-delivered', 'mail-removed'])
  })

  it('delivers here with Return-Path and Delivered-To before the untouched message (RFC 5321 §4.4)', async () => {
    const stage = await opened()
    await submit(stage, [NEAR], 'Subject: hello\r\n\r\nHello\r\n', 'ann@b.com')
    await pass(stage, 0)
    expect(await stage.inbox('user')).toEqual([
      `Return-Path: <ann@b.com>\r\nDelivered-To: ${NEAR}\r\nSubject: hello\r\n\r\nHello\r\n`,
    ])
    expect(spooled(stage)).toEqual([])
  })

  it('one copy goes to each next hop, for all its recipients (RFC 5321 §4.5.4.1)', async () => {
    const stage = await opened()
    await submit(stage, [FAR, NEAR, 'other@mail-2.a.com'])
    await pass(stage, 0)
    expect(stage.sent).toHaveLength(2)
    expect(await stage.inbox('user')).toHaveLength(1)
    expect(stage.events.filter(({ type }) => type === 'mail-removed')).toHaveLength(1)
  })

  it('tells the targets until when they may try', async () => {
    let until: number | undefined
    const stage = await opened({
      remote: async (mail) => {
        until = mail.expiresAt
        return { type: 'delivered', detail: '' }
      },
    })
    const accepted = stage.clock.wall()
    await submit(stage, [FAR])
    await pass(stage, 0)
    expect(until).toBe(accepted + QUEUE_OPTIONS.schedules.bp.giveUpAfterMs)
  })

  it('tries again what failed for now, and only that', async () => {
    let temporary = true
    const stage = await opened({
      remote: async (_, recipient) =>
        temporary && recipient.localPart === 'slow'
          ? refusal('temporary')
          : { type: 'delivered', detail: '' },
    })
    await submit(stage, [FAR, 'slow@mail-2.a.com'])
    await pass(stage, 0)
    expect(stage.events.find(({ type }) => type === 'mail-deferred')).toMatchObject({
      recipient: 'slow@mail-2.a.com',
      reason: 'temporary trouble',
      retryInMs: MINUTE_MS,
    })
    temporary = false
    await pass(stage, MINUTE_MS)
    expect(stage.sent.map((line) => line.slice(0, 4))).toEqual(['user', 'slow', 'slow'])
    expect(spooled(stage)).toEqual([])
  })

  it('makes no attempt for mail to a next hop that did not answer a moment ago, until told to', async () => {
    let isDown = true
    const unreachable = new Fault('network/unreachable', 'nobody there', { temporary: true })
    const stage = await opened({
      remote: async () =>
        isDown ? { type: 'refused', fault: unreachable } : { type: 'delivered', detail: '' },
    })
    await submit(stage, [FAR])
    await pass(stage, 0)
    const second = await submit(stage, [FAR])
    await pass(stage, 0)
    expect(stage.sent).toHaveLength(1)
    expect(stage.events.filter(({ type }) => type === 'mail-deferred')).toMatchObject([
      { reason: 'nobody there', retryInMs: MINUTE_MS },
      { reason: 'nobody there', retryInMs: MINUTE_MS },
    ])
    isDown = false
    expect(stage.queue.requeue(second)).toBe(true)
    await pass(stage, 0)
    expect(stage.sent).toHaveLength(2)
    await pass(stage, MINUTE_MS)
    expect(stage.sent).toHaveLength(3)
    expect(spooled(stage)).toEqual([])
  })

  it('a restart keeps to the schedule', async () => {
    const stage = await opened({ remote: async () => refusal('temporary') })
    await submit(stage, [FAR])
    await pass(stage, 10_000)
    const again = await opened({ world: stage.world, ...stage.crash() })
    await pass(again, 49_000)
    expect(again.sent).toEqual([])
    await pass(again, 1000)
    expect(again.sent).toHaveLength(1)
  })

  it('reports to the sender what failed for good (RFC 5321 §4.4)', async () => {
    const stage = await opened({ remote: async () => refusal('permanent') })
    const queueId = await submit(stage, [FAR])
    await pass(stage, 0)
    const [report] = await stage.inbox('user')
    expect(report).toMatch(/^Return-Path: <>\r\n/)
    expect(report).toContain('Content-Type: multipart/report;')
    expect(report).toContain(`Final-Recipient: rfc822; ${FAR}`)
    expect(report).toContain('permanent trouble')
    expect(report).toContain('Subject: hello')
    expect(spooled(stage)).toEqual([])
    expect(typesOf(stage.events).slice(0, 3)).toEqual([
      'mail-failed',
      'mail-removed',
      'mail-accepted',
    ])
    expect(stage.events[0]).toMatchObject({ queueId, recipient: FAR, reason: 'permanent trouble' })
  })

  it('gives up when the time of the route is over, and reports why', async () => {
    const stage = await opened({ remote: async () => refusal('temporary') })
    await submit(stage, [FAR])
    await pass(stage, QUEUE_OPTIONS.schedules.bp.giveUpAfterMs - 1)
    expect(await stage.inbox('user')).toEqual([])
    await pass(stage, 1)
    const [report, ...others] = await stage.inbox('user')
    expect(others).toEqual([])
    expect(report).toContain('temporary trouble (gave up after 1h)')
    expect(spooled(stage)).toEqual([])
  })

  it('never reports about a report: the null reverse-path stays silent (RFC 5321 §4.5.5)', async () => {
    const stage = await opened({ remote: async () => refusal('permanent') })
    await submit(stage, [FAR], 'Hello\r\n', undefined)
    await submit(stage, [FAR], 'Hello\r\n', 'nobody@mail-2.a.com')
    await pass(stage, 0)
    expect(spooled(stage)).toEqual([])
    expect(stage.sent.map((line) => line.split(':')[0])).toEqual([FAR, FAR, 'nobody@mail-2.a.com'])
  })

  it('says so where the sender cannot be told', async () => {
    const stage = await opened({ remote: async () => refusal('permanent') })
    await submit(stage, [FAR], 'Hello\r\n', 'ann@nowhere.org')
    await pass(stage, 0)
    expect(stage.events.find(({ type }) => type === 'trouble')).toMatchObject({
      reason: 'no report to the sender: no route to nowhere.org',
    })
    expect(spooled(stage)).toEqual([])
  })

  it('takes no recipient without a route or a mailbox', async () => {
    const stage = await opened()
    const from = { reversePath: undefined, parameters: {} }
    const delivery = await stage.queue.start({ queueId: 'ID', from })
    const codeOf = (name: string): Promise<string> =>
      delivery.addRecipient(mailbox(name)).then(
        () => 'taken',
        (fault: Fault) => fault.code,
      )
    expect(await codeOf('ann@nowhere.org')).toBe('mail/no-route')
    expect(await codeOf(`nobody@${HOST}`)).toBe('mail/unknown-user')
    expect(await codeOf(`postmaster@${HOST}`)).toBe('taken')
    await delivery.abort()
  })

  it('what is put alongside a mail is durable with it', async () => {
    const stage = await opened()
    const from = { reversePath: undefined, parameters: {} }
    const delivery = await stage.queue.start({ queueId: 'ID', from }, () => [
      { table: 'taken', key: 'transaction', value: fromUtf8('1') },
    ])
    await delivery.addRecipient(mailbox(NEAR))
    expect(stage.store.get('taken', 'transaction')).toBeUndefined()
    await delivery.commit()
    const { storeImage } = stage.crash()
    expect(mailStage({ storeImage }).store.get('taken', 'transaction')).toBeDefined()
    expect([...mailStage({ storeImage }).store.keys(SPOOL_TABLE, {})]).toContain('e/ID')
  })

  it('refuses for now while it is not open', async () => {
    const stage = mailStage()
    await expect(submit(stage, [FAR])).rejects.toMatchObject({ code: 'mail/stopped' })
    await stage.queue.open()
    stage.queue.resume()
    await stage.queue.stop()
    await expect(submit(stage, [FAR])).rejects.toMatchObject({ code: 'mail/stopped' })
  })

  it('stops without waiting for an answer from afar, and asks again after the next start', async () => {
    const stage = await opened({ remote: () => new Promise(() => {}) })
    await submit(stage, [FAR])
    await pass(stage, 0)
    await stage.queue.stop()
    const again = await opened({ world: stage.world, ...stage.crash() })
    await pass(again, 0)
    expect(again.sent).toHaveLength(1)
    expect(spooled(again)).toEqual([])
  })

  it('has no more attempts to one next hop under way than its schedule allows', async () => {
    const stage = await opened({ remote: () => new Promise(() => {}) })
    for (let i = 0; i < 6; i++) await submit(stage, [FAR])
    await pass(stage, 0)
    expect(stage.sent).toHaveLength(QUEUE_OPTIONS.schedules.bp.attemptsMax)
  })

  it('an end that cannot be recorded now is recorded later, without another delivery', async () => {
    let full = false
    const stage = await opened({
      remote: async () => {
        full = true
        return { type: 'delivered', detail: '' }
      },
      store: (store) => ({
        get: (table, key) => store.get(table, key),
        range: (table, range) => store.range(table, range),
        keys: (table, range) => store.keys(table, range),
        commit: async (changes) => {
          if (full) throw new Fault('store/full', 'the store is full', { temporary: true })
          await store.commit(changes)
        },
        close: () => store.close(),
      }),
    })
    await submit(stage, [FAR])
    await pass(stage, 0)
    expect(typesOf(stage.events)).toContain('trouble')
    full = false
    await pass(stage, MINUTE_MS)
    expect(stage.sent).toHaveLength(1)
    expect(spooled(stage)).toEqual([])
    expect(typesOf(stage.events).slice(-2)).toEqual(['mail-delivered', 'mail-removed'])
  })

  it('once open, clears away what old runs prepared and no mail refers to', async () => {
    const stage = await opened()
    const tmp = '/home/user/Maildir/tmp'
    const prepare = async (): Promise<string> => {
      const from = { reversePath: undefined, parameters: {} }
      const delivery = await stage.local.start({ queueId: 'ID', from })
      await delivery.addRecipient(mailbox(NEAR))
      const [prepared] = await delivery.prepare()
      return prepared?.ok ? (prepared.value.placements[0]?.name ?? '') : ''
    }
    const [kept, forgotten] = [await prepare(), await prepare()]
    const queueId = await submit(stage, [NEAR])
    const status = { type: 'placing', placements: [{ name: kept, to: `new/${kept}` }] }
    const value = fromUtf8(JSON.stringify(status))
    await stage.store.commit([{ table: SPOOL_TABLE, key: `r/${queueId}/00000`, value }])
    expect(await stage.disk.list(tmp)).toEqual([kept, forgotten])
    const images = stage.crash()
    await stage.world.run(addMs(stage.world.now(), 36 * 60 * MINUTE_MS))
    const again = mailStage({
      world: stage.world,
      ...images,
      disk: (disk) => ({
        ...wrapped(disk),
        rename: () => Promise.reject(new Fault('disk/failed', 'broken', { temporary: true })),
      }),
    })
    await again.queue.open()
    expect(await again.disk.list(tmp)).toEqual([kept])
  })

  it('opens although a mailbox cannot be looked through, and says so', async () => {
    const stage = mailStage({
      disk: (disk) => ({
        ...wrapped(disk),
        stat: () => Promise.reject(new Fault('disk/failed', 'broken', { temporary: true })),
      }),
    })
    await stage.queue.open()
    expect(stage.events).toEqual([
      { type: 'trouble', where: 'queue cleaning', reason: 'broken' },
      { type: 'trouble', where: 'queue cleaning', reason: 'broken' },
    ])
  })

  it('a report carries no more of a header than its bound', async () => {
    const stage = await opened({ remote: async () => refusal('permanent') })
    const line = `X-Long: ${'x'.repeat(990)}\r\n`
    await submit(stage, [FAR], `${line.repeat(100)}\r\nHello\r\n`)
    await pass(stage, 0)
    const [report = ''] = await stage.inbox('user')
    const returned = report.split('Content-Transfer-Encoding: 8bit\r\n\r\n').at(-1) ?? ''
    const end = returned.indexOf('\r\n\r\n--=_')
    expect(end).toBe(REPORT_HEADER_BYTES_MAX)
  })

  it('a mail without a route any more waits for one', async () => {
    const stage = await opened({ remote: () => new Promise(() => {}) })
    await submit(stage, [FAR])
    const { storeImage, diskImage } = stage.crash()
    const key = [...mailStage({ storeImage }).store.keys(SPOOL_TABLE, {})].find((k) =>
      k.startsWith('e/'),
    )
    const held = mailStage({ storeImage })
    const value = held.store.get(SPOOL_TABLE, key ?? '')
    const moved = new TextDecoder().decode(value).replace('mail-2.a.com', 'mail-9.a.com')
    await held.store.commit([{ table: SPOOL_TABLE, key: key ?? '', value: fromUtf8(moved) }])
    const again = await opened({ storeImage: held.crash().storeImage, diskImage })
    await pass(again, 0)
    expect(again.events).toMatchObject([
      { type: 'mail-deferred', reason: 'no route to this domain' },
    ])
  })
})

describe('a crash of the queue', () => {
  /** Accepts one mail for two mailboxes here and delivers it, with the power failing on the way. */
  async function runUntil(powerCut: PowerCut): Promise<{ stage: Stage; accepted: boolean }> {
    const stage = mailStage({ powerCut })
    let accepted = false
    const whole = (async () => {
      await stage.queue.open()
      stage.queue.resume()
      await submit(stage, [NEAR, `other@${HOST}`])
      accepted = true
    })()
    void whole
    await pass(stage, MINUTE_MS)
    return { stage, accepted }
  }

  it('at any step of a local delivery leaves exactly one copy in each mailbox', async () => {
    const whole = await runUntil({ operation: Number.POSITIVE_INFINITY, moment: 'before' })
    expect(await whole.stage.inbox('user')).toHaveLength(1)
    const steps = whole.stage.operations()
    expect(steps).toBeGreaterThan(10)
    for (let operation = 1; operation <= steps; operation++) {
      for (const moment of ['before', 'after'] as const) {
        const { stage, accepted } = await runUntil({ operation, moment })
        const again = await opened({ world: stage.world, seed: 2, ...stage.crash() })
        await pass(again, MINUTE_MS)
        const where = `operation ${operation}, ${moment}`
        const copies = [(await again.inbox('user')).length, (await again.inbox('other')).length]
        if (accepted) expect(copies, where).toEqual([1, 1])
        else expect(copies[0], where).toBe(copies[1])
        expect(copies[0], where).toBeLessThanOrEqual(1)
        expect(spooled(again), where).toEqual([])
      }
    }
  })

  it('and a second crash at any step of the recovery still leaves exactly one copy', async () => {
    const whole = await runUntil({ operation: Number.POSITIVE_INFINITY, moment: 'before' })
    const steps = whole.stage.operations()
    for (let first = steps - 12; first <= steps; first++) {
      const { stage } = await runUntil({ operation: first, moment: 'after' })
      const images = stage.crash()
      for (let second = 1; second <= 12; second++) {
        const { world } = stage
        const powerCut: PowerCut = { operation: second, moment: 'after' }
        const recovery = mailStage({ world, seed: 2, ...images, powerCut })
        void recovery.queue.open().then(() => recovery.queue.resume())
        await pass(recovery, MINUTE_MS)
        const again = await opened({ world, seed: 3, ...recovery.crash() })
        await pass(again, MINUTE_MS)
        const where = `operation ${first}, then ${second}`
        expect(await again.inbox('user'), where).toHaveLength(1)
        expect(await again.inbox('other'), where).toHaveLength(1)
      }
    }
  })

  it('property: with any outcomes and restarts at any moments, everybody is settled once', async () => {
    const scripts = fc.record({
      outcomes: fc.array(fc.constantFrom('delivered', 'temporary', 'permanent', 'silence'), {
        maxLength: 12,
      }),
      restarts: fc.array(fc.nat({ max: 10 * MINUTE_MS }), { maxLength: 4 }),
      cuts: fc.array(fc.integer({ min: 1, max: 25 }), { maxLength: 4 }),
      mails: fc.integer({ min: 1, max: 3 }),
    })
    await fc.assert(
      fc.asyncProperty(scripts, async ({ outcomes, restarts, cuts, mails }) => {
        const world = newWorld()
        const left = [...outcomes]
        const settled = new Set<string>()
        const reports: string[] = []
        const remote: StageOptions['remote'] = async (mail, recipient) => {
          const key = `${mail.queueId} ${formatMailbox(recipient)}`
          expect(settled.has(key), `${key} is settled already`).toBe(false)
          const next = left.shift() ?? 'delivered'
          if (next === 'silence') return new Promise(() => {})
          return next === 'delivered' ? { type: 'delivered', detail: '' } : refusal(next)
        }
        const note = (stage: Stage): void => {
          for (const event of stage.events) {
            if (event.type === 'mail-delivered' || event.type === 'mail-failed') {
              settled.add(`${event.queueId} ${event.recipient}`)
            }
            if (event.type === 'mail-accepted') reports.push(event.queueId)
          }
        }
        let stage = await opened({ world, remote })
        const expected: string[] = []
        for (let i = 0; i < mails; i++) {
          const recipients = [FAR, 'other@mail-2.a.com', NEAR]
          const queueId = await submit(stage, recipients)
          expected.push(...recipients.map((recipient) => `${queueId} ${recipient}`))
        }
        for (const [i, afterMs] of restarts.entries()) {
          await pass(stage, afterMs)
          note(stage)
          const cut = cuts[i]
          const images = stage.crash()
          const powerCut: PowerCut = { operation: cut ?? Number.POSITIVE_INFINITY, moment: 'after' }
          stage = mailStage({ world, remote, seed: 10 + i, powerCut, ...images })
          void stage.queue.open().then(() => stage.queue.resume())
        }
        await pass(stage, MINUTE_MS)
        note(stage)
        const last = await opened({ world, remote, seed: 99, ...stage.crash() })
        await pass(last, 2 * QUEUE_OPTIONS.schedules.bp.giveUpAfterMs)
        note(last)
        const silent = outcomes.includes('silence')
        if (!silent) expect(spooled(last)).toEqual([])
        // A settlement that became durable in the very moment of the crash was not told.
        for (const key of expected) {
          const [queueId = ''] = key.split(' ')
          const gone = !spooled(last).some((name) => name.includes(queueId))
          expect(settled.has(key) || gone || silent, `${key} is settled`).toBe(true)
        }
        // The mails themselves: each exactly once in the mailbox here; reports come on top.
        const here = (await last.inbox('user')).filter((text) => !text.includes('multipart/report'))
        if (!silent) expect(here).toHaveLength(mails)
        else expect(here.length).toBeLessThanOrEqual(mails)
      }),
      { numRuns: 40 },
    )
  })
})
