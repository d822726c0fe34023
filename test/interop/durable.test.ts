/**
 * That what is called durable has been made so: by the system calls themselves, as only the power
 * failing would show it otherwise.
 */

import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { needsTrace, traced } from '../support/trace.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(realpathSync(tmpdir()), 'lightlag-durable-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** What a script sees: the compiled modules, its directory, and a way to mark a moment. */
const PRELUDE = `
import { writeSync } from 'node:fs'
import { hostDisk } from '${built('host/disk')}'
import { hostClock } from '${built('host/clock')}'
import { hostEntropy } from '${built('host/entropy')}'
import { openLmdbStore } from '${built('host/store')}'
import { Maildir } from '${built('mail/maildir')}'
const directory = process.argv.at(-1)
const say = (text) => writeSync(1, text + '\\n')
`

function built(path: string): string {
  return pathToFileURL(join('dist', `${path}.js`)).href
}

test.skipIf(needsTrace())(
  'a mail in a Maildir: its content, then each name, each before it is said to be there',
  async () => {
    const calls = await traced(
      directory,
      `${PRELUDE}
const ports = { disk: hostDisk, clock: hostClock, entropy: hostEntropy }
const maildir = new Maildir(directory + '/Maildir', 'a.com', ports)
await maildir.open()
say('opened')
const draft = await maildir.create()
await draft.write(new TextEncoder().encode('Subject: x\\r\\n\\r\\nhello\\r\\n'))
const placement = await draft.prepare()
say('prepared')
await maildir.place(placement)
say('placed')
`,
    )
    const named = calls.map((call) => call.replace(/\d+\.M\w+\.a\.com(,[SW=\d,]*)?/g, 'mail$1'))
    // The last two directories are synced side by side.
    const ordered = [...named.slice(0, -3), ...named.slice(-3, -1).sort(), ...named.slice(-1)]
    expect(ordered).toEqual([
      'make Maildir',
      'sync .',
      'make Maildir/tmp',
      'sync Maildir',
      'make Maildir/new',
      'sync Maildir',
      'make Maildir/cur',
      'sync Maildir',
      'say opened',
      'create Maildir/tmp/mail,S=21,W=21',
      'write through Maildir/tmp/mail,S=21,W=21',
      'sync Maildir/tmp',
      'say prepared',
      'rename Maildir/tmp/mail,S=21,W=21 Maildir/new/mail,S=21,W=21',
      'sync Maildir/new',
      'sync Maildir/tmp',
      'say placed',
    ])
  },
)

test.skipIf(needsTrace())(
  'a commit of the store: what it writes, then what points to it, before it resolves',
  async () => {
    const calls = await traced(
      directory,
      `${PRELUDE}
const store = await openLmdbStore(directory + '/deep/store', { capacityBytes: 4_000_000 })
say('opened')
for (const sizeBytes of [100, 300_000]) {
  await store.commit([{ table: 't', key: 'k', value: new Uint8Array(sizeBytes) }])
  say('committed')
}
await Promise.all([1, 2, 3].map(async (i) => {
  await store.commit([{ table: 't', key: 'k' + i, value: new Uint8Array(100) }])
}))
say('committed')
await store.close()
`,
    )
    // One write before the sync: with `overlappingSync` LMDB would already point to what it syncs.
    const commit = [
      'write deep/store/data.mdb',
      'sync deep/store/data.mdb',
      'write through deep/store/data.mdb',
      'say committed',
    ]
    const files = ['create deep/store/data.mdb', 'create deep/store/lock.mdb']
    expect(calls.filter((call) => !files.includes(call))).toEqual([
      'make deep',
      'sync .',
      'make deep/store',
      'sync deep',
      'write deep/store/data.mdb',
      'sync deep/store',
      'say opened',
      ...commit,
      ...commit,
      ...commit,
    ])
    const made = calls.indexOf('create deep/store/data.mdb')
    expect(made).toBeLessThan(calls.indexOf('sync deep/store'))
  },
)
