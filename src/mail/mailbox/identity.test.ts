import { expect, it } from 'vitest'
import { newWorld } from '../../../test/support/mail-stage.ts'
import { fromUtf8, toLatin1, toUtf8 } from '../../base/bytes.ts'
import { seededRandom } from '../../base/random.ts'
import { LabDisk } from '../../lab/disk.ts'
import { labEntropy } from '../../lab/entropy.ts'
import { LabStore } from '../../lab/store.ts'
import { type Head, TABLE } from './index-rows.ts'
import { UID_MAX } from './limits.ts'
import type { MailboxAccount, OpenMailbox, Uid } from './mailbox.ts'
import { Mailboxes } from './mailboxes.ts'

interface Scene {
  readonly disk: LabDisk
  readonly store: LabStore
  /** By another process than before. */
  readonly account: () => MailboxAccount
}

function scene(): Scene {
  const world = newWorld()
  const disk = new LabDisk({ clock: world })
  const ports = { disk, entropy: labEntropy(seededRandom(1)), clock: world }
  let index = new LabStore()
  const account = (): MailboxAccount => {
    index = new LabStore({}, index.crash())
    const options = { hostname: 'mail.a.com', maildirOf: () => '/Maildir' }
    return new Mailboxes(options, { ...ports, openIndex: async () => index }).of('ann')
  }
  return {
    disk,
    account,
    get store() {
      return index
    },
  }
}

async function append(mailbox: OpenMailbox, text: string): Promise<Uid> {
  const draft = await mailbox.append({ flags: [] })
  await draft.write(fromUtf8(text))
  return (await mailbox.commit([draft]))[0] as Uid
}

async function textOf(mailbox: OpenMailbox, uid: Uid): Promise<string> {
  const content = await mailbox.content(uid)
  return toLatin1(await content.read(0, content.sizeBytes))
}

async function copyDirectory(disk: LabDisk, from: string, to: string): Promise<void> {
  await disk.makeDirectory(to)
  for (const name of await disk.list(from)) {
    const source = `${from}/${name}`
    if ((await disk.stat(source))?.kind === 'directory') {
      await copyDirectory(disk, source, `${to}/${name}`)
      continue
    }
    const file = await disk.open(source)
    await disk.writeNew(`${to}/${name}`, await file.read(0, file.sizeBytes))
  }
}

it('begins with UIDs from 1 under a greater UIDVALIDITY when none is left, and keeps all messages (RFC 9051 §2.3.1.1)', async () => {
  const made = scene()
  const first = await made.account().open('INBOX')
  await append(first, 'a\r\n')
  const { mailboxId, uidValidity } = first
  const key = `${mailboxId}/h`
  const head = JSON.parse(toUtf8(made.store.get(TABLE, key) as Uint8Array)) as Head
  const full = fromUtf8(JSON.stringify({ ...head, uidNext: UID_MAX - 1 }))
  await made.store.commit([{ table: TABLE, key, value: full }])

  const account = made.account()
  const last = await account.open('INBOX')
  let told = ''
  last.subscribe(({ type }) => {
    told = type
  })
  expect(await append(last, 'b\r\n')).toBe(UID_MAX - 1)
  expect(last.uidNext).toBe(UID_MAX)
  await expect(append(last, 'c\r\n')).rejects.toMatchObject({ code: 'mailbox/too-many' })
  await expect(last.refresh()).rejects.toMatchObject({ code: 'mailbox/not-found' })
  expect(told).toBe('invalid')

  const again = await account.open('INBOX')
  expect(again.uidValidity).toBeGreaterThan(uidValidity)
  expect([...again.uids]).toEqual([1, 2])
  expect(await append(again, 'c\r\n')).toBe(3)
})

it('tells a copied directory from the one that it was copied from, and knows one again that has another name', async () => {
  const { account, disk } = scene()
  const ann = account()
  await ann.create('Work')
  const work = await ann.open('Work')
  await append(work, 'a\r\n')
  const { mailboxId, uidValidity } = work
  work.close()
  await copyDirectory(disk, '/Maildir/.Work', '/Maildir/.Copy')
  await disk.rename('/Maildir/.Work', '/Maildir/.Moved')

  const later = account()
  const moved = await later.open('Moved')
  expect([moved.mailboxId, moved.uidValidity]).toEqual([mailboxId, uidValidity])
  const copy = await later.open('Copy')
  expect(copy.mailboxId).not.toBe(mailboxId)
  const [added, other] = [await append(copy, 'in the copy\r\n'), await append(moved, 'moved\r\n')]
  expect(await textOf(copy, added)).toBe('in the copy\r\n')
  expect(await textOf(moved, other)).toBe('moved\r\n')
  expect([copy.status().messages, moved.status().messages]).toEqual([2, 2])
})
