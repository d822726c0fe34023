import { expect, it } from 'vitest'
import { newWorld } from '../../../test/support/mail-stage.ts'
import { fromUtf8, toLatin1, toUtf8 } from '../../base/bytes.ts'
import { seededRandom } from '../../base/random.ts'
import { LabDisk } from '../../lab/disk.ts'
import { labEntropy } from '../../lab/entropy.ts'
import { LabStore } from '../../lab/store.ts'
import type { Digest, DiskResult, FileStart } from '../../ports/disk.ts'
import { type Head, summaryKey, TABLE } from './index-rows.ts'
import { UID_MAX } from './limits.ts'
import type { MailboxAccount, OpenMailbox, Uid } from './mailbox.ts'
import { Mailboxes } from './mailboxes.ts'
import { uidValidityAfter } from './marker.ts'

/** Gives no digests before it may. */
class SlowDisk extends LabDisk {
  gate: Promise<void> = Promise.resolve()

  override async digestStarts(
    files: readonly FileStart[],
    digest: Digest,
  ): Promise<readonly DiskResult<Uint8Array>[]> {
    const digests = await super.digestStarts(files, digest)
    await this.gate
    return digests
  }
}

interface Scene {
  readonly disk: SlowDisk
  readonly store: LabStore
  /** By another process than before. */
  readonly account: () => MailboxAccount
}

function scene(): Scene {
  const world = newWorld()
  const disk = new SlowDisk({ clock: world })
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

/** One UID is left. */
async function exhaust({ store }: Scene, mailboxId: string): Promise<void> {
  const key = `${mailboxId}/h`
  const head = JSON.parse(toUtf8(store.get(TABLE, key) as Uint8Array)) as Head
  const full = fromUtf8(JSON.stringify({ ...head, uidNext: UID_MAX - 1 }))
  await store.commit([{ table: TABLE, key, value: full }])
}

it('begins with UIDs from 1 under a greater UIDVALIDITY when none is left, and keeps all messages (RFC 9051 §2.3.1.1)', async () => {
  const made = scene()
  const first = await made.account().open('INBOX')
  await append(first, 'a\r\n')
  const { mailboxId, uidValidity } = first
  await exhaust(made, mailboxId)

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

it('takes nothing that is read of a message for that of another, when UIDs begin anew meanwhile', async () => {
  const made = scene()
  const before = await made.account().open('INBOX')
  for (const text of 'abcd') await append(before, `Subject: ${text}\r\n\r\n`)
  await before.remove([1, 2])
  await exhaust(made, before.mailboxId)

  const account = made.account()
  const old = await account.open('INBOX')
  await append(old, 'Subject: e\r\n\r\n')
  let open = (): void => {}
  made.disk.gate = new Promise((resolve) => {
    open = resolve
  })
  const reading = old.summarize([3, 4])
  await expect(append(old, 'Subject: f\r\n\r\n')).rejects.toThrow('no UIDs are left')
  await expect(old.refresh()).rejects.toMatchObject({ code: 'mailbox/not-found' })
  const again = await account.open('INBOX')
  open()
  await reading
  await expect(old.content(3)).rejects.toMatchObject({ code: 'mailbox/gone' })
  await expect(old.copy([3], 'INBOX')).rejects.toMatchObject({ code: 'mailbox/not-found' })
  await again.summarize([...again.uids])
  expect([...again.uids]).toEqual([1, 2, 3])
  for (const uid of again.uids) {
    const { subject } = again.summary(uid)?.envelope ?? {}
    expect(await textOf(again, uid)).toBe(`Subject: ${subject}\r\n\r\n`)
  }
})

it('stays within 32 bits of UIDVALIDITY', () => {
  expect(uidValidityAfter(7, 5)).toBe(8)
  expect(uidValidityAfter(7, 50)).toBe(50)
  expect(uidValidityAfter(UID_MAX - 1, 50)).toBe(UID_MAX)
  expect(uidValidityAfter(UID_MAX, 50)).toBe(50)
})

it('deletes a copied directory, of which nobody knew, without what is known of the one it was copied from', async () => {
  const { account, disk } = scene()
  const ann = account()
  await ann.create('Work')
  const work = await ann.open('Work')
  const uid = await append(work, 'a\r\n')
  await copyDirectory(disk, '/Maildir/.Work', '/Maildir/.Copy')
  await ann.delete('Copy')
  expect(await textOf(work, uid)).toBe('a\r\n')
  const later = await account().open('Work')
  expect([later.uidValidity, ...later.uids]).toEqual([work.uidValidity, uid])
})

it.each([
  ['the head', 'h'],
  ['a page', 'p00000000'],
  ['the names of what is being placed', 'j'],
])('opens with all messages where %s in the index is no such thing', async (_, key) => {
  const made = scene()
  const { mailboxId } = await made.account().open('INBOX')
  await append(await made.account().open('INBOX'), 'a\r\n')
  const value = fromUtf8('{')
  await made.store.commit([{ table: TABLE, key: `${mailboxId}/${key}`, value }])
  const again = await made.account().open('INBOX')
  expect(await textOf(again, again.uids[0] as Uid)).toBe('a\r\n')
  expect(again.status().messages).toBe(1)
})

it('keeps its UIDs with an index of an earlier version, and reads anew what that wrote of headers', async () => {
  const made = scene()
  const before = await made.account().open('INBOX')
  const uid = await append(before, 'Subject: a\r\n\r\n')
  const { mailboxId, uidValidity } = before
  const key = `${mailboxId}/h`
  const { directory: _, ...head } = JSON.parse(toUtf8(made.store.get(TABLE, key) as Uint8Array))
  await made.store.commit([
    { table: TABLE, key, value: fromUtf8(JSON.stringify(head)) },
    { table: TABLE, key: summaryKey(mailboxId, uid), value: fromUtf8('{"subject":"old"}') },
  ])
  const after = await made.account().open('INBOX')
  expect([after.uidValidity, ...after.uids]).toEqual([uidValidity, uid])
  await after.summarize([uid])
  expect(after.summary(uid)?.envelope.subject).toBe('a')
})
