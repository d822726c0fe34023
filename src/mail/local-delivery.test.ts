import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  HOST,
  mailbox,
  mailStage,
  pass,
  type Stage,
  type StageOptions,
  submit,
} from '../../test/support/mail-stage.ts'
import { fromUtf8, toUtf8 } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import type { Disk } from '../ports/disk.ts'
import type { Outcome } from './delivery.ts'
import type { Disposition, FilteredMail } from './delivery-filter.ts'
import type { Maildir } from './maildir.ts'

const USER = `user@${HOST}`
const OTHER = `other@${HOST}`
const MESSAGE = 'Subject: hello\r\nX-List: moon\r\n\r\nHello\r\n'

async function deliver(
  stage: Stage,
  recipients: readonly string[],
  message: string | Uint8Array = MESSAGE,
): Promise<readonly Outcome[]> {
  const from = { reversePath: mailbox('ann@b.com'), parameters: {} }
  const delivery = await stage.local.start({ queueId: 'ID', from })
  for (const recipient of recipients) await delivery.addRecipient(mailbox(recipient))
  await delivery.write(typeof message === 'string' ? fromUtf8(message) : message)
  return delivery.commit()
}

async function makeMailbox(stage: Stage, user: string, directory: string): Promise<void> {
  for (const place of ['tmp', 'new', 'cur']) {
    await stage.disk.makeDirectory(`/home/${user}/Maildir/${directory}/${place}`)
  }
}

/** What lies in a user's directories, `tmp` with them, by path beneath the Maildir without the names' random part. */
async function files(stage: Stage, user: string): Promise<readonly string[]> {
  const root = `/home/${user}/Maildir`
  const found: string[] = []
  for (const directory of ['', '.Lists/', '.Moon/']) {
    for (const place of ['tmp', 'new', 'cur']) {
      const path = `${root}/${directory}${place}`
      if ((await stage.disk.stat(path)) === undefined) continue
      for (const name of await stage.disk.list(path)) {
        found.push(`${directory}${place}${name.includes(':') ? name.slice(name.indexOf(':')) : ''}`)
      }
    }
  }
  return found.sort()
}

function filteredBy(
  disposition: (mail: FilteredMail) => Disposition,
  options: StageOptions = {},
): Stage {
  return mailStage({ ...options, filter: async (mail) => disposition(mail) })
}

describe('a message for several mailboxes', () => {
  it('is written once, and is the same file in each, without a word of the others', async () => {
    let written = 0
    let linked = 0
    const counting = (disk: Disk): Disk =>
      new Proxy(disk, {
        get: (target, name: keyof Disk) => {
          if (name === 'writeNew' || name === 'create') written++
          if (name === 'link') linked++
          return target[name].bind(target)
        },
      })
    const stage = mailStage({ disk: counting })
    const outcomes = await deliver(stage, [USER, OTHER])
    expect(outcomes.map(({ type }) => type)).toEqual(['delivered', 'delivered'])
    expect([written, linked]).toEqual([1, 1])
    for (const user of ['user', 'other']) {
      expect(await stage.inbox(user)).toEqual([`Return-Path: <ann@b.com>\r\n${MESSAGE}`])
      expect(await files(stage, user)).toEqual(['new'])
    }
  })

  it('is copied where the disk has no second names', async () => {
    const stage = mailStage({
      disk: (disk) =>
        new Proxy(disk, {
          get: (target, name: keyof Disk) => {
            const fault = new Fault('disk/failed', 'other device', { temporary: true })
            return name === 'link' ? () => Promise.reject(fault) : target[name].bind(target)
          },
        }),
    })
    const body = new Uint8Array(200_000).fill(0x61)
    await deliver(stage, [USER, OTHER], body)
    const [[one], [two]] = [await stage.inbox('user'), await stage.inbox('other')]
    expect(one).toBe(`Return-Path: <ann@b.com>\r\n${toUtf8(body)}`)
    expect(two).toBe(one)
  })

  it('says to whom it was delivered where that is one', async () => {
    const stage = mailStage()
    await deliver(stage, [USER])
    expect(await stage.inbox('user')).toEqual([
      `Return-Path: <ann@b.com>\r\nDelivered-To: ${USER}\r\n${MESSAGE}`,
    ])
  })

  it('is with the others though one of them cannot be written, and nothing of that one is left', async () => {
    const stage = mailStage({
      disk: (disk) =>
        new Proxy(disk, {
          get: (target, name: keyof Disk) => {
            const fault = new Fault('disk/full', 'full', { temporary: true })
            if (name !== 'rename') return target[name].bind(target)
            return (from: string, to: string) =>
              from.includes('/other/') ? Promise.reject(fault) : target.rename(from, to)
          },
        }),
    })
    const outcomes = await deliver(stage, [USER, OTHER])
    expect(outcomes.map(({ type }) => type)).toEqual(['delivered', 'refused'])
    expect(await files(stage, 'user')).toEqual(['new'])
    expect(await files(stage, 'other')).toEqual([])
  })

  it('property: through the queue it is in each of its places once, whenever the power fails', async () => {
    const into = ['Lists', 'INBOX', 'Moon'].map((one) => ({ mailbox: one, flags: [] }))
    const options: StageOptions = {
      filter: async ({ account }) =>
        account === 'user'
          ? { type: 'file', into }
          : { type: 'redirect', to: [mailbox('ann@mail-2.a.com')], keep: true },
    }
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 60 }),
        fc.constantFrom('before' as const, 'after' as const),
        async (operation, moment) => {
          const first = mailStage(options)
          await makeMailbox(first, 'user', '.Lists')
          await makeMailbox(first, 'user', '.Moon')
          await first.queue.open()
          await submit(first, [USER, OTHER], MESSAGE, 'ann@b.com')
          const { world } = first
          const powerCut = { operation, moment }
          const second = mailStage({ ...options, ...first.crash(), world, seed: 2, powerCut })
          void second.queue.open().then(() => second.queue.resume())
          await pass(second, 0)
          const third = mailStage({ ...options, ...second.crash(), world, seed: 3 })
          await third.queue.open()
          third.queue.resume()
          await pass(third, 3_600_000)
          expect((await files(third, 'user')).filter((one) => one !== 'tmp')).toEqual([
            ...['.Lists/new', '.Moon/new', 'new'],
          ])
          expect((await files(third, 'other')).filter((one) => one !== 'tmp')).toEqual(['new'])
          // To other hosts it goes at least once: whoever took it may not have been able to say so.
          expect(second.sent.length + third.sent.length).toBeGreaterThanOrEqual(1)
          expect(third.sent.length).toBeLessThanOrEqual(1)
          expect([...third.store.keys('spool', {})]).toEqual([])
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe('mail for user+folder', () => {
  it('goes into the mailbox of that name where there is one, into INBOX where there is none', async () => {
    const stage = mailStage()
    await makeMailbox(stage, 'user', '.Lists')
    await deliver(stage, [`user+Lists@${HOST}`])
    await deliver(stage, [`user+Nowhere@${HOST}`])
    await deliver(stage, [`user+a/b//@${HOST}`])
    expect(await files(stage, 'user')).toEqual(['.Lists/new', 'new', 'new'])
  })

  it('goes into INBOX where the mailbox is gone before it is placed', async () => {
    const stage = mailStage()
    await makeMailbox(stage, 'user', '.Lists')
    const from = { reversePath: undefined, parameters: {} }
    const delivery = await stage.local.start({ queueId: 'ID', from })
    await delivery.addRecipient(mailbox(`user+Lists@${HOST}`))
    const [prepared] = await delivery.prepare()
    await delivery.finish(() => true)
    for (const place of ['tmp', 'new', 'cur']) {
      await stage.disk.removeDirectory(`/home/user/Maildir/.Lists/${place}`)
    }
    if (!prepared?.ok) throw new Error('it was not prepared')
    await stage.local.place(mailbox(USER), prepared.value.placements)
    await stage.local.place(mailbox(USER), prepared.value.placements)
    expect(await files(stage, 'user')).toEqual(['new'])
  })
})

describe('a filter', () => {
  it('is told the envelope, whose mailbox it is, and the header', async () => {
    const seen: FilteredMail[] = []
    const stage = mailStage({
      filter: async (mail) => {
        seen.push(mail)
        return { type: 'discard' }
      },
    })
    await deliver(stage, [`USER+x@${HOST}`])
    expect(seen).toEqual([
      {
        from: mailbox('ann@b.com'),
        recipient: mailbox(`USER+x@${HOST}`),
        account: 'user',
        header: [
          { name: 'subject', value: 'hello' },
          { name: 'x-list', value: 'moon' },
        ],
        sizeBytes: MESSAGE.length,
      },
    ])
  })

  it('files into several mailboxes, with flags; one that is not there stands for INBOX', async () => {
    const stage = filteredBy(() => ({
      type: 'file',
      into: [
        { mailbox: 'Lists', flags: ['\\Seen', '\\Flagged'] },
        { mailbox: 'Moon', flags: [] },
        { mailbox: 'Nowhere', flags: [] },
      ],
    }))
    await makeMailbox(stage, 'user', '.Lists')
    await makeMailbox(stage, 'user', '.Moon')
    await deliver(stage, [USER])
    expect(await files(stage, 'user')).toEqual(['.Lists/cur:2,FS', '.Moon/new', 'new'])
  })

  it('decides for each recipient alone: what one does not want the others get', async () => {
    const stage = filteredBy(({ account }) =>
      account === 'user'
        ? { type: 'discard' }
        : { type: 'file', into: [{ mailbox: 'INBOX', flags: [] }] },
    )
    const outcomes = await deliver(stage, [USER, OTHER])
    expect(outcomes[0]).toEqual({ type: 'delivered', detail: 'discarded by the filter' })
    expect(await files(stage, 'user')).toEqual([])
    expect(await files(stage, 'other')).toEqual(['new'])
  })

  it('that rejects has the sender told why, from the queue by a report', async () => {
    const stage = filteredBy(({ account }) =>
      account === 'other' ? { type: 'reject', reason: 'no lists, please' } : { type: 'discard' },
    )
    const [outcome] = await deliver(stage, [OTHER])
    expect(outcome).toMatchObject({
      type: 'refused',
      fault: { code: 'mail/rejected', message: 'no lists, please', temporary: false },
    })
    expect(await files(stage, 'other')).toEqual([])
    await stage.queue.open()
    stage.queue.resume()
    await submit(stage, [OTHER], MESSAGE, 'ann@mail-2.a.com')
    await pass(stage, 0)
    expect(stage.sent).toHaveLength(1)
    expect(stage.sent[0]).toMatch(/Status: 5\.7\.1[\s\S]*no lists, please/)
  })

  it('that redirects hands the message on from the same sender, below a field that says where it was', async () => {
    const stage = filteredBy(() => ({
      type: 'redirect',
      to: [mailbox('ann@mail-2.a.com'), mailbox('bob@mail-2.a.com')],
      keep: false,
    }))
    await stage.queue.open()
    await deliver(stage, [USER])
    await pass(stage, 0)
    const message = `Delivered-To: ${USER}\r\n${MESSAGE}`
    expect(stage.sent).toEqual([`ann@mail-2.a.com: ${message}`, `bob@mail-2.a.com: ${message}`])
    expect(await files(stage, 'user')).toEqual([])
  })

  it('that redirects in circles is not followed: the message stays where it has been', async () => {
    const stage = filteredBy(({ account }) => ({
      type: 'redirect',
      to: [mailbox(account === 'user' ? OTHER : USER)],
      keep: false,
    }))
    await stage.queue.open()
    await deliver(stage, [USER])
    await pass(stage, 1000)
    expect(await files(stage, 'user')).toEqual(['new'])
    expect(await files(stage, 'other')).toEqual([])
  })

  it('that redirects to nowhere, or while the queue is full, leaves the mail with its sender', async () => {
    const stage = filteredBy(() => ({
      type: 'redirect',
      to: [mailbox('a@unknown.org')],
      keep: true,
    }))
    await stage.queue.open()
    expect(await deliver(stage, [USER])).toMatchObject([
      { type: 'refused', fault: { code: 'mail/no-route' } },
    ])
    expect(await files(stage, 'user')).toEqual([])
  })

  it('that fails has its fault told, and nothing is left', async () => {
    const stage = filteredBy(() => {
      throw new Fault('filter/broken', 'broken', { temporary: true })
    })
    const [outcome] = await deliver(stage, [USER])
    expect(outcome).toMatchObject({ type: 'refused', fault: { code: 'filter/broken' } })
    expect(await files(stage, 'user')).toEqual([])
  })
})

it('a Maildir knows which mailboxes it has', async () => {
  const stage = mailStage()
  await makeMailbox(stage, 'user', '.Lists')
  const delivery = await stage.local.start({
    queueId: 'ID',
    from: { reversePath: undefined, parameters: {} },
  })
  await delivery.addRecipient(mailbox(USER))
  await delivery.abort()
  const has = (name: string): ReturnType<Maildir['has']> => stage.maildir('user').has(name)
  expect(await has('INBOX')).toBe(true)
  expect(await has('inbox')).toBe(true)
  expect(await has('Lists')).toBe(true)
  for (const name of ['', 'lists', '..', '/', 'a//b', '\0', 'x'.repeat(1000)]) {
    expect(await has(name)).toBe(false)
  }
})
