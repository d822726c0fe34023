import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'

const directory = mkdtempSync(join(tmpdir(), 'lightlag-threads-'))
afterAll(() => rmSync(directory, { recursive: true }))

/** In a process of its own, where no thread can be begun, as Node says it. */
const PROGRAM = `
  import { syncBuiltinESMExports } from 'node:module'
  import threads from 'node:worker_threads'
  threads.Worker = class {
    constructor() { throw Object.assign(new Error('no thread'), { code: 'ERR_WORKER_INIT_FAILED' }) }
  }
  syncBuiltinESMExports()
  const { hostDisk } = await import(${JSON.stringify(new URL('../../dist/host/disk.js', import.meta.url).href)})
  const made = Array.from({ length: 40 }, (_, i) =>
    hostDisk.writeNew(${JSON.stringify(directory)} + '/' + i, new Uint8Array(1)))
  const outcomes = await Promise.allSettled(made)
  console.log(JSON.stringify(outcomes.map(({ status, reason }) => [status, reason?.code, reason?.temporary])))
`

it('says of each file that it could not be made where the system gives no thread', () => {
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', PROGRAM], {
    encoding: 'utf8',
  })
  const outcomes: unknown = JSON.parse(said)
  expect(outcomes).toEqual(Array.from({ length: 40 }, () => ['rejected', 'disk/failed', true]))
  expect(readdirSync(directory)).toEqual([])
})
