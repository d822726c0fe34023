import { describe, expect, it } from 'vitest'
import { fromLatin1, toLatin1 } from '../../src/base/bytes.ts'
import { wallMs } from '../../src/base/time.ts'
import type {
  AppendOptions,
  MailboxAccount,
  MailboxChange,
  OpenMailbox,
  Uid,
} from '../../src/mail/mailbox/mailbox.ts'
import type { SearchKey } from '../../src/mail/mailbox/search.ts'
import type { Disk } from '../../src/ports/disk.ts'
import { formatEnvelope } from '../../src/proto/imap/describe.ts'
import { type World, within } from './world.ts'

export interface MailboxWorld extends World {
  readonly disk: Disk
  /** The account's Maildir, absolute; nothing is there yet. */
  readonly maildir: string
  /** Opens the account, or opens it again as a new process would, with the index as it stands or without one. */
  readonly open: (index?: 'keep' | 'delete') => Promise<MailboxAccount>
}

export const MESSAGE: string = [
  'From: =?iso-8859-1?Q?Ren=E9?= <rene@a.com>',
  'To: user@b.com, "Doe, Jo" <jo@c.org>',
  'Subject: Re: [moon] =?utf-8?B?R3LDvMOfZQ==?=',
  'Date: Mon, 23 Nov 2026 08:00:00 +0100',
  'Message-ID: <2@a.com>',
  'References: <0@a.com> <1@a.com>',
  'In-Reply-To: <1@a.com>',
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary="b"',
  '',
  'preamble',
  '--b',
  'Content-Type: text/plain; charset=utf-8',
  'Content-Transfer-Encoding: quoted-printable',
  '',
  'Gr=C3=BC=C3=9Fe vom Mond,=',
  ' mit Anlage',
  '--b',
  'Content-Type: application/octet-stream; name="x.bin"',
  'Content-Transfer-Encoding: base64',
  'Content-Disposition: attachment; filename="x.bin"',
  '',
  'AAECAw==',
  '--b--',
  '',
].join('\r\n')

export async function appendText(
  mailbox: OpenMailbox,
  text: string,
  options: AppendOptions = { flags: [] },
): Promise<Uid> {
  const draft = await mailbox.append(options)
  await draft.write(fromLatin1(text))
  const [uid] = await mailbox.commit([draft])
  return uid as Uid
}

export async function textOf(mailbox: OpenMailbox, uid: Uid): Promise<string> {
  const content = await mailbox.content(uid)
  try {
    return toLatin1(await content.read(0, content.sizeBytes + 10))
  } finally {
    await content.close()
  }
}

/** The contract of `src/mail/mailbox/mailbox.ts`. */
export function describeMailbox(name: string, make: () => Promise<MailboxWorld>): void {
  const inWorld = (body: (world: MailboxWorld) => Promise<void>) => () => within(make, body)
  const small = (subject: string) =>
    `From: a@b.c\r\nSubject: ${subject}\r\n\r\nbody of ${subject}\r\n`

  describe(`the mailbox contract: ${name}`, () => {
    it(
      'gives ascending UIDs to what is appended, and keeps flags, dates and content',
      inWorld(async ({ open }) => {
        const mailbox = await (await open()).open('INBOX')
        const internalDate = wallMs(1_700_000_000_000)
        const first = await appendText(mailbox, small('one'), {
          flags: ['\\Seen', '$Forwarded'],
          internalDate,
        })
        const second = await appendText(mailbox, small('two'))
        expect([...mailbox.uids]).toEqual([first, second])
        expect(mailbox.uidNext).toBeGreaterThan(second)
        expect(mailbox.metadata(first)).toMatchObject({
          internalDate,
          flags: ['\\Seen', '$Forwarded'],
          sizeBytes: small('one').length,
        })
        expect(await textOf(mailbox, first)).toBe(small('one'))
        expect(mailbox.status()).toMatchObject({ messages: 2, unseen: 1, deleted: 0 })
        expect(mailbox.keywords).toEqual(['$Forwarded'])
      }),
    )

    it(
      'tells every session of changes in order, each with a greater modSeq',
      inWorld(async ({ open }) => {
        const account = await open()
        const [one, other] = [await account.open('INBOX'), await account.open('INBOX')]
        const heard: MailboxChange[] = []
        other.subscribe((change) => heard.push(change))
        const uid = await appendText(one, small('x'))
        await one.store([uid], { mode: 'add', flags: ['\\Deleted'] })
        expect(await one.expunge()).toEqual([uid])
        expect(heard.map(({ type }) => type)).toEqual(['added', 'flags', 'expunged'])
        const modSeqs = heard.map((change) => ('modSeq' in change ? change.modSeq : 0))
        expect([...modSeqs].sort((a, b) => a - b)).toEqual(modSeqs)
        expect(new Set(modSeqs).size).toBe(3)
        expect(other.vanishedSince(0)).toEqual([[uid, uid]])
        expect(other.highestModSeq).toBe(modSeqs[2])
        await expect(one.describe(uid)).rejects.toMatchObject({ code: 'mailbox/gone' })
      }),
    )

    it(
      'keeps a conditional STORE from what has changed since (RFC 7162 §3.1.3)',
      inWorld(async ({ open }) => {
        const mailbox = await (await open()).open('INBOX')
        const [a, b] = [
          await appendText(mailbox, small('a')),
          await appendText(mailbox, small('b')),
        ]
        const before = mailbox.highestModSeq
        await mailbox.store([a], { mode: 'add', flags: ['\\Flagged'] })
        const change = { mode: 'replace', flags: ['\\Seen'], unchangedSince: before } as const
        expect(await mailbox.store([a, b], change)).toEqual([a])
        expect(mailbox.state(a)?.flags).toEqual(['\\Flagged'])
        expect(mailbox.state(b)?.flags).toEqual(['\\Seen'])
        expect(mailbox.changedSince(before)).toEqual([a, b])
      }),
    )

    it(
      'copies and moves with new UIDs, flags, date and emailId',
      inWorld(async ({ open }) => {
        const account = await open()
        await account.create('Archive/2026')
        const inbox = await account.open('INBOX')
        const archive = await account.open('Archive/2026')
        const uid = await appendText(inbox, small('m'), { flags: ['\\Seen', 'work'] })
        const before = inbox.metadata(uid)
        const copied = await inbox.copy([uid], 'Archive/2026')
        expect(copied).toEqual({
          uidValidity: archive.uidValidity,
          sources: [uid],
          targets: [...archive.uids],
        })
        const moved = await inbox.move([uid], 'Archive/2026')
        expect([...inbox.uids]).toEqual([])
        for (const target of [...copied.targets, ...moved.targets]) {
          const { emailId, internalDate, flags } = before ?? {}
          expect(archive.metadata(target)).toMatchObject({ emailId, internalDate, flags })
          expect(await textOf(archive, target)).toBe(small('m'))
        }
        await expect(archive.copy(copied.targets, 'Nowhere')).rejects.toMatchObject({
          code: 'mailbox/not-found',
        })
      }),
    )

    it(
      'lists, renames with those below, deletes and subscribes',
      inWorld(async ({ open }) => {
        const account = await open()
        const id = await account.create('A/B.C/Grüße', ['\\Archive'])
        await account.subscribe('A/B.C/Grüße', true)
        await account.subscribe('gone', true)
        const names = async () => (await account.list()).map((one) => one.name)
        expect(await names()).toEqual(['INBOX', 'A', 'A/B.C', 'A/B.C/Grüße', 'gone'])
        await account.rename('A/B.C', 'Z')
        expect(await names()).toEqual(['INBOX', 'A', 'A/B.C/Grüße', 'Z', 'Z/Grüße', 'gone'])
        expect((await account.status('Z/Grüße')).mailboxId).toBe(id)
        await expect(account.create('Z')).rejects.toMatchObject({ code: 'mailbox/exists' })
        await account.delete('Z')
        const listing = (await account.list()).find((one) => one.name === 'Z')
        expect(listing).toMatchObject({ exists: false, hasChildren: true })
        expect(await (await open()).list()).toEqual(await account.list())
        await expect(account.delete('INBOX')).rejects.toMatchObject({
          code: 'mailbox/not-permitted',
        })
        for (const bad of ['', '/a', 'a//b', 'a/', 'a\nb', 'x'.repeat(300)]) {
          await expect(account.create(bad)).rejects.toMatchObject({ code: 'mailbox/bad-name' })
        }
      }),
    )

    it(
      'remembers everything when it is opened again',
      inWorld(async ({ open }) => {
        const mailbox = await (await open()).open('INBOX')
        const uids = []
        for (const subject of ['a', 'b', 'c']) uids.push(await appendText(mailbox, small(subject)))
        await mailbox.store(uids.slice(0, 1), { mode: 'add', flags: ['\\Seen', 'work'] })
        await mailbox.store(uids.slice(1, 2), { mode: 'add', flags: ['\\Deleted'] })
        await mailbox.expunge()
        const remembered = (one: OpenMailbox) => ({
          metadata: [...one.uids].map((uid) => ({ ...one.metadata(uid) })),
          status: one.status(),
          vanished: one.vanishedSince(0),
        })
        const before = remembered(mailbox)
        expect(before.metadata).toHaveLength(2)
        expect(remembered(await (await open()).open('INBOX'))).toEqual(before)
      }),
    )

    it(
      'comes back with all messages and a new UIDVALIDITY when its index was lost',
      inWorld(async ({ open }) => {
        const mailbox = await (await open()).open('INBOX')
        const uid = await appendText(mailbox, small('a'), { flags: ['\\Answered', 'work'] })
        await appendText(mailbox, small('b'))
        const internalDate = mailbox.metadata(uid)?.internalDate
        const again = await (await open('delete')).open('INBOX')
        expect(again.uidValidity).toBeGreaterThan(mailbox.uidValidity)
        expect(again.mailboxId).toBe(mailbox.mailboxId)
        const found = [...again.uids]
        expect(await Promise.all(found.map((one) => textOf(again, one)))).toEqual([
          small('a'),
          small('b'),
        ])
        expect(again.state(found[0] as Uid)?.flags).toEqual(['\\Answered', 'work'])
        expect(again.metadata(found[0] as Uid)?.internalDate).toBe(internalDate)
      }),
    )

    it(
      'sees what other programs do to the files',
      inWorld(async ({ open, disk, maildir }) => {
        const mailbox = await (await open()).open('INBOX')
        const heard: MailboxChange['type'][] = []
        mailbox.subscribe((change) => heard.push(change.type))
        const writer = await disk.create(`${maildir}/tmp/1700000000.M1P1.other`)
        await writer.append(fromLatin1('Subject: dropped\n\nline one\nline two'))
        await writer.close()
        await disk.rename(
          `${maildir}/tmp/1700000000.M1P1.other`,
          `${maildir}/new/1700000000.M1P1.other`,
        )
        await mailbox.refresh()
        const [uid] = mailbox.uids
        expect(heard).toEqual(['added'])
        const sent = 'Subject: dropped\r\n\r\nline one\r\nline two'
        expect(await textOf(mailbox, uid as Uid)).toBe(sent)
        expect(mailbox.metadata(uid as Uid)?.sizeBytes).toBe(sent.length)

        await disk.rename(
          `${maildir}/new/1700000000.M1P1.other`,
          `${maildir}/cur/1700000000.M1P1.other:2,RS`,
        )
        // Before it is noticed as well.
        expect(await textOf(mailbox, uid as Uid)).toBe(sent)
        await mailbox.refresh()
        expect([...mailbox.uids]).toEqual([uid])
        expect(mailbox.state(uid as Uid)?.flags).toEqual(['\\Answered', '\\Seen'])

        await disk.remove(`${maildir}/cur/1700000000.M1P1.other:2,RS`)
        await mailbox.refresh()
        expect(heard).toEqual(['added', 'flags', 'expunged'])
        expect([...mailbox.uids]).toEqual([])
      }),
    )

    it(
      'appends several or none, and leaves nothing of an aborted one (RFC 3502 §6.3.11)',
      inWorld(async ({ open, disk, maildir }) => {
        const mailbox = await (await open()).open('INBOX')
        const drafts = []
        for (const subject of ['a', 'b', 'c']) {
          const draft = await mailbox.append({ flags: ['\\Draft'] })
          await draft.write(fromLatin1(small(subject)))
          drafts.push(draft)
        }
        expect(mailbox.uids).toHaveLength(0)
        await (await mailbox.append({ flags: [] })).abort()
        const uids = await mailbox.commit(drafts)
        expect([...mailbox.uids]).toEqual(uids)
        expect(uids).toHaveLength(3)
        expect(await disk.list(`${maildir}/tmp`)).toEqual([])
      }),
    )

    it(
      'describes a message once and for all',
      inWorld(async ({ open }) => {
        const mailbox = await (await open()).open('INBOX')
        const uid = await appendText(mailbox, MESSAGE)
        const described = await mailbox.describe(uid)
        const { envelope, envelopeOctets, part, references } = described
        expect(mailbox.summary(uid)).toMatchObject({ envelope, envelopeOctets, references })
        expect(toLatin1(envelopeOctets)).toBe(formatEnvelope(envelope))
        expect(references).toEqual(['0@a.com', '1@a.com'])
        expect(envelope.messageId).toBe('<2@a.com>')
        expect(part.parts?.map((one) => `${one.type}/${one.subtype}`)).toEqual([
          'text/plain',
          'application/octet-stream',
        ])
        const again = await (await open()).open('INBOX')
        expect(await again.describe(uid)).toEqual(described)
      }),
    )

    it(
      'reads headers and messages ahead, long ones too, and passes over what is gone',
      inWorld(async ({ open }) => {
        const mailbox = await (await open()).open('INBOX')
        const uids: Uid[] = []
        const texts: string[] = []
        for (let i = 0; i < 20; i++) {
          // Of some the header is longer than what is read at once, of some the message.
          const long = 'x'.repeat(i % 5 === 0 ? 20_000 : 10)
          const text = `X: ${long}\r\nSubject: s${i}\r\n\r\n${long.repeat(i % 3 === 0 ? 3 : 1)}\r\n`
          texts.push(text)
          uids.push(await appendText(mailbox, text, { flags: i === 7 ? ['\\Deleted'] : [] }))
        }
        await mailbox.summarize(uids.slice(0, 3))
        await mailbox.expunge()
        await mailbox.summarize(uids)
        const contents = mailbox.contents(uids)
        for (const [i, uid] of uids.entries()) {
          if (i === 7) {
            await expect(contents.next(uid)).rejects.toMatchObject({ code: 'mailbox/gone' })
            continue
          }
          expect(mailbox.summary(uid)?.envelope).toEqual({ subject: `s${i}` })
          const content = await contents.next(uid)
          expect(toLatin1(await content.read(0, content.sizeBytes))).toBe(texts[i])
          await content.close()
        }
        await contents.close()
      }),
    )

    it(
      'searches headers and texts decoded, wherever they stand',
      inWorld(async ({ open }) => {
        const mailbox = await (await open()).open('INBOX')
        const uid = await appendText(mailbox, MESSAGE)
        await appendText(mailbox, small('other'))
        const find = (key: SearchKey) => mailbox.search(key)
        const found: readonly SearchKey[] = [
          { type: 'header', field: 'from', text: 'RENÉ' },
          { type: 'header', field: 'subject', text: 'grüße' },
          { type: 'header', field: 'references', text: '' },
          { type: 'body', text: 'grüße vom mond, mit' },
          { type: 'text', text: 'message-id: <2@a.com>' },
          { type: 'text', text: 'ü' },
          { type: 'larger', sizeBytes: 200 },
          { type: 'on', of: 'sent-date', day: wallMs(20_780 * 86_400_000) },
          { type: 'not', key: { type: 'header', field: 'subject', text: 'other' } },
        ]
        for (const key of found) expect([key, await find(key)]).toEqual([key, [uid]])
        expect(await find({ type: 'body', text: 'rene@a.com' })).toEqual([])
        expect(await find({ type: 'flag', flag: '\\Seen' })).toEqual([])
        expect(await find({ type: 'all' })).toHaveLength(2)
      }),
    )
  })
}
