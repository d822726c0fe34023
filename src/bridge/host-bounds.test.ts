import fc from 'fast-check'
import { expect, it } from 'vitest'
import { hostBounds } from './host-bounds.ts'
import { JOURNAL_STORY_BYTES, OBJECT_BYTES_MAX } from './limits.ts'
import type { MailHostOptions } from './mail-host-options.ts'

const OPTIONS: MailHostOptions = {
  ...{ host: 'mail-1.a.com', domains: ['a.com'], aliases: [], subaddress: 'inbox' },
  ...{ node: 2n, mailService: 2525n, plans: [], transport: [], echo: false },
  retry: { giveUpAfterMs: 86_400_000, routes: [] },
  limits: { messageBytesMax: 52_428_800, storeBytesMax: 10_000_000_000 },
}

it('property: the shares of a store leave room for the records of progress', () => {
  const bytes = fc.integer({ min: 1_000_000, max: 1_000_000_000_000 })
  fc.assert(
    fc.property(bytes, fc.boolean(), fc.boolean(), fc.nat(3), (storeBytesMax, ...more) => {
      const [hasPeers, holdsBack, tenths] = more
      const bounds = hostBounds({
        ...OPTIONS,
        limits: { ...OPTIONS.limits, storeBytesMax },
        ...(hasPeers && { peers: [] }),
        ...(holdsBack && { links: [{ route: 'bp:ipn:3.2525', holdBackAbove: 100_000 }] }),
        ...(tenths > 0 && { heldBack: { bytesMax: (storeBytesMax * tenths) / 10 } }),
      })
      const { spoolBytesMax, bundlesBytesMax, parcelsBytesMax, storiesMax, batch } = bounds
      const held = holdsBack ? bounds.heldBytesMax : 0
      const all = spoolBytesMax + bundlesBytesMax + parcelsBytesMax + held
      expect(all + storiesMax * JOURNAL_STORY_BYTES).toBeLessThan(storeBytesMax)
      expect(Math.min(spoolBytesMax, bundlesBytesMax)).toBeGreaterThan(0)
      expect(batch.roomBytes).toBeLessThan(bundlesBytesMax)
    }),
  )
})

it('takes objects with a message of the largest size in them, however many dots it has', () => {
  const { objectBytesMax } = hostBounds(OPTIONS)
  expect(objectBytesMax).toBeGreaterThan((OPTIONS.limits.messageBytesMax * 4) / 3)
})

it('tells others of no more than a small store has room for', () => {
  const taken = (storeBytesMax: number): number =>
    hostBounds({ ...OPTIONS, limits: { ...OPTIONS.limits, storeBytesMax } }).takenBytesMax
  expect(taken(100_000_000)).toBe(OPTIONS.limits.messageBytesMax)
  expect(taken(20_000_000)).toBeLessThan(20_000_000 * 0.3)
})

it('takes from the smallest store on what others send before they have heard how much it is', () => {
  const limits = { ...OPTIONS.limits, storeBytesMax: 16 * 1_048_576 }
  expect(hostBounds({ ...OPTIONS, limits, peers: [] }).takenBytesMax).toBeGreaterThan(
    OBJECT_BYTES_MAX,
  )
})

it('sends no more together than its own node takes, however small its messages are', () => {
  const messageBytesMax = 1_000_000
  const limits = { ...OPTIONS.limits, messageBytesMax }
  const { batch, objectBytesMax } = hostBounds({ ...OPTIONS, limits })
  expect(batch.roomBytes).toBeLessThan(objectBytesMax)
})
