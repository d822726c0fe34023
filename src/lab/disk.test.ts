import { describe, expect, it } from 'vitest'
import { fromLatin1, toLatin1 } from '../base/bytes.ts'
import { seededRandom } from '../base/random.ts'
import { monoMs } from '../base/time.ts'
import { LabDisk, type LabDiskOptions } from './disk.ts'
import { World } from './world.ts'

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function madeDisk(options: Partial<LabDiskOptions> = {}): Promise<LabDisk> {
  const disk = new LabDisk({ clock: new World({ settle }), ...options })
  await disk.makeDirectory('/mail/tmp')
  await disk.makeDirectory('/mail/new')
  return disk
}

function afterCrash(disk: LabDisk): LabDisk {
  return new LabDisk({ clock: new World({ settle }) }, disk.crash())
}

async function write(disk: LabDisk, path: string, text: string, sync: boolean): Promise<void> {
  const writer = await disk.create(path)
  await writer.append(fromLatin1(text))
  if (sync) await writer.sync()
  await writer.close()
}

async function read(disk: LabDisk, path: string): Promise<string> {
  const reader = await disk.open(path)
  return toLatin1(await reader.read(0, reader.sizeBytes))
}

describe('the lab disk in a crash', () => {
  it('keeps directories, which are durable as soon as they are made', async () => {
    const disk = afterCrash(await madeDisk())
    expect(await disk.list('/mail')).toEqual(['new', 'tmp'])
  })

  it('loses a name that was not synced, whatever its content', async () => {
    const disk = await madeDisk()
    await write(disk, '/mail/tmp/a', 'one', true)
    expect(await afterCrash(disk).list('/mail/tmp')).toEqual([])
  })

  it('keeps a synced name with only as much content as was synced', async () => {
    const disk = await madeDisk()
    await write(disk, '/mail/tmp/none', 'one', false)
    const writer = await disk.create('/mail/tmp/some')
    await writer.append(fromLatin1('durable'))
    await writer.sync()
    await writer.append(fromLatin1(' and not'))
    await disk.syncDirectory('/mail/tmp')
    const again = afterCrash(disk)
    expect(await read(again, '/mail/tmp/none')).toBe('')
    expect(await read(again, '/mail/tmp/some')).toBe('durable')
    expect(again.usedBytes).toBe(7)
  })

  it('undoes a rename of which neither directory was synced', async () => {
    const disk = await madeDisk()
    await write(disk, '/mail/tmp/a', 'one', true)
    await disk.syncDirectory('/mail/tmp')
    await disk.rename('/mail/tmp/a', '/mail/new/a')
    const again = afterCrash(disk)
    expect(await again.list('/mail/tmp')).toEqual(['a'])
    expect(await again.list('/mail/new')).toEqual([])
  })

  it('leaves both names of a rename of which only the target was synced, and none of the other half', async () => {
    for (const [synced, tmp, fresh] of [
      ['/mail/new', ['a'], ['a']],
      ['/mail/tmp', [], []],
    ] as const) {
      const disk = await madeDisk()
      await write(disk, '/mail/tmp/a', 'one', true)
      await disk.syncDirectory('/mail/tmp')
      await disk.rename('/mail/tmp/a', '/mail/new/a')
      await disk.syncDirectory(synced)
      const again = afterCrash(disk)
      expect(await again.list('/mail/tmp')).toEqual(tmp)
      expect(await again.list('/mail/new')).toEqual(fresh)
    }
  })

  it('brings back what was removed or replaced without a sync', async () => {
    const disk = await madeDisk()
    await write(disk, '/mail/new/a', 'old', true)
    await write(disk, '/mail/new/b', 'other', true)
    await disk.syncDirectory('/mail/new')
    await disk.rename('/mail/new/b', '/mail/new/a')
    await disk.remove('/mail/new/a')
    const again = afterCrash(disk)
    expect(await read(again, '/mail/new/a')).toBe('old')
    expect(await read(again, '/mail/new/b')).toBe('other')
  })

  it('never settles what is under way, and bears what the dead still ask', async () => {
    const clock = new World({ settle })
    const disk = await madeDisk()
    await write(disk, '/mail/new/a', 'old', true)
    await disk.syncDirectory('/mail/new')
    const slow = new LabDisk({ clock, latencyMs: 5 }, disk.crash())
    let settled = 0
    const count = (): void => {
      settled++
    }
    void slow.remove('/mail/new/a').finally(count)
    await clock.run(monoMs(3))
    const again = new LabDisk({ clock }, slow.crash())
    void slow.remove('/mail/new/a').finally(count)
    void disk.remove('/mail/new/a').finally(count)
    await clock.run()
    expect(settled).toBe(0)
    expect(await again.list('/mail/new')).toEqual(['a'])
  })
})

describe('the lab disk', () => {
  it('refuses what is beyond its capacity as disk/full, and uses freed room again', async () => {
    const disk = await madeDisk({ capacityBytes: 10 })
    await write(disk, '/mail/new/a', '1234567', false)
    await expect(write(disk, '/mail/new/b', '1234', false)).rejects.toMatchObject({
      code: 'disk/full',
      temporary: true,
    })
    expect(await disk.stat('/mail/new/b')).toMatchObject({ sizeBytes: 0 })
    await disk.remove('/mail/new/a')
    await write(disk, '/mail/new/c', '1234567890', false)
    expect(disk.usedBytes).toBe(10)
  })

  it('counts a file that a rename replaces as freed', async () => {
    const disk = await madeDisk({ capacityBytes: 10 })
    await write(disk, '/mail/new/a', '12345', false)
    await write(disk, '/mail/tmp/b', '12345', false)
    await disk.rename('/mail/tmp/b', '/mail/new/a')
    await write(disk, '/mail/new/c', '12345', false)
    expect(disk.usedBytes).toBe(10)
  })

  it('takes its times from the clock', async () => {
    const clock = new World({ settle })
    const disk = new LabDisk({ clock })
    await clock.run(monoMs(1500))
    await write(disk, '/a', '', false)
    expect(await disk.stat('/a')).toMatchObject({ modifiedMs: 1_795_420_801_500 })
  })

  it('moves a directory with all that is in it, but not into itself', async () => {
    const disk = await madeDisk()
    await write(disk, '/mail/new/a', 'one', false)
    await expect(disk.rename('/mail', '/mail/new/mail')).rejects.toMatchObject({
      code: 'disk/failed',
    })
    await disk.rename('/mail', '/post')
    expect(await read(disk, '/post/new/a')).toBe('one')
  })
})

it('with luck, a crash leaves no less than was durable, no more than was written, and a file with two names whole', async () => {
  for (let seed = 1; seed <= 50; seed++) {
    const disk = new LabDisk({ clock: new World({ settle }) })
    await disk.makeDirectory('/a')
    await disk.writeNew('/a/flushed', fromLatin1('flushed'))
    await disk.syncDirectory('/a')
    const writer = await disk.create('/a/half')
    await writer.append(fromLatin1('0123'))
    await writer.sync()
    await writer.append(fromLatin1('4567'))
    await disk.link('/a/half', '/a/twin')
    await disk.remove('/a/flushed')
    const left = new LabDisk({ clock: new World({ settle }) }, disk.crash(seededRandom(seed)))
    const names = await left.list('/a')
    expect(['flushed', 'half', 'twin']).toEqual(expect.arrayContaining([...names]))
    const texts = []
    for (const name of names.filter((each) => each !== 'flushed')) {
      const reader = await left.open(`/a/${name}`)
      texts.push(toLatin1(await reader.read(0, 100)))
    }
    for (const text of texts) expect('01234567'.startsWith(text) && text.length >= 4).toBe(true)
    expect(new Set(texts).size).toBeLessThanOrEqual(1)
    const flushedBytes = names.includes('flushed') ? 7 : 0
    expect(left.usedBytes).toBe(flushedBytes + (texts[0]?.length ?? 0))
  }
})
