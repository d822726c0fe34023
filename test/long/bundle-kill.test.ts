import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import { openLmdbStore } from '../../src/host/store.ts'
import { freePort } from '../support/free-port.ts'

const BUNDLES = 10_000
const KILLS = 6
const SEED = 20261123
const PROGRAM = 'test/support/kill-node.js'
/** Without any progress for so long something is lost for good. */
const STANDSTILL_MS = 60_000

type Role = 'sender' | 'receiver'

interface Told {
  readonly up?: true
  readonly count?: number
  readonly done?: true
}

/** One of the two nodes, started, killed and started again on the same directory. */
class Victim {
  readonly directory: string
  readonly #job: object
  #process: ChildProcess | undefined
  /** Of bundles confirmed or delivered, over all its lives. */
  count = 0
  isDone = false
  onStep: () => void = () => {}

  constructor(directory: string, job: object) {
    this.directory = directory
    this.#job = { ...job, directory }
  }

  async start(): Promise<void> {
    const child = fork(PROGRAM, [JSON.stringify(this.#job)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#process = child
    await new Promise<void>((resolve, reject) => {
      child.once('exit', () => reject(new Error('it did not start')))
      child.on('message', ({ up, count, done }: Told) => {
        if (up === true) resolve()
        if (count !== undefined) this.count = count
        if (done === true) this.isDone = true
        this.onStep()
      })
    })
    child.removeAllListeners('exit')
  }

  async kill(): Promise<void> {
    const child = this.#process
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }

  async stop(): Promise<void> {
    const child = this.#process as ChildProcess
    const gone = once(child, 'exit')
    child.send('stop')
    expect(await gone).toEqual([0, null])
  }
}

let directory: string
let victims: Record<Role, Victim>

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lightlag-'))
})

afterEach(async () => {
  for (const victim of Object.values(victims)) await victim.kill()
  rmSync(directory, { recursive: true })
})

async function prepare(layer: string): Promise<void> {
  const [two, three] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`]
  const job = { layer, count: BUNDLES, payloadBytes: 400 }
  victims = {
    sender: new Victim(join(directory, 'sender'), {
      ...job,
      role: 'sender',
      listen: two,
      peer: three,
    }),
    receiver: new Victim(join(directory, 'receiver'), {
      ...job,
      role: 'receiver',
      listen: three,
      peer: two,
    }),
  }
}

/** Resolves when `isThere`, which is asked at each step of either; rejects at a standstill. */
async function until(isThere: () => boolean): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  await new Promise<void>((resolve, reject) => {
    const { sender, receiver } = victims
    const step = (): void => {
      clearTimeout(timer)
      if (isThere()) resolve()
      else {
        const state = `${sender.count} confirmed, ${receiver.count} delivered`
        timer = setTimeout(
          () => reject(new Error(`nothing happens any more: ${state}`)),
          STANDSTILL_MS,
        )
      }
    }
    sender.onStep = step
    receiver.onStep = step
    step()
  }).finally(() => clearTimeout(timer))
}

/** How often each number was delivered: those that were not once. */
async function wrongs(): Promise<{ readonly missing: number; readonly repeated: number }> {
  const store = await openLmdbStore(victims.receiver.directory, { capacityBytes: 2 ** 30 })
  const times = [...store.range('delivered', {})].map(({ value }) => value[0] ?? 0)
  await store.close()
  return { missing: BUNDLES - times.length, repeated: times.filter((n) => n > 1).length }
}

const LAYERS = ['udp', 'tcp4', 'tcp3', 'stcp', 'mtcp'] as const
const ROLES: readonly (readonly Role[])[] = [['sender'], ['receiver'], ['sender', 'receiver']]
const CASES = LAYERS.flatMap((layer) =>
  ROLES.map((roles) => [layer, roles.join(' and '), roles] as const),
).map((row, i) => [...row, SEED + i] as const)

test.each(CASES)(
  `%s: the %s killed in the middle of ${BUNDLES} bundles: every one is delivered, none twice`,
  async (layer, _, roles, seed) => {
    const random = seededRandom(seed)
    await prepare(layer)
    await victims.receiver.start()
    await victims.sender.start()
    for (let kill = 1; kill <= KILLS; kill++) {
      const role = roles[Math.floor(random.next() * roles.length)] as Role
      const place = ((kill - random.next()) * BUNDLES) / (KILLS + 1)
      await until(() => victims[role].count >= place)
      await victims[role].kill()
      await victims[role].start()
    }
    await until(() => victims.sender.isDone && victims.receiver.count >= BUNDLES)
    await victims.sender.stop()
    await victims.receiver.stop()
    expect(await wrongs()).toEqual({ missing: 0, repeated: 0 })
  },
)
