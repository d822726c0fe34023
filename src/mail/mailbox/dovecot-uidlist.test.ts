import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { newWorld, type PowerCut, powerSwitch } from '../../../test/support/mail-stage.ts'
import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import { seededRandom } from '../../base/random.ts'
import { type DiskImage, LabDisk } from '../../lab/disk.ts'
import { labEntropy } from '../../lab/entropy.ts'
import { LabStore, type StoreImage } from '../../lab/store.ts'
import type { OpenMailbox } from './mailbox.ts'
import { Mailboxes } from './mailboxes.ts'

const LIST = [
  '3 V1275660208 N25022 G3085f01b7f11094c501100008c4a11c1',
  '25006 :1276528487.M364837P9451.kurkku,S=1355,W=1394:2,',
  '25017 W2481 :1276533073.M242911P3632.kurkku:2,F',
  '25018 :1.gone',
  '25020 G1 W3 :0.first,S=1:2,S',
  '',
].join('\n')

const FILES = {
  'cur/1276528487.M364837P9451.kurkku,S=1355,W=1394:2,S': 'one\r\n',
  'new/0.first,S=1': 'three\r\n',
  'cur/1276533073.M242911P3632.kurkku:2,': 'two\r\n',
  'new/0.after Dovecot': 'four\r\n',
}

interface Scene {
  readonly disk: LabDisk
  readonly store: LabStore
  open(): Promise<OpenMailbox>
}

function scene(images?: { disk: DiskImage; store: StoreImage }, cut?: PowerCut): Scene {
  const world = newWorld()
  const disk = new LabDisk({ clock: world }, images?.disk)
  const store = new LabStore({}, images?.store)
  const power = powerSwitch(cut)
  const mailboxes = new Mailboxes(
    { hostname: 'mail.a.com', maildirOf: () => '/Maildir' },
    {
      disk: power.disk(disk),
      openIndex: async () => power.store(store),
      clock: world,
      entropy: labEntropy(seededRandom(1)),
    },
  )
  return { disk, store, open: () => mailboxes.of('ann').open('INBOX') }
}

async function moved(
  list: string,
  files: Readonly<Record<string, string>> = FILES,
): Promise<Scene> {
  const made = scene()
  for (const place of ['tmp', 'new', 'cur']) await made.disk.makeDirectory(`/Maildir/${place}`)
  for (const [name, text] of Object.entries({ ...files, 'dovecot-uidlist': list })) {
    await made.disk.writeNew(`/Maildir/${name}`, fromUtf8(text))
  }
  for (const place of ['', '/new', '/cur']) await made.disk.syncDirectory(`/Maildir${place}`)
  return made
}

async function textOf(disk: LabDisk, path: string): Promise<string> {
  const file = await disk.open(path)
  return toUtf8(await file.read(0, file.sizeBytes))
}

async function texts(inbox: OpenMailbox): Promise<Readonly<Record<number, string>>> {
  const found: Record<number, string> = {}
  for (const uid of inbox.uids) {
    const content = await inbox.content(uid)
    found[uid] = toUtf8(await content.read(0, content.sizeBytes)).trim()
    await content.close()
  }
  return found
}

describe('a mailbox that moves from Dovecot to us', () => {
  it('keeps its UIDVALIDITY and UIDs; what Dovecot had not numbered comes after them', async () => {
    const { open } = await moved(LIST)
    const inbox = await open()
    expect([inbox.uidValidity, inbox.uidNext]).toEqual([1_275_660_208, 25_023])
    expect(await texts(inbox)).toEqual({
      25006: 'one',
      25017: 'two',
      25020: 'three',
      25022: 'four',
    })
    expect(inbox.status().recent).toBe(1)
  })

  it('has them although it is empty, and beyond a restart', async () => {
    const { disk, store, open } = await moved(LIST, {})
    expect([(await open()).uidValidity, (await open()).uidNext]).toEqual([1_275_660_208, 25_022])
    const again = await scene({ disk: disk.crash(), store: store.crash() }).open()
    expect([again.uidValidity, again.uidNext]).toEqual([1_275_660_208, 25_022])
  })

  it('leaves Dovecot another UIDVALIDITY: it would give our UIDs to other messages', async () => {
    const { disk, open } = await moved(LIST)
    await open()
    const list = await textOf(disk, '/Maildir/dovecot-uidlist')
    const validity = Number(/^3 V(\d+) N25022 G/.exec(list)?.[1])
    expect(validity).toBeGreaterThan(1_275_660_208)
    expect(list.replace(` V${validity}`, ' V1275660208')).toBe(LIST)
  })

  it('takes over nothing once it has UIDs of its own, or where the list makes no sense', async () => {
    const { disk, store, open } = await moved(LIST)
    const before = await open()
    await disk.remove('/Maildir/dovecot-uidlist')
    await disk.writeNew('/Maildir/dovecot-uidlist', fromUtf8(LIST))
    await disk.syncDirectory('/Maildir')
    const lost = await scene({ disk: disk.crash(), store: new LabStore().crash() }).open()
    expect(lost.uidValidity).toBeGreaterThan(before.uidValidity)
    expect(lost.uids[0]).toBe(1)
    void store
    for (const list of [
      ...[
        '',
        '3\n',
        '1 V1 N2\n',
        '3 V0 N1\n',
        '3 V1\n',
        '3 V1 N99999999999\n',
        'x'.repeat(100_000),
      ],
      ...['3 V5 N9\n2 :b\n1 :a\n', '3 V5 N9\n1 :a\n1 :b\n', '3 V5 N9\nx\n', '3 V5 N9\n1 a\n'],
    ]) {
      const inbox = await (await moved(list)).open()
      expect([inbox.uidValidity > 1e9, [...inbox.uids]]).toEqual([true, [1, 2, 3, 4]])
    }
  })

  it('is not confused by a line that Dovecot is about to write', async () => {
    const inbox = await (await moved(`${LIST}25021 :0.after`)).open()
    expect([...inbox.uids]).toEqual([25006, 25017, 25020, 25022])
  })

  it('property: a list of any octets is taken or not, and never in the way', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async (tail) => {
        const inbox = await (await moved(`3 V5 N9 ${tail}`)).open()
        expect(inbox.uids).toHaveLength(4)
      }),
      { numRuns: 50 },
    )
  })

  it('property: whenever the power fails, it has the same UIDs or a new UIDVALIDITY', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom('before' as const, 'after' as const),
        async (operation, moment) => {
          const before = await moved(LIST)
          const images = { disk: before.disk.crash(), store: before.store.crash() }
          const broken = scene(images, { operation, moment })
          const opened = await Promise.race([
            broken.open(),
            new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined))),
          ])
          const after = scene({ disk: broken.disk.crash(), store: broken.store.crash() })
          const inbox = await after.open()
          if (opened !== undefined) expect(inbox.uidValidity).toBe(opened.uidValidity)
          if (inbox.uidValidity === 1_275_660_208) {
            expect(Object.keys(await texts(inbox))).toEqual(['25006', '25017', '25020', '25022'])
            expect(await textOf(after.disk, '/Maildir/dovecot-uidlist')).not.toContain(
              'V1275660208',
            )
          }
          expect(inbox.uids).toHaveLength(4)
        },
      ),
      { numRuns: 40 },
    )
  })
})
