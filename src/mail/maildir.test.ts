import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat, fromLatin1, toLatin1 } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import { seededRandom } from '../base/random.ts'
import { monoMs, wallMs } from '../base/time.ts'
import { type DiskImage, LabDisk } from '../lab/disk.ts'
import { labEntropy } from '../lab/entropy.ts'
import type { Clock } from '../ports/clock.ts'
import type { Disk } from '../ports/disk.ts'
import { Maildir } from './maildir.ts'
import type { Placement } from './maildir-draft.ts'

const PATH = '/home/user/Maildir'
/** Too large to be kept until it is complete. */
const LARGE = new Uint8Array(100_000)
const START_MS = 1_795_420_800_000

interface Machine {
  readonly disk: LabDisk
  readonly clock: Clock & { wallMs: number }
  readonly maildir: Maildir
}

function machine(image?: DiskImage, seed = 1): Machine {
  const clock = {
    wallMs: START_MS,
    now: () => monoMs(clock.wallMs),
    wall: () => wallMs(clock.wallMs),
    at: () => () => {},
  }
  const disk = new LabDisk({ clock }, image)
  return { disk, clock, maildir: maildirOn(disk, clock, seed) }
}

function maildirOn(disk: Disk, clock: Clock, seed = 1, host = 'mail-1.a.com'): Maildir {
  return new Maildir(PATH, host, { disk, clock, entropy: labEntropy(seededRandom(seed)) })
}

async function prepare(maildir: Maildir, ...pieces: readonly string[]): Promise<Placement> {
  const draft = await maildir.create()
  for (const piece of pieces) await draft.write(fromLatin1(piece))
  return draft.prepare()
}

async function deliver(maildir: Maildir, ...pieces: readonly string[]): Promise<string> {
  return maildir.place(await prepare(maildir, ...pieces))
}

async function drop(disk: Disk, path: string, text: string): Promise<void> {
  const file = await disk.create(`${PATH}/${path}`)
  await file.append(fromLatin1(text))
  await file.sync()
  await file.close()
  await disk.syncDirectory(`${PATH}/${path.split('/')[0]}`)
}

/** Paths of the messages in `new`, by name. */
async function delivered(disk: Disk): Promise<readonly string[]> {
  if ((await disk.stat(`${PATH}/new`)) === undefined) return []
  return (await disk.list(`${PATH}/new`)).map((name) => `${PATH}/new/${name}`)
}

async function contentOf(disk: Disk, path: string): Promise<string> {
  const file = await disk.open(path)
  return toLatin1(await file.read(0, file.sizeBytes))
}

test('a message appears in new under a name of its own, with its sizes', async () => {
  const { disk, maildir } = machine()
  const path = await deliver(maildir, 'Subject: x\r\n', '\r\nbody\r\n')
  expect(path).toMatch(
    /^\/home\/user\/Maildir\/new\/1795420800\.M000000P\d+\.mail-1\.a\.com,S=20,W=20$/,
  )
  expect(await disk.list(`${PATH}/tmp`)).toEqual([])
  expect(await delivered(disk)).toEqual([path])
  expect(await contentOf(disk, path)).toBe('Subject: x\r\n\r\nbody\r\n')
})

test('names never repeat, and sort by age even within one millisecond', async () => {
  const { disk, clock, maildir } = machine()
  const paths: string[] = []
  for (let i = 0; i < 12; i++) paths.push(await deliver(maildir, 'x\r\n'))
  clock.wallMs -= 5000
  paths.push(await deliver(maildir, 'x\r\n'))
  clock.wallMs += 60_000
  paths.push(await deliver(maildir, 'x\r\n'))
  expect(await delivered(disk)).toEqual(paths)
  expect(new Set(paths).size).toBe(14)
})

test('two programs that deliver in the same microsecond take different names', async () => {
  const { disk, clock, maildir } = machine()
  const other = maildirOn(disk, clock, 2)
  expect(await deliver(maildir, 'a\r\n')).not.toBe(await deliver(other, 'b\r\n'))
  expect(await delivered(disk)).toHaveLength(2)
})

test('what would not fit in a file name is escaped in the host name', async () => {
  const { disk, clock } = machine()
  const path = await deliver(maildirOn(disk, clock, 1, 'a/b:c,d'), 'x\r\n')
  expect(path).toContain('.a\\057b\\072c\\054d,S=3,W=3')
})

test('nothing appears before it is placed, and an abandoned draft leaves nothing', async () => {
  const { disk, maildir } = machine()
  for (const half of [fromLatin1('half a mess'), LARGE]) {
    const written = await maildir.create()
    await written.write(half)
    await written.abort()
    await written.abort()
  }
  const prepared = await maildir.create()
  await prepared.prepare()
  expect(await delivered(disk)).toEqual([])
  await prepared.abort()
  expect(await disk.list(`${PATH}/tmp`)).toEqual([])
})

test('a message that is delivered at once survives a power failure, however large, and is not in tmp', async () => {
  for (const body of [fromLatin1('body\r\n'), LARGE]) {
    const { disk, maildir } = machine()
    const draft = await maildir.create()
    await draft.write(body)
    const path = await maildir.deliver(await draft.finish())
    expect(path).toContain(`,S=${body.length}`)
    const after = machine(disk.crash())
    expect(await delivered(after.disk)).toEqual([path])
    expect(await after.disk.list(`${PATH}/tmp`)).toEqual([])
    expect((await after.disk.open(path)).sizeBytes).toBe(body.length)
  }
})

test('property: a message that is delivered at once is there whole or not at all, whenever the power fails', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(12), fc.boolean(), async (operations, isLarge) => {
      const before = machine()
      await before.maildir.open()
      let left = operations
      const failing = new Proxy(before.disk, {
        get: (disk, name: keyof Disk) => {
          if (left-- <= 0) return () => new Promise(() => {})
          return disk[name].bind(disk)
        },
      })
      const body = isLarge ? LARGE : fromLatin1('body\r\n')
      const target = maildirOn(failing, before.clock)
      const delivery = target.create().then(async (draft) => {
        await draft.write(body)
        return target.deliver(await draft.finish())
      })
      const settled = await Promise.race([
        delivery,
        new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined))),
      ])
      const after = machine(before.disk.crash())
      const paths = await delivered(after.disk)
      if (settled !== undefined) expect(paths).toHaveLength(1)
      for (const path of paths) {
        expect((await after.disk.open(path)).sizeBytes).toBe(body.length)
      }
    }),
  )
})

test('what is prepared survives a power failure and can be placed after it', async () => {
  const before = machine()
  const placement = await prepare(before.maildir, 'body\r\n')
  const after = machine(before.disk.crash())
  const path = await after.maildir.place(JSON.parse(JSON.stringify(placement)))
  const last = machine(after.disk.crash())
  expect(await delivered(last.disk)).toEqual([path])
  expect(await contentOf(last.disk, path)).toBe('body\r\n')
})

test('placing once more after a crash delivers nothing twice, even when it was read and removed', async () => {
  const before = machine()
  const placement = await prepare(before.maildir, 'body\r\n')
  const path = await before.maildir.place(placement)
  const after = machine(before.disk.crash())
  expect(await after.maildir.place(placement)).toBe(path)
  await after.disk.remove(path)
  await after.maildir.place(placement)
  expect(await delivered(machine(after.disk.crash()).disk)).toEqual([])
})

test('property: a power failure at any operation loses and doubles nothing that is placed until it succeeds', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(12), async (operations) => {
      const before = machine()
      const placement = await prepare(before.maildir, 'body\r\n')
      let left = operations
      // A disk on which the power fails before an operation: that one and all later never settle.
      const failing = new Proxy(before.disk, {
        get: (disk, name: keyof Disk) => {
          if (left-- <= 0) return () => new Promise(() => {})
          return disk[name].bind(disk)
        },
      })
      const placing = maildirOn(failing, before.clock).place(placement)
      await Promise.race([placing, new Promise((resolve) => setImmediate(resolve))])
      const after = machine(before.disk.crash())
      await after.maildir.place(placement)
      expect(await delivered(machine(after.disk.crash()).disk)).toHaveLength(1)
    }),
  )
})

test('placing does not take a missing mailbox for a message already delivered', async () => {
  const { disk, maildir } = machine()
  const placement = await prepare(maildir, 'body\r\n')
  const withoutNew = new Proxy(disk, {
    get: (target, name: keyof Disk) =>
      name === 'rename'
        ? (from: string) => target.rename(from, '/home/nobody/new/x')
        : target[name].bind(target),
  })
  const { clock } = machine()
  await expect(maildirOn(withoutNew, clock).place(placement)).rejects.toMatchObject({
    code: 'disk/not-found',
  })
})

test('a message whose last line has no end is given no W, for one will be sent', async () => {
  const { maildir } = machine()
  expect(await deliver(maildir, 'a\nb')).toMatch(/,S=3$/)
  expect(await deliver(maildir, 'a\nb\n')).toMatch(/,S=4,W=6$/)
})

test('what a writer left in tmp is cleared away after 36 hours; what is still to be placed is not', async () => {
  const { disk, clock, maildir } = machine()
  const recorded = await prepare(maildir, 'kept\r\n')
  await prepare(maildir, 'forgotten\r\n')
  await (await maildir.create()).write(LARGE)
  await drop(disk, 'tmp/1.foreign', 'x')
  clock.wallMs += 36 * 3_600_000 - 1
  await drop(disk, 'tmp/2.young', 'x')
  await maildir.clearAbandoned([recorded])
  expect(await disk.list(`${PATH}/tmp`)).toHaveLength(5)
  clock.wallMs += 1
  await maildir.clearAbandoned([recorded])
  expect(await disk.list(`${PATH}/tmp`)).toEqual([recorded.name, '2.young'])
})

test('clearing away makes no mailbox where there is none', async () => {
  const { disk, maildir } = machine()
  await maildir.clearAbandoned([])
  expect(await disk.stat(PATH)).toBeUndefined()
})

test('an abandoned draft leaves nothing, even where its file cannot be closed', async () => {
  const { disk, clock } = machine()
  const failing = new Proxy(disk, {
    get: (target, name: keyof Disk) =>
      name === 'create'
        ? async (path: string) => {
            const writer = await target.create(path)
            const broken = new Fault('disk/failed', 'broken', { temporary: true })
            return {
              append: (bytes: Uint8Array) => writer.append(bytes),
              sync: () => writer.sync(),
              close: () => Promise.reject(broken),
            }
          }
        : target[name].bind(target),
  })
  const draft = await maildirOn(failing, clock).create()
  await draft.write(LARGE)
  await expect(draft.abort()).rejects.toMatchObject({ code: 'disk/failed' })
  expect(await disk.list(`${PATH}/tmp`)).toEqual([])
})

test('deliveries that wait together share the flush of a directory', async () => {
  const { disk, clock } = machine()
  let flushes = 0
  const counting = new Proxy(disk, {
    get: (target, name: keyof Disk) => {
      if (name !== 'syncDirectory') return target[name].bind(target)
      return async (path: string) => {
        flushes++
        await new Promise((resolve) => setImmediate(resolve))
        return target.syncDirectory(path)
      }
    },
  })
  const maildir = maildirOn(counting, clock)
  await maildir.open()
  await Promise.all(Array.from({ length: 50 }, () => deliver(maildir, 'x\r\n')))
  expect(flushes).toBeLessThan(20)
  expect(await delivered(machine(disk.crash()).disk)).toHaveLength(50)
})

test('a disk that is full refuses the message and keeps nothing of it', async () => {
  const { clock } = machine()
  const disk = new LabDisk({ clock, capacityBytes: 1000 })
  const maildir = maildirOn(disk, clock)
  const draft = await maildir.create()
  await draft.write(fromLatin1('x'.repeat(2000)))
  await expect(draft.prepare()).rejects.toMatchObject({ code: 'disk/full', temporary: true })
  await draft.abort()
  expect(disk.usedBytes).toBe(0)
})

test('property: what is written in any pieces is what is there, and its name tells its sizes', async () => {
  const piece = fc.array(fc.constantFrom('\r', '\n', 'a', '\r\n')).map((parts) => parts.join(''))
  await fc.assert(
    fc.asyncProperty(fc.array(piece), async (pieces) => {
      const { disk, maildir } = machine()
      const path = await deliver(maildir, ...pieces)
      const text = toLatin1(concat(...pieces.map(fromLatin1)))
      expect(await contentOf(disk, path)).toBe(text)
      const sent = text.replace(/(?<!\r)\n/g, '\r\n')
      const endsLine = text === '' || text.endsWith('\n')
      expect(path.slice(path.indexOf(',S='))).toBe(
        `,S=${text.length}${endsLine ? `,W=${sent.length}` : ''}`,
      )
    }),
    { numRuns: 50 },
  )
})
