import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededRandom } from '../../src/base/random.ts'
import { hostClock } from '../../src/host/clock.ts'
import { diskWithDigests } from '../../src/host/disk.ts'
import { hostEntropy } from '../../src/host/entropy.ts'
import { openLmdbStore } from '../../src/host/store.ts'
import { LabDisk } from '../../src/lab/disk.ts'
import { labEntropy } from '../../src/lab/entropy.ts'
import { LabStore } from '../../src/lab/store.ts'
import { World as LabWorld } from '../../src/lab/world.ts'
import { Mailboxes } from '../../src/mail/mailbox/mailboxes.ts'
import type { Store } from '../../src/ports/store.ts'
import { describeMailbox } from './mailbox.ts'

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const maildir = '/home/user/Maildir'

describeMailbox('lab', async () => {
  const world = new LabWorld({ settle })
  const disk = new LabDisk({ clock: world })
  const entropy = labEntropy(seededRandom(1))
  let store = new LabStore()
  return {
    run: async (action) => action(),
    close: async () => {},
    disk,
    maildir,
    open: async (index = 'keep') => {
      store = index === 'delete' ? new LabStore() : new LabStore({}, store.crash())
      const options = { hostname: 'mail.a.com', maildirOf: () => maildir }
      return new Mailboxes(options, {
        disk,
        entropy,
        clock: world,
        openIndex: async () => store,
      }).of('user')
    },
  }
})

/** Compiled, as threads need it. */
const DIGESTS = new URL('../../dist/mail/mailbox/digests.js', import.meta.url)

describeMailbox('Node', async () => {
  const root = mkdtempSync(join(tmpdir(), 'mailbox-'))
  let store: Store | undefined
  let count = 0
  const disk = diskWithDigests(DIGESTS)
  return {
    run: async (action) => action(),
    close: async () => {
      await store?.close()
      rmSync(root, { recursive: true })
    },
    disk,
    maildir: `${root}/Maildir`,
    open: async (index = 'keep') => {
      await store?.close()
      if (index === 'delete') count++
      const opened = await openLmdbStore(`${root}/index-${count}`, { capacityBytes: 100_000_000 })
      store = opened
      const options = { hostname: 'mail.a.com', maildirOf: () => `${root}/Maildir` }
      const ports = {
        disk,
        entropy: hostEntropy,
        clock: hostClock,
        openIndex: async () => opened,
      }
      return new Mailboxes(options, ports).of('user')
    },
  }
})
