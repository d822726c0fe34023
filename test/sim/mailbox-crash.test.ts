/** The power fails at every write in turn; then the index is there, or it is lost as well. */

import { describe, expect, it } from 'vitest'
import { fromLatin1 } from '../../src/base/bytes.ts'
import { seededRandom } from '../../src/base/random.ts'
import { LabDisk } from '../../src/lab/disk.ts'
import { labEntropy } from '../../src/lab/entropy.ts'
import { LabStore } from '../../src/lab/store.ts'
import { World } from '../../src/lab/world.ts'
import type { OpenMailbox, Uid } from '../../src/mail/mailbox/mailbox.ts'
import { Mailboxes } from '../../src/mail/mailbox/mailboxes.ts'
import { textOf } from '../conformance/mailbox.ts'
import { type PowerCut, powerSwitch } from '../support/mail-stage.ts'

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const small = (name: string) => `Subject: ${name}\r\n\r\nbody of ${name}\r\n`

/** What a client was told: it must be true for ever. */
interface Told {
  readonly uids: Map<Uid, string>
  readonly expunged: Set<string>
  readonly flagged: Set<string>
  uidValidity: number
  uidNext: number
}

async function append(mailbox: OpenMailbox, names: readonly string[], told: Told): Promise<void> {
  const drafts = []
  for (const name of names) {
    const draft = await mailbox.append({ flags: [] })
    await draft.write(fromLatin1(small(name)))
    drafts.push(draft)
  }
  const uids = await mailbox.commit(drafts)
  for (const [i, uid] of uids.entries()) told.uids.set(uid, names[i] as string)
  told.uidNext = mailbox.uidNext
}

async function useMailbox(mailboxes: Mailboxes, told: Told): Promise<void> {
  const account = mailboxes.of('user')
  const inbox = await account.open('INBOX')
  told.uidValidity = inbox.uidValidity
  await append(inbox, ['a'], told)
  await append(inbox, ['b', 'c', 'd'], told)
  const [a, b, c] = [...told.uids.keys()] as [Uid, Uid, Uid]
  await inbox.store([a], { mode: 'add', flags: ['\\Flagged', 'work'] })
  told.flagged.add('a')
  await account.create('Archive')
  await inbox.copy([a, b], 'Archive')
  await inbox.store([c], { mode: 'add', flags: ['\\Deleted'] })
  told.expunged.add('c')
  await inbox.expunge()
  told.uids.delete(c)
  await inbox.move([b], 'Archive')
  told.uids.delete(b)
}

async function run(cut: PowerCut | undefined, isIndexLost: boolean): Promise<number> {
  const world = new World({ settle })
  const entropy = labEntropy(seededRandom(7))
  const power = powerSwitch(cut)
  const disk = new LabDisk({ clock: world })
  const store = new LabStore()
  const told: Told = {
    uids: new Map(),
    expunged: new Set(),
    flagged: new Set(),
    uidValidity: 0,
    uidNext: 0,
  }
  const options = { hostname: 'mail.a.com', maildirOf: () => '/user/Maildir' }
  const ports = {
    disk: power.disk(disk),
    openIndex: async () => power.store(store),
    clock: world,
    entropy,
  }
  let isDone = false
  const used = useMailbox(new Mailboxes(options, ports), told).then(() => {
    isDone = true
  })
  used.catch(() => {})
  for (let i = 0; i < 2000 && !isDone; i++) await Promise.resolve()
  await settle()
  if (cut === undefined) await used

  const after = {
    disk: new LabDisk({ clock: world }, disk.crash()),
    openIndex: async () => (isIndexLost ? new LabStore() : new LabStore({}, store.crash())),
    clock: world,
    entropy,
  }
  const account = new Mailboxes(options, after).of('user')
  const inbox = await account.open('INBOX')
  const found = new Map<string, Uid>()
  for (const uid of inbox.uids) {
    const [, name = ''] = /body of (\w)/.exec(await textOf(inbox, uid)) ?? []
    expect(found.has(name), `${name} is there once`).toBe(false)
    found.set(name, uid)
  }
  const isSame = inbox.uidValidity === told.uidValidity
  expect(isIndexLost && told.uids.size > 0 ? !isSame : true).toBe(true)
  for (const [uid, name] of told.uids) {
    // What was on its way out may be gone.
    const mayBeGone = told.expunged.has(name) || name === 'b'
    if (found.has(name) && isSame) expect(found.get(name)).toBe(uid)
    if (!mayBeGone) expect(found.has(name), `${name} is still there`).toBe(true)
  }
  if (isSame) {
    for (const [name, uid] of found) {
      if (![...told.uids.values()].includes(name))
        expect(uid).toBeGreaterThanOrEqual(told.uidNext === 0 ? 1 : 2)
    }
    expect(inbox.uidNext).toBeGreaterThanOrEqual(told.uidNext)
  }
  for (const name of told.flagged) {
    expect(inbox.state(found.get(name) as Uid)?.flags).toEqual(['\\Flagged', 'work'])
  }
  // Three at once are all there or none is, as long as the index tells.
  const together = ['b', 'c', 'd'].filter((name) => found.has(name))
  if (!isIndexLost && told.uids.size <= 1) expect([0, 3]).toContain(together.length)
  // What was taken out of INBOX is where it went.
  if (told.uids.size > 0 && !found.has('b') && [...told.uids.values()].includes('b')) {
    const archive = await account.open('Archive')
    const texts = await Promise.all([...archive.uids].map((uid) => textOf(archive, uid)))
    expect(texts).toContain(small('b'))
  }
  return power.operations()
}

describe('a mailbox whose power fails', () => {
  it.each([
    ['with its index', false],
    ['without its index', true],
  ])('comes back %s, whatever was being written', async (_, isIndexLost) => {
    const operations = await run(undefined, isIndexLost)
    expect(operations).toBeGreaterThan(50)
    for (let operation = 1; operation <= operations; operation++) {
      for (const moment of ['before', 'after'] as const) {
        await run({ operation, moment }, isIndexLost)
      }
    }
  })
})
