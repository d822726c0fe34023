import { expect, test } from 'vitest'
import { fromUtf8, toUtf8 } from '../base/bytes.ts'
import { asFault, Fault } from '../base/fault.ts'
import { type DiskImage, LabDisk } from '../lab/disk.ts'
import { World } from '../lab/world.ts'
import type { Disk } from '../ports/disk.ts'
import { type CarriedFile, type CarryHost, carryIn, carryOut } from './carry-files.ts'

const STICK = '/media/stick'
const world = new World({ settle: async () => {} })

const PARCELS: Readonly<Record<string, string>> = {
  '0 a': 'an answer',
  '1 b': 'an object',
  '1 c': 'another object',
}

function fileOf(key: string): string {
  return `${key.replace(' ', '-')}.lightlag`
}

/** Offers what is in PARCELS, one to a page, and takes what is good. */
function testHost(): CarryHost & { readonly hasWritten: string[]; readonly taken: string[] } {
  const [hasWritten, taken]: [string[], string[]] = [[], []]
  return {
    hasWritten,
    taken,
    parcels: async (after) =>
      Object.keys(PARCELS)
        .filter((key) => key > after)
        .slice(0, 1)
        .map((key) => ({ key, file: fileOf(key) })),
    parcel: async (key) => fromUtf8(PARCELS[key] ?? ''),
    written: async (keys) => void hasWritten.push(...keys),
    bring: async (bytes) => {
      let text = ''
      for await (const piece of bytes) text += toUtf8(piece)
      if (!Object.values(PARCELS).includes(text)) return { type: 'refused', reason: 'junk' }
      taken.push(text)
      return { type: 'taken', from: 'mail-1.a.com', mails: 1 }
    },
  }
}

async function newStick(image?: DiskImage, capacityBytes?: number): Promise<LabDisk> {
  const disk = new LabDisk({ clock: world, ...(capacityBytes && { capacityBytes }) }, image)
  await disk.makeDirectory(STICK)
  return disk
}

/** The stick is pulled out at this operation: nothing on it works from then on. */
function pulledAt(disk: LabDisk, operation: number): Disk {
  let count = 0
  const gone = new Fault('disk/failed', 'the device is gone', { temporary: true })
  const guard = <Argument extends unknown[], Answer>(
    work: (...all: Argument) => Promise<Answer>,
  ) => {
    return async (...all: Argument): Promise<Answer> => {
      if (++count >= operation) throw gone
      return work(...all)
    }
  }
  return {
    create: async (path) => {
      const writer = await guard((one: string) => disk.create(one))(path)
      return {
        append: guard((bytes: Uint8Array) => writer.append(bytes)),
        sync: guard(() => writer.sync()),
        close: guard(() => writer.close()),
      }
    },
    writeNew: guard((path, bytes) => disk.writeNew(path, bytes)),
    open: guard((path) => disk.open(path)),
    readStarts: guard((files) => disk.readStarts(files)),
    digestStarts: guard((files, digest) => disk.digestStarts(files, digest)),
    rename: guard((from, to) => disk.rename(from, to)),
    renameEach: guard((moves) => disk.renameEach(moves)),
    link: guard((from, to) => disk.link(from, to)),
    remove: guard((path) => disk.remove(path)),
    removeEach: guard((paths) => disk.removeEach(paths)),
    removeDirectory: guard((path) => disk.removeDirectory(path)),
    syncDirectory: guard((path) => disk.syncDirectory(path)),
    makeDirectory: guard((path) => disk.makeDirectory(path)),
    list: guard((path) => disk.list(path)),
    stat: guard((path) => disk.stat(path)),
  }
}

async function contents(disk: LabDisk): Promise<readonly string[]> {
  const texts: string[] = []
  for (const name of await disk.list(STICK)) {
    const reader = await disk.open(`${STICK}/${name}`)
    texts.push(`${name}: ${toUtf8(await reader.read(0, reader.sizeBytes))}`)
  }
  return texts
}

test('a stick that is pulled out at any moment has whole files only, and another run completes it', async () => {
  const whole = Object.entries(PARCELS).map(([key, text]) => `${fileOf(key)}: ${text}`)
  let interruptions = 0
  for (let operation = 1; ; operation++) {
    const stick = await newStick()
    const host = testHost()
    const first = await carryOut(STICK, host, pulledAt(stick, operation))
    if (first.trouble === undefined) break
    interruptions++
    expect(first.trouble).toBe('the device is gone')
    expect(first.written + first.left).toBe(3)
    // What the host believes to be on the stick is on it, whatever the crash does.
    const after = await newStick(stick.crash())
    const found = await contents(after)
    expect(found.filter((text) => !text.includes('.part: ')).every((one) => whole.includes(one)))
    for (const key of host.hasWritten) {
      expect(found).toContain(`${fileOf(key)}: ${PARCELS[key]}`)
    }
    const second = await carryOut(STICK, host, after)
    expect(second.trouble).toBeUndefined()
    expect(second.written + second.present).toBe(3)
    expect(await contents(after)).toEqual(whole)
  }
  expect(interruptions).toBeGreaterThan(15)
})

test('a file that is there and damaged is written again, whole ones are left', async () => {
  const stick = await newStick()
  await stick.writeNew(`${STICK}/${fileOf('1 b')}`, fromUtf8('an 0bject'))
  await stick.writeNew(`${STICK}/${fileOf('1 c')}`, fromUtf8('another object'))
  await stick.writeNew(`${STICK}/${fileOf('0 a')}.part`, fromUtf8('an ans'))
  expect(await carryOut(STICK, testHost(), stick)).toMatchObject({ written: 2, present: 1 })
  expect(await contents(stick)).toContain('1-b.lightlag: an object')
})

test('a stick without room keeps what fits, and leaves nothing half', async () => {
  const stick = await newStick(undefined, 20)
  const host = testHost()
  const done = await carryOut(STICK, host, stick)
  expect(done).toMatchObject({ written: 2, left: 1, trouble: expect.stringContaining('full') })
  expect(host.hasWritten).toEqual(['0 a', '1 b'])
  expect(await stick.list(STICK)).toEqual(['0-a.lightlag', '1-b.lightlag'])
})

test('files are brought, removed when they are taken, and left with the reason when not', async () => {
  const stick = await newStick()
  await carryOut(STICK, testHost(), stick)
  await stick.writeNew(`${STICK}/x.lightlag`, fromUtf8('junk'))
  await stick.writeNew(`${STICK}/${'y'.repeat(250)}.lightlag`, fromUtf8('an answer'))
  await stick.writeNew(`${STICK}/.hidden.lightlag`, fromUtf8('an answer'))
  const host = testHost()
  const told: CarriedFile[] = []
  await carryIn(STICK, host, stick, (one) => told.push(one))
  expect(host.taken.toSorted()).toEqual(Object.values(PARCELS).toSorted())
  expect(told.at(-1)).toEqual({
    file: 'x.lightlag',
    outcome: { type: 'refused', reason: 'junk' },
  })
  expect(await stick.list(STICK)).toHaveLength(3)
})

test('a stick that is pulled out while it is read: what was not taken waits, what was may come again', async () => {
  for (let operation = 2; operation < 12; operation++) {
    const stick = await newStick()
    await carryOut(STICK, testHost(), stick)
    const host = testHost()
    const told: CarriedFile[] = []
    await carryIn(STICK, host, pulledAt(stick, operation), (one) => told.push(one))
    for (const { outcome, stays } of told) {
      if (outcome.type === 'later')
        expect(outcome.reason).toBe('it cannot be read: the device is gone')
      else expect(stays ?? 'the device is gone').toBe('the device is gone')
    }
    await carryIn(STICK, host, stick, () => {})
    expect(new Set(host.taken).size).toBe(3)
    expect(await stick.list(STICK)).toEqual([])
  }
})

test('a directory that is not there, and a host that has gone, end it with their own words', async () => {
  const stick = await newStick()
  const missing = await carryIn('/media/none', testHost(), stick, () => {}).catch(asFault)
  expect(missing).toMatchObject({ code: 'disk/not-found' })
  await carryOut(STICK, testHost(), stick)
  const ended = new Fault('control/ended', 'the host has gone', { temporary: true })
  const host = { ...testHost(), bring: () => Promise.reject(ended) }
  expect(await carryIn(STICK, host, stick, () => {}).catch(asFault)).toBe(ended)
  expect(await stick.list(STICK)).toHaveLength(3)
})
