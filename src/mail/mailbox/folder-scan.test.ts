import { expect, it } from 'vitest'
import { newWorld } from '../../../test/support/mail-stage.ts'
import { fromUtf8 } from '../../base/bytes.ts'
import { Fault } from '../../base/fault.ts'
import { seededRandom } from '../../base/random.ts'
import { addMs } from '../../base/time.ts'
import { LabDisk } from '../../lab/disk.ts'
import { labEntropy } from '../../lab/entropy.ts'
import { LabStore } from '../../lab/store.ts'
import type { World } from '../../lab/world.ts'
import type { FileReader, FileStatus } from '../../ports/disk.ts'
import type { OpenMailbox } from './mailbox.ts'
import { Mailboxes } from './mailboxes.ts'

const CUR = '/Maildir/cur'

class OddDisk extends LabDisk {
  /** Who may not be read. */
  closed = ''
  /** Of the times of files. */
  tickMs = 1

  override async open(path: string): Promise<FileReader> {
    if (path === this.closed) throw new Fault('disk/permission-denied', path, { temporary: true })
    return super.open(path)
  }

  override async stat(path: string): Promise<FileStatus | undefined> {
    const status = await super.stat(path)
    const { tickMs } = this
    return status && { ...status, modifiedMs: status.modifiedMs - (status.modifiedMs % tickMs) }
  }
}

interface Scene {
  readonly disk: OddDisk
  readonly inbox: OpenMailbox
  readonly wait: (durationMs: number) => Promise<unknown>
}

async function scene(): Promise<Scene> {
  const world: World = newWorld()
  const wait = (durationMs: number) => world.run(addMs(world.now(), durationMs))
  const disk = new OddDisk({ clock: world })
  const ports = { disk, entropy: labEntropy(seededRandom(1)), clock: world }
  const options = { hostname: 'mail.a.com', maildirOf: () => '/Maildir' }
  const mailboxes = new Mailboxes(options, { ...ports, openIndex: async () => new LabStore() })
  return { disk, inbox: await mailboxes.of('ann').open('INBOX'), wait }
}

it('shows all others where a message cannot be read, and that one when it can', async () => {
  const { disk, inbox, wait } = await scene()
  disk.closed = `${CUR}/1.a`
  await disk.writeNew(disk.closed, fromUtf8('a\r\n'))
  await disk.makeDirectory(`${CUR}/2.b`)
  await disk.writeNew(`${CUR}/3.c`, fromUtf8('c\r\n'))
  await inbox.refresh()
  expect([...inbox.uids].map((uid) => inbox.uniqueName(uid))).toEqual(['3.c'])
  disk.closed = ''
  await wait(3000)
  await inbox.refresh()
  expect([...inbox.uids].map((uid) => inbox.uniqueName(uid))).toEqual(['3.c', '1.a'])
})

it('misses nothing that others do in the same second, where directories have times of whole seconds', async () => {
  const { disk, inbox, wait } = await scene()
  disk.tickMs = 1000
  await wait(5000)
  await disk.writeNew(`${CUR}/1.a`, fromUtf8('a\r\n'))
  await wait(300)
  await inbox.refresh()
  await disk.writeNew(`${CUR}/2.b`, fromUtf8('b\r\n'))
  await wait(300)
  await inbox.refresh()
  expect(inbox.status().messages).toBe(2)
})
