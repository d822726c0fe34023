import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromUtf8, toUtf8 } from '../../src/base/bytes.ts'
import { Fault } from '../../src/base/fault.ts'
import { RETRY_FIRST_MS } from '../../src/dtn/limits.ts'
import type { EndpointRegistration, RegistrationOptions } from '../../src/dtn/node.ts'
import { LabStore, type StoreImage } from '../../src/lab/store.ts'
import type { StoreChange } from '../../src/ports/store.ts'
import { BUNDLE_FLAGS } from '../../src/proto/bpv7/bundle.ts'
import { ipnEndpoint } from '../../src/proto/bpv7/endpoint-id.ts'
import { BundleLab, bundleFor } from '../support/bundle-lab.ts'

const SERVICE = 7n
const TEXT = 'thirty bytes of text, in pieces'
const LIFETIME_MS = 3_600_000

/** A part of the ADU as a bundle of its own; without bounds the ADU as a whole. */
function part(from?: number, to?: number): Uint8Array {
  const whole = fromUtf8(TEXT)
  const destination = ipnEndpoint(2n, SERVICE)
  if (from === undefined) return bundleFor(destination, { data: whole })
  const fragment = { offset: BigInt(from), totalAduLength: BigInt(whole.length) }
  return bundleFor(destination, {
    primary: { flags: BUNDLE_FLAGS.isFragment, fragment },
    data: whole.subarray(from, to),
  })
}

const WHOLE = part()
const HALVES = [part(0, 15), part(15, 31)]
const OVERLAPPING = [part(0, 20), part(10, 25), part(20, 31)]
const ALL = [WHOLE, ...HALVES, ...OVERLAPPING]

/** Another with the same text. */
const SECOND = bundleFor(ipnEndpoint(2n, SERVICE), {
  primary: { creationTimestamp: { time: 848_736_000_000n, sequence: 1n } },
  data: fromUtf8(TEXT),
})

/** A disk that can be stopped, and be full for so many commits. */
class Disk extends LabStore {
  failures = 0
  #stalled: (() => void)[] | undefined

  stall(): void {
    this.#stalled ??= []
  }

  goOn(): void {
    const stalled = this.#stalled ?? []
    this.#stalled = undefined
    for (const resolve of stalled) resolve()
  }

  override async commit(changes: readonly StoreChange[]): Promise<void> {
    await new Promise<void>((resolve) =>
      this.#stalled === undefined ? resolve() : this.#stalled.push(resolve),
    )
    if (this.failures === 0) return super.commit(changes)
    this.failures--
    throw new Fault('store/full', 'no room', { temporary: true })
  }
}

/** A node and an application that takes its time with each ADU, and notes what it takes. */
class Stage {
  readonly lab: BundleLab
  readonly disk: Disk
  /** What the application was given, each by what it says when it is done. */
  readonly given: ((isTaken: boolean) => void)[] = []
  #registration: EndpointRegistration | undefined
  #count = 0

  private constructor(lab: BundleLab, disk: Disk) {
    this.lab = lab
    this.disk = disk
  }

  static async start(image?: StoreImage): Promise<Stage> {
    const disk = new Disk({}, image)
    return new Stage(await BundleLab.start({ store: disk }), disk)
  }

  /** The power fails, and comes back. */
  restart(): Promise<Stage> {
    return Stage.start(this.disk.crash())
  }

  register(options: RegistrationOptions = {}): void {
    this.#registration ??= this.lab.node.register(
      SERVICE,
      ({ payload }, alongside) =>
        new Promise((resolve, reject) => {
          expect(toUtf8(payload)).toBe(TEXT)
          this.given.push((isTaken) => {
            if (!isTaken) reject(new Fault('test/busy', 'not now', { temporary: true }))
            const key = `${this.lab.world.now()} ${this.#count++}`
            alongside([{ table: 'taken', key, value: fromUtf8(TEXT) }])
            resolve()
          })
        }),
      options,
    )
  }

  unregister(): void {
    this.#registration?.unregister()
    this.#registration = undefined
  }

  setPassive(): void {
    this.#registration?.setActive(false)
  }

  poll(): boolean {
    return this.#registration?.poll() === true
  }

  async answer(isTaken: boolean): Promise<void> {
    this.given.shift()?.(isTaken)
    await this.lab.runFor(1)
  }

  /** How often the ADU was taken, as the disk has it. */
  get takenCount(): number {
    return [...this.disk.keys('taken', {})].length
  }
}

/** What comes, in this order, to an endpoint that nobody has open; then somebody opens it. */
test.each([
  ['the whole, then its fragments', [WHOLE, ...HALVES]],
  ['the fragments, then the whole', [...HALVES, WHOLE]],
  ['the whole amid its fragments', [...HALVES.slice(0, 1), WHOLE, ...HALVES.slice(1)]],
  ['fragments that overlap, and the whole', [...OVERLAPPING, WHOLE]],
  ['fragments of two ways to cut it', [...OVERLAPPING, ...HALVES]],
  ['two ways to cut it, and the whole', ALL.toReversed()],
])('an ADU that waits in several forms is delivered once: %s', async (_, arriving) => {
  for (const isRestarted of [false, true]) {
    let stage = await Stage.start()
    await stage.lab.exchange(...arriving)
    if (isRestarted) stage = await stage.restart()
    stage.register()
    await stage.lab.runFor(1)
    // Whatever the application says first, and however late.
    for (const isTaken of [false, true, true]) {
      expect(stage.given.length).toBeLessThanOrEqual(1)
      await stage.answer(isTaken)
      await stage.lab.runFor(RETRY_FIRST_MS)
    }
    expect([stage.takenCount, stage.lab.node.status().store.bundles]).toEqual([1, 0])
  }
})

test('what comes in another form while the application has it is not given to it again', async () => {
  for (const [first, then] of [
    [[WHOLE], HALVES],
    [HALVES, [WHOLE]],
  ] as const) {
    const stage = await Stage.start()
    stage.register()
    await stage.lab.exchange(...first)
    await stage.lab.exchange(...then)
    expect(stage.given.length).toBe(1)
    await stage.answer(true)
    expect(stage.given.length).toBe(0)
    expect(stage.lab.node.status()).toMatchObject({
      store: { bundles: 0 },
      refused: { 'dtn/duplicate': 1 },
    })
  }
})

test('a whole that is on its way to the disk, while its fragments are taken, is not given out', async () => {
  for (const failures of [0, 1]) {
    const stage = await Stage.start()
    await stage.lab.exchange(...HALVES)
    stage.disk.stall()
    await stage.lab.exchange(WHOLE)
    stage.register()
    await stage.lab.runFor(1)
    await stage.answer(true)
    stage.disk.failures = failures
    stage.disk.goOn()
    await stage.lab.runFor(2 * RETRY_FIRST_MS)
    expect([stage.given.length, stage.takenCount]).toEqual([0, 1])
  }
})

test('copies that the disk refuses while the application has the first keep no place', async () => {
  const stage = await Stage.start()
  stage.register()
  for (let i = 0; i < 5; i++) {
    stage.disk.failures = 1
    await stage.lab.exchange(WHOLE)
  }
  await stage.lab.exchange(WHOLE)
  expect(stage.given.length).toBe(1)
  await stage.answer(false)
  await stage.lab.runFor(RETRY_FIRST_MS)
  expect(stage.given.length).toBe(1)
  await stage.answer(true)
  expect([stage.takenCount, stage.lab.node.status().store.bundles]).toEqual([1, 0])
})

test('a poll that finds what was delivered in another form brings the next', async () => {
  const stage = await Stage.start()
  stage.register({ isActive: false })
  await stage.lab.exchange(...HALVES, WHOLE)
  expect(stage.poll()).toBe(true)
  await stage.lab.runFor(1)
  await stage.answer(true)
  await stage.lab.exchange(SECOND)
  expect(stage.poll()).toBe(true)
  await stage.lab.runFor(1)
  expect(stage.given.length).toBe(1)
  expect(stage.lab.node.status().refused).toEqual({ 'dtn/duplicate': 1 })
})

test('what nobody has polled for stays where it is, though a form of it was taken', async () => {
  const stage = await Stage.start()
  stage.register()
  await stage.lab.exchange(...HALVES, WHOLE)
  stage.setPassive()
  await stage.lab.exchange(SECOND)
  await stage.answer(true)
  expect([stage.takenCount, stage.given.length]).toEqual([1, 0])
  expect(stage.poll()).toBe(true)
})

test('an application that takes repeats is given each form', async () => {
  const stage = await Stage.start()
  await stage.lab.exchange(WHOLE, ...HALVES)
  stage.register({ takesRepeats: true })
  await stage.lab.runFor(1)
  expect(stage.given.length).toBe(2)
})

test('property: in whatever order and forms it comes, through crashes and a failing disk, it is taken once', async () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('arrive' as const), what: fc.nat(5) }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('answer' as const), isTaken: fc.boolean() }),
    },
    fc.record({
      do: fc.constantFrom('register', 'passive', 'unregister', 'poll', 'restart' as const),
    }),
    fc.record({ do: fc.constantFrom('stall', 'go-on', 'fail', 'wait' as const) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      let stage = await Stage.start()
      for (const each of steps) {
        if (each.do === 'arrive') await stage.lab.exchange(ALL[each.what] as Uint8Array)
        else if (each.do === 'answer') await stage.answer(each.isTaken)
        else if (each.do === 'restart') stage = await stage.restart()
        else if (each.do === 'register') stage.register()
        else if (each.do === 'passive') stage.register({ isActive: false })
        else if (each.do === 'unregister') stage.unregister()
        else if (each.do === 'poll') stage.poll()
        else if (each.do === 'stall') stage.disk.stall()
        else if (each.do === 'go-on') stage.disk.goOn()
        else if (each.do === 'fail') stage.disk.failures++
        await stage.lab.runFor(each.do === 'wait' ? RETRY_FIRST_MS : 1)
        expect(stage.given.length).toBeLessThanOrEqual(1)
      }
      stage.disk.failures = 0
      stage.disk.goOn()
      stage.unregister()
      stage.register()
      for (const bytes of ALL) {
        await stage.lab.exchange(bytes)
        await stage.answer(true)
      }
      await stage.lab.runFor(16 * RETRY_FIRST_MS)
      await stage.answer(true)
      expect([stage.given.length, stage.takenCount]).toEqual([0, 1])
      await stage.lab.runFor(2 * LIFETIME_MS)
      expect(stage.lab.node.status().store.bundles).toBe(0)
    }),
    { numRuns: 100 },
  )
})
