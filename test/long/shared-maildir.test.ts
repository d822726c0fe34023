/** One Maildir, served by Dovecot and by us in turn. */

import { chownSync, existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fromLatin1, toLatin1 } from '../../src/base/bytes.ts'
import { type Random, seededRandom } from '../../src/base/random.ts'
import { hostClock } from '../../src/host/clock.ts'
import { hostDisk } from '../../src/host/disk.ts'
import { hostEntropy } from '../../src/host/entropy.ts'
import { openLmdbStore } from '../../src/host/store.ts'
import type { OpenMailbox } from '../../src/mail/mailbox/mailbox.ts'
import { Mailboxes } from '../../src/mail/mailbox/mailboxes.ts'
import type { Store } from '../../src/ports/store.ts'
import { type ForeignServer, MAIL, startDovecot } from '../support/foreign-mail.ts'
import { freePort } from '../support/free-port.ts'
import { ImapClient } from '../support/imap-client.ts'
import { needs, needsFile, needsRoot } from '../support/programs.ts'

const needsDovecot = needs('dovecot') ?? needsFile('/usr/lib/dovecot/imap') ?? needsRoot()

let dovecot: ForeignServer
let imapPort: number
let store: Store
let mailboxes: Mailboxes

beforeEach(async () => {
  if (needsDovecot !== undefined) return
  imapPort = await freePort()
  dovecot = await startDovecot(imapPort)
  store = await openLmdbStore(join(dovecot.directory, 'store'), { capacityBytes: 1e8 })
  const ports = {
    disk: hostDisk,
    entropy: hostEntropy,
    clock: hostClock,
    openIndex: async () => store,
  }
  mailboxes = new Mailboxes({ hostname: 'mail.a.com', maildirOf: () => maildir() }, ports)
})

afterEach(async () => {
  if (needsDovecot !== undefined) return
  await store.close()
  await dovecot.stop()
})

const maildir = (): string => join(dovecot.directory, 'mail', 'user')

/** A message's text, which tells it from all others, to its flags. */
type Contents = ReadonlyMap<string, readonly string[]>

/** What both do to the mailbox, each in its own way. */
interface Side {
  append(text: string, flags: readonly string[]): Promise<void>
  flags(text: string, flags: readonly string[]): Promise<void>
  expunge(text: string): Promise<void>
  contents(): Promise<Contents>
  /** `uidvalidity uid` of each message, as this side tells it. */
  uids(): Promise<ReadonlyMap<string, string>>
  leave(): Promise<void>
}

const FLAGS = ['\\Seen', '\\Answered', '\\Flagged', '\\Draft', '$Forwarded', 'work']

async function byDovecot(): Promise<Side> {
  const client = await ImapClient.login(imapPort, 'user', 'secret')
  const selected = await client.command('SELECT INBOX')
  const uidValidity = /UIDVALIDITY (\d+)/.exec(selected)?.[1]
  const uidOf = async (text: string): Promise<number> =>
    (await client.fetchAll()).find((one) => one.text === text)?.uid as number
  return {
    append: async (text, flags) => {
      await client.command(`APPEND INBOX (${flags.join(' ')})`, text)
    },
    flags: async (text, flags) => {
      await client.command(`UID STORE ${await uidOf(text)} FLAGS (${flags.join(' ')})`)
    },
    expunge: async (text) => {
      const uid = await uidOf(text)
      await client.command(`UID STORE ${uid} +FLAGS (\\Deleted)`)
      await client.command(`UID EXPUNGE ${uid}`)
    },
    contents: async () =>
      contentsOf((await client.fetchAll()).map(({ text, flags }) => [text, flags])),
    uids: async () => {
      const messages = await client.fetchAll()
      return new Map(messages.map(({ text, uid }) => [text, `${uidValidity} ${uid}`]))
    },
    leave: () => client.logout(),
  }
}

async function byUs(): Promise<Side> {
  const inbox = await mailboxes.of('user').open('INBOX')
  const texts = async (): Promise<readonly (readonly [string, number])[]> => {
    const found: [string, number][] = []
    for (const uid of inbox.uids) found.push([await textOf(inbox, uid), uid])
    return found
  }
  const uidOf = async (text: string): Promise<number> =>
    (await texts()).find(([one]) => one === text)?.[1] as number
  return {
    append: async (text, flags) => {
      const draft = await inbox.append({ flags })
      await draft.write(fromLatin1(text))
      await inbox.commit([draft])
    },
    flags: async (text, flags) => {
      await inbox.store([await uidOf(text)], { mode: 'replace', flags })
    },
    expunge: async (text) => {
      const uid = await uidOf(text)
      await inbox.store([uid], { mode: 'add', flags: ['\\Deleted'] })
      expect(await inbox.expunge([uid])).toEqual([uid])
    },
    contents: async () =>
      contentsOf((await texts()).map(([text, uid]) => [text, inbox.state(uid)?.flags ?? []])),
    uids: async () =>
      new Map((await texts()).map(([text, uid]) => [text, `${inbox.uidValidity} ${uid}`])),
    leave: async () => {
      inbox.close()
      ownedByMail(maildir())
    },
  }
}

async function textOf(inbox: OpenMailbox, uid: number): Promise<string> {
  const content = await inbox.content(uid)
  try {
    return toLatin1(await content.read(0, content.sizeBytes))
  } finally {
    await content.close()
  }
}

/** None of them twice. */
function contentsOf(messages: readonly (readonly [string, readonly string[]])[]): Contents {
  const contents = new Map(
    messages.map(([text, flags]) => [text, flags.filter((flag) => flag !== '\\Recent').sort()]),
  )
  expect(contents.size).toBe(messages.length)
  return contents
}

/** Both run as one user where they are used; here Dovecot will not run as root, as the test does. */
function ownedByMail(path: string): void {
  chownSync(path, MAIL.id, MAIL.id)
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const below = join(path, entry.name)
    if (entry.isDirectory()) ownedByMail(below)
    else chownSync(below, MAIL.id, MAIL.id)
  }
}

const messageOf = (n: number): string =>
  `From: ann@a.com\r\nMessage-ID: <${n}@a.com>\r\nSubject: message ${n}\r\n\r\n${'line\r\n'.repeat(n % 7)}`

function someFlags(random: Random): readonly string[] {
  return FLAGS.filter(() => random.next() < 0.4).sort()
}

test.skipIf(needsDovecot)(
  'a Maildir that Dovecot and we serve in turn keeps every message once, with its flags and UIDs on each side',
  async () => {
    const random = seededRandom(5)
    const expected = new Map<string, readonly string[]>()
    const seen = [new Map<string, string>(), new Map<string, string>()] as const
    let count = 0
    const pick = (): string | undefined =>
      [...expected.keys()][Math.floor(random.next() * expected.size)]
    for (let turn = 0; turn < 24; turn++) {
      const side = await (turn % 2 === 0 ? byDovecot() : byUs())
      expect(await side.contents()).toEqual(expected)
      if (turn === 1) {
        // We go on with Dovecot's UIDs, and from here on Dovecot has a UIDVALIDITY of its own.
        expect(await side.uids()).toEqual(seen[0])
        seen[0].clear()
      }
      for (let step = 0; step < 6; step++) {
        const text = pick()
        const what = text === undefined ? 0 : random.next()
        const flags = someFlags(random)
        if (what < 0.5 || text === undefined) {
          const added = messageOf(count++)
          await side.append(added, flags)
          expected.set(added, flags)
        } else if (what < 0.8) {
          await side.flags(text, flags)
          expected.set(text, flags)
        } else {
          await side.expunge(text)
          expected.delete(text)
        }
      }
      expect(await side.contents()).toEqual(expected)
      const before = seen[turn % 2] as Map<string, string>
      for (const [text, uid] of await side.uids()) {
        expect(before.get(text) ?? uid).toBe(uid)
        before.set(text, uid)
      }
      await side.leave()
    }
    expect(count).toBeGreaterThan(50)
    const told = dovecot.log.replace(/^.*Warning: Maildir \S+: UIDVALIDITY changed .*$/m, '')
    expect(told).not.toMatch(/Error|Warning|Panic/)
    expect(existsSync(join(maildir(), 'dovecot-uidlist'))).toBe(true)
  },
)

test.skipIf(needsDovecot)(
  'folders, subscriptions and copies are the same on both sides',
  async () => {
    const client = await ImapClient.login(imapPort, 'user', 'secret')
    await client.command('CREATE Archive.2026')
    await client.command('SUBSCRIBE Archive.2026')
    await client.command('APPEND INBOX (\\Seen work)', messageOf(1))
    await client.command('SELECT INBOX')
    await client.command('UID COPY 1 Archive.2026')
    await client.logout()
    const account = mailboxes.of('user')
    expect(await account.list()).toMatchObject([
      { name: 'INBOX' },
      { name: 'Archive', exists: false },
      { name: 'Archive/2026', exists: true, isSubscribed: true },
    ])
    const archive = await account.open('Archive/2026')
    const [uid = 0] = archive.uids
    expect(archive.state(uid)?.flags).toEqual(['\\Seen', 'work'])
    expect(await textOf(archive, uid)).toBe(messageOf(1))
    await account.create('Grüße')
    await account.subscribe('Grüße', true)
    await archive.copy([uid], 'Grüße')
    archive.close()
    ownedByMail(maildir())
    const again = await ImapClient.login(imapPort, 'user', 'secret')
    expect(await again.command('LSUB "" *')).toContain('"." Gr&APwA3w-e')
    await again.command('SELECT Gr&APwA3w-e')
    expect(await again.fetchAll()).toMatchObject([{ text: messageOf(1) }])
    expect((await again.fetchAll())[0]?.flags).toEqual(expect.arrayContaining(['\\Seen', 'work']))
    await again.logout()
  },
)
