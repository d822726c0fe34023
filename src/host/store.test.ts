import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fromLatin1 } from '../base/bytes.ts'
import { openLmdbStore } from './store.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lightlag-store.'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const options = { capacityBytes: 4_000_000 }

describe('the store on LMDB', () => {
  it('is refused to a second opener, clearly, until the first has closed it', async () => {
    const store = await openLmdbStore(directory, options)
    await expect(openLmdbStore(directory, options)).rejects.toMatchObject({
      name: 'Fault',
      code: 'store/in-use',
      message: expect.stringContaining(directory),
    })
    await store.close()
    await (await openLmdbStore(directory, options)).close()
  })

  it('says what is wrong with a file that is no store, or only its beginning', async () => {
    const path = join(directory, 'data.mdb')
    const store = await openLmdbStore(directory, options)
    await store.close()
    const good = readFileSync(path)
    for (const bad of [
      Buffer.alloc(20_000, 'not a store'),
      good.subarray(0, 4096),
      good.subarray(0, 30),
    ]) {
      writeFileSync(path, bad)
      await expect(openLmdbStore(directory, options)).rejects.toMatchObject({
        name: 'Fault',
        code: 'store/failed',
        temporary: false,
        message: `cannot open ${directory}: data.mdb is damaged or not a store`,
      })
    }
    writeFileSync(path, good.subarray(0, 4096))
    const anew = await openLmdbStore(directory, { ...options, isDisposable: true })
    expect([...anew.keys('t', {})]).toEqual([])
    await anew.close()
    for (const usable of [Buffer.alloc(0), good]) {
      writeFileSync(path, usable)
      await (await openLmdbStore(directory, options)).close()
    }
  })

  it('says so where the directory cannot be made', async () => {
    const path = join(directory, 'file')
    writeFileSync(path, '')
    await expect(openLmdbStore(join(path, 'store'), options)).rejects.toMatchObject({
      code: 'store/failed',
      message: expect.stringContaining(path),
    })
  })

  it('takes a capacity beyond all address space', async () => {
    const store = await openLmdbStore(directory, { capacityBytes: 100_000 * 1_073_741_824 })
    await store.commit([{ table: 't', key: 'k', value: fromLatin1('x') }])
    expect(store.get('t', 'k')).toEqual(fromLatin1('x'))
    await store.close()
  })

  it('lets nobody else read its files', async () => {
    const path = join(directory, 'new', 'store')
    const store = await openLmdbStore(path, options)
    await store.commit([{ table: 't', key: 'k', value: fromLatin1('x') }])
    expect(statSync(path).mode & 0o777).toBe(0o700)
    expect(statSync(join(path, 'data.mdb')).mode & 0o777).toBe(0o600)
    await store.close()
  })

  it('keeps values of every size around the limits of pages and buffers', async () => {
    const store = await openLmdbStore(directory, options)
    const sizes = [0, 1, 63, 64, 65, 2020, 2030, 2040, 4080, 4096, 8192, 32_767, 32_768, 32_769]
    for (const size of sizes) {
      const value = new Uint8Array(size).map((_, i) => i + size)
      await store.commit([{ table: 't', key: String(size), value: value.slice() }])
      expect(store.get('t', String(size))).toEqual(value)
      for (const entry of store.range('t', { from: String(size), to: `${size}!` })) {
        expect(entry.value).toEqual(value)
      }
    }
    await store.close()
  })

  it('refuses a key that is not printable ASCII as a mistake of ours', async () => {
    const store = await openLmdbStore(directory, options)
    for (const key of ['', 'a\0b', 'ä', 'k'.repeat(501)]) {
      expect(() => store.commit([{ table: 't', key, value: undefined }])).toThrow('assertion')
    }
    await store.close()
  })

  it('does not let its file grow without bound while entries come and go', async () => {
    const store = await openLmdbStore(directory, { capacityBytes: 1_000_000 })
    for (let round = 0; round < 30; round++) {
      const keys: string[] = []
      for (let i = 0; i < 12; i++) {
        const key = `${round}-${i}`
        keys.push(key)
        const value = new Uint8Array(1000 + ((round * 7919 + i * 104_729) % 60_000))
        await store.commit([{ table: 't', key, value }])
      }
      await Promise.all(keys.map((key) => store.commit([{ table: 't', key, value: undefined }])))
    }
    await store.close()
    expect(statSync(join(directory, 'data.mdb')).size).toBeLessThan(4_000_000)
  })

  it('commits many at once with few flushes', async () => {
    const store = await openLmdbStore(directory, options)
    const value = new Uint8Array(1000)
    const commits = Array.from({ length: 1000 }, (_, i) =>
      store.commit([{ table: 't', key: `${i}`, value }]),
    )
    // Those that one flush makes durable are told in one turn of the event loop.
    let turn = 0
    const turns = new Set<number>()
    const told = commits.map((commit) => commit.then(() => turns.add(turn)))
    const counting = setInterval(() => turn++, 0)
    await Promise.all(told)
    clearInterval(counting)
    expect(turns.size).toBeLessThan(50)
    await store.close()
  })

  it('reports a disk without room as a temporary Fault, keeps what it has, and recovers', async () => {
    const said = await fillWithLimit(directory)
    expect(said).toEqual(['refused temporary=true old=kept', 'small commit works'])
    const store = await openLmdbStore(directory, options)
    expect(store.get('t', 'old')).toEqual(fromLatin1('kept'))
    expect(store.get('t', 'small')).toEqual(fromLatin1('x'))
    await store.close()
  })
})

/** Fills a store in a process that may write no file beyond 4 MB; resolves with what it printed. */
async function fillWithLimit(directory: string): Promise<readonly string[]> {
  const limited = 'trap "" XFSZ; ulimit -f 8000; exec "$0" "$@"'
  const command = [process.execPath, '--input-type=module', '-e', FILLER, STORE, directory]
  const child = spawn('sh', ['-c', limited, ...command], { stdio: ['ignore', 'pipe', 'ignore'] })
  let output = ''
  child.stdout.on('data', (text: Buffer) => {
    output += text
  })
  await once(child, 'close')
  return output.trimEnd().split('\n')
}

/** A child process runs what was built: Node 20 cannot run the sources. */
const STORE = fileURLToPath(new URL('../../dist/host/store.js', import.meta.url))

const FILLER = `
const [, store, directory] = process.argv
const { openLmdbStore } = await import(store)
const opened = await openLmdbStore(directory, { capacityBytes: 100_000_000 })
const text = (string) => new TextEncoder().encode(string)
await opened.commit([{ table: 't', key: 'old', value: text('kept') }])
for (let i = 0; ; i++) {
  try {
    await opened.commit([
      { table: 't', key: 'old', value: text('changed') },
      { table: 't', key: 'piece-' + i, value: new Uint8Array(100_000) },
    ])
    await opened.commit([{ table: 't', key: 'old', value: text('kept') }])
  } catch (fault) {
    const old = new TextDecoder().decode(opened.get('t', 'old'))
    console.log('refused temporary=' + fault.temporary + ' old=' + old)
    break
  }
}
await opened.commit([{ table: 't', key: 'small', value: text('x') }])
console.log('small commit works')
await opened.close()`
