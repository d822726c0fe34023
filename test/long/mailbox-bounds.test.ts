/** As many mailboxes as there may be. */

import { expect, test } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import { LabDisk } from '../../src/lab/disk.ts'
import { labEntropy } from '../../src/lab/entropy.ts'
import { LabStore } from '../../src/lab/store.ts'
import { World } from '../../src/lab/world.ts'
import { DIRECTORY_NAME_MAX, MAILBOXES_MAX } from '../../src/mail/mailbox/limits.ts'
import { Mailboxes } from '../../src/mail/mailbox/mailboxes.ts'

const tooMany = { code: 'mailbox/too-many', temporary: false }

test('a mailbox more than there may be is refused, and so is a name that no directory can have', async () => {
  const world = new World({ settle: () => Promise.resolve() })
  const disk = new LabDisk({ clock: world })
  const ports = {
    disk,
    clock: world,
    openIndex: async () => new LabStore(),
    entropy: labEntropy(seededRandom(1)),
  }
  const options = { hostname: 'mail.a.com', maildirOf: () => '/Maildir' }
  const account = new Mailboxes(options, ports).of('user')
  await account.create('one')
  for (let i = 1; i < MAILBOXES_MAX; i++) await disk.makeDirectory(`/Maildir/.m${i}/cur`)
  await expect(account.create('last')).rejects.toMatchObject(tooMany)
  await account.delete('m1')
  await account.create('last')
  await account.delete('m2')
  const longest = 'x'.repeat(DIRECTORY_NAME_MAX - 1)
  await expect(account.create(`${longest}x`)).rejects.toMatchObject({ code: 'mailbox/bad-name' })
  await account.create(longest)
})
