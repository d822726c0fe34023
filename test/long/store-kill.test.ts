import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openLmdbStore } from '../../src/host/store.ts'
import type { Store } from '../../src/ports/store.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lightlag-store.'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

it('the store on LMDB is refused while another process has it, and free as soon as that one is killed', async () => {
  const writer = startWriter(directory)
  await writer.printed(1)
  await expect(openLmdbStore(directory, { capacityBytes: 4_000_000 })).rejects.toMatchObject({
    code: 'store/in-use',
  })
  await writer.kill()
  await (await openLmdbStore(directory, { capacityBytes: 4_000_000 })).close()
})

it('the store on LMDB has every commit that had resolved before the process was killed', async () => {
  let printed = 0
  for (let round = 0; round < KILLS; round++) {
    const writer = startWriter(directory)
    // From at once to well into the work, at no particular point of it.
    await writer.printed(printed + 1 + Math.floor(Math.random() * 60))
    printed = await writer.kill()
    const store = await openLmdbStore(directory, { capacityBytes: 100_000_000 })
    expect(missing(store, printed)).toEqual([])
    await store.close()
  }
  expect(printed).toBeGreaterThan(KILLS)
})

const KILLS = 20

/** Of the numbers up to `last`, those without both of their records. */
function missing(store: Store, last: number): readonly number[] {
  const numbers = Array.from({ length: last }, (_, i) => i + 1)
  return numbers.filter((each) => {
    const record = store.get('record', String(each))
    return record?.length !== 1000 + (each % 3000) || store.get('index', String(each)) === undefined
  })
}

interface Writer {
  /** Resolves once a number of at least `least` has been printed. */
  printed(least: number): Promise<void>
  /** kill -9; resolves with the last number that was printed. */
  kill(): Promise<number>
}

/** A process that commits numbered records, ten at a time, and prints each number once it is committed. */
function startWriter(directory: string): Writer {
  const child = spawn(process.execPath, ['--input-type=module', '-e', WRITER, STORE, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  let heard = (): void => {}
  child.stdout.on('data', (text: Buffer) => {
    output += text
    heard()
  })
  // What follows the last line end was cut off by the kill.
  const last = (): number => Math.max(0, ...output.split('\n').slice(0, -1).map(Number))
  return {
    printed: (least) =>
      new Promise((resolve) => {
        heard = () => {
          if (last() >= least) resolve()
        }
      }),
    kill: async () => {
      child.kill('SIGKILL')
      await once(child, 'close')
      return last()
    },
  }
}

/** A child process runs what was built: Node 20 cannot run the sources. */
const STORE = fileURLToPath(new URL('../../dist/host/store.js', import.meta.url))

const WRITER = `
import { writeSync } from 'node:fs'
const [, store, directory] = process.argv
const { openLmdbStore } = await import(store)
const opened = await openLmdbStore(directory, { capacityBytes: 100_000_000 })
let next = 1 + [...opened.keys('index', {})].length
let printed = next - 1
const done = new Set()
await Promise.all(Array.from({ length: 10 }, async () => {
  for (;;) {
    const number = next++
    await opened.commit([
      { table: 'record', key: String(number), value: new Uint8Array(1000 + (number % 3000)) },
      { table: 'index', key: String(number), value: new Uint8Array(1) },
    ])
    done.add(number)
    for (; done.delete(printed + 1); printed++) writeSync(1, printed + 1 + '\\n')
  }
}))`
