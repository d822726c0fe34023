import { expect, test } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import { addMs } from '../../src/base/time.ts'
import { LabStore } from '../../src/lab/store.ts'
import type { StoreChange } from '../../src/ports/store.ts'
import { ASK, addressesIn, PHOTO, startHolding, withPhoto } from '../support/cheap-lab.ts'
import type { TestLab } from '../support/lab.ts'

const DAY_MS = 86_400_000

/** The mail and its attachment are there once each, and the near host knows of no more to do. */
async function requireOnce(lab: TestLab, which: string): Promise<void> {
  const mails = await lab.maildrop(lab.mail2)
  expect(mails, which).toHaveLength(2)
  expect(
    mails.filter((mail) => mail.includes(PHOTO)),
    which,
  ).toHaveLength(1)
  expect(await lab.maildrop(lab.mail1), which).toEqual([])
  const kinds = [...lab.mail1.store.keys('bridge-held', {})].map(([kind]) => kind)
  expect(
    kinds.filter((kind) => kind === 'p' || kind === 's' || kind === 'a'),
    which,
  ).toEqual([])
}

/** Tells before and after each commit, from when it is told to. */
class Counted extends LabStore {
  heard: (() => void) | undefined

  override async commit(changes: readonly StoreChange[]): Promise<void> {
    const committed = super.commit(changes)
    this.heard?.()
    await committed
    this.heard?.()
  }
}

/** Runs the story of one attachment, the near host losing power at the `at`-th of these moments. */
async function story(at: number): Promise<number> {
  const stores: Counted[] = []
  let count = 0
  const lab = await startHolding(
    {},
    {},
    {
      hardware: (host) =>
        host === 'mail-1.a.com'
          ? {
              store: (options, image) => {
                const store = new Counted(options, image)
                store.heard = stores[0]?.heard
                stores.push(store)
                return store
              },
            }
          : {},
    },
  )
  await lab.submitted(lab.mail1, withPhoto('See the photo.'))
  const heard = (): void => {
    if (++count !== at) return
    lab.mail1.kill()
    const { world } = lab.lab
    world.at(addMs(world.now(), 1000), () => void lab.mail1.start())
  }
  for (const store of stores) store.heard = heard
  await lab.runFor(DAY_MS)
  const [address = '', ...others] = addressesIn(await lab.maildrop(lab.mail2))
  expect(others, `moment ${at}`).toEqual([])
  await lab.submitted(lab.mail2, ASK, [address])
  await lab.runFor(DAY_MS)
  const moments = count
  await requireOnce(lab, `moment ${at}`)
  return moments
}

test('before and after every commit the near host may lose power: all arrives exactly once', async () => {
  const moments = await story(0)
  expect(moments).toBeGreaterThan(20)
  for (let at = 1; at <= moments; at++) await story(at)
})

test('whenever the near host loses power, on a link that loses: all arrives exactly once', async () => {
  for (let seed = 1; seed <= 25; seed++) {
    const random = seededRandom(seed)
    const lab = await startHolding({}, { seed, loss: 0.1 })
    await lab.submitted(lab.mail1, withPhoto('See the photo.'))
    const crashes = async (): Promise<void> => {
      for (let i = 0; i < 3; i++) {
        await lab.runFor(random.next() * 1500)
        await lab.lab.perform(lab.mail1.crash())
      }
    }
    await crashes()
    await lab.runFor(DAY_MS)
    const [address = '', ...others] = addressesIn(await lab.maildrop(lab.mail2))
    expect(others, `seed ${seed}`).toEqual([])
    await lab.submitted(lab.mail2, ASK, [address])
    await crashes()
    await lab.runFor(DAY_MS)
    await requireOnce(lab, `seed ${seed}`)
  }
})
