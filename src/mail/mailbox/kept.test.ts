import { expect, test } from 'vitest'
import { fromUtf8 } from '../../base/bytes.ts'
import { Fault } from '../../base/fault.ts'
import { seededRandom } from '../../base/random.ts'
import { LabDisk } from '../../lab/disk.ts'
import { labEntropy } from '../../lab/entropy.ts'
import { LabStore } from '../../lab/store.ts'
import { World } from '../../lab/world.ts'
import type { Disk } from '../../ports/disk.ts'
import type { Store } from '../../ports/store.ts'
import type { Quota } from './account.ts'
import { FOLDERS_KEPT_MAX } from './limits.ts'
import type { OpenMailbox, Uid } from './mailbox.ts'
import { Mailboxes } from './mailboxes.ts'

/** Stores that, as the real ones, can do nothing once they are closed. */
class Indexes {
  readonly stores: Map<string, LabStore> = new Map()
  readonly open: Set<string> = new Set()
  afterClose: string[] = []

  async openIndex(account: string): Promise<Store> {
    expect(this.open.has(account)).toBe(false)
    this.open.add(account)
    const store = this.stores.get(account) ?? new LabStore()
    this.stores.set(account, store)
    let isClosed = false
    const used = (): LabStore => {
      if (!isClosed) return store
      this.afterClose.push(account)
      throw new Fault('store/closed', 'the store is closed', { temporary: true })
    }
    return {
      get: (table, key) => used().get(table, key),
      range: (table, range) => used().range(table, range),
      keys: (table, range) => used().keys(table, range),
      commit: async (changes) => used().commit(changes),
      close: async () => {
        isClosed = true
        this.open.delete(account)
      },
    }
  }
}

interface Stage {
  readonly mailboxes: Mailboxes
  readonly disk: LabDisk
  readonly indexes: Indexes
  readonly world: World
}

function stage(wrapped: (disk: Disk) => Disk = (disk) => disk, quota: Quota = {}): Stage {
  const world = new World({ settle: () => Promise.resolve() })
  const disk = new LabDisk({ clock: world })
  const indexes = new Indexes()
  const options = {
    hostname: 'mail.a.com',
    maildirOf: (account: string) => `/${account}/Maildir`,
    quotaOf: () => quota,
  }
  const mailboxes = new Mailboxes(options, {
    disk: wrapped(disk),
    entropy: labEntropy(seededRandom(1)),
    clock: world,
    openIndex: (account) => indexes.openIndex(account),
  })
  return { mailboxes, disk, indexes, world }
}

/** A disk one of whose methods waits for `first`, or fails with it. */
function before(method: keyof Disk, first: (...args: unknown[]) => unknown): (disk: Disk) => Disk {
  return (disk) =>
    new Proxy(disk, {
      get: (target, name) => {
        const value = Reflect.get(target, name) as (...args: unknown[]) => unknown
        if (typeof value !== 'function') return value
        if (name !== method) return value.bind(target)
        return async (...args: unknown[]) => {
          await first(...args)
          return value.apply(target, args)
        }
      },
    })
}

async function append(mailbox: OpenMailbox, text: string): Promise<Uid> {
  const draft = await mailbox.append({ flags: [] })
  await draft.write(fromUtf8(text))
  return (await mailbox.commit([draft]))[0] as Uid
}

async function subjectOf(mailbox: OpenMailbox, uid: Uid): Promise<string | undefined> {
  await mailbox.summarize([uid])
  return mailbox.summary(uid)?.envelope.subject
}

/** So many that whatever can be put out of memory is. */
async function crowd(mailboxes: Mailboxes): Promise<readonly OpenMailbox[]> {
  const open: OpenMailbox[] = []
  for (let i = 0; i < FOLDERS_KEPT_MAX + 1; i++) {
    open.push(await mailboxes.of(`crowd${i}`).open('INBOX'))
  }
  return open
}

test('what was kept of messages is not told of others that have their UIDs when the index was lost', async () => {
  const { mailboxes, disk, indexes } = stage()
  const inbox = await mailboxes.of('user').open('INBOX')
  const first = await append(inbox, 'Subject: first\r\n\r\n')
  const second = await append(inbox, 'Subject: second\r\n\r\n')
  expect(await subjectOf(inbox, first)).toBe('first')
  expect(await subjectOf(inbox, second)).toBe('second')
  inbox.close()
  for (const one of await crowd(mailboxes)) one.close()
  await new Promise((resolve) => setImmediate(resolve))
  expect(indexes.open.has('user')).toBe(false)
  indexes.stores.delete('user')
  const [oldest = ''] = [...(await disk.list('/user/Maildir/cur'))].sort()
  await disk.remove(`/user/Maildir/cur/${oldest}`)
  const again = await mailboxes.of('user').open('INBOX')
  expect([...again.uids]).toEqual([1])
  expect(await subjectOf(again, 1)).toBe('second')
})

test('what was kept of messages is not told to another user whose Maildir was copied', async () => {
  const { mailboxes, disk } = stage()
  const inbox = await mailboxes.of('user').open('INBOX')
  await append(inbox, 'Subject: secret\r\n\r\n')
  expect(await subjectOf(inbox, 1)).toBe('secret')
  await disk.makeDirectory('/other/Maildir')
  const marker = await disk.open('/user/Maildir/lightlag-mailbox')
  await disk.writeNew('/other/Maildir/lightlag-mailbox', await marker.read(0, 1000))
  const other = await mailboxes.of('other').open('INBOX')
  await append(other, 'Subject: mine\r\n\r\n')
  expect(await subjectOf(other, 1)).toBe('mine')
})

test('a mailbox that is copied to is one, however many others are in memory', async () => {
  let isHeld = false
  const held: (() => void)[] = []
  const slow = before('link', () => isHeld && new Promise<void>((resolve) => held.push(resolve)))
  const { mailboxes } = stage(slow)
  const account = mailboxes.of('user')
  await account.create('Archive')
  const inbox = await account.open('INBOX')
  const uid = await append(inbox, 'Subject: copied\r\n\r\n')
  await crowd(mailboxes)
  isHeld = true
  const copying = inbox.copy([uid], 'Archive')
  while (held.length === 0) await new Promise((resolve) => setImmediate(resolve))
  isHeld = false
  const archive = await account.open('Archive')
  for (const go of held) go()
  const copied = await copying
  const appended = await append(archive, 'Subject: appended\r\n\r\n')
  expect(copied.targets).not.toContain(appended)
  expect([...archive.uids]).toEqual([...copied.targets, appended])
})

test('a mailbox that two have open is one, though the second could not be opened at first', async () => {
  let isBroken = false
  const failing = before('stat', () => {
    if (isBroken) throw new Fault('disk/failed', 'too many open files', { temporary: true })
  })
  const { mailboxes } = stage(failing)
  const account = mailboxes.of('user')
  const one = await account.open('INBOX')
  isBroken = true
  await expect(account.open('INBOX')).rejects.toMatchObject({ code: 'disk/failed' })
  isBroken = false
  const two = await account.open('INBOX')
  const [a, b] = [await append(one, 'a\r\n'), await append(two, 'b\r\n')]
  expect([a, b]).toEqual([1, 2])
  expect([...one.uids]).toEqual([1, 2])
})

test('a mailbox is put out of memory when what was begun with it is done', async () => {
  let isHeld = false
  const held: (() => void)[] = []
  const slow = before(
    'list',
    (path) =>
      isHeld &&
      `${path}`.startsWith('/user/') &&
      new Promise<void>((resolve) => held.push(resolve)),
  )
  const { mailboxes, disk, indexes } = stage(slow)
  await crowd(mailboxes)
  const inbox = await mailboxes.of('user').open('INBOX')
  await append(inbox, 'a\r\n')
  await disk.writeNew('/user/Maildir/new/1.b.c', fromUtf8('b\r\n'))
  isHeld = true
  const refreshed = inbox.refresh()
  while (held.length === 0) await new Promise((resolve) => setImmediate(resolve))
  inbox.close()
  isHeld = false
  const opening = mailboxes.of('user').open('INBOX')
  await new Promise((resolve) => setImmediate(resolve))
  for (const go of held) go()
  await refreshed
  const again = await opening
  expect([...again.uids]).toEqual([1, 2])
  expect(await append(again, 'c\r\n')).toBe(3)
  again.close()
  await mailboxes.close()
  expect(indexes.afterClose).toEqual([])
})

test('an index in which there was nothing to open is closed again', async () => {
  const { mailboxes, indexes } = stage()
  await expect(mailboxes.of('user').status('none')).rejects.toMatchObject({
    code: 'mailbox/not-found',
  })
  await mailboxes.of('user').create('other')
  await mailboxes.of('user').delete('other')
  await new Promise((resolve) => setImmediate(resolve))
  expect(indexes.open.size).toBe(0)
})

test('what is moved to the trash needs no more room, so a full account can be cleared', async () => {
  const { mailboxes } = stage(undefined, { bytesMax: 100, messagesMax: 1 })
  const account = mailboxes.of('user')
  await account.create('Trash')
  const inbox = await account.open('INBOX')
  const uid = await append(inbox, 'a'.repeat(90))
  await inbox.move([uid], 'Trash')
  expect(await account.quota()).toMatchObject({ usedBytes: 90, usedMessages: 1 })
  expect([...inbox.uids]).toEqual([])
})
