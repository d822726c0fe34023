import { expect, test } from 'vitest'
import { fromUtf8 } from '../../base/bytes.ts'
import { seededRandom } from '../../base/random.ts'
import { LabDisk } from '../../lab/disk.ts'
import { labEntropy } from '../../lab/entropy.ts'
import { LabStore } from '../../lab/store.ts'
import { World } from '../../lab/world.ts'
import type { Store } from '../../ports/store.ts'
import type { Quota } from './account.ts'
import {
  FOLDERS_KEPT_MAX,
  KEYWORD_LENGTH_MAX,
  KEYWORDS_MAX,
  SEARCHED_HEADER_BYTES_MAX,
  SEARCHED_TEXT_BYTES_MAX,
  VANISHED_ENTRIES_MAX,
} from './limits.ts'
import type { MailboxAccount, OpenMailbox, Uid } from './mailbox.ts'
import { Mailboxes } from './mailboxes.ts'

function made(quota: Quota = {}): { readonly account: MailboxAccount; readonly disk: LabDisk } {
  const world = new World({ settle: () => Promise.resolve() })
  const disk = new LabDisk({ clock: world })
  const entropy = labEntropy(seededRandom(1))
  const options = { hostname: 'mail.a.com', maildirOf: () => '/Maildir', quotaOf: () => quota }
  const ports = { disk, entropy, clock: world, openIndex: async () => new LabStore() }
  return { account: new Mailboxes(options, ports).of('user'), disk }
}

async function append(mailbox: OpenMailbox, ...texts: readonly string[]): Promise<readonly Uid[]> {
  const drafts = await Promise.all(texts.map(() => mailbox.append({ flags: [] })))
  for (const [i, draft] of drafts.entries()) await draft.write(fromUtf8(texts[i] ?? ''))
  return mailbox.commit(drafts)
}

const overQuota = { code: 'mailbox/over-quota', temporary: true }
const tooMany = { code: 'mailbox/too-many', temporary: false }

test('a quota of octets and of messages counts all mailboxes, and nothing is left of what is over it', async () => {
  const { account, disk } = made({ bytesMax: 100, messagesMax: 4 })
  const inbox = await account.open('INBOX')
  await account.create('other')
  const [first = 0] = await append(inbox, 'a'.repeat(40))
  await inbox.copy([first], 'other')
  expect(await account.quota()).toMatchObject({ usedBytes: 80, usedMessages: 2, bytesMax: 100 })
  await expect(inbox.copy([first], 'other')).rejects.toMatchObject(overQuota)
  await expect(append(inbox, 'b'.repeat(21))).rejects.toMatchObject(overQuota)
  await append(inbox, 'b'.repeat(20))
  const other = await account.open('other')
  await other.store(other.uids as unknown as Uid[], { mode: 'add', flags: ['\\Deleted'] })
  await other.expunge()
  await expect(append(inbox, '1', '2', '3')).rejects.toMatchObject(overQuota)
  await append(inbox, '1', '2')
  expect(await account.quota()).toMatchObject({ usedBytes: 62, usedMessages: 4 })
  expect(await disk.list('/Maildir/tmp')).toEqual([])
  expect(await disk.list('/Maildir/.other/tmp')).toEqual([])
})

test('a keyword more than there are letters, or a very long one, is refused and nothing changes', async () => {
  const { account } = made()
  const inbox = await account.open('INBOX')
  const uids = await append(inbox, 'a')
  const add = (flags: readonly string[]) => inbox.store(uids, { mode: 'add', flags })
  await expect(add(['k'.repeat(KEYWORD_LENGTH_MAX + 1)])).rejects.toMatchObject(tooMany)
  await add(['k'.repeat(KEYWORD_LENGTH_MAX)])
  await add(Array.from({ length: KEYWORDS_MAX - 1 }, (_, i) => `k${i}`))
  expect(inbox.takesKeywords).toBe(false)
  await expect(add(['another'])).rejects.toMatchObject(tooMany)
  expect(inbox.state(uids[0] ?? 0)?.flags).toHaveLength(KEYWORDS_MAX)
  await add(['K0'])
  expect(inbox.keywords).toHaveLength(KEYWORDS_MAX)
})

test('who was away for more expunges than are listed hears of all that is not there', async () => {
  const { account } = made()
  const inbox = await account.open('INBOX')
  const count = VANISHED_ENTRIES_MAX + 3
  const uids = await append(inbox, ...Array.from({ length: count }, () => 'a'))
  await inbox.store(uids, { mode: 'add', flags: ['\\Deleted'] })
  await inbox.expunge([1])
  const before = inbox.highestModSeq
  for (const uid of uids.slice(1, 1 + VANISHED_ENTRIES_MAX)) await inbox.expunge([uid])
  expect(inbox.vanishedSince(before)).toEqual([[2, 1 + VANISHED_ENTRIES_MAX]])
  await inbox.expunge([2 + VANISHED_ENTRIES_MAX])
  expect(inbox.vanishedSince(before)).toEqual([[1, 2 + VANISHED_ENTRIES_MAX]])
  expect([...inbox.uids]).toEqual([count])
}, 60_000)

test('a search looks at a bounded part of a header and of the texts', async () => {
  const { account } = made()
  const inbox = await account.open('INBOX')
  const header = `X: ${'x'.repeat(SEARCHED_HEADER_BYTES_MAX)}\r\nY: needle\r\n\r\n`
  const line = `${'word '.repeat(20)}\r\n`
  const body = `first\r\n${line.repeat(SEARCHED_TEXT_BYTES_MAX / line.length)}\r\n${line}needle\r\n`
  await append(inbox, header, `\r\n${body}`, '\r\nneedle\r\n')
  expect(await inbox.search({ type: 'text', text: 'needle' })).toEqual([3])
  expect(await inbox.search({ type: 'body', text: 'first' })).toEqual([2])
}, 60_000)

test('no more indexes are open than mailboxes are kept in memory, and one that was closed is as it was', async () => {
  const world = new World({ settle: () => Promise.resolve() })
  const disk = new LabDisk({ clock: world })
  const stores = new Map<string, LabStore>()
  const open = new Set<string>()
  const openIndex = async (account: string): Promise<Store> => {
    expect(open.has(account)).toBe(false)
    open.add(account)
    const store = stores.get(account) ?? new LabStore()
    stores.set(account, store)
    return {
      get: (table, key) => store.get(table, key),
      range: (table, range) => store.range(table, range),
      keys: (table, range) => store.keys(table, range),
      commit: (changes) => store.commit(changes),
      close: async () => void open.delete(account),
    }
  }
  const options = { hostname: 'mail.a.com', maildirOf: (account: string) => `/${account}/Maildir` }
  const entropy = labEntropy(seededRandom(1))
  const mailboxes = new Mailboxes(options, { disk, entropy, clock: world, openIndex })
  const use = async (account: string): Promise<number> => {
    const inbox = await mailboxes.of(account).open('INBOX')
    await append(inbox, 'a')
    const { uidNext } = inbox
    inbox.close()
    return uidNext
  }
  for (let i = 0; i < FOLDERS_KEPT_MAX + 3; i++) expect(await use(`user${i}`)).toBe(2)
  // The last that made room may be about to be closed.
  expect(open.size).toBeLessThanOrEqual(FOLDERS_KEPT_MAX + 1)
  expect(await use('user0')).toBe(3)
  await mailboxes.close()
  expect(open.size).toBe(0)
}, 20_000)
